/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection made by this machine: name, Happy Eyeballs, connect.
 *
 * The socket is connected without blocking, only polled, and connect(2) is never called twice on
 * it: a second call would use up the one 0 that Linux answers, and libcurl 7.88 needs it.
 */
#ifndef STILE_TRANSPORTS_TCP_H
#define STILE_TRANSPORTS_TCP_H

#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/stream.h"

/*
 * Connects to the host and port of `to`, with TCP_NODELAY and SO_KEEPALIVE. Blocks, never past the
 * ctx. A stream that the caller closes, or NULL with ctx->err set (ERR_NAME, ERR_CONNECT,
 * ERR_TIME).
 */
struct stream *tcp_dial(const struct endpoint *to, struct ctx *ctx);

#endif
