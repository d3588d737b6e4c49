#include "utf8.h"

#include <cstdint>
#include <cstring>

namespace {
constexpr uint64_t kHighBits = 0x8080808080808080;

bool InRange(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

/** The length of the multi-byte character at the start of [at, end), 0 if it is malformed. */
size_t CharacterLength(const unsigned char* at, const unsigned char* end) {
  const unsigned char lead = at[0];
  size_t length;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (InRange(lead, 0xc2, 0xdf)) {
    length = 2;
  } else if (InRange(lead, 0xe0, 0xef)) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;   // shorter forms exist below
    if (lead == 0xed) high = 0x9f;  // surrogates above
  } else if (InRange(lead, 0xf0, 0xf4)) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;  // U+10FFFF
  } else {
    return 0;
  }
  if (static_cast<size_t>(end - at) < length || !InRange(at[1], low, high)) return 0;
  for (size_t i = 2; i < length; i++) {
    if (!InRange(at[i], 0x80, 0xbf)) return 0;
  }
  return length;
}
}  // namespace

bool IsUtf8(const char* text, size_t length) {
  const auto* at = reinterpret_cast<const unsigned char*>(text);
  const auto* end = at + length;
  while (at < end) {
    uint64_t word;
    if (static_cast<size_t>(end - at) >= sizeof word) {
      std::memcpy(&word, at, sizeof word);
      if ((word & kHighBits) == 0) {
        at += sizeof word;
        continue;
      }
    }
    if (*at < 0x80) {
      at++;
      continue;
    }
    const size_t character = CharacterLength(at, end);
    if (character == 0) return false;
    at += character;
  }
  return true;
}
