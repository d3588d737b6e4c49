#pragma once

#include <memory>

#include "env_state.h"
#include "js.h"

/**
 * Owns a libuv handle. libuv needs the memory until its close callback has run, which is after the owner may
 * be gone, so the handle lives in a box of its own.
 */
template <typename Handle>
class UvHandle {
 public:
  UvHandle() = default;
  UvHandle(const UvHandle&) = delete;
  UvHandle& operator=(const UvHandle&) = delete;
  ~UvHandle() { Close(); }

  /** `init` gets the loop and the handle; 0 or a negative error of libuv. */
  template <typename Init>
  int Open(EnvState& state, void* owner, Init init) {
    auto box = std::make_unique<Box>();
    const int error = init(state.loop(), &box->handle);
    if (error != 0) return error;
    box->state = state.shared();
    box->handle.data = owner;
    state.HandleOpened();
    box_ = box.release();
    return 0;
  }

  void Close() {
    if (box_ == nullptr) return;
    box_->handle.data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle), [](uv_handle_t* handle) {
      std::unique_ptr<Box> box(reinterpret_cast<Box*>(handle));
      box->state->HandleClosed();
    });
    box_ = nullptr;
  }

  Handle* get() { return box_ == nullptr ? nullptr : &box_->handle; }
  explicit operator bool() const { return box_ != nullptr; }

  void SetRef(bool ref) {
    if (box_ == nullptr) return;
    auto* handle = reinterpret_cast<uv_handle_t*>(&box_->handle);
    ref ? uv_ref(handle) : uv_unref(handle);
  }

 private:
  struct Box {
    Handle handle;  // first: the close callback finds the box by it
    std::shared_ptr<EnvState> state;
  };

  Box* box_ = nullptr;
};
