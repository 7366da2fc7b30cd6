/* SPDX-License-Identifier: MIT */
/*
 * The relay: two one-way flows in one poll loop, from the moment the stream is up to its end.
 *
 *     local  --- up --->  remote          each flow:  OPEN -> DRAIN -> DONE
 *            <-- down ---
 *
 * OPEN   bytes go from source to sink.
 * DRAIN  the source has ended; what is buffered still goes, then the end itself (half-close).
 * DONE   the sink has been told, or has gone.
 *
 * Where both ends are bare descriptors and one is a pipe, bytes are spliced and never enter this
 * process; everything else is copied. An idle relay sleeps
 * without a time limit, unless a stream asks for ticks.
 */
#ifndef STILE_CORE_RELAY_H
#define STILE_CORE_RELAY_H

#include <stdint.h>

#include "core/err.h"
#include "core/stream.h"
#include "core/trace.h"

enum relay_end {
    RELAY_DONE,       /* both directions ended in order */
    RELAY_LOCAL_GONE, /* nobody reads our output any more */
    RELAY_BROKEN,     /* a side failed; what had come before was delivered */
};

struct relay_stats {
    uint64_t up_bytes;
    uint64_t down_bytes;
    uint64_t wakeups; /* returns of poll(2): what a busy loop would drive up */
};

/*
 * Carries bytes both ways until both flows are DONE, or the local reader has gone: then it ends at
 * once, even if nothing flows, because that is how a helper learns that ssh was killed.
 *
 * A remote that no longer takes bytes does not end the relay: what it sends is still delivered. The
 * end is RELAY_BROKEN then if there was something for it to take, else RELAY_DONE. Blocks as long
 * as the streams live. Both streams stay the caller's, who closes them. `stats` may be NULL; `err`
 * is set when RELAY_BROKEN is returned (ERR_STREAM).
 */
enum relay_end relay_run(struct stream *local, struct stream *remote, struct relay_stats *stats,
                         const struct trace *trace, struct err *err);

/*
 * As relay_run, for a local side that is one socket: after it was closed, what had been said before
 * still goes to the remote, and then the end, as long as the remote takes some of it every
 * `patience_ns`. A kernel does no less for a socket of its own.
 */
enum relay_end relay_run_patiently(struct stream *local, struct stream *remote, int64_t patience_ns,
                                   struct relay_stats *stats, const struct trace *trace,
                                   struct err *err);

#endif
