#include "errors.h"

namespace {
void SetProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value String(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}
}  // namespace

napi_value ToError(napi_env env, const SystemError& error) {
  char name[64];
  char reason[256];
  uv_err_name_r(-error.code, name, sizeof name);
  uv_strerror_r(-error.code, reason, sizeof reason);
  std::string message = std::string(error.syscall) + " " + name + ": " + reason;
  if (!error.path.empty()) message += " '" + error.path + "'";

  napi_value object = nullptr;
  napi_value number = nullptr;
  napi_create_error(env, String(env, name), String(env, message), &object);
  napi_create_int32(env, -error.code, &number);
  SetProperty(env, object, "errno", number);
  SetProperty(env, object, "syscall", String(env, error.syscall));
  if (!error.path.empty()) SetProperty(env, object, "path", String(env, error.path));
  return object;
}

void Throw(napi_env env, const SystemError& error) {
  napi_throw(env, ToError(env, error));
}

void ThrowError(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
}

void ThrowTypeError(napi_env env, const char* code, const std::string& message) {
  napi_throw_type_error(env, code, message.c_str());
}

void ThrowRangeError(napi_env env, const char* code, const std::string& message) {
  napi_throw_range_error(env, code, message.c_str());
}
