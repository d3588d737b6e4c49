#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "descriptor.h"

/** Bytes and descriptors that a socket has not taken yet, in order. */
class SendQueue {
 public:
  /** The errno of a send that failed for good, 0 if all that fits has been sent. */
  int Flush(int socket);

  void Append(const char* bytes, size_t length);
  void Append(std::string bytes, size_t sent);
  void AppendCarrier(Descriptor fd);
  void Clear();

  bool empty() const { return items_.empty(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Item {
    std::string bytes;
    size_t sent = 0;
    Descriptor fd = {};
  };

  std::deque<Item> items_;
  size_t bytes_ = 0;
};

/** Sends what the socket takes at once. The number of bytes, or a negative errno; 0 if the socket is full. */
ssize_t SendBytes(int socket, const char* bytes, size_t length);
ssize_t SendCarrier(int socket, int fd);
