#pragma once

#include <cstdint>
#include <string>

#include "js.h"

// Each reads one argument of a call from JavaScript; false means that a TypeError or RangeError has been
// thrown.

bool ReadText(const Napi::CallbackInfo& call, size_t index, const char* name, std::string* result);
/** A path in a file system: not empty, no NUL bytes (the kernel would silently use the part before). */
bool ReadPath(const Napi::CallbackInfo& call, size_t index, const char* name, std::string* result);
bool ReadInteger(const Napi::CallbackInfo& call, size_t index, const char* name, int64_t min, int64_t max,
                 int64_t* result);
bool ReadBoolean(const Napi::CallbackInfo& call, size_t index, const char* name, bool* result);
bool ReadDescriptor(const Napi::CallbackInfo& call, size_t index, int* result);
/** The memory of a Uint8Array, which lasts as long as the call. */
bool ReadBytes(const Napi::CallbackInfo& call, size_t index, const char* name, char** data, size_t* size);
bool ReadFunction(napi_env env, napi_value value, const char* name);

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;
