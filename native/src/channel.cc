#include "channel.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "arguments.h"
#include "busy_poll.h"
#include "errors.h"
#include "holds.h"
#include "json_scan.h"
#include "utf8.h"

namespace {
/** Then the loop turns, so that one busy peer does not starve the others. */
constexpr size_t kReadBudget = 1024 * 1024;
constexpr size_t kHeader = 8;
/** More of an unfinished frame is reported: it is memory that the peer makes this process hold. */
constexpr size_t kNotablePartial = 1024 * 1024;

void WriteHeader(char* header, uint64_t length) {
  for (size_t i = 0; i < kHeader; i++) header[i] = static_cast<char>(length >> (8 * i));
}

/** Adds a text as a frame, which is measured first. False if it is none. */
bool AppendFrame(napi_env env, napi_value text, std::string* frames) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, text, nullptr, 0, &length) != napi_ok) return false;
  const size_t start = frames->size();
  // One byte more is for a NUL.
  frames->resize(start + kHeader + length + 1);
  napi_get_value_string_utf8(env, text, frames->data() + start + kHeader, length + 1, &length);
  frames->pop_back();
  WriteHeader(frames->data() + start, length);
  return true;
}

bool GetHandler(napi_env env, napi_value handlers, const char* name, napi_value* handler) {
  return napi_get_named_property(env, handlers, name, handler) == napi_ok &&
         ReadFunction(env, *handler, name);
}
/** Null where there is none. */
bool GetOptionalHandler(napi_env env, napi_value handlers, const char* name, napi_value* handler) {
  if (napi_get_named_property(env, handlers, name, handler) != napi_ok) return false;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, *handler, &type);
  if (type != napi_undefined) return ReadFunction(env, *handler, name);
  *handler = nullptr;
  return true;
}
}  // namespace

void Channel::Define(EnvState& state) {
  using W = Wrap<Channel>;
  W::Define(state, "Channel",
            {
                W::Method<&Channel::Start>("start"),
                W::Method<&Channel::Send>("send"),
                W::Method<&Channel::SendAll>("sendAll"),
                W::Method<&Channel::SendFd>("sendFd"),
                W::Getter<&Channel::Queued>("queued"),
                W::Method<&Channel::LimitFrames>("limitFrames"),
                W::Method<&Channel::SetBusyPoll>("busyPoll"),
                W::Method<&Channel::Pause>("pause"),
                W::Method<&Channel::Resume>("resume"),
                W::Method<&Channel::Ref>("ref"),
                W::Method<&Channel::Unref>("unref"),
                W::Method<&Channel::End>("end"),
                W::Method<&Channel::CloseFromJs>("close"),
                W::Getter<&Channel::Peer>("peer"),
                W::Method<&Channel::HoldOpen>("hold"),
            });
}

napi_value Channel::New(EnvState& state, Descriptor socket, uint64_t max_frame) {
  return Wrap<Channel>::New(state, std::make_unique<Channel>(state, std::move(socket), max_frame));
}

Channel::Channel(EnvState& state, Descriptor socket, uint64_t max_frame)
    : state_(state.shared()), socket_(std::move(socket)), parser_(max_frame) {
  socklen_t size = sizeof peer_;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer_, &size);
  state.Opened(this);
}

Channel::~Channel() {
  Close();
}

bool Channel::CheckUsable(const Napi::CallbackInfo& call, const char* method) {
  if (phase_ != Phase::ending && phase_ != Phase::closed) return true;
  ThrowError(call.Env(), "ERR_STREAM_DESTROYED",
             std::string("Cannot call ") + method + " after the channel was closed");
  return false;
}

