/* SPDX-License-Identifier: MIT */
#include "core/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/relay.h"
#include "core/thread.h"

#define FINISH_NS CLOCK_S

struct bridge {
    pthread_t thread;
    struct stream *below;
    int (*find)(void *arg);
    void *arg;
    const struct trace *trace;
    int done;       /* hangs up when the thread has ended */
    int thread_end; /* the thread's end of that */
    bool joined;
    struct err err; /* of the end of the stream below, once it is joined */
};

static void *carry(void *arg)
{
    struct bridge *bridge = arg;
    struct err err = ERR_INIT;
    int fd = bridge->find(bridge->arg);
    struct stream *near = fd == -1 ? NULL : stream_fd_new(fd, fd);

    if (near && relay_run(near, bridge->below, NULL, bridge->trace, &err) == RELAY_DONE)
        (void)stream_finish(bridge->below, &bridge->err);
    err_release(&err);
    /* Closing the near end tells the other side that there is nothing more to wait for. */
    stream_close(bridge->below);
    if (near)
        stream_close(near);
    else if (fd != -1)
        (void)close(fd);
    (void)close(bridge->thread_end);
    return NULL;
}

struct bridge *bridge_new(struct stream *below, int (*find)(void *arg), void *arg,
                          const struct trace *trace, struct err *err)
{
    struct bridge *bridge = calloc(1, sizeof(*bridge));
    int ends[PIPE_ENDS] = {-1, -1};
    int error = ENOMEM;

    if (bridge)
        error = os_pipe(ends) == -1 ? errno : 0;
    if (!error) {
        *bridge = (struct bridge){.below = below,
                                  .find = find,
                                  .arg = arg,
                                  .trace = trace,
                                  .done = ends[PIPE_READ],
                                  .thread_end = ends[PIPE_WRITE]};
        bridge->err = ERR_INIT;
        error = thread_start(&bridge->thread, carry, bridge);
    }
    if (!error)
        return bridge;
    (void)err_set(err, ERR_CONNECT, "a bridge to the stream below: %s", strerror(error));
    for (int i = 0; i < PIPE_ENDS; i++)
        if (ends[i] != -1)
            (void)close(ends[i]);
    free(bridge);
    stream_close(below);
    return NULL;
}

/* The thread may be faster than who makes it, so the descriptor comes to it in memory of its own. */
static int take_near(void *arg)
{
    int *near = arg;
    int fd = *near;

    free(near);
    return fd;
}

struct bridge *bridge_new_pair(struct stream *below, int *fd, const struct trace *trace,
                               struct err *err)
{
    int ends[2] = {-1, -1};
    int *near = malloc(sizeof(*near));
    struct bridge *bridge = NULL;

    *fd = -1;
    if (!near || os_socketpair(ends) == -1) {
        (void)err_set(err, ERR_CONNECT, "a bridge to the stream below: %s",
                      strerror(near ? errno : ENOMEM));
        stream_close(below);
        free(near);
        return NULL;
    }
    *near = ends[1];
    bridge = bridge_new(below, take_near, near, trace, err);
    if (bridge) {
        *fd = ends[0];
        return bridge;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    free(near);
    return NULL;
}

static void join(struct bridge *bridge)
{
    if (!bridge->joined)
        (void)pthread_join(bridge->thread, NULL);
    bridge->joined = true;
}

int bridge_finish(struct bridge *bridge, struct err *err)
{
    struct pollfd ended = {.fd = bridge->done};
    int64_t until_ns = clock_ns() + FINISH_NS;

    while (poll(&ended, 1, clock_poll_ms(until_ns)) == -1 && errno == EINTR)
        continue;
    if (!ended.revents)
        return 0;
    join(bridge);
    if (bridge->err.code == ERR_NONE)
        return 0;
    return err_set(err, bridge->err.code, "%s", err_text(&bridge->err));
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    join(bridge);
    (void)close(bridge->done);
    err_release(&bridge->err);
    free(bridge);
}
