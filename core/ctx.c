/* SPDX-License-Identifier: MIT */
#include "core/ctx.h"

#include <errno.h>
#include <string.h>

static int ctx_out_of_time(struct ctx *ctx)
{
    return err_set(ctx->err, ERR_TIME, "no answer within %g s", (double)ctx->timeout_ns / CLOCK_S);
}

int ctx_wait(struct ctx *ctx, struct pollfd *fds, nfds_t count, int64_t until_ns)
{
    struct pollfd all[CTX_WAIT_FDS + 2];

    if (count > CTX_WAIT_FDS)
        return err_set(ctx->err, ERR_CONNECT, "too many descriptors to wait for");
    if (count > 0)
        memcpy(all, fds, count * sizeof(*fds));
    /* A hang-up is reported without being asked for, and data that wait there are no
     * cancellation. */
    all[count] = (struct pollfd){.fd = ctx->cancel_fd};
    all[count + 1] = (struct pollfd){.fd = ctx->lost_fd};

    int64_t sleep_until_ns = until_ns < ctx->deadline_ns ? until_ns : ctx->deadline_ns;
    int ready;
    do
        ready = poll(all, count + 2, clock_poll_ms(sleep_until_ns));
    while (ready == -1 && errno == EINTR);
    if (ready == -1)
        return err_set(ctx->err, ERR_CONNECT, "poll: %s", strerror(errno));

    if (all[count].revents || all[count + 1].revents) {
        TRACE(ctx->trace, "dial", "called off: %s",
              all[count].revents ? "nobody waits for the result any more" : "another route is up");
        return err_set_silent(ctx->err, ERR_STREAM);
    }
    if (clock_ns() >= ctx->deadline_ns)
        return ctx_out_of_time(ctx);
    if (count > 0)
        memcpy(fds, all, count * sizeof(*fds));
    return ready;
}
