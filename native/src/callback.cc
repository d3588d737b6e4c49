#include "callback.h"

#include <utility>

void Strong::Set(napi_env env, napi_value value) {
  Reset();
  env_ = env;
  napi_create_reference(env, value, 1, &reference_);
}

napi_value Strong::Get() const {
  napi_value value = nullptr;
  if (reference_ != nullptr) napi_get_reference_value(env_, reference_, &value);
  return value;
}

void Strong::Reset() {
  if (reference_ != nullptr) napi_delete_reference(env_, std::exchange(reference_, nullptr));
}

void CallbackContext::Open(napi_env env, napi_value resource, const char* name) {
  env_ = env;
  napi_value label = nullptr;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &label);
  napi_async_init(env, resource, label, &context_);
}

void CallbackContext::Close() {
  if (context_ != nullptr) napi_async_destroy(env_, std::exchange(context_, nullptr));
}

void CallbackContext::Call(napi_value receiver, napi_value function, size_t count,
                           const napi_value* arguments) {
  if (receiver == nullptr || function == nullptr || context_ == nullptr) return;
  // A callback may close its caller and with it this object.
  napi_env env = env_;
  if (napi_make_callback(env, context_, receiver, function, count, arguments, nullptr) == napi_ok) return;
  napi_value thrown = nullptr;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) return;
  // In an environment that is being terminated the second call does nothing.
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}
