/* SPDX-License-Identifier: MIT */
/* Names for those who need all addresses at once: hops that resolve on this side of the proxy. */
#ifndef STILE_TRANSPORTS_LOOKUP_H
#define STILE_TRANSPORTS_LOOKUP_H

#include "core/address.h"
#include "core/ctx.h"
#include "core/endpoint.h"

/*
 * Finds the addresses of `to` (resolve.h), of one family or of both (AF_UNSPEC), and adds them to
 * `addresses`. Blocks until every question is answered, never past the ctx. 0 with at least one
 * address there, or -1 with ctx->err set (ERR_NAME, ERR_TIME).
 */
int lookup(const struct endpoint *to, int family, struct addresses *addresses, struct ctx *ctx);

#endif