Napi::Value Channel::Start(const Napi::CallbackInfo& call) {
  napi_env env = call.Env();
  if (!CheckUsable(call, "start")) return {};
  if (started_) {
    ThrowError(env, "ERR_INVALID_STATE", "The channel has been started already");
    return {};
  }
  if (!call[0].IsObject()) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "handlers must be an object");
    return {};
  }
  napi_value on_messages = nullptr;
  napi_value on_drain = nullptr;
  napi_value on_close = nullptr;
  napi_value on_partial = nullptr;
  if (!GetHandler(env, call[0], "onMessages", &on_messages) ||
      !GetHandler(env, call[0], "onDrain", &on_drain) || !GetHandler(env, call[0], "onClose", &on_close) ||
      !GetOptionalHandler(env, call[0], "onPartial", &on_partial)) {
    return {};
  }
  // Reading a property can run code, which may have closed or started this channel.
  if (phase_ != Phase::open || started_) return call.Env().Undefined();
  if (!KeepAlive(call.This())) return {};
  handlers_.Set(env, call[0]);
  on_messages_.Set(env, on_messages);
  on_drain_.Set(env, on_drain);
  on_close_.Set(env, on_close);
  if (on_partial != nullptr) on_partial_.Set(env, on_partial);
  context_.Open(env, call.This(), "VineyardChannel");
  started_ = true;
  UpdateInterest();
  return call.Env().Undefined();
}

Napi::Value Channel::Send(const Napi::CallbackInfo& call) {
  if (!CheckUsable(call, "send")) return {};
  if (!call[0].IsString()) {
    ThrowTypeError(call.Env(), "ERR_INVALID_ARG_TYPE", "frame must be a string");
    return {};
  }
  if (phase_ == Phase::lost || write_error_ != 0) return Accepted(call);
  auto& buffer = state_->send_buffer();
  const size_t room = buffer.size() - kHeader;
  size_t length = 0;
  napi_get_value_string_utf8(call.Env(), call[0], buffer.data() + kHeader, room, &length);
  // One byte is for a NUL, and a text that was cut leaves less than a character unused.
  if (length + 1 + 3 < room) {
    WriteHeader(buffer.data(), length);
    SendFrame(buffer.data(), kHeader + length);
  } else {
    SendLong(call[0]);
  }
  return Accepted(call);
}

void Channel::SendFrame(const char* bytes, size_t size) {
  size_t sent = 0;
  if (queue_.empty()) {
    const ssize_t result = SendBytes(socket_.get(), bytes, size);
    if (result < 0) return WriteFailed(static_cast<int>(-result));
    sent = static_cast<size_t>(result);
  }
  if (sent < size) queue_.Append(bytes + sent, size - sent);
}

void Channel::SendLong(napi_value text) {
  std::string frame;
  AppendFrame(state_->env(), text, &frame);
  SendWhole(std::move(frame));
}

void Channel::SendWhole(std::string bytes) {
  size_t sent = 0;
  if (queue_.empty()) {
    const ssize_t result = SendBytes(socket_.get(), bytes.data(), bytes.size());
    if (result < 0) return WriteFailed(static_cast<int>(-result));
    sent = static_cast<size_t>(result);
  }
  if (sent < bytes.size()) queue_.Append(std::move(bytes), sent);
}

Napi::Value Channel::SendAll(const Napi::CallbackInfo& call) {
  if (!CheckUsable(call, "sendAll")) return {};
  napi_env env = call.Env();
  bool is_array = false;
  uint32_t count = 0;
  napi_is_array(env, call[0], &is_array);
  if (is_array) napi_get_array_length(env, call[0], &count);
  std::string frames;
  for (uint32_t index = 0; is_array && index < count; index++) {
    napi_value text;
    is_array = napi_get_element(env, call[0], index, &text) == napi_ok && AppendFrame(env, text, &frames);
  }
  if (!is_array) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "frames must be an array of strings");
    return {};
  }
  if (phase_ == Phase::lost || write_error_ != 0 || frames.empty()) return Accepted(call);
  SendWhole(std::move(frames));
  return Accepted(call);
}

