/* SPDX-License-Identifier: MIT */
/*
 * The transport contract: what the code that knows one kind of hop must do. Public and installed, so that
 * other people can write transports too.
 *
 * A route is a fold. Dialing a route with no hops is the ground, tcp; dialing any other is its last hop's
 * `dial`, whose `below` is the route without it. Only the ground touches the network.
 */
#ifndef STILE_TRANSPORTS_TRANSPORT_H
#define STILE_TRANSPORTS_TRANSPORT_H

#include <stdint.h>

#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/stream.h"

struct hop;
struct dialer;

struct transport {
    const char *name;           /* the layer's name in messages and in the trace */
    const char *const *schemes; /* of the hop URLs that it serves; ends with NULL */
    uint16_t default_port;      /* of the hop itself; 0 = a URL must say it */

    /* Are the hop's options right? No network, no files. 0, or -1 with err set (ERR_USAGE). NULL
     * when there are none. */
    int (*check)(const struct hop *hop, struct err *err);

    /*
     * Reaches `to` through this hop. `below` dials the hop itself by way of the hops below it: use it
     * when you need it, again if the peer makes you reconnect, or not at all when a session is open
     * already. NULL for the ground, which has no hop either.
     *
     * Blocks, never past the ctx, and sleeps only in ctx_wait. Reads not one byte past its own handshake.
     * A stream that the caller closes, or NULL with ctx->err set.
     */
    struct stream *(*dial)(const struct hop *hop, struct dialer *below, const struct endpoint *to,
                           struct ctx *ctx);
};

/* One step of the fold: a transport, its hop, and the way to that hop. Owns nothing. */
struct dialer {
    const struct transport *transport;
    const struct hop *hop;
    struct dialer *below;
};

/* Dials `to` through this dialer: same blocking, same returns as transport.dial. */
static inline struct stream *dialer_dial(struct dialer *dialer, const struct endpoint *to,
                                         struct ctx *ctx)
{
    return dialer->transport->dial(dialer->hop, dialer->below, to, ctx);
}

#endif
