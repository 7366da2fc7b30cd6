/* SPDX-License-Identifier: MIT */
#include "transports/lookup.h"

#include "core/clock.h"
#include "core/timing.h"
#include "transports/resolve.h"

static int wait_for_all(struct resolve *resolve, const struct addresses *addresses, struct ctx *ctx)
{
    while (addresses->pending[FAMILY_V6] || addresses->pending[FAMILY_V4]) {
        struct pollfd fds[RESOLVE_FDS];
        int64_t until_ns = CLOCK_NEVER;
        nfds_t count = resolve_poll(resolve, fds, &until_ns);
        if (ctx_wait(ctx, fds, count, until_ns) == -1)
            return -1;
        resolve_step(resolve, fds, count);
    }
    return 0;
}

int lookup(const struct endpoint *to, int family, struct addresses *addresses, struct ctx *ctx)
{
    struct question question = {to->host, to->port, family, addresses, ctx->trace};

    int numeric = resolve_numeric(&question, ctx->err);
    if (numeric)
        return numeric == 1 ? 0 : -1;

    TRACE(ctx->trace, "name", "looking up %s", to->host);
    struct resolve *resolve = resolve_new(&question, ctx->err);
    if (!resolve)
        return -1;
    int done = wait_for_all(resolve, addresses, ctx);
    if (done == -1)
        (void)err_wrap(ctx->err, "name: %s", to->host);
    else if (!question_answered(&question))
        done = resolve_fail(resolve, ctx->err);
    else
        timing_mark(ctx, TIMING_NAME);
    resolve_free(resolve);
    return done;
}
