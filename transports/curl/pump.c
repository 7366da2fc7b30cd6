/* SPDX-License-Identifier: MIT */
#include "transports/curl/pump.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/exchange.h"
#include "core/os.h"
#include "core/secret.h"

/* A piece of a handshake. libcurl's socket has room for many when poll(2) says that it has any. */
#define PIECE_BYTES 4096

static bool is_tunnel(const struct http_reply *reply)
{
    return reply->sink.done && reply->status / 100 == 2;
}

static bool is_open(const struct pump *pump, const struct http_reply *reply)
{
    return pump->near != -1 && !pump->ended && !is_tunnel(reply);
}

bool pump_poll(const struct pump *pump, struct stream *below, const struct http_reply *reply,
               struct pollfd fds[2])
{
    fds[0] = (struct pollfd){.fd = pump->near, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = -1};
    if (pump->near == -1)
        fds[0].fd = pump->gate.listener;
    return is_open(pump, reply) && stream_wait(below, POLLIN, &fds[1]);
}

/* --- up: what libcurl says --- */

static int pump_up(const struct pump *pump, struct stream *below, struct http_reply *reply,
                   struct ctx *ctx)
{
    char data[PIECE_BYTES];
    ssize_t got = recv(pump->near, data, sizeof(data), MSG_DONTWAIT);

    if (got <= 0)
        return 0;
    /* A request: what was heard before was the answer to the last one. */
    if (reply->sink.done && !is_tunnel(reply)) {
        http_reply_release(reply);
        http_reply_init(reply);
    }
    int done = exchange_send(below, data, (size_t)got, ctx);
    secret_wipe(data, (size_t)got);
    return done;
}

/* --- down: what the proxy says --- */

/* How many of the next bytes libcurl may have, looked at without being taken; 1 where that can't
 * be done. */
static size_t look_ahead(struct stream *below, struct http_reply *reply, char *data, bool *looked)
{
    ssize_t seen = -1;

    if (below->rfd != -1 && below->rfd == below->wfd)
        seen = recv(below->rfd, data, PIECE_BYTES, MSG_PEEK | MSG_DONTWAIT);
    *looked = seen > 0;
    if (reply->sink.done)
        return PIECE_BYTES;
    return seen > 0 ? reply->sink.take(&reply->sink, data, (size_t)seen) : 1;
}

static int pump_end(struct pump *pump)
{
    pump->ended = true;
    (void)shutdown(pump->near, SHUT_WR);
    return 0;
}

static int check_answer(const struct http_reply *reply, struct ctx *ctx)
{
    if (!reply->fault)
        return 0;
    return err_set(ctx->err, ERR_REFUSED, "%s", reply->fault);
}

/* 1 = moved something, 0 = nothing to move, -1 with ctx->err set. */
static int pump_down(struct pump *pump, struct stream *below, struct http_reply *reply,
                     struct ctx *ctx)
{
    char data[PIECE_BYTES];
    bool body = reply->sink.done, looked;
    size_t wanted = look_ahead(below, reply, data, &looked);

    if (wanted == 0)
        return check_answer(reply, ctx);
    ssize_t got = stream_read(below, data, wanted);
    if (got == STREAM_AGAIN)
        return 0;
    if (got == STREAM_FAIL)
        return err_set(ctx->err, ERR_REFUSED, "%s", strerror(errno));
    if (got == 0)
        return pump_end(pump);
    if (below->rfd != -1)
        (void)os_tcp_quickack(below->rfd);
    if (!body && !looked)
        (void)reply->sink.take(&reply->sink, data, 1);
    if (check_answer(reply, ctx) == -1)
        return -1;
    /* libcurl reads at once; a piece that finds no room means that it has gone. */
    return send(pump->near, data, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT) == got ? 1
                                                                                   : pump_end(pump);
}

static bool has_room(const struct pump *pump)
{
    struct pollfd pfd = {.fd = pump->near, .events = POLLOUT};

    return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT;
}

int pump_step(struct pump *pump, struct stream *below, struct http_reply *reply, struct ctx *ctx)
{
    int moved = 1;

    if (pump->near == -1)
        pump->near = gate_accept(&pump->gate);
    if (pump->near == -1)
        return 0;
    if (pump_up(pump, below, reply, ctx) == -1)
        return -1;
    while (moved == 1 && is_open(pump, reply) && has_room(pump))
        moved = pump_down(pump, below, reply, ctx);
    return moved == -1 ? -1 : 0;
}

void pump_release(struct pump *pump)
{
    gate_close(&pump->gate);
    if (pump->near != -1)
        (void)close(pump->near);
    *pump = PUMP_INIT;
}
