#include "wrap.h"

#include <sys/random.h>

#include <utility>
#include <vector>

#include "errors.h"

namespace wrap_internal {

void* Receiver(const Napi::CallbackInfo& call, const JsClass& js_class) {
  bool matches = false;
  void* native = nullptr;
  if (napi_check_object_type_tag(call.Env(), call.This(), &js_class.tag, &matches) == napi_ok && matches &&
      napi_unwrap(call.Env(), call.This(), &native) == napi_ok) {
    return native;
  }
  ThrowTypeError(call.Env(), "ERR_INVALID_THIS", "Illegal invocation");
  return nullptr;
}

napi_value NewInstance(EnvState& state, const JsClass& js_class, void* native) {
  napi_value constructor = js_class.constructor.Get();
  napi_value object = nullptr;
  state.under_construction = native;
  napi_new_instance(state.env(), constructor, 0, nullptr, &object);
  // Still set if the constructor did not get as far as taking it over.
  return std::exchange(state.under_construction, nullptr) == nullptr ? object : nullptr;
}

napi_value Construct(napi_env env, napi_callback_info info, JsClass EnvState::* js_class,
                     napi_finalize finalize) {
  Napi::CallbackInfo call(env, info);
  EnvState& state = EnvState::From(call);
  if (state.under_construction == nullptr) {
    ThrowTypeError(env, "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return nullptr;
  }
  napi_value object = call.This();
  if (napi_type_tag_object(env, object, &(state.*js_class).tag) != napi_ok) return nullptr;
  if (napi_wrap(env, object, state.under_construction, finalize, nullptr, nullptr) != napi_ok) return nullptr;
  state.under_construction = nullptr;
  return object;
}

void Define(EnvState& state, JsClass& js_class, const char* name, napi_callback constructor,
            std::initializer_list<napi_property_descriptor> properties) {
  // Cannot fail for so few bytes once the system has started.
  [[maybe_unused]] ssize_t filled = ::getrandom(&js_class.tag, sizeof js_class.tag, 0);
  std::vector<napi_property_descriptor> bound(properties);
  for (auto& property : bound) property.data = &state;
  napi_value function = nullptr;
  napi_define_class(state.env(), name, NAPI_AUTO_LENGTH, constructor, &state, bound.size(), bound.data(),
                    &function);
  js_class.constructor.Set(state.env(), function);
}

}  // namespace wrap_internal
