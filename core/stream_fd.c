/* SPDX-License-Identifier: MIT */
/* The stream of bare descriptors; the contract is in stream.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/os.h"
#include "core/stream.h"

/* What may be done to a descriptor without waiting on it. */
enum fd_kind {
    FD_SOCKET,   /* MSG_DONTWAIT */
    FD_PIPE,     /* inherited and shared: not looked at yet */
    FD_OWN,      /* never blocks: a pipe with a description of its own, a regular file */
    FD_BLOCKING, /* may block: ask poll(2) first and take little */
};

struct stream_fd {
    struct stream stream;
    enum fd_kind rkind, wkind;
    bool shut;
};

static struct stream_fd *stream_fd(struct stream *stream)
{
    return (struct stream_fd *)stream;
}

/* A socket with records would lose what does not fit into one read. */
static int fd_socket_kind(int fd, enum fd_kind *kind)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1)
        return -1;
    if (type != SOCK_STREAM) {
        errno = EPROTOTYPE;
        return -1;
    }
    *kind = FD_SOCKET;
    return 0;
}

static int fd_kind(int fd, enum fd_kind *kind)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        return -1;
    if (S_ISSOCK(st.st_mode))
        return fd_socket_kind(fd, kind);
    if (S_ISFIFO(st.st_mode))
        *kind = FD_PIPE;
    else if (S_ISREG(st.st_mode))
        *kind = FD_OWN;
    else
        *kind = FD_BLOCKING;
    return 0;
}

/* Makes a pipe ours at its first use here: a relay that splices never gets so far, and saves the
 * calls. */
static enum fd_kind fd_settle(int fd, enum fd_kind *kind, int flags)
{
    if (*kind == FD_PIPE)
        *kind = os_reopen_nonblock(fd, flags) == 0 ? FD_OWN : FD_BLOCKING;
    return *kind;
}

static bool fd_ready(int fd, short event)
{
    struct pollfd pfd = {.fd = fd, .events = event};

    return poll(&pfd, 1, 0) == 1;
}

static ssize_t fd_outcome(ssize_t result)
{
    if (result >= 0)
        return result;
    return errno == EAGAIN || errno == EWOULDBLOCK ? STREAM_AGAIN : STREAM_FAIL;
}

static ssize_t fd_read(struct stream *stream, void *data, size_t size)
{
    enum fd_kind kind = fd_settle(stream->rfd, &stream_fd(stream)->rkind, O_RDONLY);
    ssize_t got;

    if (kind == FD_BLOCKING && !fd_ready(stream->rfd, POLLIN))
        return STREAM_AGAIN;
    do
        got = kind == FD_SOCKET ? recv(stream->rfd, data, size, MSG_DONTWAIT)
                                : read(stream->rfd, data, size);
    while (got == -1 && errno == EINTR);
    return fd_outcome(got);
}

static ssize_t fd_write(struct stream *stream, const void *data, size_t size)
{
    enum fd_kind kind = fd_settle(stream->wfd, &stream_fd(stream)->wkind, O_WRONLY);
    ssize_t put;

    if (kind == FD_BLOCKING) {
        if (!fd_ready(stream->wfd, POLLOUT))
            return STREAM_AGAIN;
        if (size > PIPE_BUF)
            size = PIPE_BUF;
    }
    do
        put = kind == FD_SOCKET ? send(stream->wfd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                                : write(stream->wfd, data, size);
    while (put == -1 && errno == EINTR);
    return fd_outcome(put);
}

static int fd_shut_wr(struct stream *stream)
{
    struct stream_fd *fds = stream_fd(stream);

    if (fds->shut)
        return 0;
    fds->shut = true;
    if (fds->wkind != FD_SOCKET) {
        /* The end of a pipe is its last close; whoever else holds it decides with us. */
        if (stream->wfd != stream->rfd)
            (void)close(stream->wfd);
        stream->wfd = -1;
        return 0;
    }
    /* The peer may have gone already, which is a way to have been told. */
    return shutdown(stream->wfd, SHUT_WR) == 0 || errno == ENOTCONN ? 0 : STREAM_FAIL;
}

static int fd_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    pfd->fd = want == POLLIN ? stream->rfd : stream->wfd;
    pfd->events = want;
    return 0;
}

static void fd_close(struct stream *stream)
{
    if (stream->wfd != -1 && stream->wfd != stream->rfd)
        (void)close(stream->wfd);
    (void)close(stream->rfd);
    free(stream);
}

static const struct stream_ops fd_ops = {
    .name = "fd",
    .read = fd_read,
    .write = fd_write,
    .shut_wr = fd_shut_wr,
    .wait = fd_wait,
    .close = fd_close,
};

struct stream *stream_fd_new(int rfd, int wfd)
{
    struct stream_fd *fds = malloc(sizeof(*fds));

    if (!fds)
        return NULL;
    *fds = (struct stream_fd){.stream = {.ops = &fd_ops, .rfd = rfd, .wfd = wfd}};
    if (fd_kind(rfd, &fds->rkind) == -1 || fd_kind(wfd, &fds->wkind) == -1) {
        free(fds);
        return NULL;
    }
    return &fds->stream;
}
