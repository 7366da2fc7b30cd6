/* SPDX-License-Identifier: MIT */
#include "core/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_ns(void)
{
    struct timespec now = {0, 0};

    /* Cannot fail: POSIX requires CLOCK_MONOTONIC wherever this program compiles. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * CLOCK_S + now.tv_nsec;
}

int clock_poll_ms(int64_t until_ns)
{
    if (until_ns == CLOCK_NEVER)
        return -1;

    int64_t now_ns = clock_ns();
    if (until_ns <= now_ns)
        return 0;
    int64_t left_ms = (until_ns - now_ns - 1) / CLOCK_MS + 1;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}
