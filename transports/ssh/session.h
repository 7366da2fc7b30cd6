/* SPDX-License-Identifier: MIT */
/*
 * An SSH connection by libssh2 on any stream, as its set-up and its channels use it.
 *
 * libssh2 never sees a descriptor, and never finds that it cannot send: what the stream below does
 * not take at once is kept here, because a call that was cut off in mid-packet must be the very
 * next one, which two directions cannot promise each other. It does not see the end of the stream
 * before it has seen all that came before, either: an error would hide what lies decoded.
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

/* Why a channel was not opened, RFC 4254 section 5.1. */
#define SESSION_PROHIBITED 1
#define SESSION_CONNECT_FAILED 2

struct session_refusal {
    bool heard; /* it was refused */
    uint32_t reason;
    char *text; /* in the peer's words; or NULL */
};

#define SESSION_INBOX_BYTES 65536

struct session {
    LIBSSH2_SESSION *lib; /* never blocks; its abstract pointer is this struct */
    struct stream *below; /* owned */
    const struct ssh_gateway *gateway;
    const struct trace *trace;

    char in[SESSION_INBOX_BYTES]; /* in_start..in_end has come, and libssh2 has not asked for it */
    size_t in_start, in_end;
    size_t budget;     /* how much libssh2 may have until this is set anew */
    uint64_t received; /* bytes so far */
    int64_t heard_ns;  /* when bytes came last */
    bool dry;          /* libssh2 has asked for more than there is */
    bool ended;        /* the stream below is at its end, or broken */

    char *out; /* out_start..out_end is still to be sent */
    size_t out_start, out_end, out_room;

    bool greeted;         /* the peer has said who it is */
    unsigned lines;       /* that came before */
    char *first_line;     /* the first one of them; or NULL */
    const char *nonsense; /* why this is no SSH; NULL: it may be */

    size_t memory; /* that libssh2 has */

    bool is_up;      /* set-up is over: the end of the stream is the channel's business */
    bool deaf;       /* libssh2 is to wait for nothing any more */
    bool timing;     /* each question has its answer now, so their distance is a round trip */
    int64_t trip_ns; /* the shortest so far; 0 = not known */

    char *host_key; /* as it was at first: another one later is another machine */
    size_t host_key_size;

    int error;     /* errno of the stream below, 0 = it works */
    char *goodbye; /* why the peer has disconnected, RFC 4253 section 11.1; or NULL */
    struct session_refusal refusal;

    struct auth *auth; /* during the login, for libssh2's callbacks */
};

/*
 * Makes a session with the algorithms that the gateway's configuration allows, host keys in the
 * order of `host_key_algorithms` (NULL: the configuration's), and sends nothing. `below` is taken
 * over, in any case. NULL with ctx->err set.
 */
struct session *session_new(const struct ssh_gateway *gateway, const char *host_key_algorithms,
                            struct stream *below, struct ctx *ctx);

/* Greetings and the key exchange. The host key is not checked. 0, or -1 with ctx->err set; where
 * `lacking` isn't NULL and the two have no algorithm in common, *lacking is set instead. */
int session_shake_hands(struct session *session, char **lacking, struct ctx *ctx);

/*
 * After a call of libssh2 that said LIBSSH2_ERROR_EAGAIN: sends what is kept, and sleeps until bytes
 * have come or the stream below has ended, which the next call will notice. 0, or -1 with ctx->err
 * set (ERR_TIME, …).
 */
int session_wait(struct session *session, struct ctx *ctx);

/* Sends what is kept, as far as the stream below takes it now. 0, or STREAM_AGAIN when there is
 * more. What can never be sent any more is gone, and session->error says why. */
int session_flush(struct session *session);

/* Looks whether bytes have come. True when some lie here that libssh2 has not had yet. */
bool session_listen(struct session *session);

/*
 * A budget for the next call of libssh2 that reads. It says nothing of data once it has seen a
 * goodbye, so the last bytes that are there, fewer than any goodbye has, are for the call after.
 */
size_t session_prudence(struct session *session);

/* Is the host key still the first one? A new key exchange may show another. */
bool session_is_same_host(const struct session *session);

/* What to poll for until bytes come, or what is kept can be sent. Returns as stream_wait. */
int session_poll(struct session *session, struct pollfd *pfd);

/* Is all that is kept sent? */
bool session_is_flushed(const struct session *session);

/* Sets ctx->err to why a call of libssh2 failed: the peer's goodbye, the end of the stream below, or
 * libssh2's own words for its last error. "gateway NAME: DOING: …". Always -1. */
int session_fault(struct session *session, enum err_code code, const char *doing, struct ctx *ctx);

/* Why there is nobody to talk to any more, in words that stay the session's: a goodbye, the end of
 * the stream below. NULL: there is. */
const char *session_end(const struct session *session);

/* Says goodbye if that can be done without waiting, closes all. NULL is allowed. */
void session_free(struct session *session);

#endif
