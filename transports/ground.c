/* SPDX-License-Identifier: MIT */
#include "transports/ground.h"

#include <stddef.h>

#include "core/timing.h"
#include "transports/tcp.h"
#include "transports/unix.h"

static struct stream *ground_dial(const struct hop *hop, const struct dialer *below,
                                  const struct endpoint *to, struct ctx *ctx)
{
    (void)hop;
    (void)below;
    /* Those above may have had things to find out. */
    timing_skip(ctx);
    if (!to->path)
        return tcp_dial(to, ctx);
    struct stream *stream = unix_dial(to->path, ctx);
    if (stream)
        timing_mark(ctx, TIMING_TCP);
    return stream;
}

static const char *const ground_schemes[] = {"direct", NULL};

const struct transport ground_transport = {
    .name = "direct",
    .schemes = ground_schemes,
    .dial = ground_dial,
};
