/* SPDX-License-Identifier: MIT */
/*
 * HTTP proxies: CONNECT in the clear, natively with no credentials or Basic. What else a 407 asks
 * for is handed over to the curl module. Either way the stream is the one from below.
 */
#ifndef STILE_TRANSPORTS_HTTP_H
#define STILE_TRANSPORTS_HTTP_H

#include "transports/transport.h"

extern const struct transport http_transport;

/* Most bytes of a 407's body that are read to go on with the connection; else it is dialed anew. */
#define HTTP_BODY_MAX 65536

/* Which ways to log in the setting `auth` of the hop allows; all without it. 0, or -1 with err
 * set. */
int http_auth_allowed(const struct hop *hop, unsigned *schemes, struct err *err);

/* Are `header`, `auth` and the credentials right? For http and https. */
int http_check(const struct hop *hop, struct err *err);

/* Says what was under way when `ctx->err` was set: CONNECT, or waiting for the answer to it.
 * Returns -1. */
int http_fail_connect(const struct endpoint *to, struct ctx *ctx);

/* What to say of a 407 that nothing can be done about. Each sets err (ERR_AUTH) and returns -1. */
int http_no_auth(unsigned allowed, const char *challenges, struct err *err);
int http_no_user(const struct hop *hop, const char *challenges, struct err *err);
int http_turned_down(const char *user, const char *scheme, const char *challenges, struct err *err);

#endif
