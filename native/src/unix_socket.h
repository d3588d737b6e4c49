#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "descriptor.h"
#include "errors.h"

Descriptor ConnectSocket(const std::string& path, SystemError* error);

/** A listening socket whose path has mode 0600 from the moment it exists. */
Descriptor ListenSocket(const std::string& path, int backlog, SystemError* error);

/** What one recvmsg gave: `size` bytes, or 0 at the end of the stream, or a negative errno. */
struct Received {
  ssize_t size = 0;
  /** The descriptor that came with the last byte, if exactly one did. */
  Descriptor fd = {};
  /** EPROTO: more than one descriptor in a message. EMFILE: this process had no room for what was sent. */
  int control_error = 0;
  bool carried = false;
};

Received Receive(int socket, char* buffer, size_t size);
