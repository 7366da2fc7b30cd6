/* SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/os.h"

/* What is looked at in one call: more than any proxy says. */
#define LOOK_BYTES 2048

/* 0 when it is worth trying again, or -1 with ctx->err set. */
static int exchange_wait(struct stream *stream, short want, struct ctx *ctx)
{
    struct pollfd pfd = {.fd = -1};
    int ready = stream_wait(stream, want, &pfd);

    /* With something to do at once, only the deadline and the cancellation are looked at. */
    return ctx_wait(ctx, &pfd, 1, ready ? 0 : CLOCK_NEVER) == -1 ? -1 : 0;
}

static int exchange_broken(struct ctx *ctx)
{
    return err_set(ctx->err, ERR_REFUSED, "%s",
                   errno == EPIPE ? "the connection was closed" : strerror(errno));
}

static int exchange_ended(struct ctx *ctx)
{
    return err_set(ctx->err, ERR_REFUSED, "the connection was closed");
}

int exchange_send(struct stream *stream, const void *data, size_t size, struct ctx *ctx)
{
    const char *at = data;

    while (size > 0) {
        ssize_t put = stream_write(stream, at, size);
        if (put == STREAM_FAIL)
            return exchange_broken(ctx);
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        } else if (exchange_wait(stream, POLLOUT, ctx) == -1) {
            return -1;
        }
    }
    return 0;
}

void exchange_acknowledge(const struct stream *stream)
{
    int fd = stream_socket(stream);

    if (fd != -1)
        (void)os_tcp_quickack(fd);
}

/* At least one byte and at most `size`, or 0 to try again; -1 with ctx->err set. */
static ssize_t exchange_some(struct stream *stream, void *data, size_t size, struct ctx *ctx)
{
    ssize_t got = stream_read(stream, data, size);

    if (got == STREAM_FAIL)
        return exchange_broken(ctx);
    if (got == 0)
        return exchange_ended(ctx);
    if (got == STREAM_AGAIN)
        return exchange_wait(stream, POLLIN, ctx);
    exchange_acknowledge(stream);
    return got;
}

int exchange_receive(struct stream *stream, void *data, size_t size, struct ctx *ctx)
{
    char *at = data;

    while (size > 0) {
        ssize_t got = exchange_some(stream, at, size, ctx);
        if (got == -1)
            return -1;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

ssize_t exchange_peek(const struct stream *stream, void *data, size_t size)
{
    int fd = stream_socket(stream);

    return fd == -1 ? -1 : recv(fd, data, size, MSG_PEEK | MSG_DONTWAIT);
}

int exchange_feed(struct stream *stream, struct exchange_sink *sink, struct ctx *ctx)
{
    char data[LOOK_BYTES];

    while (!sink->done) {
        ssize_t seen = exchange_peek(stream, data, sizeof(data));
        if (seen > 0) {
            /* What the sink wants of it is then taken in one call. */
            size_t wanted = sink->take(sink, data, (size_t)seen);
            if (exchange_receive(stream, data, wanted, ctx) == -1)
                return -1;
            continue;
        }
        ssize_t got = exchange_some(stream, data, 1, ctx);
        if (got == -1)
            return -1;
        if (got > 0)
            (void)sink->take(sink, data, 1);
    }
    return 0;
}
