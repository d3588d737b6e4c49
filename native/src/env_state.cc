#include "env_state.h"

#include "busy_poll.h"
#include "holds.h"

namespace {
/** Enough for a burst of small frames in one call; more gains nothing (the default socket buffer is 208 KiB).
 */
constexpr size_t kReceiveBuffer = 256 * 1024;
/** Frames up to this size are encoded without an allocation. */
constexpr size_t kSendBuffer = 64 * 1024;
}  // namespace

EnvState::EnvState(napi_env env)
    : env_(env),
      busy_poll_(std::make_unique<BusyPoll>(*this)),
      receive_buffer_(kReceiveBuffer),
      send_buffer_(kSendBuffer) {}

EnvState::~EnvState() = default;

std::shared_ptr<EnvState> EnvState::Create(napi_env env) {
  std::shared_ptr<EnvState> state(new EnvState(env));
  state->self_ = state;
  napi_get_uv_event_loop(env, &state->loop_);
  auto* held = new std::shared_ptr<EnvState>(state);
  napi_set_instance_data(
      env, held, [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<EnvState>*>(data); },
      nullptr);
  napi_add_async_cleanup_hook(env, CleanUp, state.get(), &state->cleanup_);
  return state;
}

void EnvState::CleanUp(napi_async_cleanup_hook_handle, void* data) {
  auto* state = static_cast<EnvState*>(data);
  state->ending_ = true;
  // First: a channel that closes asks whether others hold it.
  Holds::OfProcess().DropAll(state);
  while (!state->open_.empty()) (*state->open_.begin())->Close();
  state->descriptors_.CloseAll();
  if (state->handles_ == 0) state->FinishCleanUp();
}

void EnvState::HandleClosed() {
  handles_--;
  if (ending_ && handles_ == 0) FinishCleanUp();
}

void EnvState::FinishCleanUp() {
  for (JsClass* js_class :
       {&channel_class, &listener_class, &mapping_class, &compressor_class, &decompressor_class}) {
    js_class->constructor.Reset();
  }
  // Only now may the environment go on to close its loop, which aborts if a handle is left in it.
  if (cleanup_ != nullptr) napi_remove_async_cleanup_hook(std::exchange(cleanup_, nullptr));
}
