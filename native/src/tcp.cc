#include "tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace {
template <typename Value>
SystemError SetOption(int socket, int option, const Value& value) {
  const bool done = ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value) == 0;
  return done ? SystemError{} : SystemError{errno, "setsockopt"};
}
}  // namespace

SystemError QuickAck(int socket) {
  return SetOption(socket, TCP_QUICKACK, int{1});
}

SystemError LimitUnacknowledged(int socket, unsigned ms) {
  return SetOption(socket, TCP_USER_TIMEOUT, ms);
}
