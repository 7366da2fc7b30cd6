/* SPDX-License-Identifier: MIT */
/* Linux's own calls. os_portable.c has the twins. */
#define _GNU_SOURCE
#include "core/os.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/text.h"

int os_socket(int domain, int type, int protocol)
{
    return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

ssize_t os_splice(int from, int to, size_t size)
{
    ssize_t moved;

    do
        moved = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved == -1 && errno == EINTR);
    return moved;
}

int os_tcp_quickack(int fd)
{
    int on = 1;

    return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void os_pipe_grow(int fd, size_t size)
{
    (void)fcntl(fd, F_SETPIPE_SZ, (int)size);
}

int os_reopen_nonblock(int fd, int flags)
{
    char digits[TEXT_DIGITS_MAX];
    char *path = text_join("/proc/self/fd/", text_digits((unsigned)fd, digits), (char *)NULL);

    if (!path)
        return -1;
    int own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    free(path);
    if (own == -1)
        return -1;
    int done = dup2(own, fd);
    (void)close(own);
    return done == -1 ? -1 : 0;
}
