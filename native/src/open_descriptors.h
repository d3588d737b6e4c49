#pragma once

#include <sys/types.h>

#include <unordered_map>
#include <utility>

/**
 * The descriptors that JavaScript has been given and has not closed with `closeFd`. A terminated worker runs
 * no `finally`, so they are closed with the environment; otherwise each would keep its shared memory until
 * the process ends. One that was closed by other means is recognised as long as its number does not lead to
 * the same file again.
 */
class OpenDescriptors {
 public:
  OpenDescriptors() = default;
  OpenDescriptors(const OpenDescriptors&) = delete;
  OpenDescriptors& operator=(const OpenDescriptors&) = delete;

  void Add(int fd);
  /** False if it was not there. */
  bool Remove(int fd) { return files_.erase(fd) > 0; }
  void CloseAll();

 private:
  using File = std::pair<dev_t, ino_t>;

  std::unordered_map<int, File> files_;
};
