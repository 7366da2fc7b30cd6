/* SPDX-License-Identifier: MIT */
/*
 * How long each step of a dial took: for --check. A dial does one thing after the other, so what has
 * passed since the last mark was the step that a mark names.
 */
#ifndef STILE_CORE_TIMING_H
#define STILE_CORE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ctx.h"

enum timing_step {
    TIMING_NAME,      /* the name of the first hop, or of the target */
    TIMING_TCP,       /* its connection */
    TIMING_TLS,       /* TLS to the hop, or the key exchange of ssh */
    TIMING_HANDSHAKE, /* the hop's protocol, and its way to what is behind it */
    TIMING_AUTH,      /* the login there */
    TIMING_STEPS,
};

extern const char *const timing_names[TIMING_STEPS]; /* "name", "tcp", … */

struct timing_hop {
    int64_t spent_ns[TIMING_STEPS];
    bool taken[TIMING_STEPS]; /* it was marked */
    bool is_up;
};

struct timing {
    struct timing_hop *hop; /* in the order of the route; one for the target where it is direct */
    size_t count;
    size_t at; /* whose steps are taken now; route.c's */
    int64_t since_ns;
};

/* 0 and the caller releases it, or -1 when memory is lacking. The time begins now. */
int timing_init(struct timing *timing, size_t count);
void timing_release(struct timing *timing);

/* Does nothing where ctx->timing is NULL, which is everywhere but in --check. */
void timing_mark(const struct ctx *ctx, enum timing_step step);

/* What has passed since the last mark was none of the steps. */
void timing_skip(const struct ctx *ctx);

#endif
