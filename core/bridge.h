/* SPDX-License-Identifier: MIT */
/*
 * A descriptor for who needs one, in front of a stream that has none: a relay in a thread between
 * the two. Both half-closes and back-pressure are the relay's.
 */
#ifndef STILE_CORE_BRIDGE_H
#define STILE_CORE_BRIDGE_H

#include "core/err.h"
#include "core/stream.h"
#include "core/trace.h"

struct bridge;

/*
 * Starts to carry bytes between `below`, which the bridge owns from now on, and the descriptor that
 * `find` gives: called once, in the thread, with `arg`; it may wait; -1 = there will be none. The
 * bridge closes it. `trace` must outlive the bridge. NULL with err set (ERR_CONNECT), and `below`
 * closed.
 */
struct bridge *bridge_new(struct stream *below, int (*find)(void *arg), void *arg,
                          const struct trace *trace, struct err *err);

/* The same with one end of a socket pair; the other one goes to *fd and is the caller's. */
struct bridge *bridge_new_pair(struct stream *below, int *fd, const struct trace *trace,
                               struct err *err);

/* After both directions have ended: waits until what is under way has gone on, a second at most,
 * and says what the stream below has to say about its end. Returns as stream_finish. */
int bridge_finish(struct bridge *bridge, struct err *err);

/* Ends it. Whatever was connected to the near side must be closed already, so that this does not
 * take long. NULL is allowed. */
void bridge_free(struct bridge *bridge);

#endif