Napi::Value Channel::SendFd(const Napi::CallbackInfo& call) {
  int fd;
  if (!CheckUsable(call, "sendFd") || !ReadDescriptor(call, 0, &fd)) return {};
  if (phase_ == Phase::lost || write_error_ != 0) return Accepted(call);
  if (queue_.empty()) {
    const ssize_t result = SendCarrier(socket_.get(), fd);
    if (result == -EBADF) {
      Throw(call.Env(), {EBADF, "sendmsg"});
      return {};
    }
    if (result < 0) WriteFailed(static_cast<int>(-result));
    if (result != 0) return Accepted(call);
  }
  Descriptor duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate) {
    Throw(call.Env(), {errno, "fcntl"});
    return {};
  }
  queue_.AppendCarrier(std::move(duplicate));
  return Accepted(call);
}

/** What a send returns, after it has made sure that the event loop takes care of the rest. */
Napi::Value Channel::Accepted(const Napi::CallbackInfo& call) {
  if (!queue_.empty()) {
    drain_due_ = true;
    if (!KeepAlive(call.This())) return {};
  }
  UpdateInterest();
  return Napi::Number::New(call.Env(), static_cast<double>(queue_.bytes()));
}

Napi::Value Channel::Queued(const Napi::CallbackInfo& call) {
  return Napi::Number::New(call.Env(), static_cast<double>(queue_.bytes()));
}

Napi::Value Channel::LimitFrames(const Napi::CallbackInfo& call) {
  int64_t max_frame;
  if (!ReadInteger(call, 0, "maxFrame", 0, kMaxSafeInteger, &max_frame)) return {};
  parser_.set_max_frame(static_cast<uint64_t>(std::min(max_frame, kMaxFrame)));
  return call.Env().Undefined();
}

Napi::Value Channel::SetBusyPoll(const Napi::CallbackInfo& call) {
  if (!ReadBoolean(call, 0, "on", &busy_poll_)) return {};
  return call.Env().Undefined();
}

Napi::Value Channel::Pause(const Napi::CallbackInfo& call) {
  paused_ = true;
  UpdateInterest();
  return call.Env().Undefined();
}

Napi::Value Channel::Resume(const Napi::CallbackInfo& call) {
  paused_ = false;
  UpdateInterest();
  return call.Env().Undefined();
}

Napi::Value Channel::Ref(const Napi::CallbackInfo& call) {
  ref_ = true;
  poll_.SetRef(true);
  return call.Env().Undefined();
}

Napi::Value Channel::Unref(const Napi::CallbackInfo& call) {
  ref_ = false;
  poll_.SetRef(false);
  return call.Env().Undefined();
}

Napi::Value Channel::End(const Napi::CallbackInfo& call) {
  if (phase_ == Phase::open) {
    if (queue_.empty()) {
      CloseAs(Phase::closed);
    } else {
      phase_ = Phase::ending;
      UpdateInterest();
    }
  }
  return call.Env().Undefined();
}

Napi::Value Channel::CloseFromJs(const Napi::CallbackInfo& call) {
  Close();
  return call.Env().Undefined();
}

Napi::Value Channel::Peer(const Napi::CallbackInfo& call) {
  auto peer = Napi::Object::New(call.Env());
  peer.Set("pid", Napi::Number::New(call.Env(), peer_.pid));
  peer.Set("uid", Napi::Number::New(call.Env(), peer_.uid));
  peer.Set("gid", Napi::Number::New(call.Env(), peer_.gid));
  return peer;
}

Napi::Value Channel::HoldOpen(const Napi::CallbackInfo& call) {
  napi_env env = call.Env();
  if (!call[0].IsString()) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "farewell must be a string");
    return {};
  }
  auto held = held_socket_.lock();
  // Where the peer has gone there is nothing to hold.
  if (held == nullptr && socket_) {
    held = std::make_shared<Descriptor>(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
    if (!*held) {
      Throw(env, {errno, "fcntl"});
      return {};
    }
    held_socket_ = held;
    farewell_.clear();
    AppendFrame(env, call[0], &farewell_);
  }
  const int64_t hold = Holds::OfProcess().Add(state_.get(), "", std::move(held));
  return Napi::Number::New(env, static_cast<double>(hold));
}

