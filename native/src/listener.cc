#include "listener.h"

#include <sys/socket.h>

#include <cerrno>

#include "channel.h"
#include "errors.h"

namespace {
/** Then the loop turns, so that a flood of connections does not starve those that are there. */
constexpr int kAcceptsPerTurn = 64;
/** A connection that cannot be accepted for want of descriptors stays ready; polling for it would spin. */
constexpr uint64_t kShortageRetryMs = 100;

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
}  // namespace

void Listener::Define(EnvState& state) {
  using W = Wrap<Listener>;
  W::Define(state, "Listener",
            {
                W::Method<&Listener::Ref>("ref"),
                W::Method<&Listener::Unref>("unref"),
                W::Method<&Listener::CloseFromJs>("close"),
            });
}

napi_value Listener::New(EnvState& state, Descriptor socket, uint64_t max_frame, napi_value on_connection,
                         napi_value on_error) {
  auto listener = std::make_unique<Listener>(state, std::move(socket), max_frame);
  Listener* native = listener.get();
  napi_value object = Wrap<Listener>::New(state, std::move(listener));
  return object != nullptr && native->Open(object, on_connection, on_error) ? object : nullptr;
}

Listener::Listener(EnvState& state, Descriptor socket, uint64_t max_frame)
    : state_(state.shared()), socket_(std::move(socket)), max_frame_(max_frame) {
  state.Opened(this);
}

Listener::~Listener() {
  Close();
}

bool Listener::Open(napi_value self, napi_value on_connection, napi_value on_error) {
  napi_env env = state_->env();
  int error = poll_.Open(*state_, socket_.get(), this, [](uv_poll_t* handle, int status, int) {
    static_cast<Listener*>(handle->data)->OnPoll(status);
  });
  if (error == 0) error = retry_.Open(*state_, this, uv_timer_init);
  if (error != 0) {
    Close();
    Throw(env, {-error, "uv_poll_init"});
    return false;
  }
  self_.Set(env, self);
  on_connection_.Set(env, on_connection);
  on_error_.Set(env, on_error);
  context_.Open(env, self, "VineyardListener");
  poll_.Watch(UV_READABLE);
  return true;
}

Napi::Value Listener::Ref(const Napi::CallbackInfo& call) {
  SetRef(true);
  return call.Env().Undefined();
}

Napi::Value Listener::Unref(const Napi::CallbackInfo& call) {
  SetRef(false);
  return call.Env().Undefined();
}

Napi::Value Listener::CloseFromJs(const Napi::CallbackInfo& call) {
  Close();
  return call.Env().Undefined();
}

void Listener::SetRef(bool ref) {
  poll_.SetRef(ref);
  retry_.SetRef(ref);
}

void Listener::OnPoll(int status) {
  HandleScope scope(state_->env());
  // Keeps this object until the end of the scope: a handler may close the listener and drop it.
  [[maybe_unused]] napi_value self = self_.Get();
  if (status < 0) return OnFailure(-status);
  for (int i = 0; i < kAcceptsPerTurn && socket_; i++) {
    Descriptor accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      short_ = false;
      OnConnection(std::move(accepted));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return OnFailure(errno);
    }
  }
}

void Listener::OnConnection(Descriptor socket) {
  HandleScope scope(state_->env());
  napi_value channel = Channel::New(*state_, std::move(socket), max_frame_);
  // Fails only when the worker is being terminated.
  if (channel == nullptr) return;
  context_.Call(self_.Get(), on_connection_.Get(), 1, &channel);
}

void Listener::OnFailure(int error) {
  poll_.Watch(0);
  if (IsShortage(error)) {
    uv_timer_start(
        retry_.get(),
        [](uv_timer_t* timer) { static_cast<Listener*>(timer->data)->poll_.Watch(UV_READABLE); },
        kShortageRetryMs, 0);
    if (short_) return;
    short_ = true;
  }
  napi_value argument = ToError(state_->env(), {error, "accept"});
  context_.Call(self_.Get(), on_error_.Get(), 1, &argument);
}

void Listener::Close() {
  poll_.Close();
  retry_.Close();
  socket_.reset();
  state_->Closed(this);
  context_.Close();
  on_connection_.Reset();
  on_error_.Reset();
  self_.Reset();
}
