/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_ctx.h"

#include "core/clock.h"
#include "tests/unit/fake_fd.h"

void fake_ctx_init(struct fake_ctx *fake, int64_t limit_ms)
{
    fake->err = ERR_INIT;
    fake->trace = (struct trace){.level = 0, .start_ns = clock_ns(), .fd = 2};
    config_init(&fake->config);
    fake->ctx = (struct ctx){
        .deadline_ns = clock_ns() + limit_ms * CLOCK_MS,
        .timeout_ns = limit_ms * CLOCK_MS,
        .cancel_fd = -1,
        .lost_fd = -1,
        .err = &fake->err,
        .trace = &fake->trace,
        .config = &fake->config,
    };
}

void fake_ctx_cancel(struct fake_ctx *fake)
{
    int ends[2];
    fd_pipe(ends);
    fd_close(&ends[0]);
    fake->ctx.cancel_fd = ends[1];
}
