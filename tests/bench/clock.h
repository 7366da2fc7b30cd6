/* SPDX-License-Identifier: MIT */
/* Time and waiting, as the bench programs count it. */
#ifndef STILE_BENCH_CLOCK_H
#define STILE_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define BENCH_MS INT64_C(1000000)
#define BENCH_S INT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline int64_t bench_now_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * BENCH_S + now.tv_nsec;
}

static inline double bench_seconds_since(int64_t start_ns)
{
    return (double)(bench_now_ns() - start_ns) / (double)BENCH_S;
}

#endif
