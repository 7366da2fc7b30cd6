/* SPDX-License-Identifier: MIT */
/*
 * One direction of a relay: bytes from a source to a sink, spliced where that is possible, else
 * copied through a buffer. relay.c owns two of them and the poll loop.
 */
#ifndef STILE_CORE_FLOW_H
#define STILE_CORE_FLOW_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stream.h"

enum flow_state {
    FLOW_OPEN,  /* bytes go from source to sink */
    FLOW_DRAIN, /* the source has ended; the buffer, then the end itself, still go to the sink */
    FLOW_DONE,  /* the sink was told, or is of no use any more */
};

enum flow_side {
    FLOW_SOURCE,
    FLOW_SINK,
    FLOW_SIDES,
};

struct flow {
    struct stream *source;
    struct stream *sink;
    enum flow_state state;

    bool spliced;           /* descriptor to descriptor; the buffer is not used */
    bool ready[FLOW_SIDES]; /* believed to be ready, until a call says otherwise */
    enum flow_side blocker; /* who made a splice wait the last time */
    unsigned fruitless;     /* splices since the last byte that said EAGAIN */
    unsigned quickacks;     /* early reads still to be acknowledged at once */

    char *buffer; /* start..end is to be written; NULL until the first copy */
    size_t start;
    size_t end;

    uint64_t bytes;
    bool cut;              /* it stopped before its end, so there is no end to pass on */
    bool sink_gone;        /* nobody takes bytes there any more */
    int error[FLOW_SIDES]; /* errno of the side that failed, 0 = none */
};

/* Neither stream is owned. `quickacks`: how many reads to acknowledge at once, see
 * os_tcp_quickack. */
void flow_init(struct flow *flow, struct stream *source, struct stream *sink, unsigned quickacks);

/* Frees the buffer. */
void flow_release(struct flow *flow);

/* Moves what can be moved without waiting, within a limit so that the other flow gets its turn. */
void flow_run(struct flow *flow);

/* Reads no more: what was read is still delivered, the end of the stream is not. */
void flow_cut(struct flow *flow);

/* Whether flow_run can go on before anything is waited for. */
bool flow_runnable(const struct flow *flow);

/*
 * Says what to poll for; a descriptor of -1 = nothing on that side. A bare sink is watched as long
 * as the flow lives, even with nothing to write, for it may go away. May find that nothing need be
 * waited for; ask flow_runnable afterwards.
 */
void flow_poll(struct flow *flow, struct pollfd pfd[FLOW_SIDES]);

/* Takes the outcome of poll(2). */
void flow_polled(struct flow *flow, const struct pollfd pfd[FLOW_SIDES]);

#endif
