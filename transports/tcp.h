/* SPDX-License-Identifier: MIT */
/*
 * The ground of every route: a TCP connection made by this machine, or a Unix socket on it.
 *
 * The socket is connected without blocking, only polled, and connect(2) is never called twice on it: a
 * second call would use up the one 0 that Linux answers, and libcurl 7.88 needs it.
 */
#ifndef STILE_TRANSPORTS_TCP_H
#define STILE_TRANSPORTS_TCP_H

#include "transports/transport.h"

extern const struct transport tcp_transport;

#endif
