/* SPDX-License-Identifier: MIT */
#include "transports/unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/stream.h"

/* A full queue is not reported by poll(2): connect(2) says EAGAIN and has to be asked again. */
#define RETRY_NS (20 * CLOCK_MS)

/* 0, or -1 with ctx->err set. */
static int unix_connect(int fd, const struct sockaddr_un *address, struct ctx *ctx)
{
    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == -1) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return err_set(ctx->err, ERR_CONNECT, "%s", strerror(errno));
        if (ctx_wait(ctx, NULL, 0, clock_ns() + RETRY_NS) == -1)
            return -1;
    }
    return 0;
}

struct stream *unix_dial(const char *path, struct ctx *ctx)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stream *stream = NULL;
    int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path)) {
        (void)err_set(ctx->err, ERR_CONNECT, "%s", strerror(ENAMETOOLONG));
        goto out;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);

    TRACE(ctx->trace, "unix", "connecting to %s", path);
    fd = os_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "%s", strerror(errno));
        goto out;
    }
    if (unix_connect(fd, &address, ctx) == -1)
        goto out;
    stream = stream_fd_new(fd, fd);
    if (!stream)
        (void)err_set(ctx->err, ERR_CONNECT, "%s", strerror(errno));
out:
    if (!stream) {
        if (fd != -1)
            (void)close(fd);
        (void)err_wrap(ctx->err, "unix: %s", path);
    }
    return stream;
}
