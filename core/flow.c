/* SPDX-License-Identifier: MIT */
#include "core/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/os.h"

#define FLOW_BUFFER_BYTES ((size_t)128 * 1024)
#define FLOW_SPLICE_BYTES ((size_t)1024 * 1024)

/* A pipe is enlarged once this much went through it: a login never needs it, a transfer does. */
#define FLOW_BULK_BYTES ((uint64_t)256 * 1024)

/* Steps of one flow_run before the other flow has its turn. */
#define FLOW_STEPS 16

/* Both ends say they are ready and still nothing moves: splice cannot do this one. TCP urgent
 * data at the head of the queue is such a case, recv(2) gets past it. */
#define FLOW_FRUITLESS_MAX 4

static bool is_pipe(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* A splice waits for a socket that blocks, whatever its own flags say. */
static bool never_waits(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return is_pipe(fd) || (flags != -1 && flags & O_NONBLOCK);
}

static bool may_splice(int from, int to)
{
    return from >= 0 && to >= 0 && (is_pipe(from) || is_pipe(to)) && never_waits(from) &&
           never_waits(to);
}

void flow_init(struct flow *flow, struct stream *source, struct stream *sink, unsigned quickacks)
{
    *flow = (struct flow){.source = source, .sink = sink, .quickacks = quickacks};
    flow->spliced = may_splice(source->rfd, sink->wfd);
    /* Sinks mostly have room: the first write finds out sooner than poll(2) would. */
    flow->ready[FLOW_SINK] = true;
}

void flow_release(struct flow *flow)
{
    free(flow->buffer);
    flow->buffer = NULL;
}

void flow_cut(struct flow *flow)
{
    if (flow->state != FLOW_OPEN)
        return;
    flow->cut = true;
    flow->state = FLOW_DRAIN;
}

static void flow_fail_source(struct flow *flow, int error)
{
    flow->error[FLOW_SOURCE] = error;
    flow_cut(flow);
}

/* The sink failed: nothing can be delivered any more. */
static void flow_fail_sink(struct flow *flow, int error)
{
    flow->error[FLOW_SINK] = error;
    flow->sink_gone = error == EPIPE || error == ECONNRESET;
    flow->state = FLOW_DONE;
}

/* sshd holds small packets back until we acknowledge, before it sets TCP_NODELAY for a session;
 * so the early reads are acknowledged at once. Later that would only cost. */
static void flow_acknowledge(struct flow *flow)
{
    if (flow->quickacks == 0)
        return;
    flow->quickacks--;
    if (flow->source->rfd < 0 || os_tcp_quickack(flow->source->rfd) == -1)
        flow->quickacks = 0;
}

static void flow_count(struct flow *flow, size_t moved)
{
    if (flow->bytes < FLOW_BULK_BYTES && flow->bytes + moved >= FLOW_BULK_BYTES && flow->spliced) {
        os_pipe_grow(flow->source->rfd, FLOW_SPLICE_BYTES);
        os_pipe_grow(flow->sink->wfd, FLOW_SPLICE_BYTES);
    }
    flow->bytes += moved;
    flow->fruitless = 0;
    flow_acknowledge(flow);
}

/* --- splice --- */

/* splice(2) does not say which end refused. Reading from a pipe does not fail, and a pipe whose
 * reader has gone shows it to poll(2). */
static void flow_fail_splice(struct flow *flow, int error)
{
    struct pollfd sink = {.fd = flow->sink->wfd};

    if (is_pipe(flow->source->rfd) || poll(&sink, 1, 0) == 1)
        flow_fail_sink(flow, error);
    else
        flow_fail_source(flow, error);
}

static void flow_splice(struct flow *flow)
{
    ssize_t moved = os_splice(flow->source->rfd, flow->sink->wfd, FLOW_SPLICE_BYTES);

    if (moved > 0) {
        flow_count(flow, (size_t)moved);
        /* Whoever was late the last time is late this time, too: ask it first. */
        flow->ready[flow->blocker] = false;
    } else if (moved == 0) {
        flow->state = FLOW_DRAIN;
    } else if (errno == EINVAL || flow->fruitless >= FLOW_FRUITLESS_MAX) {
        flow->spliced = false;
    } else if (errno == EAGAIN) {
        /* EAGAIN does not say who is not ready; the one that was just polled is, so it is the
         * other. */
        flow->fruitless++;
        flow->blocker = flow->blocker == FLOW_SOURCE ? FLOW_SINK : FLOW_SOURCE;
        flow->ready[flow->blocker] = false;
    } else {
        flow_fail_splice(flow, errno);
    }
}

/* --- copy --- */

static bool flow_may_read(const struct flow *flow)
{
    return flow->state == FLOW_OPEN && flow->end < FLOW_BUFFER_BYTES;
}

static bool flow_may_write(const struct flow *flow)
{
    return flow->start < flow->end;
}

static void flow_read(struct flow *flow)
{
    if (!flow->buffer && !(flow->buffer = malloc(FLOW_BUFFER_BYTES))) {
        flow_fail_source(flow, ENOMEM);
        return;
    }

    size_t room = FLOW_BUFFER_BYTES - flow->end;
    ssize_t got = stream_read(flow->source, flow->buffer + flow->end, room);
    if (got > 0) {
        flow->end += (size_t)got;
        /* Less than asked for means empty; a layered source with more at hand says so in wait. */
        flow->ready[FLOW_SOURCE] = (size_t)got == room;
        flow_count(flow, (size_t)got);
    } else if (got == 0) {
        flow->state = FLOW_DRAIN;
    } else if (got == STREAM_AGAIN) {
        flow->ready[FLOW_SOURCE] = false;
    } else {
        flow_fail_source(flow, errno);
    }
}

static void flow_write(struct flow *flow)
{
    ssize_t put = stream_write(flow->sink, flow->buffer + flow->start, flow->end - flow->start);

    if (put >= 0) {
        flow->start += (size_t)put;
        if (flow->start == flow->end)
            flow->start = flow->end = 0;
    } else if (put == STREAM_AGAIN) {
        flow->ready[FLOW_SINK] = false;
    } else {
        flow_fail_sink(flow, errno);
    }
}

/* --- both --- */

/* Everything is delivered: pass the end on. */
static void flow_finish(struct flow *flow)
{
    int told = flow->cut ? 0 : stream_shut_wr(flow->sink);

    if (told == 0)
        flow->state = FLOW_DONE;
    else if (told == STREAM_AGAIN)
        flow->ready[FLOW_SINK] = false;
    else
        flow_fail_sink(flow, errno);
}

bool flow_runnable(const struct flow *flow)
{
    if (flow->state == FLOW_DONE)
        return false;
    if (flow->state == FLOW_DRAIN)
        return flow->ready[FLOW_SINK];
    if (flow->spliced)
        return flow->ready[FLOW_SOURCE] && flow->ready[FLOW_SINK];
    return (flow_may_write(flow) && flow->ready[FLOW_SINK]) ||
           (flow_may_read(flow) && flow->ready[FLOW_SOURCE]);
}

void flow_run(struct flow *flow)
{
    for (int step = 0; step < FLOW_STEPS && flow_runnable(flow); step++) {
        if (flow_may_write(flow) && flow->ready[FLOW_SINK])
            flow_write(flow);
        else if (flow->state == FLOW_DRAIN)
            flow_finish(flow);
        else if (flow->spliced)
            flow_splice(flow);
        else
            flow_read(flow);
    }
}

/* Only watched, with nothing to deliver: that it has gone is no failure by itself. */
static void flow_lose_sink(struct flow *flow)
{
    if (flow_may_write(flow))
        return;
    flow->sink_gone = true;
    flow->state = FLOW_DONE;
}

void flow_poll(struct flow *flow, struct pollfd pfd[FLOW_SIDES])
{
    pfd[FLOW_SOURCE] = (struct pollfd){.fd = -1};
    pfd[FLOW_SINK] = (struct pollfd){.fd = -1};
    if (flow->state == FLOW_DONE)
        return;

    if (flow_may_read(flow) && !flow->ready[FLOW_SOURCE])
        flow->ready[FLOW_SOURCE] = stream_wait(flow->source, POLLIN, &pfd[FLOW_SOURCE]) == 1;
    if (!flow->ready[FLOW_SINK])
        flow->ready[FLOW_SINK] = stream_wait(flow->sink, POLLOUT, &pfd[FLOW_SINK]) == 1;
    /* Only watched: has it gone? */
    if (flow->ready[FLOW_SINK] && stream_watch(flow->sink, &pfd[FLOW_SINK]) == 1)
        flow_lose_sink(flow);
}

void flow_polled(struct flow *flow, const struct pollfd pfd[FLOW_SIDES])
{
    if (pfd[FLOW_SOURCE].revents)
        flow->ready[FLOW_SOURCE] = true;
    if (!pfd[FLOW_SINK].revents)
        return;
    if (!flow->ready[FLOW_SINK])
        flow->ready[FLOW_SINK] = true;
    else if (!flow->sink->ops->watch)
        flow_lose_sink(flow);
}
