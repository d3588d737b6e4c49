#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "errors.h"

class RegionTable;

/**
 * Mapped memory. It is unmapped when its Mapping has been closed and every view has been detached or
 * collected.
 *
 * All views of a region are alike: each holds one reference, and one finalizer is due for each. A finalizer
 * may come long after its view was detached and cannot tell which view it belongs to, so detached views are
 * counted: that many finalizers have nothing to drop. Everything happens on the thread of the environment
 * (Node-API runs finalizers there), so plain counters suffice.
 */
class Region {
 public:
  static Region* Map(const std::shared_ptr<RegionTable>& table, int fd, size_t length, bool writable,
                     SystemError* error);

  char* base() const { return base_; }
  size_t length() const { return length_; }
  bool writable() const { return writable_; }
  size_t finalizers_due() const { return finalizers_due_; }

  void MappingClosed();
  void ViewMade();
  void ViewDetached();
  void ViewFinalized();

 private:
  Region(std::shared_ptr<RegionTable> table, char* base, size_t length, bool writable);
  void DropReference();
  void DeleteIfDone();

  std::shared_ptr<RegionTable> table_;
  char* base_;
  size_t length_;
  bool writable_;
  size_t references_ = 1;
  size_t detached_ = 0;
  size_t finalizers_due_ = 0;
};

/** The mapped regions of one environment, to find the one that a view belongs to by its address. */
class RegionTable {
 public:
  void Add(Region* region) { by_base_[reinterpret_cast<uintptr_t>(region->base())] = region; }
  void Remove(Region* region) { by_base_.erase(reinterpret_cast<uintptr_t>(region->base())); }
  Region* Find(const void* address) const;
  bool empty() const { return by_base_.empty(); }

 private:
  std::map<uintptr_t, Region*> by_base_;
};
