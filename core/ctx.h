/* SPDX-License-Identifier: MIT */
/*
 * What every call that may wait is given: until when, who may call it off, where to say why it
 * failed. One for each attempt; a race of routes has one for each lane.
 */
#ifndef STILE_CORE_CTX_H
#define STILE_CORE_CTX_H

#include <poll.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/trace.h"

struct config;
struct asker;
struct timing;

struct ctx {
    int64_t deadline_ns;       /* covers all that comes before the relay: names, TCP, handshakes */
    int64_t timeout_ns;        /* how long that was in the beginning, for the message */
    int cancel_fd;             /* a hang-up here (POLLHUP, POLLERR) = give up; -1 = nobody can */
    int lost_fd;               /* the same, for another route has won the race */
    struct err *err;           /* set once, where the cause is known */
    const struct trace *trace; /* never NULL */
    const struct config *config; /* what the user wants; opaque to core/ */
    struct asker *asker;         /* prompt.h; NULL: whoever has a question asks it */
    struct timing *timing;       /* timing.h; NULL: nobody wants to know */
};

/* Most descriptors that one ctx_wait takes. A bound, so that waiting needs no memory. */
#define CTX_WAIT_FDS 128

/*
 * The one place where set-up sleeps. Waits until one of `count` descriptors has an event, until
 * `until_ns` (CLOCK_NEVER: only the deadline ends it), the deadline, or the cancellation; the last
 * two win over events. `fds` may be NULL when `count` is 0.
 *
 * Returns how many descriptors have revents; 0 when `until_ns` has come; -1 with ctx->err set:
 * ERR_TIME "no answer within 5 s", silent (ERR_STREAM) when it was called off, ERR_CONNECT when
 * poll(2) failed. The caller wraps it with what it was doing.
 */
int ctx_wait(struct ctx *ctx, struct pollfd *fds, nfds_t count, int64_t until_ns);

#endif
