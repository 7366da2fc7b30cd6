/* SPDX-License-Identifier: MIT */
/* Linux's own calls. os_portable.c has the twins. */
#define _GNU_SOURCE
#include "core/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/text.h"

int os_socket(int domain, int type, int protocol)
{
    return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

int os_socketpair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

int os_pipe(int ends[PIPE_ENDS])
{
    return pipe2(ends, O_CLOEXEC);
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

void os_die_with_parent(int signal)
{
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)signal);
}

char *os_executable(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

    /* Not absolute: "(unreachable)/..." after chroot(2). */
    if (length <= 0 || (size_t)length == sizeof(path) || path[0] != '/')
        return NULL;
    return strndup(path, (size_t)length);
}

int os_listener_new(struct sockaddr_un *address, socklen_t *size)
{
    int fd = os_socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd == -1)
        return -1;
    /* unix(7): bind without a name lets the kernel choose one. */
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *size = sizeof(*address);
    if (bind(fd, (struct sockaddr *)address, sizeof(address->sun_family)) == 0 &&
        listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)address, size) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

bool os_is_own_peer(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

bool os_is_own_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

void os_listener_close(int fd, const struct sockaddr_un *address)
{
    (void)address;
    (void)close(fd);
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
