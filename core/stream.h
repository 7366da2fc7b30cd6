/* SPDX-License-Identifier: MIT */
/*
 * A stream: an open, ordered, two-way byte stream with half-close, whatever carries it.
 *
 * Reading and writing never block; waiting is the business of whoever holds several streams (the
 * relay, ctx_wait). The lowest layer alone sees EINTR and EAGAIN, nobody above it does.
 */
#ifndef STILE_CORE_STREAM_H
#define STILE_CORE_STREAM_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

#define STREAM_AGAIN (-1) /* nothing can be done now: wait */
#define STREAM_FAIL (-2)  /* broken; errno says why */

struct stream;

struct stream_ops {
    const char *name; /* of this kind of stream, for the trace */

    /* Up to `size` (> 0) bytes into `data`: > 0 bytes, 0 at the end of the stream, STREAM_AGAIN or
     * STREAM_FAIL. Bytes that arrived before a failure are delivered before it is reported. */
    ssize_t (*read)(struct stream *, void *data, size_t size);

    /* Takes up to `size` (> 0) bytes: > 0 taken, STREAM_AGAIN (the next write offers the same bytes,
     * or more) or STREAM_FAIL. The process ignores
     * SIGPIPE; that a reader has gone is EPIPE. */
    ssize_t (*write)(struct stream *, const void *data, size_t size);

    /* Sends the end of the stream, goes on reading. 0, STREAM_AGAIN (call again after a wait) or
     * STREAM_FAIL. Called once it returned 0, it does nothing. */
    int (*shut_wr)(struct stream *);

    /* Fills in what to poll for until `want` (POLLIN: a read, POLLOUT: a write or shut_wr) can
     * go on. A layered stream may need the other event, or none (fd -1). Returns 1 when it can
     * go on at once, because bytes lie decoded or reading has made room for writing, so that
     * poll(2) would sleep on it; else 0. */
    int (*wait)(struct stream *, short want, struct pollfd *);

    /* While nobody writes: fills in what to poll for the peer going away, and returns 1 when it has
     * gone; an event is a reason to ask again. NULL: a bare descriptor is polled, for nothing but
     * its end; nobody can tell of another one. */
    int (*watch)(struct stream *, struct pollfd *);

    /* Does what time asks for (keep-alive), and returns when it must be called again, CLOCK_NEVER:
     * no more. Whoever sleeps on the stream calls it before. A stream that finds itself dead here
     * says so by the next read. NULL: never. A layered stream asks the one below. */
    int64_t (*tick)(struct stream *);

    /* Once it is over, in order or not: what whoever carried it has to say about the end. May wait
     * for that, as long as its kind says. 0, or -1 with err set (ERR_STREAM). NULL: nothing ever. A
     * layered stream asks the one below. */
    int (*finish)(struct stream *, struct err *err);

    /* Closes and frees all of it. Does not wait for the peer: what was not sent is lost. */
    void (*close)(struct stream *);
};

/*
 * The base of every kind of stream; kinds put it first in a struct of their own.
 *
 * A descriptor that is >= 0 IS the stream in that direction, with no layer in between: it may be
 * spliced, and where both are the same socket it may be passed to another process.
 */
struct stream {
    const struct stream_ops *ops;
    int rfd;
    int wfd;
};

static inline ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
    return stream->ops->read(stream, data, size);
}

static inline ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
    return stream->ops->write(stream, data, size);
}

static inline int stream_shut_wr(struct stream *stream)
{
    return stream->ops->shut_wr(stream);
}

static inline int stream_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    return stream->ops->wait(stream, want, pfd);
}

/* As the op. Where there is none an event is the answer. */
int stream_watch(struct stream *stream, struct pollfd *pfd);

/* As the op, CLOCK_NEVER where there is none. */
int64_t stream_tick(struct stream *stream);

/* As the op, 0 where there is none. */
int stream_finish(struct stream *stream, struct err *err);

/* Closes and frees; NULL is allowed. */
void stream_close(struct stream *stream);

/*
 * A stream of bare descriptors: a socket (rfd == wfd), or a pair such as stdin and stdout, or the
 * two pipes of a child. Takes both over and closes them in the end. NULL with errno set where they
 * are not open or memory is lacking; then they stay the caller's.
 *
 * Descriptors that were inherited are shared with strangers, so their O_NONBLOCK is left alone:
 * sockets are used with MSG_DONTWAIT, pipes get an open file description of their own where the
 * system can give one (os_reopen_nonblock, at the first read or write, which opens a file), and
 * else are written PIPE_BUF bytes at a time after poll(2) said yes, which POSIX promises not to
 * block.
 */
struct stream *stream_fd_new(int rfd, int wfd);

/* The descriptor of a stream that is one bare socket, or -1 when something layers on it. It stays
 * the stream's. */
int stream_socket(const struct stream *stream);

#endif
