/* SPDX-License-Identifier: MIT */
#include "core/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"

int fdpass_check(int sock, struct err *err)
{
    struct sockaddr_storage self;
    socklen_t size = sizeof(self);

    if (getsockname(sock, (struct sockaddr *)&self, &size) == -1)
        return err_set(err, ERR_USAGE, "not a socket; ssh makes it one with ProxyUseFdpass yes");
    if (self.ss_family != AF_UNIX)
        return err_set(err, ERR_USAGE, "not a Unix socket");
    return 0;
}

/* O_NONBLOCK belongs to the open file description, so the receiver would inherit it. */
static void fdpass_make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags != -1 && flags & O_NONBLOCK)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* A message of one byte that has room for a descriptor. */
struct envelope {
    char payload;
    struct iovec iov;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message;
};

static void envelope_init(struct envelope *envelope)
{
    memset(envelope, 0, sizeof(*envelope));
    envelope->iov = (struct iovec){.iov_base = &envelope->payload, .iov_len = 1};
    envelope->message = (struct msghdr){.msg_iov = &envelope->iov,
                                        .msg_iovlen = 1,
                                        .msg_control = envelope->control,
                                        .msg_controllen = sizeof(envelope->control)};
}

int fdpass_send(int sock, int fd, struct ctx *ctx)
{
    struct envelope envelope;

    envelope_init(&envelope);
    struct cmsghdr *header = CMSG_FIRSTHDR(&envelope.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));

    fdpass_make_blocking(fd);
    for (;;) {
        if (sendmsg(sock, &envelope.message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
            return 0;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd room = {.fd = sock, .events = POLLOUT};
            if (ctx_wait(ctx, &room, 1, CLOCK_NEVER) == -1)
                return err_wrap(ctx->err, "fdpass");
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return err_set_silent(ctx->err, ERR_STREAM);
        } else if (errno != EINTR) {
            return err_set(ctx->err, ERR_STREAM, "fdpass: %s", strerror(errno));
        }
    }
}

int fdpass_receive(int sock, struct ctx *ctx)
{
    struct pollfd pfd = {.fd = sock, .events = POLLIN};
    struct envelope envelope;
    ssize_t got;
    int fd;

    envelope_init(&envelope);
    if (ctx_wait(ctx, &pfd, 1, CLOCK_NEVER) == -1)
        return -1;
    do
        got = recvmsg(sock, &envelope.message, 0);
    while (got == -1 && errno == EINTR);
    const struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&envelope.message) : NULL;
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int)))
        return err_set(ctx->err, ERR_CONNECT, "%s",
                       got == -1 ? strerror(errno) : "no descriptor came");
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}
