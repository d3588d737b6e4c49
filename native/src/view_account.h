#pragma once

#include <cstddef>
#include <cstdint>

#include "js.h"

/**
 * V8 counts the bytes of external buffers as memory of the process, and collects garbage when there are 64
 * MiB more than the fewest since the last collection. A reader that gives its chunks back goes up and down,
 * and would have a collection for every 64 MiB that pass through it. So what was detached stays counted until
 * views of as many bytes are made: only what is not given back makes the count grow.
 */
class ViewAccount {
 public:
  /** A view of `size` bytes was made: V8 has counted it. */
  void Made(napi_env env, size_t size);
  /** One is about to be detached: V8 will no longer count it. */
  void Detaching(napi_env env, size_t size);
  /** No view is to be expected for a while. */
  void Forget(napi_env env);

 private:
  void Adjust(napi_env env, int64_t change);

  /** Bytes that are counted and are in no view. */
  int64_t counted_ = 0;
};
