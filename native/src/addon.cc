#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <climits>
#include <cstdlib>

#include "arguments.h"
#include "channel.h"
#include "env_state.h"
#include "errors.h"
#include "holds.h"
#include "json_scan.h"
#include "listener.h"
#include "mapping.h"
#include "memory.h"
#include "tcp.h"
#include "unix_socket.h"
#include "zstd.h"

namespace {
/** Throws if the call failed. */
Napi::Value Done(const Napi::CallbackInfo& call, const SystemError& error) {
  if (error) Throw(call.Env(), error);
  return call.Env().Undefined();
}

Napi::Value Connect(const Napi::CallbackInfo& call) {
  std::string path;
  int64_t max_frame;
  if (!ReadPath(call, 0, "path", &path)) return {};
  if (!ReadInteger(call, 1, "maxFrame", 0, kMaxSafeInteger, &max_frame)) return {};
  SystemError error;
  Descriptor socket = ConnectSocket(path, &error);
  if (!socket) return Done(call, error);
  max_frame = std::min(max_frame, Channel::kMaxFrame);
  return Napi::Value(call.Env(), Channel::New(EnvState::From(call), std::move(socket), max_frame));
}

Napi::Value Listen(const Napi::CallbackInfo& call) {
  std::string path;
  int64_t backlog;
  int64_t max_frame;
  if (!ReadPath(call, 0, "path", &path)) return {};
  if (!ReadInteger(call, 1, "backlog", 0, INT_MAX, &backlog)) return {};
  if (!ReadInteger(call, 2, "maxFrame", 0, kMaxSafeInteger, &max_frame)) return {};
  if (!ReadFunction(call.Env(), call[3], "onConnection")) return {};
  if (!ReadFunction(call.Env(), call[4], "onError")) return {};
  SystemError error;
  Descriptor socket = ListenSocket(path, static_cast<int>(backlog), &error);
  if (!socket) return Done(call, error);
  max_frame = std::min(max_frame, Channel::kMaxFrame);
  return Napi::Value(call.Env(),
                     Listener::New(EnvState::From(call), std::move(socket), max_frame, call[3], call[4]));
}

Napi::Value CreateMemoryFile(const Napi::CallbackInfo& call) {
  std::string name;
  int64_t size;
  if (!ReadText(call, 0, "name", &name) || !ReadInteger(call, 1, "size", 1, kMaxSafeInteger, &size))
    return {};
  SystemError error;
  Descriptor memory = CreateMemory(name, size, &error);
  if (!memory) return Done(call, error);
  EnvState::From(call).descriptors().Add(memory.get());
  return Napi::Number::New(call.Env(), memory.release());
}

bool ReadRange(const Napi::CallbackInfo& call, int* fd, int64_t* offset, int64_t* length) {
  return ReadDescriptor(call, 0, fd) && ReadInteger(call, 1, "offset", 0, kMaxSafeInteger, offset) &&
         ReadInteger(call, 2, "length", 0, kMaxSafeInteger, length);
}

Napi::Value Reserve(const Napi::CallbackInfo& call) {
  int fd;
  int64_t offset;
  int64_t length;
  if (!ReadRange(call, &fd, &offset, &length)) return {};
  return Done(call, ReservePages(fd, offset, length));
}

Napi::Value Punch(const Napi::CallbackInfo& call) {
  int fd;
  int64_t offset;
  int64_t length;
  if (!ReadRange(call, &fd, &offset, &length)) return {};
  return Done(call, PunchHole(fd, offset, length));
}

Napi::Value Duplicate(const Napi::CallbackInfo& call) {
  int fd;
  if (!ReadDescriptor(call, 0, &fd)) return {};
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Done(call, {errno, "fcntl"});
  return Napi::Number::New(call.Env(), copy);
}

/** Unlike `duplicate`, for this addon's own use: closed with `closeFd`, or with the environment. */
Napi::Value ShareFd(const Napi::CallbackInfo& call) {
  int fd;
  if (!ReadDescriptor(call, 0, &fd)) return {};
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Done(call, {errno, "fcntl"});
  EnvState::From(call).descriptors().Add(copy);
  return Napi::Number::New(call.Env(), copy);
}

Napi::Value HoldKey(const Napi::CallbackInfo& call) {
  std::string key;
  if (!ReadText(call, 0, "key", &key)) return {};
  const int64_t hold = Holds::OfProcess().Add(&EnvState::From(call), std::move(key), nullptr);
  return Napi::Number::New(call.Env(), static_cast<double>(hold));
}

Napi::Value TakeHold(const Napi::CallbackInfo& call) {
  int64_t hold;
  if (!ReadInteger(call, 0, "hold", 0, kMaxSafeInteger, &hold)) return {};
  const int64_t taken = Holds::OfProcess().Take(hold, &EnvState::From(call));
  return Napi::Number::New(call.Env(), static_cast<double>(taken));
}

Napi::Value CopyHold(const Napi::CallbackInfo& call) {
  int64_t hold;
  if (!ReadInteger(call, 0, "hold", 0, kMaxSafeInteger, &hold)) return {};
  const int64_t copy = Holds::OfProcess().Copy(hold, &EnvState::From(call));
  return Napi::Number::New(call.Env(), static_cast<double>(copy));
}

Napi::Value DropHold(const Napi::CallbackInfo& call) {
  int64_t hold;
  if (!ReadInteger(call, 0, "hold", 0, kMaxSafeInteger, &hold)) return {};
  return Napi::Boolean::New(call.Env(), Holds::OfProcess().Drop(hold, &EnvState::From(call)));
}

bool ReadNumbers(const Napi::CallbackInfo& call, size_t index, std::vector<int64_t>* numbers) {
  napi_env env = call.Env();
  bool is_array = false;
  uint32_t count = 0;
  napi_is_array(env, call[index], &is_array);
  if (is_array) napi_get_array_length(env, call[index], &count);
  for (uint32_t i = 0; is_array && i < count; i++) {
    napi_value element;
    int64_t number;
    is_array = napi_get_element(env, call[index], i, &element) == napi_ok &&
               napi_get_value_int64(env, element, &number) == napi_ok;
    if (is_array) numbers->push_back(number);
  }
  if (!is_array) ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "holds and fds must be arrays of numbers");
  return is_array;
}

