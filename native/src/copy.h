#pragma once

#include <cstddef>

/**
 * Copies bytes that do not overlap. Large ones go past the caches: the processor need not read the target
 * before it overwrites it, which memcpy makes it do (measured on 1 MiB from memory to memory: 10.6 GB/s
 * against 6.5).
 */
void CopyBytes(char* target, const char* source, size_t size);
