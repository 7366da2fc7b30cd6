/* SPDX-License-Identifier: MIT */
#include "transports/curl/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/exchange.h"
#include "core/secret.h"

/* A piece of a handshake. libcurl's socket has room for many when poll(2) says that it has any. */
#define PIECE_BYTES 4096

static bool is_tunnel(const struct http_reply *reply)
{
    return reply->sink.done && reply->status / 100 == 2;
}

static bool is_open(const struct pump *pump, const struct http_reply *reply)
{
    return pump->near != -1 && pump->asked && !pump->ended && !is_tunnel(reply);
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

/* --- down: what the proxy says --- */

/* libcurl reads at once, so what finds no room finds nobody there. 1, or 0 at the end. */
static int give(struct pump *pump, const char *data, size_t size)
{
    if (size == 0 || send(pump->near, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size)
        return 1;
    pump->ended = true;
    (void)shutdown(pump->near, SHUT_WR);
    return 0;
}

static int give_head(struct pump *pump, const struct http_reply *reply)
{
    static const char close_line[] = "Proxy-Connection: close\r\n\r\n";
    const char *head = pump->head + reply->interim; /* which libcurl 7.88 would fail for */
    size_t size = pump->head_size - reply->interim;

    pump->head_size = 0;
    if (!is_tunnel(reply)) {
        pump->body_left = reply->chunked ? -1 : reply->body_bytes;
        pump->asked = pump->body_left != 0;
    }
    if (reply->keep_alive || is_tunnel(reply))
        return give(pump, head, size);
    /* libcurl 7.88 takes it for granted that HTTP/1.0 keeps the connection, too. The empty line
     * goes, and comes again behind ours. */
    size -= size > 1 && head[size - 2] == '\r' ? 2 : 1;
    return give(pump, head, size) && give(pump, close_line, sizeof(close_line) - 1);
}

/* Bytes of a head, which are behind those that are there. 1 = moved, 0 = ended, -1 with ctx->err
 * set. */
static int pump_head(struct pump *pump, struct http_reply *reply, struct ctx *ctx)
{
    if (reply->fault)
        return err_set(ctx->err, ERR_REFUSED, "%s", reply->fault);
    return reply->sink.done ? give_head(pump, reply) : 1;
}

/* How many of the next bytes belong to the head, looked at without being taken; 1 where that can't
 * be done. */
static size_t look_ahead(struct stream *below, struct http_reply *reply, bool *looked)
{
    char data[PIECE_BYTES];
    ssize_t seen = exchange_peek(below, data, sizeof(data));

    *looked = seen > 0;
    return seen > 0 ? reply->sink.take(&reply->sink, data, (size_t)seen) : 1;
}

static size_t body_piece(const struct pump *pump)
{
    return pump->body_left >= 0 && pump->body_left < PIECE_BYTES ? (size_t)pump->body_left
                                                                 : PIECE_BYTES;
}

static int give_body(struct pump *pump, const char *data, size_t size)
{
    if (pump->body_left > 0) {
        pump->body_left -= (int64_t)size;
        pump->asked = pump->body_left > 0;
    }
    return give(pump, data, size);
}

/* 1 = moved something, 0 = nothing to move, -1 with ctx->err set. */
static int pump_down(struct pump *pump, struct stream *below, struct http_reply *reply,
                     struct ctx *ctx)
{
    char body[PIECE_BYTES];
    bool in_body = reply->sink.done, looked = true;
    char *data = in_body ? body : pump->head + pump->head_size;
    size_t wanted = in_body ? body_piece(pump) : look_ahead(below, reply, &looked);

    ssize_t got = wanted ? stream_read(below, data, wanted) : 0;
    if (got == STREAM_AGAIN)
        return 0;
    if (got == STREAM_FAIL)
        return err_set(ctx->err, ERR_REFUSED, "%s", strerror(errno));
    if (got == 0 && wanted) {
        pump->ended = true;
        (void)shutdown(pump->near, SHUT_WR);
        return 0;
    }
    exchange_acknowledge(below);
    if (in_body)
        return give_body(pump, body, (size_t)got);
    if (!looked)
        (void)reply->sink.take(&reply->sink, data, 1);
    pump->head_size += (size_t)got;
    return pump_head(pump, reply, ctx);
}

/* --- up: what libcurl says --- */

/* Does the request end within these bytes? */
static bool request_ends(struct pump *pump, const char *data, size_t size)
{
    static const char end[] = "\r\n\r\n";

    for (size_t i = 0; i < size && end[pump->ending]; i++)
        pump->ending = data[i] == end[pump->ending] ? pump->ending + 1 : data[i] == '\r';
    return !end[pump->ending];
}

static int pump_up(struct pump *pump, struct stream *below, struct ctx *ctx)
{
    char data[PIECE_BYTES];
    ssize_t got = recv(pump->near, data, sizeof(data), MSG_DONTWAIT);
    int done = 0;

    if (got <= 0)
        return 0;
    if (!pump->question) {
        pump->asked = true;
        pump->body_left = -1;
        done = exchange_send(below, data, (size_t)got, ctx);
    } else if (request_ends(pump, data, (size_t)got)) {
        (void)give(pump, pump->question, strlen(pump->question));
        pump->question = NULL;
    }
    secret_wipe(data, (size_t)got);
    return done;
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
        return errno == EAGAIN || errno == EWOULDBLOCK
                   ? 0
                   : err_set(ctx->err, ERR_CONNECT, "a socket for libcurl: %s", strerror(errno));
    if (!pump->head)
        pump->head = malloc(HTTP_TOTAL_MAX + 1);
    if (!pump->head)
        return err_no_memory(ctx->err);
    if (pump_up(pump, below, ctx) == -1)
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
    free(pump->head);
    *pump = PUMP_INIT;
}
