#include "view_account.h"

#include <algorithm>

void ViewAccount::Made(napi_env env, size_t size) {
  Adjust(env, -std::min(counted_, static_cast<int64_t>(size)));
}

void ViewAccount::Detaching(napi_env env, size_t size) {
  Adjust(env, static_cast<int64_t>(size));
}

void ViewAccount::Forget(napi_env env) {
  Adjust(env, -counted_);
}

void ViewAccount::Adjust(napi_env env, int64_t change) {
  int64_t total = 0;
  if (change != 0 && napi_adjust_external_memory(env, change, &total) == napi_ok) counted_ += change;
}
