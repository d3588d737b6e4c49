#pragma once

#include "uv_handle.h"

/** Watches one socket. Calls libuv only when what is watched changes: each change costs a system call. */
class Poll {
 public:
  int Open(EnvState& state, int fd, void* owner, uv_poll_cb callback) {
    callback_ = callback;
    return handle_.Open(state, owner,
                        [fd](uv_loop_t* loop, uv_poll_t* handle) { return uv_poll_init(loop, handle, fd); });
  }

  void Watch(int events) {
    if (!handle_ || events == events_) return;
    events_ = events;
    if (events == 0) {
      uv_poll_stop(handle_.get());
    } else {
      uv_poll_start(handle_.get(), events, callback_);
    }
  }

  /** libuv has stopped watching by itself, as it does when it reports an error. */
  void Stopped() { events_ = 0; }

  void SetRef(bool ref) { handle_.SetRef(ref); }
  void Close() { handle_.Close(); }
  explicit operator bool() const { return static_cast<bool>(handle_); }

 private:
  UvHandle<uv_poll_t> handle_;
  uv_poll_cb callback_ = nullptr;
  int events_ = 0;
};
