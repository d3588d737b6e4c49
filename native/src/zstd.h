#pragma once

#include <memory>

#include "env_state.h"
#include "wrap.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

// Streams of Zstandard; see lib/native.ts for what their methods promise.

class Compressor {
 public:
  static constexpr JsClass EnvState::* kJsClass = &EnvState::compressor_class;
  static void Define(EnvState& state);
  /** null with an exception pending on failure. */
  static napi_value New(EnvState& state, int level);

  explicit Compressor(ZSTD_CCtx_s* context) : context_(context) {}
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  ~Compressor();

 private:
  Napi::Value Compress(const Napi::CallbackInfo& call);

  ZSTD_CCtx_s* context_;
};

class Decompressor {
 public:
  static constexpr JsClass EnvState::* kJsClass = &EnvState::decompressor_class;
  static void Define(EnvState& state);
  /** null with an exception pending on failure. */
  static napi_value New(EnvState& state);

  explicit Decompressor(ZSTD_DCtx_s* context) : context_(context) {}
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor();

 private:
  Napi::Value Decompress(const Napi::CallbackInfo& call);
  Napi::Value Reset(const Napi::CallbackInfo& call);

  ZSTD_DCtx_s* context_;
};

/** The lowest and highest level of compression. */
int MinCompression();
int MaxCompression();
