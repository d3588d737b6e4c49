#include "holds.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

Holds& Holds::OfProcess() {
  static Holds& holds = *new Holds();
  return holds;
}

Holds::Holds() {
  uint8_t bytes[16] = {};
  // Cannot fail for so few bytes once the system has started.
  [[maybe_unused]] ssize_t filled = ::getrandom(bytes, sizeof bytes, 0);
  for (const uint8_t byte : bytes) {
    name_ += "0123456789abcdef"[byte >> 4];
    name_ += "0123456789abcdef"[byte & 15];
  }
}

int64_t Holds::Add(const void* env, std::string key, std::shared_ptr<Descriptor> socket) {
  std::lock_guard<std::mutex> lock(mutex_);
  return Insert({env, std::move(key), std::move(socket), nullptr});
}

int64_t Holds::Take(int64_t hold, const void* env) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = holds_.find(hold);
  if (found == holds_.end()) return 0;
  Hold taken = std::move(found->second);
  holds_.erase(found);
  taken.env = env;
  return Insert(std::move(taken));
}

int64_t Holds::Copy(int64_t hold, const void* env) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = Find(hold, env);
  return found == holds_.end() ? 0 : Insert(found->second);
}

bool Holds::Drop(int64_t hold, const void* env) {
  // Closed without the lock: it may be the last of its socket.
  Hold dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = Find(hold, env);
  if (found == holds_.end()) return false;
  dropped = std::move(found->second);
  holds_.erase(found);
  return !dropped.key.empty() && !HasKey(dropped.key);
}

void Holds::DropAll(const void* env) {
  std::vector<Hold> dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto at = holds_.begin(); at != holds_.end();) {
    if (at->second.env == env) {
      dropped.push_back(std::move(at->second));
      at = holds_.erase(at);
    } else {
      ++at;
    }
  }
}

void Holds::Leave(const std::vector<int64_t>& holds, std::vector<Descriptor> files, const void* env) {
  const auto shared = std::make_shared<const std::vector<Descriptor>>(std::move(files));
  std::lock_guard<std::mutex> lock(mutex_);
  for (const int64_t hold : holds) {
    const auto found = Find(hold, env);
    if (found == holds_.end()) continue;
    found->second.env = nullptr;
    found->second.files = shared;
  }
}

bool Holds::Has(const std::string& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  return HasKey(key);
}

int64_t Holds::Insert(Hold hold) {
  holds_.emplace(++last_, std::move(hold));
  return last_;
}

Holds::Table::iterator Holds::Find(int64_t hold, const void* env) {
  const auto found = holds_.find(hold);
  return found == holds_.end() || found->second.env != env ? holds_.end() : found;
}

bool Holds::HasKey(const std::string& key) const {
  return std::any_of(holds_.begin(), holds_.end(),
                     [&](const auto& entry) { return entry.second.key == key; });
}
