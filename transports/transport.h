/* SPDX-License-Identifier: MIT */
/*
 * The transport contract: what the code that knows one kind of hop must do. Public and installed,
 * so that other people can write transports too; no ABI is promised before 1.0.
 *
 * A route is a fold. Dialing a route with no hops is the ground (ground.h); dialing any other is
 * its last hop's `dial`, whose `below` is the route without it. Only the ground touches the
 * network.
 */
#ifndef STILE_TRANSPORTS_TRANSPORT_H
#define STILE_TRANSPORTS_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/hop.h"
#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/stream.h"

struct dialer; /* the way to somewhere: made by route.c, opaque to transports */

struct transport {
    const char *name;            /* the layer's name in messages and in the trace */
    const char *const *schemes;  /* of the hop URLs that it serves; ends with NULL */
    const char *const *settings; /* names that its URLs may have; ends with NULL. NULL = none */
    uint16_t default_port;       /* of the hop itself; 0 = a URL must say it */
    bool finds_port;             /* prepare finds it out, and the URL may leave it open */
    bool internal;               /* no user writes its schemes */
    bool nearest;                /* it goes out by itself, so no hop can be below it */
    bool layered;                /* its streams need a process: none is a bare socket to pass */

    /* Are the values of the hop's settings right? No network, no files. 0, or -1 with err set
     * (ERR_USAGE). NULL when any value is. */
    int (*check)(const struct hop *hop, struct err *err);

    /* What would serve this hop, for --explain: "built in", "module curl (libcurl)". Looks at the
     * settings only. Static life. NULL: built in, or the module that the transport came with. */
    const char *(*engine)(const struct hop *hop);

    /*
     * Finds out what else there is to know of the hop, and keeps it with hop->known. Called once,
     * before the first dial. Where `before` isn't NULL no hop is below, and those that must be
     * passed on the way to this one may be put there. Blocks, never past the ctx; no network. 0, or
     * -1 with ctx->err set. NULL: there is nothing.
     */
    int (*prepare)(struct hop *hop, struct hops *before, struct ctx *ctx);

    /*
     * Reaches `to` through this hop. `below` leads to the hop itself by way of the hops below it:
     * dial it when you need it, again if the peer makes you reconnect. NULL for the ground, which
     * has no hop either.
     *
     * A hop that only shakes hands returns the very stream that `below` gave it, so that a bare
     * descriptor stays one. A stream that is layered on another owns it and closes it with itself.
     * On failure nothing is left open. The hop and ctx->trace outlive the stream; `below`, `to` and
     * `ctx` do not, so a stream keeps none of them.
     *
     * Blocks, never past the ctx, and sleeps only in ctx_wait. Reads not one byte past its own
     * handshake. Several routes may dial at once, each in a thread of its own: a question to the
     * person (credential_secret, prompt_secret) waits there until it is this route's turn.
     *
     * What the time since the last mark went into is said with timing_mark, for --check: TIMING_TLS
     * and TIMING_AUTH where there are such steps, TIMING_HANDSHAKE when the hop has opened the way.
     *
     * A stream that the caller closes, or NULL with ctx->err set.
     */
    struct stream *(*dial)(const struct hop *hop, const struct dialer *below,
                           const struct endpoint *to, struct ctx *ctx);
};

/* Dials `to` through a dialer: same blocking, same returns as transport.dial. The err of a failure
 * names the hop that it was. */
struct stream *dialer_dial(const struct dialer *dialer, const struct endpoint *to, struct ctx *ctx);

/* --- modules --- */

/* Grows with every change of the structs and functions that a module can see. */
#define TRANSPORT_ABI 3

/* What a module of transports defines under the name STILE_MODULE, which its compiler flags may
 * change. The descriptors of all kinds of modules begin with the ABI number. */
struct transport_module {
    unsigned abi;                              /* TRANSPORT_ABI */
    const struct transport *const *transports; /* ends with NULL */
};

#ifndef STILE_MODULE
#define STILE_MODULE stile_module
#endif

#endif
