/* SPDX-License-Identifier: MIT */
/* The twins of os_linux.c, from POSIX alone: they do it with more calls, or say that it can't be
 * done. */
#include "core/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int os_socket(int domain, int type, int protocol)
{
    int fd = socket(domain, type, protocol);
    if (fd == -1)
        return -1;

    int flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

ssize_t os_splice(int from, int to, size_t size)
{
    (void)from;
    (void)to;
    (void)size;
    errno = EINVAL;
    return -1;
}

int os_tcp_quickack(int fd)
{
    (void)fd;
    errno = ENOTSUP;
    return -1;
}

void os_pipe_grow(int fd, size_t size)
{
    (void)fd;
    (void)size;
}

int os_reopen_nonblock(int fd, int flags)
{
    (void)fd;
    (void)flags;
    errno = ENOTSUP;
    return -1;
}
