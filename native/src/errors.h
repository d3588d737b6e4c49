#pragma once

#include <string>

#include "js.h"

/** A failed system call, by the positive errno. */
struct SystemError {
  int code = 0;
  const char* syscall = "";
  std::string path = {};

  explicit operator bool() const { return code != 0; }
};

/** The Error object for `error`, shaped like Node's own: code, errno (negative), syscall and, where known,
 * path. */
napi_value ToError(napi_env env, const SystemError& error);

void Throw(napi_env env, const SystemError& error);

/** Throw JavaScript errors that carry a Node error code. */
void ThrowError(napi_env env, const char* code, const std::string& message);
void ThrowTypeError(napi_env env, const char* code, const std::string& message);
void ThrowRangeError(napi_env env, const char* code, const std::string& message);
