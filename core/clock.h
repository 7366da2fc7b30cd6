/* SPDX-License-Identifier: MIT */
/* Time as everything here counts it: nanoseconds of CLOCK_MONOTONIC in an int64_t. */
#ifndef STILE_CORE_CLOCK_H
#define STILE_CORE_CLOCK_H

#include <stdint.h>

#define CLOCK_US INT64_C(1000)
#define CLOCK_MS INT64_C(1000000)
#define CLOCK_S INT64_C(1000000000)
#define CLOCK_NEVER INT64_MAX /* as a point in time: it does not come */

/* Now. Never fails and never goes back. */
int64_t clock_ns(void);

/* Milliseconds for poll(2) until `until_ns`, rounded up so that a wake-up is never too early:
 * 0 when it is past, -1 for CLOCK_NEVER. */
int clock_poll_ms(int64_t until_ns);

#endif
