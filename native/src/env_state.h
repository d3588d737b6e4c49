#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_set>

#include "callback.h"
#include "js.h"
#include "open_descriptors.h"
#include "region.h"
#include "view_account.h"

/** Something that holds libuv handles and must let go of them before the environment ends. */
class Closable {
 public:
  virtual void Close() = 0;

 protected:
  ~Closable() = default;
};

class BusyPoll;

/** A JavaScript class of this addon in one environment. */
struct JsClass {
  /** Random in each environment: no object of another addon, or of another copy of this one, is mistaken for
   * ours. */
  napi_type_tag tag{};
  Strong constructor;
};

/** Memory that is not touched before it is used. */
class Buffer {
 public:
  explicit Buffer(size_t size) : bytes_(new char[size]), size_(size) {}
  char* data() { return bytes_.get(); }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

/**
 * All state of the addon in one environment (main thread or worker). Objects and libuv handles share its
 * ownership: in the teardown of an environment finalizers and close callbacks come in an order that is not
 * ours to choose.
 */
class EnvState {
 public:
  static std::shared_ptr<EnvState> Create(napi_env env);
  ~EnvState();
  static EnvState& From(const Napi::CallbackInfo& call) { return *static_cast<EnvState*>(call.Data()); }

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  std::shared_ptr<EnvState> shared() { return self_.lock(); }
  const std::shared_ptr<RegionTable>& regions() const { return regions_; }

  OpenDescriptors& descriptors() { return descriptors_; }
  ViewAccount& views() { return views_; }
  BusyPoll& busy_poll() { return *busy_poll_; }

  /** Scratch space, used within one call only: what was received, and text on its way from or to JavaScript.
   */
  Buffer& receive_buffer() { return receive_buffer_; }
  Buffer& send_buffer() { return send_buffer_; }
  std::string& marked_text() { return marked_text_; }

  JsClass channel_class;
  JsClass listener_class;
  JsClass mapping_class;
  JsClass compressor_class;
  JsClass decompressor_class;
  /** Set while native code constructs an object of a class above; a constructor called from JavaScript finds
   * null. */
  void* under_construction = nullptr;
  /** False where the runtime refuses (Electron): views of read-only mappings are copies then, others are not
   * to be had. */
  bool external_buffers_allowed = true;

  void Opened(Closable* closable) { open_.insert(closable); }
  void Closed(Closable* closable) { open_.erase(closable); }
  void HandleOpened() { handles_++; }
  void HandleClosed();

 private:
  explicit EnvState(napi_env env);
  static void CleanUp(napi_async_cleanup_hook_handle hook, void* data);
  void FinishCleanUp();

  napi_env env_;
  uv_loop_t* loop_ = nullptr;
  std::weak_ptr<EnvState> self_;
  std::shared_ptr<RegionTable> regions_ = std::make_shared<RegionTable>();
  OpenDescriptors descriptors_;
  ViewAccount views_;
  std::unique_ptr<BusyPoll> busy_poll_;
  Buffer receive_buffer_;
  Buffer send_buffer_;
  std::string marked_text_;
  std::unordered_set<Closable*> open_;
  size_t handles_ = 0;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool ending_ = false;
};
