#pragma once

#include <cstddef>
#include <string>

struct JsonScan {
  /** Whether every character is below U+0080. */
  bool ascii = true;
  /** Whether `marked` holds the text with its long integers replaced; otherwise the text stands as it is. */
  bool changed = false;
};

/**
 * One pass over a JSON text. Integers outside ±(2^53 − 1) become the string "\u0000n" + digits in `marked`.
 * Malformed JSON is not repaired: what JSON.parse refuses before, it refuses after.
 */
template <typename Char>
JsonScan ScanJson(const Char* text, size_t length, std::basic_string<Char>* marked);
