#include "memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <cerrno>

namespace {
/**
 * The kernel gives up a large fallocate, and undoes it, whenever a signal is pending. Under a profiler that
 * interrupts every millisecond it would never end, so signals wait meanwhile.
 */
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

SystemError Allocate(int fd, int mode, int64_t offset, int64_t length) {
  SignalsBlocked blocked;
  while (::fallocate(fd, mode, offset, length) != 0) {
    if (errno != EINTR) return {errno, "fallocate"};
  }
  return {};
}
}  // namespace

Descriptor CreateMemory(const std::string& name, int64_t size, SystemError* error) {
  Descriptor memory(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) {
    *error = {errno, "memfd_create"};
  } else if (::ftruncate(memory.get(), size) != 0) {
    *error = {errno, "ftruncate"};
  } else if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    *error = {errno, "fcntl"};
  } else {
    return memory;
  }
  return Descriptor();
}

SystemError ReservePages(int fd, int64_t offset, int64_t length) {
  return length == 0 ? SystemError{} : Allocate(fd, 0, offset, length);
}

void PreferHugePages(char* data, size_t size) {
  constexpr uintptr_t huge = uintptr_t{1} << 21;
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + huge - 1) & ~(huge - 1);
  const uintptr_t end = (address + size) & ~(huge - 1);
  // Fails where the kernel knows no such pages, and is only advice.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

SystemError PunchHole(int fd, int64_t offset, int64_t length) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  const int64_t begin = (offset + page - 1) / page * page;
  const int64_t end = (offset + length) / page * page;
  return begin >= end ? SystemError{}
                      : Allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin, end - begin);
}