Napi::Value LeaveHolds(const Napi::CallbackInfo& call) {
  std::vector<int64_t> holds;
  std::vector<int64_t> fds;
  if (!ReadNumbers(call, 0, &holds) || !ReadNumbers(call, 1, &fds)) return {};
  EnvState& state = EnvState::From(call);
  std::vector<Descriptor> files;
  for (const int64_t fd : fds) {
    // Under the same number: it is on its way to whoever takes the hold.
    if (state.descriptors().Remove(static_cast<int>(fd))) files.emplace_back(static_cast<int>(fd));
  }
  Holds::OfProcess().Leave(holds, std::move(files), &state);
  return call.Env().Undefined();
}

Napi::Value IsHeld(const Napi::CallbackInfo& call) {
  std::string key;
  if (!ReadText(call, 0, "key", &key)) return {};
  return Napi::Boolean::New(call.Env(), Holds::OfProcess().Has(key));
}

Napi::Value PreferHuge(const Napi::CallbackInfo& call) {
  char* data = nullptr;
  size_t size = 0;
  if (!ReadBytes(call, 0, "bytes", &data, &size)) return {};
  PreferHugePages(data, size);
  return call.Env().Undefined();
}

Napi::Value TryLock(const Napi::CallbackInfo& call) {
  int fd;
  if (!ReadDescriptor(call, 0, &fd)) return {};
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Napi::Boolean::New(call.Env(), false);
    if (errno != EINTR) return Done(call, {errno, "flock"});
  }
  return Napi::Boolean::New(call.Env(), true);
}

/** For descriptors made here: in a worker `fs.closeSync` warns about each that `fs.openSync` has not made. */
Napi::Value CloseFd(const Napi::CallbackInfo& call) {
  int fd;
  if (!ReadDescriptor(call, 0, &fd)) return {};
  EnvState::From(call).descriptors().Remove(fd);
  // Never retried: on Linux the descriptor is gone even after EINTR.
  return Done(call, ::close(fd) == 0 || errno == EINTR ? SystemError{} : SystemError{errno, "close"});
}

Napi::Value Map(const Napi::CallbackInfo& call) {
  int fd;
  int64_t length;
  bool writable;
  if (!ReadDescriptor(call, 0, &fd) || !ReadInteger(call, 1, "length", 1, kMaxSafeInteger, &length) ||
      !ReadBoolean(call, 2, "writable", &writable)) {
    return {};
  }
  struct stat status;
  if (::fstat(fd, &status) != 0) return Done(call, {errno, "fstat"});
  if (status.st_size < length) {
    ThrowRangeError(
        call.Env(), "ERR_OUT_OF_RANGE",
        "Cannot map " + std::to_string(length) + " bytes of a file of " + std::to_string(status.st_size));
    return {};
  }
  EnvState& state = EnvState::From(call);
  SystemError error;
  Region* region = Region::Map(state.regions(), fd, static_cast<size_t>(length), writable, &error);
  if (region == nullptr) return Done(call, error);
  return Napi::Value(call.Env(), Mapping::New(state, region));
}

Napi::Value Acknowledge(const Napi::CallbackInfo& call) {
  int fd;
  if (!ReadDescriptor(call, 0, &fd)) return {};
  return Done(call, QuickAck(fd));
}

