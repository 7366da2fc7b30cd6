/* SPDX-License-Identifier: MIT */
#include "core/timing.h"

#include <stdlib.h>

const char *const timing_names[TIMING_STEPS] = {"name", "tcp", "tls", "handshake", "auth"};

int timing_init(struct timing *timing, size_t count)
{
    *timing = (struct timing){calloc(count, sizeof(struct timing_hop)), count, 0, clock_ns()};
    return timing->hop ? 0 : -1;
}

void timing_release(struct timing *timing)
{
    free(timing->hop);
    *timing = (struct timing){.hop = NULL};
}

void timing_mark(const struct ctx *ctx, enum timing_step step)
{
    struct timing *timing = ctx->timing;

    if (!timing || timing->at >= timing->count)
        return;
    int64_t now_ns = clock_ns();
    timing->hop[timing->at].spent_ns[step] += now_ns - timing->since_ns;
    timing->hop[timing->at].taken[step] = true;
    timing->since_ns = now_ns;
}

void timing_skip(const struct ctx *ctx)
{
    if (ctx->timing)
        ctx->timing->since_ns = clock_ns();
}
