#include "open_descriptors.h"

#include <sys/stat.h>
#include <unistd.h>

void OpenDescriptors::Add(int fd) {
  struct stat status;
  if (::fstat(fd, &status) == 0) files_[fd] = {status.st_dev, status.st_ino};
}

void OpenDescriptors::CloseAll() {
  for (const auto& [fd, file] : files_) {
    struct stat status;
    if (::fstat(fd, &status) == 0 && File{status.st_dev, status.st_ino} == file) ::close(fd);
  }
  files_.clear();
}
