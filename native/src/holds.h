#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "descriptor.h"

/**
 * Who looks at leased memory without having leased it: threads that got a chunk from another thread. That one
 * may end first, and a terminated one runs no JavaScript any more, so what must outlast it is kept here, for
 * the whole process: a copy of the socket whose end would give the leases back, and the names of leases that
 * nobody may take for abandoned.
 *
 * A hold belongs to one environment and ends with it, unless that has left it behind for others.
 */
class Holds {
 public:
  /** Never destroyed: threads may end while the process does. */
  static Holds& OfProcess();

  /** The number of a new hold of `env`. `socket` may be null. */
  int64_t Add(const void* env, std::string key, std::shared_ptr<Descriptor> socket);
  /** Gives a hold to `env`, under a new number: nobody else can take it, or drop it, after that. 0 where
   * there is none. */
  int64_t Take(int64_t hold, const void* env);
  /** Another hold like one that `env` has. 0 where it has none. */
  int64_t Copy(int64_t hold, const void* env);
  /** Ends a hold of `env`. True if it had a key and was the last one with it. */
  bool Drop(int64_t hold, const void* env);
  /** Ends the holds of `env`, except those that it has left to whoever takes them. */
  void DropAll(const void* env);
  /** Leaves holds of `env` to whoever takes them, after it too, with the files that they need. */
  void Leave(const std::vector<int64_t>& holds, std::vector<Descriptor> files, const void* env);
  bool Has(const std::string& key);

  /** Random: tells the holds of this process, and of this copy of the addon in it, from all others. */
  const std::string& name() const { return name_; }

 private:
  struct Hold {
    const void* env = nullptr;
    std::string key;
    std::shared_ptr<Descriptor> socket;
    std::shared_ptr<const std::vector<Descriptor>> files;
  };
  using Table = std::map<int64_t, Hold>;

  Holds();
  int64_t Insert(Hold hold);
  Table::iterator Find(int64_t hold, const void* env);
  bool HasKey(const std::string& key) const;

  std::mutex mutex_;
  Table holds_;
  int64_t last_ = 0;
  std::string name_;
};
