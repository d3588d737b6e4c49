#include "arguments.h"

#include <climits>
#include <cmath>

#include "errors.h"

namespace {
bool WrongType(napi_env env, const char* name, const char* expected) {
  ThrowTypeError(env, "ERR_INVALID_ARG_TYPE", std::string(name) + " must be " + expected);
  return false;
}
}  // namespace

bool ReadText(const Napi::CallbackInfo& call, size_t index, const char* name, std::string* result) {
  if (!call[index].IsString()) return WrongType(call.Env(), name, "a string");
  *result = call[index].As<Napi::String>().Utf8Value();
  return true;
}

bool ReadPath(const Napi::CallbackInfo& call, size_t index, const char* name, std::string* result) {
  if (!ReadText(call, index, name, result)) return false;
  if (!result->empty() && result->find('\0') == std::string::npos) return true;
  ThrowTypeError(call.Env(), "ERR_INVALID_ARG_VALUE",
                 std::string(name) + " must be a path without null bytes");
  return false;
}

bool ReadInteger(const Napi::CallbackInfo& call, size_t index, const char* name, int64_t min, int64_t max,
                 int64_t* result) {
  if (!call[index].IsNumber()) return WrongType(call.Env(), name, "a number");
  const double number = call[index].As<Napi::Number>().DoubleValue();
  if (std::trunc(number) == number && number >= static_cast<double>(min) &&
      number <= static_cast<double>(max)) {
    *result = static_cast<int64_t>(number);
    return true;
  }
  ThrowRangeError(call.Env(), "ERR_OUT_OF_RANGE",
                  std::string(name) + " must be an integer from " + std::to_string(min) + " to " +
                      std::to_string(max) + ". Received " + call[index].ToString().Utf8Value());
  return false;
}

bool ReadDescriptor(const Napi::CallbackInfo& call, size_t index, int* result) {
  int64_t fd;
  if (!ReadInteger(call, index, "fd", 0, INT_MAX, &fd)) return false;
  *result = static_cast<int>(fd);
  return true;
}

bool ReadBytes(const Napi::CallbackInfo& call, size_t index, const char* name, char** data, size_t* size) {
  napi_typedarray_type type = napi_int8_array;
  void* bytes = nullptr;
  bool is_typed_array = false;
  napi_is_typedarray(call.Env(), call[index], &is_typed_array);
  if (!is_typed_array ||
      napi_get_typedarray_info(call.Env(), call[index], &type, size, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return WrongType(call.Env(), name, "a Uint8Array");
  }
  *data = static_cast<char*>(bytes);
  return true;
}

bool ReadBoolean(const Napi::CallbackInfo& call, size_t index, const char* name, bool* result) {
  if (!call[index].IsBoolean()) return WrongType(call.Env(), name, "a boolean");
  *result = call[index].As<Napi::Boolean>();
  return true;
}

bool ReadFunction(napi_env env, napi_value value, const char* name) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_function || WrongType(env, name, "a function");
}
