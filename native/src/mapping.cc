#include "mapping.h"

#include <cstring>

#include "arguments.h"
#include "copy.h"
#include "errors.h"

namespace {
/** Bytes of a typed array, wherever its memory comes from. False with an exception pending for anything else.
 */
bool ReadBytes(const Napi::CallbackInfo& call, size_t index, const char** bytes, size_t* size) {
  napi_env env = call.Env();
  bool is_array = false;
  napi_is_typedarray(env, call[index], &is_array);
  napi_typedarray_type type;
  void* data = nullptr;
  if (!is_array ||
      napi_get_typedarray_info(env, call[index], &type, size, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "bytes must be a Uint8Array");
    return false;
  }
  *bytes = static_cast<const char*>(data);
  return true;
}

/** Whether bytes and a part of the mapping are the same memory, which a caller could have a view of. */
bool Overlap(const char* a, const char* b, size_t size) {
  return a < b + size && b < a + size;
}
}  // namespace

void Mapping::Define(EnvState& state) {
  using W = Wrap<Mapping>;
  W::Define(state, "Mapping",
            {
                W::Getter<&Mapping::Length>("length"),
                W::Method<&Mapping::View>("view"),
                W::Method<&Mapping::Write>("write"),
                W::Method<&Mapping::Close>("close"),
            });
}

napi_value Mapping::New(EnvState& state, Region* region) {
  return Wrap<Mapping>::New(state, std::make_unique<Mapping>(state, region));
}

Mapping::Mapping(EnvState& state, Region* region)
    : state_(state.shared()), region_(region), length_(region->length()) {}

Mapping::~Mapping() {
  if (region_ != nullptr) region_->MappingClosed();
}

Napi::Value Mapping::Length(const Napi::CallbackInfo& call) {
  return Napi::Number::New(call.Env(), static_cast<double>(length_));
}

Napi::Value Mapping::View(const Napi::CallbackInfo& call) {
  const auto size = static_cast<int64_t>(length_);
  int64_t offset;
  int64_t length;
  if (!ReadInteger(call, 0, "offset", 0, size, &offset)) return {};
  if (!ReadInteger(call, 1, "length", 0, size - offset, &length)) return {};
  if (!CheckOpen(call)) return {};
  char* data = region_->base() + offset;
  napi_value view = nullptr;
  if (length == 0) {
    napi_create_arraybuffer(call.Env(), 0, nullptr, &view);
  } else if (state_->external_buffers_allowed) {
    view = ExternalView(data, static_cast<size_t>(length));
  } else {
    view = Copy(data, static_cast<size_t>(length));
  }
  return Napi::Value(call.Env(), view);
}

Napi::Value Mapping::Write(const Napi::CallbackInfo& call) {
  int64_t offset;
  const char* bytes;
  size_t size;
  if (!ReadInteger(call, 0, "offset", 0, static_cast<int64_t>(length_), &offset)) return {};
  if (!ReadBytes(call, 1, &bytes, &size) || !CheckOpen(call)) return {};
  if (!region_->writable()) {
    ThrowError(call.Env(), "ERR_INVALID_STATE", "The mapping is read-only");
    return {};
  }
  if (size > length_ - static_cast<size_t>(offset)) {
    ThrowRangeError(call.Env(), "ERR_OUT_OF_RANGE", "The bytes do not fit into the mapping");
    return {};
  }
  char* target = region_->base() + offset;
  if (size == 0) return call.Env().Undefined();
  if (Overlap(target, bytes, size)) {
    std::memmove(target, bytes, size);
  } else {
    CopyBytes(target, bytes, size);
  }
  return call.Env().Undefined();
}

bool Mapping::CheckOpen(const Napi::CallbackInfo& call) {
  if (region_ != nullptr) return true;
  ThrowError(call.Env(), "ERR_INVALID_STATE", "The mapping is closed");
  return false;
}

napi_value Mapping::ExternalView(char* data, size_t length) {
  napi_env env = state_->env();
  napi_value view = nullptr;
  region_->ViewMade();
  const size_t finalizers_due = region_->finalizers_due();
  const napi_status status = napi_create_external_arraybuffer(
      env, data, length, [](napi_env, void*, void* region) { static_cast<Region*>(region)->ViewFinalized(); },
      region_, &view);
  if (status == napi_ok) {
    state_->views().Made(env, length);
    return view;
  }
  // Some failures run the finalizer at once, others never.
  if (region_->finalizers_due() == finalizers_due) region_->ViewFinalized();
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) ThrowRangeError(env, "ERR_OUT_OF_RANGE", "The view is larger than an ArrayBuffer can be");
  return nullptr;
}

napi_value Mapping::Copy(const char* data, size_t length) {
  napi_env env = state_->env();
  if (region_->writable()) {
    ThrowError(env, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
               "This runtime does not allow external ArrayBuffers, which writing to shared memory needs");
    return nullptr;
  }
  napi_value view = nullptr;
  void* copy = nullptr;
  if (napi_create_arraybuffer(env, length, &copy, &view) != napi_ok) return nullptr;
  std::memcpy(copy, data, length);
  return view;
}

Napi::Value Mapping::Close(const Napi::CallbackInfo& call) {
  if (region_ == nullptr) return call.Env().Undefined();
  std::exchange(region_, nullptr)->MappingClosed();
  if (state_->regions()->empty()) state_->views().Forget(call.Env());
  return call.Env().Undefined();
}

bool ExternalBuffersAllowed(napi_env env) {
  static char byte;
  napi_value view = nullptr;
  return napi_create_external_arraybuffer(env, &byte, 1, nullptr, nullptr, &view) !=
         napi_no_external_buffers_allowed;
}

Napi::Value DetachView(const Napi::CallbackInfo& call) {
  napi_env env = call.Env();
  EnvState& state = EnvState::From(call);
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(env, call[0], &data, &length) != napi_ok) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "view must be an ArrayBuffer");
    return {};
  }
  bool detached = false;
  if (length == 0) {
    napi_is_detached_arraybuffer(env, call[0], &detached);
    if (detached) return Napi::Boolean::New(env, false);
  }
  Region* region = length == 0 ? nullptr : state.regions()->Find(data);
  const bool foreign = region == nullptr && length > 0 && state.external_buffers_allowed;
  if (region != nullptr) state.views().Detaching(env, length);
  if (foreign || napi_detach_arraybuffer(env, call[0]) != napi_ok) {
    if (region != nullptr) state.views().Made(env, length);
    ThrowTypeError(env, "ERR_INVALID_ARG_VALUE", "view was not made by Mapping.view");
    return {};
  }
  if (region != nullptr) {
    region->ViewDetached();
    if (state.regions()->empty()) state.views().Forget(env);
  }
  return Napi::Boolean::New(env, true);
}

Napi::Value DetachOwn(const Napi::CallbackInfo& call) {
  napi_env env = call.Env();
  // napi_get_arraybuffer_info cannot tell: since Node 22 it takes a SharedArrayBuffer, too.
  bool is_buffer = false;
  if (napi_is_arraybuffer(env, call[0], &is_buffer) != napi_ok || !is_buffer) {
    ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", "buffer must be an ArrayBuffer");
    return {};
  }
  if (napi_detach_arraybuffer(env, call[0]) != napi_ok) {
    ThrowTypeError(env, "ERR_INVALID_ARG_VALUE", "buffer cannot be detached");
    return {};
  }
  return call.Env().Undefined();
}
