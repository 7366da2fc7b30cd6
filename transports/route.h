/* SPDX-License-Identifier: MIT */
/* A route, and the fold that dials it. Today there is one: no hops at all. */
#ifndef STILE_TRANSPORTS_ROUTE_H
#define STILE_TRANSPORTS_ROUTE_H

#include "transports/transport.h"

/*
 * Dials the target directly. Blocks, never past the ctx. A stream that the caller closes, or NULL
 * with ctx->err set.
 */
struct stream *route_dial(const struct endpoint *target, struct ctx *ctx);

#endif
