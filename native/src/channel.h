#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "callback.h"
#include "descriptor.h"
#include "env_state.h"
#include "frame_parser.h"
#include "poll.h"
#include "send_queue.h"
#include "unix_socket.h"
#include "wrap.h"

/** One end of a connected socket; see lib/native.ts for what its methods promise. */
class Channel final : public Closable {
 public:
  static constexpr JsClass EnvState::* kJsClass = &EnvState::channel_class;
  static void Define(EnvState& state);

  /** The JavaScript object for a connected socket; null with an exception pending when that fails. */
  static napi_value New(EnvState& state, Descriptor socket, uint64_t max_frame);
  /** The largest frame that can become a string. */
  static constexpr int64_t kMaxFrame = 0x1fffffe8;

  Channel(EnvState& state, Descriptor socket, uint64_t max_frame);
  ~Channel();

  void Close() override;

 private:
  enum class Phase {
    open,
    /** `end()` was called: what is queued is still sent, nothing is read. */
    ending,
    /** Closed by `close()` or after `end()`: further use is a mistake. */
    closed,
    /** Closed because the peer or the socket failed: what is sent now goes nowhere, as it would have just
       before. */
    lost,
  };

  Napi::Value Start(const Napi::CallbackInfo& call);
  Napi::Value Send(const Napi::CallbackInfo& call);
  Napi::Value SendAll(const Napi::CallbackInfo& call);
  Napi::Value SendFd(const Napi::CallbackInfo& call);
  Napi::Value Queued(const Napi::CallbackInfo& call);
  Napi::Value LimitFrames(const Napi::CallbackInfo& call);
  Napi::Value SetBusyPoll(const Napi::CallbackInfo& call);
  Napi::Value Pause(const Napi::CallbackInfo& call);
  Napi::Value Resume(const Napi::CallbackInfo& call);
  Napi::Value Ref(const Napi::CallbackInfo& call);
  Napi::Value Unref(const Napi::CallbackInfo& call);
  Napi::Value End(const Napi::CallbackInfo& call);
  Napi::Value CloseFromJs(const Napi::CallbackInfo& call);
  Napi::Value Peer(const Napi::CallbackInfo& call);
  Napi::Value HoldOpen(const Napi::CallbackInfo& call);

  bool CheckUsable(const Napi::CallbackInfo& call, const char* method);
  bool Reading() const { return phase_ == Phase::open && started_ && !paused_; }
  Napi::Value Accepted(const Napi::CallbackInfo& call);

  void SendLong(napi_value text);
  void SendWhole(std::string bytes);
  void SendFrame(const char* bytes, size_t size);
  void WriteFailed(int error);

  bool KeepAlive(napi_value self);
  void UpdateInterest();
  void OnPoll(int status, int events);
  void Flush();
  void Read();
  int Parse(const char** at, const char* end, std::vector<napi_value>* messages);
  bool AddText(const char* text, size_t size, std::vector<napi_value>* messages);
  void Deliver(const std::vector<napi_value>& messages, Descriptor fd);
  void ReportPartial();
  /** Reports the end; `error.code` 0 is the peer's close. */
  void Lose(const SystemError& error);
  void CloseAs(Phase phase);
  void SayFarewell();

  std::shared_ptr<EnvState> state_;
  Descriptor socket_;
  FrameParser parser_;
  SendQueue queue_;
  Poll poll_;
  ucred peer_{};
  Phase phase_ = Phase::open;
  bool started_ = false;
  bool paused_ = false;
  bool ref_ = true;
  bool busy_poll_ = false;
  bool drain_due_ = false;
  /** Why sending has failed. Reported when everything that the peer sent before has been read. */
  int write_error_ = 0;
  /** The socket as holds have it, as long as there are any. */
  std::weak_ptr<Descriptor> held_socket_;
  /** The frame that tells the peer that this end is held open and says nothing more. */
  std::string farewell_;

  CallbackContext context_;
  /** Held while the event loop can still call back, so that a channel nobody refers to stays. */
  Strong self_;
  Strong handlers_;
  Strong on_messages_;
  Strong on_drain_;
  Strong on_close_;
  Strong on_partial_;
};
