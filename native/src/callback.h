#pragma once

#include <cstddef>

#include "js.h"

/** A strong reference to a JavaScript value. */
class Strong {
 public:
  Strong() = default;
  Strong(const Strong&) = delete;
  Strong& operator=(const Strong&) = delete;
  ~Strong() { Reset(); }

  void Set(napi_env env, napi_value value);
  /** Null when nothing is held. */
  napi_value Get() const;
  void Reset();
  explicit operator bool() const { return reference_ != nullptr; }

 private:
  napi_env env_ = nullptr;
  napi_ref reference_ = nullptr;
};

/**
 * Where calls from the event loop into JavaScript come from. Each runs in a callback scope, so that promise
 * jobs run after it and AsyncLocalStorage finds its store, and what it throws becomes an uncaughtException.
 */
class CallbackContext {
 public:
  CallbackContext() = default;
  CallbackContext(const CallbackContext&) = delete;
  CallbackContext& operator=(const CallbackContext&) = delete;
  ~CallbackContext() { Close(); }

  void Open(napi_env env, napi_value resource, const char* name);
  void Close();
  void Call(napi_value receiver, napi_value function, size_t count, const napi_value* arguments);

 private:
  napi_env env_ = nullptr;
  napi_async_context context_ = nullptr;
};

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env, &scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};
