/* SPDX-License-Identifier: MIT */
/*
 * A transfer in a thread that can be left behind.
 *
 * Negotiate lets the Kerberos library talk to its servers, and that blocks for as long as it likes,
 * without a descriptor or a time limit of ours.
 */
#ifndef STILE_TRANSPORTS_CURL_BESIDE_H
#define STILE_TRANSPORTS_CURL_BESIDE_H

#include "transports/curl/transfer.h"

/*
 * As transfer_run, never past the ctx. When the ctx ends it and the library does not come back,
 * ctx->err is set, and *transfer is NULL: it belongs to the thread, which ends with the process.
 */
CURLcode transfer_run_beside(struct transfer **transfer, struct ctx *ctx);

#endif
