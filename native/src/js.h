#pragma once

// The only place that includes Node-API and libuv.
#include <napi.h>
#include <uv.h>
