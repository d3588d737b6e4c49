#include "zstd.h"

// Hidden, and so never mistaken for the library of the same name that Node itself exports since 22.15.
#define ZSTDLIB_VISIBLE
#define ZSTDERRORLIB_VISIBLE
// The strategies of levels above 1.
#define ZSTD_EXCLUDE_DFAST_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_LAZY2_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_BTOPT_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_BTULTRA_BLOCK_COMPRESSOR
extern "C" {
#include <zstd.c>
}

#include "arguments.h"
#include "errors.h"

namespace {
/** The two numbers that a step of decompressing answers with; or throws what the library says. */
Napi::Value Progress(const Napi::CallbackInfo& call, size_t status, const ZSTD_inBuffer& input,
                     const ZSTD_outBuffer& output) {
  napi_env env = call.Env();
  if (ZSTD_isError(status)) {
    ThrowError(env, "ERR_ZSTD", ZSTD_getErrorName(status));
    return {};
  }
  napi_value progress = nullptr;
  napi_value number = nullptr;
  napi_create_array_with_length(env, 2, &progress);
  napi_create_double(env, static_cast<double>(input.pos), &number);
  napi_set_element(env, progress, 0, number);
  napi_create_double(env, static_cast<double>(output.pos), &number);
  napi_set_element(env, progress, 1, number);
  return Napi::Value(env, progress);
}

bool ReadBuffers(const Napi::CallbackInfo& call, ZSTD_inBuffer* input, ZSTD_outBuffer* output) {
  char* bytes = nullptr;
  if (!ReadBytes(call, 0, "input", &bytes, &input->size)) return false;
  input->src = bytes;
  if (!ReadBytes(call, 1, "output", &bytes, &output->size)) return false;
  output->dst = bytes;
  return true;
}

napi_value OutOfMemory(EnvState& state) {
  ThrowError(state.env(), "ERR_ZSTD", "There is no memory for a stream of zstd");
  return nullptr;
}
}  // namespace

int MinCompression() {
  return ZSTD_minCLevel();
}

int MaxCompression() {
  return 1;
}

void Compressor::Define(EnvState& state) {
  using W = Wrap<Compressor>;
  W::Define(state, "Compressor", {W::Method<&Compressor::Compress>("compress")});
}

napi_value Compressor::New(EnvState& state, int level) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (context == nullptr) return OutOfMemory(state);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  return Wrap<Compressor>::New(state, std::make_unique<Compressor>(context));
}

Compressor::~Compressor() {
  ZSTD_freeCCtx(context_);
}

Napi::Value Compressor::Compress(const Napi::CallbackInfo& call) {
  ZSTD_inBuffer input{};
  ZSTD_outBuffer output{};
  if (!ReadBuffers(call, &input, &output)) return {};
  const size_t size = ZSTD_compress2(context_, output.dst, output.size, input.src, input.size);
  if (ZSTD_isError(size)) {
    ThrowError(call.Env(), "ERR_ZSTD", ZSTD_getErrorName(size));
    return {};
  }
  return Napi::Number::New(call.Env(), static_cast<double>(size));
}

void Decompressor::Define(EnvState& state) {
  using W = Wrap<Decompressor>;
  W::Define(state, "Decompressor",
            {W::Method<&Decompressor::Decompress>("decompress"), W::Method<&Decompressor::Reset>("reset")});
}

napi_value Decompressor::New(EnvState& state) {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  if (context == nullptr) return OutOfMemory(state);
  return Wrap<Decompressor>::New(state, std::make_unique<Decompressor>(context));
}

Decompressor::~Decompressor() {
  ZSTD_freeDCtx(context_);
}

Napi::Value Decompressor::Decompress(const Napi::CallbackInfo& call) {
  ZSTD_inBuffer input{};
  ZSTD_outBuffer output{};
  if (!ReadBuffers(call, &input, &output)) return {};
  return Progress(call, ZSTD_decompressStream(context_, &output, &input), input, output);
}

Napi::Value Decompressor::Reset(const Napi::CallbackInfo& call) {
  ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
  return call.Env().Undefined();
}
