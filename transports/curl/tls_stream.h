/* SPDX-License-Identifier: MIT */
/* The stream through a proxy that speaks TLS: libcurl's, on top of the one from below. */
#ifndef STILE_TRANSPORTS_CURL_TLS_STREAM_H
#define STILE_TRANSPORTS_CURL_TLS_STREAM_H

#include "core/stream.h"
#include "transports/curl/transfer.h"

/* Takes over a transfer whose tunnel is up; the struct is the caller's to free. NULL with ctx->err
 * set, and the transfer as it was. */
struct stream *tls_stream_new(struct transfer **transfer);

#endif
