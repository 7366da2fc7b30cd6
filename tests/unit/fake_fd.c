/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_unit.h"

void fd_see(struct fd_set_seen *seen)
{
    for (int fd = 0; fd < FD_SEEN_MAX; fd++)
        seen->open[fd] = fd_is_open(fd);
}

int fd_new_since(const struct fd_set_seen *seen)
{
    for (int fd = 0; fd < FD_SEEN_MAX; fd++) {
        if (!seen->open[fd] && fd_is_open(fd))
            return fd;
    }
    return -1;
}

bool fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

bool fd_is_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    assert_true(flags >= 0);
    return flags & O_NONBLOCK;
}

void fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    assert_true(flags >= 0);
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

void fd_close(int *fd)
{
    if (*fd >= 0)
        assert_int_equal(close(*fd), 0);
    *fd = -1;
}

void fd_pipe(int ends[2])
{
    assert_int_equal(pipe(ends), 0);
}

void fd_socketpair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

/* The kernel would let them grow to many MB before a writer is stopped. Below a few segments of the
 * loopback's 64 KiB TCP would creep. */
static void keep_buffers_small(int sock)
{
    static const int size = 256 * 1024;
    assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

void fd_tcp_pair(int ends[2])
{
    uint16_t port = 0;
    int listener = fd_listen(AF_INET, 1, &port);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    assert_true(listener >= 0);
    keep_buffers_small(listener);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(ends[0] >= 0);
    keep_buffers_small(ends[0]);
    assert_int_equal(connect(ends[0], (const struct sockaddr *)&to, sizeof(to)), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    fd_close(&listener);
}

int fd_file(const void *data, size_t size)
{
    char path[] = "/tmp/stile-unit-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    if (size > 0)
        fd_put(fd, data, size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

void fd_temp_path(char path[FD_PATH_MAX], const char *name)
{
    char folder[] = "/tmp/stile-unit-XXXXXX";
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, FD_PATH_MAX, "%s/%s", folder, name);
}

void fd_temp_remove(const char *path)
{
    char folder[FD_PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

union any_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int bind_loopback(int family, uint16_t *port)
{
    union any_addr addr;
    socklen_t len = family == AF_INET ? sizeof(addr.v4) : sizeof(addr.v6);
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;

    memset(&addr, 0, sizeof(addr));
    addr.any.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        addr.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        addr.v6.sin6_addr = in6addr_loopback;
    if (bind(fd, &addr.any, len) || getsockname(fd, &addr.any, &len)) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET ? addr.v4.sin_port : addr.v6.sin6_port);
    return fd;
}

int fd_listen(int family, int backlog, uint16_t *port)
{
    int fd = bind_loopback(family, port);
    if (fd >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

uint16_t fd_dead_port(int *holder)
{
    uint16_t port = 0;
    *holder = bind_loopback(AF_INET, &port);
    assert_true(*holder >= 0);
    return port;
}

/* Milliseconds that are left of the limit; fails the test when there are none. */
static int time_left(int64_t until, const char *what)
{
    int64_t left = (until - clock_ns()) / CLOCK_MS;
    if (left <= 0)
        unit_fail("still waiting to %s after %d ms", what, UNIT_WAIT_MS);
    return (int)left;
}

short fd_await(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
    while (poll(&pfd, 1, time_left(until, "see an event")) <= 0)
        continue;
    return pfd.revents;
}

bool fd_ready(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    return poll(&pfd, 1, 0) > 0 && (pfd.revents & (events | POLLERR | POLLHUP));
}

void fd_put(int fd, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size > 0) {
        ssize_t n;
        (void)fd_await(fd, POLLOUT);
        n = write(fd, from, size);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            unit_fail("write: %s", strerror(errno));
        if (n > 0) {
            from += n;
            size -= (size_t)n;
        }
    }
}

/* One read that waits: bytes, or 0 at the end. */
static size_t read_some(int fd, void *data, size_t size)
{
    for (;;) {
        ssize_t n;
        (void)fd_await(fd, POLLIN);
        n = read(fd, data, size);
        if (n >= 0)
            return (size_t)n;
        if (errno != EAGAIN && errno != EINTR)
            unit_fail("read: %s", strerror(errno));
    }
}

void fd_get(int fd, void *data, size_t size)
{
    uint8_t *to = data;
    while (size > 0) {
        size_t n = read_some(fd, to, size);
        if (n == 0)
            unit_fail("the end came %zu bytes too early", size);
        to += n;
        size -= n;
    }
}

void fd_expect(int fd, const void *data, size_t size)
{
    uint8_t *got = malloc(size + 1);
    size_t more;

    assert_non_null(got);
    fd_get(fd, got, size);
    assert_int_equal(memcmp(got, data, size), 0);
    more = read_some(fd, got, 1);
    if (more)
        unit_fail("there is more than the %zu bytes", size);
    free(got);
}

size_t fd_fill(int fd)
{
    static const uint8_t zeros[4096];
    bool was = fd_is_nonblocking(fd);
    size_t total = 0;

    fd_set_nonblocking(fd, true);
    /* The last few bytes go in one by one, so that it is full for small writes too. */
    for (size_t size = sizeof(zeros); size > 0;) {
        ssize_t n = write(fd, zeros, size);
        if (n > 0)
            total += (size_t)n;
        else
            size /= 2;
    }
    fd_set_nonblocking(fd, was);
    return total;
}
