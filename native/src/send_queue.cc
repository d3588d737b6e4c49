#include "send_queue.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace {
/** Frames are joined in one item up to this size, so that many small ones leave in one call. */
constexpr size_t kJoin = 64 * 1024;

ssize_t Send(int socket, const msghdr& message) {
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -errno;
  }
}
}  // namespace

ssize_t SendBytes(int socket, const char* bytes, size_t length) {
  iovec part{const_cast<char*>(bytes), length};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return Send(socket, message);
}

ssize_t SendCarrier(int socket, int fd) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return Send(socket, message);
}

int SendQueue::Flush(int socket) {
  while (!items_.empty()) {
    Item& item = items_.front();
    const ssize_t sent =
        item.fd ? SendCarrier(socket, item.fd.get())
                : SendBytes(socket, item.bytes.data() + item.sent, item.bytes.size() - item.sent);
    if (sent < 0) return static_cast<int>(-sent);
    if (sent == 0) return 0;
    item.sent += static_cast<size_t>(sent);
    bytes_ -= static_cast<size_t>(sent);
    if (item.fd || item.sent == item.bytes.size()) items_.pop_front();
  }
  return 0;
}

void SendQueue::Append(const char* bytes, size_t length) {
  bytes_ += length;
  if (!items_.empty() && !items_.back().fd && items_.back().bytes.size() < kJoin) {
    items_.back().bytes.append(bytes, length);
  } else {
    items_.push_back({std::string(bytes, length)});
  }
}

void SendQueue::Append(std::string bytes, size_t sent) {
  bytes_ += bytes.size() - sent;
  items_.push_back({std::move(bytes), sent});
}

void SendQueue::AppendCarrier(Descriptor fd) {
  bytes_++;
  items_.push_back({{}, 0, std::move(fd)});
}

void SendQueue::Clear() {
  items_.clear();
  bytes_ = 0;
}
