/* SPDX-License-Identifier: MIT */
/* Lines for people, on stderr. Whoever has started us may never read them. */
#ifndef STILE_CORE_SAY_H
#define STILE_CORE_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

/* For what can be done without; and for the last words of a process. */
#define SAY_PATIENCE_NS (20 * CLOCK_MS)
#define SAY_LAST_PATIENCE_NS CLOCK_S

/* Writes a line of less than PIPE_BUF bytes in one write(2), so that it stays whole among those of other
 * processes. Waits for room no longer than `patience_ns`; without room the line is lost. False
 * when it is. fd -1 is nowhere: true. */
bool say(int fd, const char *line, int64_t patience_ns);

#endif
