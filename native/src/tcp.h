#pragma once

#include "errors.h"

/** Sends the acknowledgement of what has arrived now, instead of with the next data or after 40 ms. */
SystemError QuickAck(int socket);
