#include "mapping.h"

#include <cstring>

#include "arguments.h"
#include "errors.h"

void Mapping::Define(EnvState& state) {
  using W = Wrap<Mapping>;
  W::Define(state, "Mapping",
            {
                W::Getter<&Mapping::Length>("length"),
                W::Method<&Mapping::View>("view"),
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
  if (region_ == nullptr) {
    ThrowError(call.Env(), "ERR_INVALID_STATE", "The mapping is closed");
    return {};
  }
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

napi_value Mapping::ExternalView(char* data, size_t length) {
  napi_env env = state_->env();
  napi_value view = nullptr;
  region_->ViewMade();
  const size_t finalizers_due = region_->finalizers_due();
  const napi_status status = napi_create_external_arraybuffer(
      env, data, length, [](napi_env, void*, void* region) { static_cast<Region*>(region)->ViewFinalized(); },
      region_, &view);
  if (status == napi_ok) return view;
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
  if (region_ != nullptr) std::exchange(region_, nullptr)->MappingClosed();
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
  if (foreign || napi_detach_arraybuffer(env, call[0]) != napi_ok) {
    ThrowTypeError(env, "ERR_INVALID_ARG_VALUE", "view was not made by Mapping.view");
    return {};
  }
  if (region != nullptr) region->ViewDetached();
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
