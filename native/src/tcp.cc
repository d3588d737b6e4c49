#include "tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace {
template <typename Value>
SystemError SetOption(int socket, int level, int option, const Value& value) {
  const bool done = ::setsockopt(socket, level, option, &value, sizeof value) == 0;
  return done ? SystemError{} : SystemError{errno, "setsockopt"};
}
}  // namespace

SystemError QuickAck(int socket) {
  return SetOption(socket, IPPROTO_TCP, TCP_QUICKACK, int{1});
}

SystemError LimitUnacknowledged(int socket, unsigned ms) {
  return SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

SystemError ReceiveAtLeast(int socket, int bytes) {
  return SetOption(socket, SOL_SOCKET, SO_RCVLOWAT, bytes);
}
