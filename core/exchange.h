/* SPDX-License-Identifier: MIT */
/*
 * A stream as a handshake uses it: calls that wait, never past the ctx, and that take not one byte
 * more than they were asked for, so that the stream can be handed on as it is.
 *
 * On a TCP socket every read is acknowledged at once (os_tcp_quickack): small replies that the peer
 * holds back until then would cost 40 ms each.
 */
#ifndef STILE_CORE_EXCHANGE_H
#define STILE_CORE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ctx.h"
#include "core/stream.h"

/* Sends all of it. 0, or -1 with ctx->err set (ERR_REFUSED when the peer has hung up, ERR_TIME). */
int exchange_send(struct stream *stream, const void *data, size_t size, struct ctx *ctx);

/* Receives exactly `size` bytes. Same returns; that the stream ended before is ERR_REFUSED. */
int exchange_receive(struct stream *stream, void *data, size_t size, struct ctx *ctx);

/* Looks at bytes without taking them: how many, or -1 where there are none now or that can't be
 * done, so that they must be taken one by one. */
ssize_t exchange_peek(const struct stream *stream, void *data, size_t size);

/* Acknowledges what was read at once, where the stream is a TCP socket; the calls here do so
 * themselves. */
void exchange_acknowledge(const struct stream *stream);

/* Something that looks at bytes and knows by itself how many it wants. */
struct exchange_sink {
    /* Looks at `size` (> 0) bytes and returns how many of them it took: all, unless it is done. */
    size_t (*take)(struct exchange_sink *sink, const char *data, size_t size);
    bool done;
};

/* Feeds the sink until it is done. Same returns as exchange_receive. */
int exchange_feed(struct stream *stream, struct exchange_sink *sink, struct ctx *ctx);

#endif
