#pragma once

#include <memory>

#include "env_state.h"
#include "region.h"
#include "wrap.h"

/** A shared mapping of a file; see lib/native.ts for what its methods promise. */
class Mapping {
 public:
  static constexpr JsClass EnvState::* kJsClass = &EnvState::mapping_class;
  static void Define(EnvState& state);

  /** The JavaScript object, which owns the region's first reference; null with an exception pending on
   * failure. */
  static napi_value New(EnvState& state, Region* region);

  Mapping(EnvState& state, Region* region);
  ~Mapping();

 private:
  Napi::Value Length(const Napi::CallbackInfo& call);
  Napi::Value View(const Napi::CallbackInfo& call);
  Napi::Value Write(const Napi::CallbackInfo& call);
  Napi::Value Close(const Napi::CallbackInfo& call);

  bool CheckOpen(const Napi::CallbackInfo& call);
  napi_value ExternalView(char* data, size_t length);
  napi_value Copy(const char* data, size_t length);

  std::shared_ptr<EnvState> state_;
  Region* region_;
  size_t length_;
};

/** Whether the runtime allows external ArrayBuffers, found out by making one. */
bool ExternalBuffersAllowed(napi_env env);

/** Detaches a view that `Mapping.view` of this environment made. */
Napi::Value DetachView(const Napi::CallbackInfo& call);

/** Detaches an ArrayBuffer that the caller made. */
Napi::Value DetachOwn(const Napi::CallbackInfo& call);
