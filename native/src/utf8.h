#pragma once

#include <cstddef>

/** Whether `text` is UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool IsUtf8(const char* text, size_t length);
