#include "unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace {
/** SCM_MAX_FD: the most descriptors the kernel passes in one message. With room for all, none can get lost
 * unseen. */
constexpr size_t kMaxDescriptors = 253;

bool Address(const std::string& path, const char* syscall, sockaddr_un* address, SystemError* error) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.size() >= sizeof address->sun_path) {
    *error = {ENAMETOOLONG, syscall, path};
    return false;
  }
  std::memcpy(address->sun_path, path.data(), path.size());
  return true;
}

Descriptor NewSocket(SystemError* error) {
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) *error = {errno, "socket"};
  return fd;
}

/** The umask applies to sockets too; one without owner bits would lock the owner out. */
SystemError RestoreOwnerAccess(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0) return {errno, "open", path};
  if ((status.st_mode & 0777) == 0600) return {};
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  if (::chmod(self.c_str(), 0600) != 0) return {errno, "chmod", path};
  return {};
}
}  // namespace

Descriptor ConnectSocket(const std::string& path, SystemError* error) {
  sockaddr_un address;
  if (!Address(path, "connect", &address, error)) return Descriptor();
  Descriptor fd = NewSocket(error);
  if (!fd) return fd;
  while (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    *error = {errno, "connect", path};
    return Descriptor();
  }
  return fd;
}

Descriptor ListenSocket(const std::string& path, int backlog, SystemError* error) {
  sockaddr_un address;
  if (!Address(path, "bind", &address, error)) return Descriptor();
  Descriptor fd = NewSocket(error);
  if (!fd) return fd;
  // Before bind: the path takes over the mode of the socket, so at no time can another user connect.
  if (::fchmod(fd.get(), 0600) != 0) {
    *error = {errno, "fchmod", path};
  } else if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    *error = {errno, "bind", path};
  } else {
    *error = RestoreOwnerAccess(path);
    if (!*error && ::listen(fd.get(), backlog) != 0) *error = {errno, "listen", path};
    if (!*error) return fd;
    ::unlink(path.c_str());
  }
  return Descriptor();
}

Received Receive(int socket, char* buffer, size_t size) {
  iovec part{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;

  Received received;
  do {
    received.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (received.size < 0 && errno == EINTR);
  if (received.size < 0) {
    received.size = -errno;
    return received;
  }
  size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t end = header->cmsg_len - CMSG_LEN(0);
    for (size_t offset = 0; offset + sizeof(int) <= end; offset += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + offset, sizeof fd);
      received.fd.reset(fd);  // closes the one before: more than one is refused below
      count++;
    }
  }
  received.carried = count > 0;
  if (count > 1) received.control_error = EPROTO;
  if ((message.msg_flags & MSG_CTRUNC) != 0) received.control_error = EMFILE;
  if (received.control_error != 0) received.fd.reset();
  return received;
}
