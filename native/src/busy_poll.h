#pragma once

#include <cstdint>

#include "uv_handle.h"

/**
 * Keeps the event loop of an environment from sleeping where the next message usually follows the last one
 * within microseconds: to wake a process that sleeps takes the sender, and the kernel, longer than a small
 * request does. It looks again for `limit` at most. When it was in the way of another thread it leaves the
 * loop alone for a while; it yields to threads of its own cgroup, those of others wait for the kernel to be
 * fair. VINEYARD_STREAMS_BUSY_POLL, as it was when the addon was first loaded, is that limit in microseconds;
 * 0 switches it off.
 */
class BusyPoll final : public Closable {
 public:
  explicit BusyPoll(EnvState& state);
  BusyPoll(const BusyPoll&) = delete;
  BusyPoll& operator=(const BusyPoll&) = delete;
  ~BusyPoll();

  /** Something has come and is about to be read. */
  void Arrived();
  /** It has been dealt with. */
  void Handled();

  void Close() override;

 private:
  void Start();
  void Stop();
  void OnIdle();

  EnvState& state_;
  /** While it is active, the loop turns without waiting. */
  UvHandle<uv_idle_t> idle_;
  /** All times are in nanoseconds. */
  uint64_t limit_;
  uint64_t handled_ = 0;
  uint64_t rest_;
  uint64_t rest_until_ = 0;
  /** Goes up with each message that came within the limit, and is halved by one that did not. */
  int soon_ = 0;
  /** Messages that came while it looked, since somebody else wanted the processor. */
  int undisturbed_ = 0;
  /** What the kernel had counted when it was made active. */
  long replaced_ = 0;
  bool active_ = false;
  bool closed_ = false;
};
