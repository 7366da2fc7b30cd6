/* SPDX-License-Identifier: MIT */
#include "transports/curl/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/bridge.h"
#include "core/os.h"

struct gate_bridge {
    struct bridge *bridge;
    struct gate gate;
    bool bare;           /* the stream below has a descriptor of its own */
    int stop[PIPE_ENDS]; /* closing PIPE_WRITE ends a thread that still waits for libcurl */
};

/* Our end of libcurl's connection, or -1 when there will be none. */
static int wait_for_curl(void *arg)
{
    struct gate_bridge *gated = arg;

    for (;;) {
        struct pollfd fds[2] = {{.fd = gated->gate.listener, .events = POLLIN},
                                {.fd = gated->stop[PIPE_READ], .events = POLLIN}};
        if (poll(fds, 2, -1) == -1 && errno != EINTR)
            return -1;
        int fd = gate_accept(&gated->gate);
        if (fd != -1 || fds[1].revents || (errno != EAGAIN && errno != EWOULDBLOCK))
            return fd;
    }
}

static void release(struct gate_bridge *gated)
{
    if (gated->stop[PIPE_WRITE] != -1)
        (void)close(gated->stop[PIPE_WRITE]);
    bridge_free(gated->bridge);
    if (gated->stop[PIPE_READ] != -1)
        (void)close(gated->stop[PIPE_READ]);
    gate_close(&gated->gate);
    free(gated);
}

struct gate_bridge *gate_bridge_new(struct stream *below, struct curl_sockaddr *address,
                                    curl_socket_t *fd, struct ctx *ctx)
{
    struct gate_bridge *gated = calloc(1, sizeof(*gated));

    *fd = CURL_SOCKET_BAD;
    if (!gated) {
        (void)err_no_memory(ctx->err);
        stream_close(below);
        return NULL;
    }
    *gated = (struct gate_bridge){.bare = below->rfd != -1, .gate = GATE_CLOSED, .stop = {-1, -1}};
    *fd = gate_open(&gated->gate, address, ctx->err);
    if (*fd == CURL_SOCKET_BAD || os_pipe(gated->stop) == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "a bridge for libcurl: %s", strerror(errno));
        stream_close(below);
    } else {
        gated->bridge = bridge_new(below, wait_for_curl, gated, ctx->trace, ctx->err);
    }
    if (gated->bridge) {
        TRACE(ctx->trace, "curl", "a bridge to the stream below");
        return gated;
    }
    if (*fd != CURL_SOCKET_BAD)
        (void)close(*fd);
    *fd = CURL_SOCKET_BAD;
    release(gated);
    return NULL;
}

bool gate_bridge_is_bare(const struct gate_bridge *bridge)
{
    return bridge->bare;
}

int gate_bridge_finish(struct gate_bridge *bridge, int fd, struct err *err)
{
    (void)shutdown(fd, SHUT_WR);
    return bridge_finish(bridge->bridge, err);
}

void gate_bridge_free(struct gate_bridge *bridge)
{
    if (bridge)
        release(bridge);
}
