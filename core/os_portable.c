/* SPDX-License-Identifier: MIT */
/* The twins of os_linux.c, from POSIX alone: they do it with more calls, or say that it can't be
 * done. */
#include "core/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Non-blocking and close-on-exec. 0, or -1 with errno. */
static int make_ours(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
        return -1;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? -1 : 0;
}

int os_socket(int domain, int type, int protocol)
{
    int fd = socket(domain, type, protocol);

    if (fd == -1 || make_ours(fd) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

int os_socketpair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1)
        return -1;
    if (make_ours(ends[0]) == 0 && make_ours(ends[1]) == 0)
        return 0;
    int why = errno;
    (void)close(ends[0]);
    (void)close(ends[1]);
    errno = why;
    return -1;
}

int os_pipe(int ends[PIPE_ENDS])
{
    if (pipe(ends) == -1)
        return -1;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
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

void os_die_with_parent(int signal)
{
    (void)signal;
}

char *os_executable(void)
{
    return NULL;
}

static void remove_folder(struct sockaddr_un address)
{
    (void)unlink(address.sun_path);
    *strrchr(address.sun_path, '/') = '\0';
    (void)rmdir(address.sun_path);
}

int os_listener_new(struct sockaddr_un *address, socklen_t *size)
{
    static const char folder[] = "/tmp/stile.XXXXXX", name[] = "/s";
    int why, fd = -1;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *size = sizeof(*address);
    memcpy(address->sun_path, folder, sizeof(folder));
    if (!mkdtemp(address->sun_path))
        return -1;
    memcpy(address->sun_path + sizeof(folder) - 1, name, sizeof(name));
    fd = os_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd != -1 && bind(fd, (struct sockaddr *)address, *size) == 0 && listen(fd, 1) == 0)
        return fd;
    why = errno;
    if (fd != -1)
        (void)close(fd);
    remove_folder(*address);
    errno = why;
    return -1;
}

bool os_is_own_peer(int fd)
{
    /* The folder's mode has kept the others out. */
    (void)fd;
    return true;
}

bool os_is_own_user(int fd)
{
    return os_is_own_peer(fd);
}

void os_listener_close(int fd, const struct sockaddr_un *address)
{
    (void)close(fd);
    remove_folder(*address);
}

int os_reopen_nonblock(int fd, int flags)
{
    (void)fd;
    (void)flags;
    errno = ENOTSUP;
    return -1;
}
