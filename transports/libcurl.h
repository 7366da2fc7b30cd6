/* SPDX-License-Identifier: MIT */
/*
 * The door to the curl module (transports/curl/): CONNECT over TLS, and Digest, NTLM and Negotiate
 * for http:// proxies. Nothing here needs libcurl; that the module does shows when it is loaded.
 */
#ifndef STILE_TRANSPORTS_LIBCURL_H
#define STILE_TRANSPORTS_LIBCURL_H

#include "transports/transport.h"

/* https://, CONNECT over TLS: a layered stream. */
extern const struct transport https_transport;

/*
 * Reaches `to` through an http:// or https:// hop by way of the module, which is loaded while the
 * hop is dialed. As transport.dial, and ERR_MODULE.
 */
struct stream *libcurl_dial(const struct hop *hop, const struct dialer *below,
                            const struct endpoint *to, struct ctx *ctx);

#endif
