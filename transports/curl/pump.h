/* SPDX-License-Identifier: MIT */
/*
 * Carries a handshake between libcurl's socket and the stream below, and stops exactly at the end
 * of the answer that opens the tunnel.
 *
 * What the proxy says is read with the eyes of our own parser: a head, which libcurl gets when it
 * is complete, then the body of an answer that opens nothing, until libcurl says something again.
 */
#ifndef STILE_TRANSPORTS_CURL_PUMP_H
#define STILE_TRANSPORTS_CURL_PUMP_H

#include <poll.h>

#include "core/ctx.h"
#include "core/stream.h"
#include "transports/curl/gate.h"
#include "transports/http_codec.h"

struct pump {
    struct gate gate;
    int near;             /* our end of libcurl's connection; -1 = not there yet */
    bool ended;           /* the proxy has closed, and libcurl knows */
    bool asked;           /* libcurl has said something that was not answered completely */
    int64_t body_left;    /* of an answer; -1 = not known */
    const char *question; /* answers the first request in the proxy's place; or NULL */
    unsigned ending;      /* how much of the end of a request was seen, while there is a question */
    char *head; /* of an answer, as far as it has come; room for HTTP_TOTAL_MAX and one more */
    size_t head_size;
};

#define PUMP_INIT ((struct pump){.gate = GATE_CLOSED, .near = -1, .body_left = -1})

/* What to wait for: two pollfds. Returns true when there is something to do at once. */
bool pump_poll(const struct pump *pump, struct stream *below, const struct http_reply *reply,
               struct pollfd fds[2]);

/*
 * Moves what can be moved. `reply` is what the proxy has said last. 0, or -1 with ctx->err set: the
 * connection is broken, or the answer is none (ERR_REFUSED).
 */
int pump_step(struct pump *pump, struct stream *below, struct http_reply *reply, struct ctx *ctx);

void pump_release(struct pump *pump);

#endif
