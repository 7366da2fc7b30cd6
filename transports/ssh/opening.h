/* SPDX-License-Identifier: MIT */
/* Opening a channel, RFC 4254 sections 5.1, 6.5 and 7.2, and why a gateway does not. */
#ifndef STILE_TRANSPORTS_SSH_OPENING_H
#define STILE_TRANSPORTS_SSH_OPENING_H

#include "core/endpoint.h"
#include "transports/ssh/session.h"

/* What sshd takes and sends at most, RFC 4253 section 6.1. */
#define OPENING_PACKET_BYTES 32768

/* A channel that leads to `to`, or in which the gateway's `?exec=` runs for it. Blocks, never past
 * the ctx. It belongs to the session. NULL with ctx->err set (ERR_REFUSED, ERR_TIME). */
LIBSSH2_CHANNEL *opening_direct(struct session *session, const struct endpoint *to,
                                struct ctx *ctx);
LIBSSH2_CHANNEL *opening_command(struct session *session, const struct endpoint *to,
                                 struct ctx *ctx);

#endif
