/* SPDX-License-Identifier: MIT */
/* HTTP proxies behind TLS. Its work is done by the curl module (transports/curl/), and so is
 * that of http:// where a login is more than a header. */
#ifndef STILE_TRANSPORTS_HTTPS_H
#define STILE_TRANSPORTS_HTTPS_H

#include "transports/transport.h"

/* https://, CONNECT over TLS: a layered stream. */
extern const struct transport https_transport;

#endif
