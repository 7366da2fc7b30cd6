/* SPDX-License-Identifier: MIT */
#include "transports/curl/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/relay.h"
#include "core/thread.h"

#define FINISH_NS CLOCK_S

struct bridge {
    pthread_t thread;
    struct gate gate;
    struct stream *below;
    bool bare; /* it has a descriptor of its own */
    const struct trace *trace;
    int stop[2];    /* closing [1] ends a thread that still waits for libcurl */
    struct err err; /* of the end of the stream below */
};

/* Our end of libcurl's connection, or -1 when there will be none. */
static int wait_for_curl(struct bridge *bridge)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = bridge->gate.listener, .events = POLLIN},
                                {.fd = bridge->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) == -1 && errno != EINTR)
            return -1;
        int fd = gate_accept(&bridge->gate);
        if (fd != -1 || fds[1].revents || (errno != EAGAIN && errno != EWOULDBLOCK))
            return fd;
    }
}

static void *carry(void *arg)
{
    struct bridge *bridge = arg;
    struct err err = ERR_INIT;
    int fd = wait_for_curl(bridge);
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
    return NULL;
}

struct bridge *bridge_new(struct stream *below, struct curl_sockaddr *address, curl_socket_t *fd,
                          struct ctx *ctx)
{
    struct bridge *bridge = calloc(1, sizeof(*bridge));

    *fd = CURL_SOCKET_BAD;
    if (!bridge) {
        (void)err_no_memory(ctx->err);
        goto fail;
    }
    *bridge = (struct bridge){.below = below,
                              .bare = below->rfd != -1,
                              .trace = ctx->trace,
                              .gate = GATE_CLOSED,
                              .stop = {-1, -1}};
    bridge->err = ERR_INIT;
    *fd = gate_open(&bridge->gate, address, ctx->err);
    if (*fd == CURL_SOCKET_BAD)
        goto fail;
    int error = os_pipe(bridge->stop) == -1 ? errno : 0;
    if (!error)
        error = thread_start(&bridge->thread, carry, bridge);
    if (error) {
        (void)err_set(ctx->err, ERR_CONNECT, "a bridge for libcurl: %s", strerror(error));
        goto fail;
    }
    TRACE(ctx->trace, "curl", "a bridge to the stream below");
    return bridge;
fail:
    if (*fd != CURL_SOCKET_BAD)
        (void)close(*fd);
    *fd = CURL_SOCKET_BAD;
    if (bridge) {
        gate_close(&bridge->gate);
        for (size_t i = 0; i < 2; i++)
            if (bridge->stop[i] != -1)
                (void)close(bridge->stop[i]);
    }
    free(bridge);
    stream_close(below);
    return NULL;
}

bool bridge_is_bare(const struct bridge *bridge)
{
    return bridge->bare;
}

int bridge_finish(struct bridge *bridge, int fd, struct err *err)
{
    struct pollfd gone = {.fd = fd};

    (void)shutdown(fd, SHUT_WR);
    /* The thread writes its err before it closes the near end, which is what poll sees. */
    if (poll(&gone, 1, clock_poll_ms(clock_ns() + FINISH_NS)) <= 0 || bridge->err.code == ERR_NONE)
        return 0;
    return err_set(err, bridge->err.code, "%s", err_text(&bridge->err));
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    (void)close(bridge->stop[1]);
    (void)pthread_join(bridge->thread, NULL);
    (void)close(bridge->stop[0]);
    gate_close(&bridge->gate);
    err_release(&bridge->err);
    free(bridge);
}
