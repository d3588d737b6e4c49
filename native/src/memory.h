#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "descriptor.h"
#include "errors.h"

/** A sealed memfd of `size` bytes. */
Descriptor CreateMemory(const std::string& name, int64_t size, SystemError* error);

SystemError ReservePages(int fd, int64_t offset, int64_t length);

/** Large pages where the system has some, for memory of this process that will be written from end to end. */
void PreferHugePages(char* data, size_t size);

/** Frees the whole pages inside a range. */
SystemError PunchHole(int fd, int64_t offset, int64_t length);
