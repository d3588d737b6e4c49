#include "busy_poll.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

namespace {
constexpr uint64_t kMicrosecond = 1000;
/** A client takes about half of this between an answer and the next request. */
constexpr uint64_t kDefaultLimit = 100 * kMicrosecond;
/** What is longer than a loop should stand still. */
constexpr long kMostMicroseconds = 10000;
constexpr int kSoonEnough = 4;
constexpr int kSoonest = 8;
/** Who gives way stands behind the others for up to a slice of them, which who sleeps does not. So it is
 * tried the more rarely the more often it was in somebody's way. */
constexpr uint64_t kShortestRest = 5000 * kMicrosecond;
constexpr uint64_t kLongestRest = 64 * kShortestRest;
/** So many messages in a row that came while it looked: there is a processor for it. */
constexpr int kUndisturbed = 64;

uint64_t ReadLimit() {
  // The only processor is needed by whoever is waited for.
  if (uv_available_parallelism() < 2) return 0;
  const char* given = std::getenv("VINEYARD_STREAMS_BUSY_POLL");
  if (given == nullptr) return kDefaultLimit;
  char* end = nullptr;
  const long microseconds = std::strtol(given, &end, 10);
  if (end == given || *end != '\0') return kDefaultLimit;
  return static_cast<uint64_t>(std::clamp(microseconds, 0L, kMostMicroseconds)) * kMicrosecond;
}

/** Read once: later another thread may be changing the environment. */
uint64_t Limit() {
  static const uint64_t limit = ReadLimit();
  return limit;
}

/** How often another thread has got the processor from this one, which wanted to go on. */
long TimesReplaced() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}
}  // namespace

BusyPoll::BusyPoll(EnvState& state) : state_(state), limit_(Limit()), rest_(kShortestRest) {}

BusyPoll::~BusyPoll() {
  Close();
}

void BusyPoll::Arrived() {
  if (limit_ == 0) return;
  const bool soon = uv_hrtime() - handled_ < limit_;
  soon_ = soon ? std::min(soon_ + 1, kSoonest) : soon_ / 2;
  if (active_ && ++undisturbed_ >= kUndisturbed) {
    undisturbed_ = 0;
    rest_ = kShortestRest;
  }
}

void BusyPoll::Handled() {
  if (limit_ == 0) return;
  handled_ = uv_hrtime();
  if (soon_ >= kSoonEnough && handled_ >= rest_until_) Start();
}

void BusyPoll::Start() {
  if (active_ || closed_) return;
  if (!idle_) {
    const auto init = [](uv_loop_t* loop, uv_idle_t* handle) { return uv_idle_init(loop, handle); };
    if (idle_.Open(state_, this, init) != 0) return;
    state_.Opened(this);
    idle_.SetRef(false);
  }
  uv_idle_start(idle_.get(), [](uv_idle_t* handle) { static_cast<BusyPoll*>(handle->data)->OnIdle(); });
  replaced_ = TimesReplaced();
  active_ = true;
}

void BusyPoll::Stop() {
  uv_idle_stop(idle_.get());
  active_ = false;
}

void BusyPoll::OnIdle() {
  const uint64_t now = uv_hrtime();
  if (now - handled_ > limit_) return Stop();
  sched_yield();
  if (TimesReplaced() == replaced_) return;
  undisturbed_ = 0;
  rest_until_ = uv_hrtime() + rest_;
  rest_ = std::min(2 * rest_, kLongestRest);
  Stop();
}

void BusyPoll::Close() {
  closed_ = true;
  if (!idle_) return;
  idle_.Close();
  active_ = false;
  state_.Closed(this);
}
