/* SPDX-License-Identifier: MIT */
/* The other ground: a stream socket of this machine, unix(7). */
#ifndef STILE_TRANSPORTS_UNIX_H
#define STILE_TRANSPORTS_UNIX_H

#include "core/ctx.h"

/*
 * Connects to the socket at `path`. May wait for room in its queue, never past the ctx. A stream
 * that the caller closes, or NULL with ctx->err set (ERR_CONNECT, ERR_TIME).
 */
struct stream *unix_dial(const char *path, struct ctx *ctx);

#endif
