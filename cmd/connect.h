/* SPDX-License-Identifier: MIT */
/* What the ProxyCommand is for: dials, and passes the descriptor or relays. */
#ifndef STILE_CMD_CONNECT_H
#define STILE_CMD_CONNECT_H

#include "config/memory.h"
#include "transports/race.h"

/* The ways to the target, and how they have fared. */
struct journey {
    const struct ways *ways;
    struct race *race;
    const struct endpoint *target;
    struct memory memory;
};

/* The target, by the first way that is up, which is remembered. As race_dial. */
struct stream *journey_dial(struct journey *journey, struct ctx *ctx);

/* Dials, and carries bytes between stdin and stdout and the target until both directions are done,
 * or hands the descriptor over. 0, or -1 with ctx->err set. */
int connect_and_carry(struct journey *journey, struct ctx *ctx);

#endif
