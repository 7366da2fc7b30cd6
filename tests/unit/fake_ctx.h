/* SPDX-License-Identifier: MIT */
/* A ctx as main would make it, with everything that it points to. */
#ifndef STILE_TESTS_UNIT_FAKE_CTX_H
#define STILE_TESTS_UNIT_FAKE_CTX_H

#include <stdint.h>

#include "config/config.h"
#include "core/ctx.h"

struct fake_ctx {
    struct ctx ctx;
    struct err err;
    struct trace trace; /* silent */
    struct config config;
};

/* A deadline in `limit_ms`, nobody to cancel, any family. */
void fake_ctx_init(struct fake_ctx *fake, int64_t limit_ms);

/* cancel_fd becomes an end of a pipe whose other end is closed already. Close it in the end. */
void fake_ctx_cancel(struct fake_ctx *fake);

#endif
