#include "copy.h"

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__SSE2__)
namespace {
/** Below this the reader is likely to find what was written in a cache. */
constexpr size_t kPastCaches = 256 * 1024;
constexpr size_t kLine = 64;
/** How far ahead the source is fetched. */
constexpr size_t kAhead = 16 * kLine;

/** `target` is at the start of a cache line. */
void CopyLines(char* target, const char* source, size_t lines) {
  for (; lines > 0; lines--, target += kLine, source += kLine) {
    _mm_prefetch(source + kAhead, _MM_HINT_NTA);
    const auto* from = reinterpret_cast<const __m128i*>(source);
    auto* to = reinterpret_cast<__m128i*>(target);
    const __m128i first = _mm_loadu_si128(from);
    const __m128i second = _mm_loadu_si128(from + 1);
    const __m128i third = _mm_loadu_si128(from + 2);
    const __m128i fourth = _mm_loadu_si128(from + 3);
    _mm_stream_si128(to, first);
    _mm_stream_si128(to + 1, second);
    _mm_stream_si128(to + 2, third);
    _mm_stream_si128(to + 3, fourth);
  }
  // Whoever is told of the bytes after this sees them.
  _mm_sfence();
}
}  // namespace

void CopyBytes(char* target, const char* source, size_t size) {
  if (size < kPastCaches) {
    std::memcpy(target, source, size);
    return;
  }
  const size_t head = -reinterpret_cast<uintptr_t>(target) % kLine;
  const size_t lines = (size - head) / kLine;
  const size_t body = lines * kLine;
  std::memcpy(target, source, head);
  CopyLines(target + head, source + head, lines);
  std::memcpy(target + head + body, source + head + body, size - head - body);
}
#else
void CopyBytes(char* target, const char* source, size_t size) {
  std::memcpy(target, source, size);
}
#endif
