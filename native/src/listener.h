#pragma once

#include <memory>
#include <string>

#include "callback.h"
#include "descriptor.h"
#include "env_state.h"
#include "poll.h"
#include "wrap.h"

/** A listening socket; see lib/native.ts for what its methods promise. */
class Listener final : public Closable {
 public:
  static constexpr JsClass EnvState::* kJsClass = &EnvState::listener_class;
  static void Define(EnvState& state);

  /** The JavaScript object for a listening socket; null with an exception pending when that fails. */
  static napi_value New(EnvState& state, Descriptor socket, uint64_t max_frame, napi_value on_connection,
                        napi_value on_error);

  Listener(EnvState& state, Descriptor socket, uint64_t max_frame);
  ~Listener();

  void Close() override;

 private:
  Napi::Value Ref(const Napi::CallbackInfo& call);
  Napi::Value Unref(const Napi::CallbackInfo& call);
  Napi::Value CloseFromJs(const Napi::CallbackInfo& call);

  bool Open(napi_value self, napi_value on_connection, napi_value on_error);
  void SetRef(bool ref);
  void OnPoll(int status);
  void OnConnection(Descriptor socket);
  /** After anything but a shortage the listener is of no more use; whoever owns it decides. */
  void OnFailure(int error);

  std::shared_ptr<EnvState> state_;
  Descriptor socket_;
  uint64_t max_frame_;
  Poll poll_;
  UvHandle<uv_timer_t> retry_;
  /** A shortage has been reported and nothing accepted since: it is not reported again. */
  bool short_ = false;

  CallbackContext context_;
  Strong self_;
  Strong on_connection_;
  Strong on_error_;
};
