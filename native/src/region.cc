#include "region.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

Region* Region::Map(const std::shared_ptr<RegionTable>& table, int fd, size_t length, bool writable,
                    SystemError* error) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = ::mmap(nullptr, length, protection, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    *error = {errno, "mmap"};
    return nullptr;
  }
  auto* region = new Region(table, static_cast<char*>(base), length, writable);
  table->Add(region);
  return region;
}

Region::Region(std::shared_ptr<RegionTable> table, char* base, size_t length, bool writable)
    : table_(std::move(table)), base_(base), length_(length), writable_(writable) {}

void Region::MappingClosed() {
  DropReference();
  DeleteIfDone();
}

void Region::ViewMade() {
  references_++;
  finalizers_due_++;
}

void Region::ViewDetached() {
  detached_++;
  DropReference();
}

void Region::ViewFinalized() {
  finalizers_due_--;
  if (detached_ > 0) {
    detached_--;
  } else {
    DropReference();
  }
  DeleteIfDone();
}

void Region::DropReference() {
  if (--references_ > 0) return;
  table_->Remove(this);
  ::munmap(base_, length_);
}

void Region::DeleteIfDone() {
  if (references_ == 0 && finalizers_due_ == 0) delete this;
}

Region* RegionTable::Find(const void* address) const {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  auto after = by_base_.upper_bound(wanted);
  if (after == by_base_.begin()) return nullptr;
  Region* region = std::prev(after)->second;
  return wanted - reinterpret_cast<uintptr_t>(region->base()) < region->length() ? region : nullptr;
}
