#include "tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

SystemError QuickAck(int socket) {
  const int on = 1;
  const bool done = ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on) == 0;
  return done ? SystemError{} : SystemError{errno, "setsockopt"};
}
