/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 CONNECT on the wire: text out, a parser for what comes back, no network. RFC 9110
 * section 9.3.6, RFC 9112 section 3.2.3; Basic: RFC 7617.
 */
#ifndef STILE_TRANSPORTS_HTTP_CODEC_H
#define STILE_TRANSPORTS_HTTP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/hop.h"
#include "core/endpoint.h"
#include "core/err.h"
#include "core/exchange.h"

/* Authentication schemes (RFC 9110 section 11.1), as bits. */
enum http_auth {
    HTTP_AUTH_BASIC = 1 << 0,
    HTTP_AUTH_NTLM = 1 << 1,
    HTTP_AUTH_DIGEST = 1 << 2,
    HTTP_AUTH_NEGOTIATE = 1 << 3,
    HTTP_AUTH_ALL = HTTP_AUTH_BASIC | HTTP_AUTH_NTLM | HTTP_AUTH_DIGEST | HTTP_AUTH_NEGOTIATE,
};

/* The bit of a name (letters in either case, `length` bytes), 0 when it is none that we know. */
unsigned http_auth_bit(const char *name, size_t length);

/* The strongest of some, 0 for none: Negotiate, Digest, NTLM, Basic. */
unsigned http_auth_strongest(unsigned schemes);

/* "Digest, Basic", the strongest first; "" for none. Fresh memory, or NULL. */
char *http_auth_list(unsigned schemes);

/* The setting `auth`: names with commas between. 0, or -1 with err set (ERR_USAGE). */
int http_auth_parse(const struct setting *setting, unsigned *schemes, struct err *err);

/* A setting `header`: "Name: value". A token for a name (RFC 9110 section 5.6.2), no CR, LF, NUL in
 * the value, and none of those that are ours to say (Host, Proxy-Authorization, Content-Length,
 * Transfer-Encoding). 0, or -1 with err set (ERR_USAGE). */
int http_check_header(const struct setting *setting, struct err *err);

/*
 * The request: authority form, Host, the hop's `header` settings, and `authorization` ("Basic …")
 * unless NULL. Fresh memory for secret_free; NULL when memory is lacking.
 */
char *http_request(const struct endpoint *to, const struct hop *hop, const char *authorization);

/* RFC 7617: "Basic " and base64 of user:password. Fresh memory for secret_free; NULL with err set
 * (ERR_AUTH: a colon in the user, a control byte in either; or no memory). */
char *http_basic(const char *user, const char *password, struct err *err);

/* What a reply may be at most; a proxy that says more is refused. */
#define HTTP_LINE_MAX 8192 /* bytes, the line end included */
#define HTTP_LINES_MAX 128
#define HTTP_TOTAL_MAX 65536 /* all lines, interim replies included */

/* The head of a reply, and the parser that makes it from bytes. */
struct http_reply {
    struct exchange_sink sink; /* done = the final head is complete, or there is a fault */
    int status;                /* 0 = none yet */
    bool keep_alive;           /* the connection may be used again, once the body is read */
    bool chunked;
    int64_t body_bytes; /* of a reply that is no tunnel; -1 = until the end of the connection */
    unsigned offered;   /* Proxy-Authenticate: bits of enum http_auth */
    char *status_line;  /* as it came, without the line end */
    char *challenges;   /* the names of all schemes as the proxy says them, "Basic, Foo"; or NULL */
    char *questions;    /* the Proxy-Authenticate lines, each with its end; or NULL */
    size_t interim;     /* bytes of the interim replies in front of it */
    const char *fault;  /* why this is no reply, in words; NULL = it is one */

    /* the parser's own */
    size_t line_size;
    unsigned lines;
    size_t total;
    bool no_memory;
    bool closing;  /* a field said so */
    bool measured; /* there was a length already */
    bool asking;   /* the last field was a Proxy-Authenticate */
    char line[HTTP_LINE_MAX + 1];
};

/* The head of a 407 that asks what this one asks, without a body: what the hop has said, for a
 * second dial and for libcurl. Fresh memory, or NULL. */
char *http_question(const struct http_reply *reply);

/* Allocates nothing. 1xx replies are skipped; not one byte behind the final head is taken. */
void http_reply_init(struct http_reply *reply);

void http_reply_release(struct http_reply *reply);

#endif
