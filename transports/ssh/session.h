/* SPDX-License-Identifier: MIT */
/*
 * An SSH connection by libssh2 on any stream, as its set-up and its channels use it.
 *
 * libssh2 never sees a descriptor, and never finds that it cannot send: what the stream below does
 * not take at once is kept here, because a call that was cut off in mid-packet must be the very
 * next one, which two directions cannot promise each other.
 */
#ifndef STILE_TRANSPORTS_SSH_SESSION_H
#define STILE_TRANSPORTS_SSH_SESSION_H

#include <libssh2.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/ctx.h"
#include "core/stream.h"
#include "transports/ssh_module.h"

struct auth; /* auth.c */

struct session {
    LIBSSH2_SESSION *lib; /* never blocks; its abstract pointer is this struct */
    struct stream *below; /* owned */
    const struct ssh_gateway *gateway;
    const struct trace *trace;

    char *out; /* out_start..out_end is still to be sent */
    size_t out_start, out_end, out_room;

    int64_t heard_ns; /* when bytes came last */
    int64_t trip_ns;  /* the shortest time between a question and its answer so far */
    bool ended;       /* the stream below is at its end */
    int error;        /* errno of the stream below, 0 = it works */
    char
        *goodbye; /* why the peer has disconnected, in its words (RFC 4253 section 11.1); or NULL */

    struct auth *auth; /* during the login, for libssh2's callbacks */
};

/* Makes a session with the algorithms that the gateway's configuration asks for, and sends nothing.
 * `below` is taken over, in any case. NULL with ctx->err set. */
struct session *session_new(const struct ssh_gateway *gateway, struct stream *below,
                            struct ctx *ctx);

/*
 * After a call of libssh2 that said LIBSSH2_ERROR_EAGAIN: sends what is kept, and sleeps until bytes
 * have come or the stream below has ended, which the next call will notice. 0, or -1 with ctx->err
 * set (ERR_TIME, …).
 */
int session_wait(struct session *session, struct ctx *ctx);

/* Sends what is kept, as far as the stream below takes it now. 0; STREAM_AGAIN when there is
 * more; STREAM_FAIL. */
int session_flush(struct session *session);

/* Sets ctx->err to why a call of libssh2 failed: the peer's goodbye, the end of the stream below, or
 * libssh2's own words for its last error. "gateway NAME: DOING: …". Always -1. */
int session_fault(struct session *session, enum err_code code, const char *doing, struct ctx *ctx);

/* Is there still somebody to talk to? Not after a goodbye, or the end of the stream below. */
bool session_is_up(const struct session *session);

/* Says goodbye if that can be done without waiting, closes all. NULL is allowed. */
void session_free(struct session *session);

#endif