Napi::Value LimitAcknowledgement(const Napi::CallbackInfo& call) {
  int fd;
  int64_t ms;
  if (!ReadDescriptor(call, 0, &fd) || !ReadInteger(call, 1, "ms", 1, INT_MAX, &ms)) return {};
  return Done(call, LimitUnacknowledged(fd, static_cast<unsigned>(ms)));
}

Napi::Value Gather(const Napi::CallbackInfo& call) {
  int fd;
  int64_t bytes;
  if (!ReadDescriptor(call, 0, &fd) || !ReadInteger(call, 1, "bytes", 1, INT_MAX, &bytes)) return {};
  return Done(call, ReceiveAtLeast(fd, static_cast<int>(bytes)));
}

Napi::Value CreateCompressor(const Napi::CallbackInfo& call) {
  int64_t level;
  if (!ReadInteger(call, 0, "level", MinCompression(), MaxCompression(), &level)) return {};
  return Napi::Value(call.Env(), Compressor::New(EnvState::From(call), static_cast<int>(level)));
}

Napi::Value CreateDecompressor(const Napi::CallbackInfo& call) {
  return Napi::Value(call.Env(), Decompressor::New(EnvState::From(call)));
}

Napi::Value MarkLongIntegers(const Napi::CallbackInfo& call) {
  if (!call[0].IsString()) {
    ThrowTypeError(call.Env(), "ERR_INVALID_ARG_TYPE", "json must be a string");
    return {};
  }
  const std::string json = call[0].As<Napi::String>().Utf8Value();
  std::string marked;
  const JsonScan scan = ScanJson(json.data(), json.size(), &marked);
  if (!scan.changed) return call[0];
  if (scan.ascii) return Napi::String::New(call.Env(), marked);
  // UTF-8 would replace lone surrogates.
  const std::u16string wide = call[0].As<Napi::String>().Utf16Value();
  std::u16string wide_marked;
  ScanJson(wide.data(), wide.size(), &wide_marked);
  return Napi::String::New(call.Env(), wide_marked);
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
napi_value Invoke(napi_env env, napi_callback_info info) {
  Napi::CallbackInfo call(env, info);
  return function(call);
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void Export(EnvState& state, napi_value exports, const char* name) {
  napi_value value = nullptr;
  napi_create_function(state.env(), name, NAPI_AUTO_LENGTH, Invoke<function>, &state, &value);
  napi_set_named_property(state.env(), exports, name, value);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto state = EnvState::Create(env);
  Channel::Define(*state);
  Listener::Define(*state);
  Mapping::Define(*state);
  Compressor::Define(*state);
  Decompressor::Define(*state);
  Export<Connect>(*state, exports, "connect");
  Export<Listen>(*state, exports, "listen");
  Export<CreateMemoryFile>(*state, exports, "createMemory");
  Export<Reserve>(*state, exports, "reserve");
  Export<Punch>(*state, exports, "punchHole");
  Export<Duplicate>(*state, exports, "duplicate");
  Export<ShareFd>(*state, exports, "shareFd");
  Export<HoldKey>(*state, exports, "hold");
  Export<TakeHold>(*state, exports, "takeHold");
  Export<CopyHold>(*state, exports, "copyHold");
  Export<DropHold>(*state, exports, "dropHold");
  Export<LeaveHolds>(*state, exports, "leaveHolds");
  Export<IsHeld>(*state, exports, "isHeld");
  exports.Set("holdsName", Napi::String::New(env, Holds::OfProcess().name()));
  Export<PreferHuge>(*state, exports, "preferHugePages");
  Export<TryLock>(*state, exports, "tryLock");
  Export<CloseFd>(*state, exports, "closeFd");
  Export<Map>(*state, exports, "map");
  Export<DetachView>(*state, exports, "detach");
  Export<DetachOwn>(*state, exports, "detachOwn");
  Export<Acknowledge>(*state, exports, "quickAck");
  Export<Gather>(*state, exports, "receiveAtLeast");
  Export<LimitAcknowledgement>(*state, exports, "limitUnacknowledged");
  Export<CreateCompressor>(*state, exports, "createCompressor");
  Export<CreateDecompressor>(*state, exports, "createDecompressor");
  Export<MarkLongIntegers>(*state, exports, "markLongIntegers");
  // What Electron is like can be tried anywhere.
  const bool forbidden = std::getenv("VINEYARD_STREAMS_NO_EXTERNAL_BUFFERS") != nullptr;
  state->external_buffers_allowed = !forbidden && ExternalBuffersAllowed(env);
  exports.Set("viewsForbidden", Napi::Boolean::New(env, !state->external_buffers_allowed));
  return exports;
}
}  // namespace

NODE_API_MODULE(vineyard_streams, Init)