/** From now on the event loop can call back. False with an exception pending if it refuses. */
bool Channel::KeepAlive(napi_value self) {
  if (!poll_) {
    const int error = poll_.Open(*state_, socket_.get(), this, [](uv_poll_t* handle, int status, int events) {
      static_cast<Channel*>(handle->data)->OnPoll(status, events);
    });
    if (error != 0) {
      Throw(state_->env(), {-error, "uv_poll_init"});
      return false;
    }
    poll_.SetRef(ref_);
  }
  if (!self_) self_.Set(state_->env(), self);
  return true;
}

void Channel::UpdateInterest() {
  int events = 0;
  if (Reading()) events |= UV_READABLE;
  // After a failed send the peer need not ever become readable: being writable makes sure of a callback.
  if (!queue_.empty() || (write_error_ != 0 && Reading())) events |= UV_WRITABLE;
  poll_.Watch(events);
}

void Channel::OnPoll(int status, int events) {
  HandleScope scope(state_->env());
  // Keeps this object until the end of the scope: a handler may close the channel and drop it.
  [[maybe_unused]] napi_value self = self_.Get();
  if (status < 0) {
    // libuv stops at any error condition of the socket; the calls below find out which.
    poll_.Stopped();
    events = UV_READABLE | UV_WRITABLE;
  }
  if ((events & UV_WRITABLE) != 0) Flush();
  if (Reading() && ((events & UV_READABLE) != 0 || write_error_ != 0)) {
    BusyPoll& busy_poll = state_->busy_poll();
    if (busy_poll_) busy_poll.Arrived();
    Read();
    if (busy_poll_) busy_poll.Handled();
  }
  UpdateInterest();
}

void Channel::Flush() {
  if (queue_.empty()) return;
  const int error = queue_.Flush(socket_.get());
  if (error != 0) WriteFailed(error);
  if (!queue_.empty()) return;
  if (phase_ == Phase::ending) return CloseAs(Phase::closed);
  // A paused reader learns nothing else when the peer is gone, and may be waiting for just this to resume.
  const bool report = drain_due_ && started_ && (write_error_ == 0 || paused_);
  drain_due_ = false;
  if (report) context_.Call(handlers_.Get(), on_drain_.Get(), 0, nullptr);
}

void Channel::WriteFailed(int error) {
  write_error_ = error;
  queue_.Clear();
}

void Channel::Read() {
  auto& buffer = state_->receive_buffer();
  size_t total = 0;
  while (Reading() && total < kReadBudget) {
    Received received = Receive(socket_.get(), buffer.data(), buffer.size());
    if (received.size == -EAGAIN) {
      if (write_error_ != 0) Lose({write_error_, "sendmsg"});
      return;
    }
    if (received.size < 0) return Lose({static_cast<int>(-received.size), "recvmsg"});
    if (received.size == 0) return Lose({parser_.InsideFrame() ? ECONNRESET : 0, "recvmsg"});

    const auto size = static_cast<size_t>(received.size);
    total += size;
    HandleScope scope(state_->env());
    std::vector<napi_value> messages;
    // The kernel ends a read with the bytes that a descriptor came with: the carrier is the last one.
    const char* at = buffer.data();
    const char* end = at + (received.carried ? size - 1 : size);
    int error = Parse(&at, end, &messages);
    if (error != 0 && parser_.TooLong() && !messages.empty()) {
      // What came before it may have been what longer frames are allowed for.
      Deliver(messages, Descriptor());
      if (phase_ != Phase::open) return;
      messages.clear();
      error = Parse(&at, end, &messages);
    }
    if (error == 0) error = received.control_error;
    if (error == 0 && received.carried && parser_.InsideFrame()) error = EPROTO;
    if (error != 0) received.fd.reset();
    const bool carried = received.carried;
    Deliver(messages, std::move(received.fd));
    if (error != 0 && phase_ == Phase::open) return Lose({error, "recvmsg"});
    ReportPartial();
    if (size < buffer.size() && !carried && write_error_ == 0) return;
  }
}

