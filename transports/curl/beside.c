/* SPDX-License-Identifier: MIT */
#include "transports/curl/beside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/thread.h"

/* For a thread that only has to notice that the ctx has ended. */
#define GRACE_NS (200 * CLOCK_MS)

/* What the thread works on. Nothing of it is the caller's. */
struct beside {
    struct transfer *transfer;
    struct ctx ctx;
    struct err err;
    CURLcode code;
    int done[PIPE_ENDS]; /* the thread closes its end when it is done */
};

static void *run(void *arg)
{
    struct beside *beside = arg;

    beside->code = transfer_run(beside->transfer);
    (void)close(beside->done[PIPE_WRITE]);
    return NULL;
}

/* Has the thread ended, or does it within its grace? */
static bool comes_back(const struct beside *beside)
{
    struct pollfd pfd = {.fd = beside->done[PIPE_READ], .events = POLLIN};

    return poll(&pfd, 1, clock_poll_ms(clock_ns() + GRACE_NS)) == 1;
}

static struct beside *beside_new(struct transfer *transfer, const struct ctx *ctx)
{
    struct beside *beside = malloc(sizeof(*beside));

    if (!beside)
        return NULL;
    *beside = (struct beside){.transfer = transfer, .ctx = *ctx};
    beside->err = ERR_INIT;
    beside->ctx.err = &beside->err;
    /* The thread may be left behind. */
    beside->ctx.timing = NULL;
    if (os_pipe(beside->done) == 0)
        return beside;
    free(beside);
    return NULL;
}

/* What the thread has to say is the caller's now. */
static CURLcode beside_end(struct beside *beside, pthread_t thread, struct ctx *ctx)
{
    CURLcode code;

    (void)pthread_join(thread, NULL);
    code = beside->code;
    if (beside->err.code != ERR_NONE) {
        err_release(ctx->err);
        *ctx->err = beside->err;
    }
    beside->transfer->ctx = ctx;
    (void)close(beside->done[PIPE_READ]);
    free(beside);
    return code;
}

CURLcode transfer_run_beside(struct transfer **transfer, struct ctx *ctx)
{
    struct beside *beside = beside_new(*transfer, ctx);
    pthread_t thread;

    if (!beside) {
        (void)err_no_memory(ctx->err);
        return CURLE_OUT_OF_MEMORY;
    }
    beside->transfer->ctx = &beside->ctx;
    int error = thread_start(&thread, run, beside);
    if (error) {
        (void)err_set(ctx->err, ERR_CONNECT, "a thread for Negotiate: %s", strerror(error));
        beside->transfer->ctx = ctx;
        (void)close(beside->done[PIPE_READ]);
        (void)close(beside->done[PIPE_WRITE]);
        free(beside);
        return CURLE_OUT_OF_MEMORY;
    }
    struct pollfd pfd = {.fd = beside->done[PIPE_READ], .events = POLLIN};
    if (ctx_wait(ctx, &pfd, 1, CLOCK_NEVER) == -1 && !comes_back(beside)) {
        (void)err_wrap(ctx->err, "waiting for the Kerberos library");
        (void)pthread_detach(thread);
        *transfer = NULL;
        return CURLE_ABORTED_BY_CALLBACK;
    }
    return beside_end(beside, thread, ctx);
}
