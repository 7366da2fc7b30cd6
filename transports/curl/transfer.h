/* SPDX-License-Identifier: MIT */
/*
 * One CONNECT by libcurl, from the first dial to the tunnel or the answer that there is none.
 *
 * libcurl wants a socket that it may connect(2) itself. What it gets:
 *
 *     TLS to the proxy, TCP below    the descriptor of the stream below. tcp.h has left the one 0
 *                                    for libcurl 7.88, which connects a connected socket once more
 *     TLS, anything else below       a Unix socket with a relay to the stream below (bridge.h)
 *     no TLS                         a Unix socket that we feed with what the proxy answers, up to
 *                                    the end of the answer and not one byte more (pump.h), so that
 *                                    the stream below is the tunnel afterwards
 *
 * libcurl reads the proxy's reply byte by byte, too, so over TLS nothing of the tunnel is lost.
 */
#ifndef STILE_TRANSPORTS_CURL_TRANSFER_H
#define STILE_TRANSPORTS_CURL_TRANSFER_H

#include <curl/curl.h>

#include "transports/curl/bridge.h"
#include "transports/curl/pump.h"
#include "transports/http_codec.h"
#include "transports/transport.h"

struct transfer {
    const struct hop *hop;
    const struct dialer *below;
    const struct endpoint *to;
    struct ctx *ctx; /* as `below` and `to`: NULL once the dial is over */
    const struct trace *trace;
    bool tls;

    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers, *addresses;
    char why[CURL_ERROR_SIZE];
    char *gss; /* what the Kerberos library said last, or NULL */

    /* What libcurl waits for. */
    curl_socket_t fd;
    int events;
    int64_t timer_ns;

    struct stream *stream; /* from below; NULL before the first dial, and when the bridge has it */
    struct pump pump;
    struct gate_bridge *bridge;
    struct http_reply reply; /* the answer to the last request, as far as it has come */
    const char *question;    /* answers the first request (pump.h); or NULL */
    bool login_sent;         /* a request with credentials has gone out */
    unsigned requests;       /* that have gone out */
    unsigned refusals;       /* of credentials, by a complete answer that asks again */
    bool tls_up;             /* its handshake is over */
    void *ssl;               /* OpenSSL's SSL of the connection, NULL where it isn't OpenSSL */
};

/* Makes a transfer with all options set, and dials nothing. 0, or -1 with ctx->err set;
 * transfer_release is due either way. */
int transfer_init(struct transfer *transfer, const struct hop *hop, const struct dialer *below,
                  const struct endpoint *to, struct ctx *ctx);

/* The login: bits of enum http_auth, 0 for a CONNECT without credentials; `user` and `secret`
 * may be NULL. libcurl keeps copies. 0, or -1 with ctx->err set. */
int transfer_log_in(struct transfer *transfer, unsigned schemes, const char *user,
                    const char *secret);

/*
 * Runs it. CURLE_OK when the tunnel is up. With any other code ctx->err is set if the reason is
 * known without libcurl: a dial, the deadline, an answer that is none. Blocks, never past the ctx,
 * but for what the Kerberos library does.
 */
CURLcode transfer_run(struct transfer *transfer);

/* More than these in one run is a proxy that asks again and again. */
#define TRANSFER_REQUESTS_MAX 6

/* Makes it ready for another run, on another connection. What libcurl has learnt of the proxy stays
 * with it, a Digest nonce say. */
void transfer_reset(struct transfer *transfer);

/* Did it end because there were too many requests? */
bool transfer_is_loop(const struct transfer *transfer);

/* Was the last request answered to the end of a head? */
bool transfer_answered(const struct transfer *transfer);

/* Frees it and closes what is left in it. */
void transfer_release(struct transfer *transfer);

#endif