/** Takes the frames of [*at, end) and advances `*at`. */
int Channel::Parse(const char** at, const char* end, std::vector<napi_value>* messages) {
  for (;;) {
    const char* frame = nullptr;
    size_t length = 0;
    switch (parser_.Next(at, end, &frame, &length)) {
      case FrameParser::Result::incomplete:
        return 0;
      case FrameParser::Result::too_long:
        return EMSGSIZE;
      case FrameParser::Result::frame:
        if (!AddText(frame, length, messages)) return EMSGSIZE;
    }
  }
}

/** False if the text, with its long integers marked, has become longer than a string can be. */
bool Channel::AddText(const char* text, size_t size, std::vector<napi_value>* messages) {
  napi_env env = state_->env();
  auto& marked = state_->marked_text();
  const JsonScan scan = ScanJson(text, size, &marked);
  napi_value value = nullptr;
  if (!scan.ascii && !IsUtf8(text, size)) {
    napi_get_null(env, &value);
  } else {
    const char* result = scan.changed ? marked.data() : text;
    const size_t length = scan.changed ? marked.size() : size;
    const napi_status status = scan.ascii ? napi_create_string_latin1(env, result, length, &value)
                                          : napi_create_string_utf8(env, result, length, &value);
    if (status != napi_ok) return false;
  }
  messages->push_back(value);
  return true;
}

void Channel::Deliver(const std::vector<napi_value>& messages, Descriptor fd) {
  const size_t count = messages.size() + (fd ? 1 : 0);
  if (count == 0) return;
  napi_env env = state_->env();
  napi_value list = nullptr;
  napi_create_array_with_length(env, count, &list);
  uint32_t index = 0;
  for (napi_value message : messages) napi_set_element(env, list, index++, message);
  if (fd) {
    napi_value number = nullptr;
    napi_create_int32(env, fd.get(), &number);
    // Fails when the worker is being terminated: nobody will receive the descriptor then, and it is closed
    // here.
    if (napi_set_element(env, list, index, number) != napi_ok) return;
    state_->descriptors().Add(fd.release());
  }
  context_.Call(handlers_.Get(), on_messages_.Get(), 1, &list);
}

void Channel::ReportPartial() {
  if (phase_ != Phase::open || !on_partial_ || parser_.Partial() < kNotablePartial) return;
  napi_value bytes = nullptr;
  napi_create_double(state_->env(), static_cast<double>(parser_.Partial()), &bytes);
  context_.Call(handlers_.Get(), on_partial_.Get(), 1, &bytes);
}

void Channel::Lose(const SystemError& error) {
  napi_env env = state_->env();
  napi_value argument = nullptr;
  if (error) {
    argument = ToError(env, error);
  } else {
    napi_get_null(env, &argument);
  }
  napi_value handlers = handlers_.Get();
  napi_value on_close = on_close_.Get();
  // The socket is closed first: whatever the handler does, it finds a closed channel.
  poll_.Close();
  socket_.reset();
  queue_.Clear();
  phase_ = Phase::lost;
  context_.Call(handlers, on_close, 1, &argument);
  CloseAs(phase_);
}

void Channel::Close() {
  if (phase_ != Phase::closed) CloseAs(Phase::closed);
}

void Channel::CloseAs(Phase phase) {
  phase_ = phase;
  poll_.Close();
  SayFarewell();
  socket_.reset();
  queue_.Clear();
  parser_.Clear();
  state_->Closed(this);
  context_.Close();
  handlers_.Reset();
  on_messages_.Reset();
  on_drain_.Reset();
  on_close_.Reset();
  on_partial_.Reset();
  self_.Reset();
}

/**
 * The peer does not see the end of a socket that is held, and must not go on as if somebody were there. What
 * was begun has to be sent before: half a frame would swallow this one.
 */
void Channel::SayFarewell() {
  if (!socket_ || write_error_ != 0 || held_socket_.expired()) return;
  // A peer that takes nothing more learns it when the last hold ends.
  if (queue_.Flush(socket_.get()) == 0 && queue_.empty()) {
    SendBytes(socket_.get(), farewell_.data(), farewell_.size());
  }
}
