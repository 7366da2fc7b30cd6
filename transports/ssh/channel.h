/* SPDX-License-Identifier: MIT */
/*
 * A channel of an SSH connection as a stream: RFC 4254 section 5. direct-tcpip (section 7.2), or a
 * command that the gateway runs (section 6.5).
 */
#ifndef STILE_TRANSPORTS_SSH_CHANNEL_H
#define STILE_TRANSPORTS_SSH_CHANNEL_H

#include "core/endpoint.h"
#include "transports/ssh/session.h"

/*
 * Opens a channel to `to` and gives it as a stream, which owns the session from then on. Blocks,
 * never past the ctx. NULL with ctx->err set (ERR_REFUSED, ERR_TIME), and the session stays the
 * caller's.
 *
 * The stream's end is told by CHANNEL_EOF, both ways. The receive window starts with 2 MiB and grows
 * with what a round trip brings, up to 16 MiB. finish waits until the gateway has passed all on.
 */
struct stream *channel_open(struct session *session, const struct endpoint *to, struct ctx *ctx);

#endif
