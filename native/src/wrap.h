#pragma once

#include <initializer_list>
#include <memory>

#include "env_state.h"
#include "js.h"

namespace wrap_internal {
void* Receiver(const Napi::CallbackInfo& call, const JsClass& js_class);
napi_value NewInstance(EnvState& state, const JsClass& js_class, void* native);
napi_value Construct(napi_env env, napi_callback_info info, JsClass EnvState::* js_class,
                     napi_finalize finalize);
void Define(EnvState& state, JsClass& js_class, const char* name, napi_callback constructor,
            std::initializer_list<napi_property_descriptor> properties);
}  // namespace wrap_internal

/**
 * Connects a C++ class T to a JavaScript class. T has `static constexpr JsClass EnvState::*kJsClass` and
 * methods `Napi::Value (const Napi::CallbackInfo&)`, which are only ever called on an object that wraps a T.
 */
template <typename T>
class Wrap {
 public:
  using Member = Napi::Value (T::*)(const Napi::CallbackInfo&);

  static void Define(EnvState& state, const char* name,
                     std::initializer_list<napi_property_descriptor> properties) {
    wrap_internal::Define(state, state.*T::kJsClass, name, Construct, properties);
  }

  template <Member member>
  static napi_property_descriptor Method(const char* name) {
    return {name, nullptr, Invoke<member>, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  }

  template <Member member>
  static napi_property_descriptor Getter(const char* name) {
    return {name, nullptr, nullptr, Invoke<member>, nullptr, nullptr, napi_configurable, nullptr};
  }

  /** The JavaScript object, which owns `native` from now on; null with an exception pending when that fails.
   */
  static napi_value New(EnvState& state, std::unique_ptr<T> native) {
    napi_value object = wrap_internal::NewInstance(state, state.*T::kJsClass, native.get());
    if (object != nullptr) native.release();
    return object;
  }

 private:
  static napi_value Construct(napi_env env, napi_callback_info info) {
    return wrap_internal::Construct(env, info, T::kJsClass,
                                    [](napi_env, void* data, void*) { delete static_cast<T*>(data); });
  }

  template <Member member>
  static napi_value Invoke(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* native = static_cast<T*>(wrap_internal::Receiver(call, EnvState::From(call).*T::kJsClass));
    return native == nullptr ? nullptr : static_cast<napi_value>((native->*member)(call));
  }
};
