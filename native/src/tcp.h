#pragma once

#include "errors.h"

/** Sends the acknowledgement of what has arrived now, instead of with the next data or after 40 ms. */
SystemError QuickAck(int socket);

/** How long what was sent may go unacknowledged, or unread by the other end, before the connection is given
 * up. */
SystemError LimitUnacknowledged(int socket, unsigned ms);

/** The socket is readable when so much has arrived, or nothing more can. */
SystemError ReceiveAtLeast(int socket, int bytes);
