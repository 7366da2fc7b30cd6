/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"
#include "transports/ground.h"
#include "transports/resolve.h"

static struct stream *dial_text(const char *text, struct fake_ctx *fake)
{
    struct endpoint to = ENDPOINT_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(endpoint_parse(&to, text, 0, &err), 0);
    struct stream *stream = ground_transport.dial(NULL, NULL, &to, &fake->ctx);
    endpoint_release(&to);
    return stream;
}

static struct stream *dial_port(const char *host, uint16_t port, struct fake_ctx *fake)
{
    char text[FD_PATH_MAX];
    (void)snprintf(text, sizeof(text), "%s:%u", host, port);
    return dial_text(text, fake);
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* Both directions and the half-close work; closing the stream closes the descriptor. */
static void talk_and_close(struct stream *stream, int listener)
{
    char data[8];
    int fd = stream_socket(stream);
    int peer = accept(listener, NULL, NULL);

    assert_true(fd >= 0);
    assert_true(peer >= 0);
    assert_int_equal(stream_write(stream, "ping", 4), 4);
    assert_int_equal(stream_shut_wr(stream), 0);
    fd_expect(peer, "ping", 4);
    fd_put(peer, "pong", 4);
    (void)fd_await(fd, POLLIN);
    assert_int_equal(stream_read(stream, data, sizeof(data)), 4);
    assert_memory_equal(data, "pong", 4);
    fd_close(&peer);
    (void)fd_await(fd, POLLIN);
    assert_int_equal(stream_read(stream, data, sizeof(data)), 0);
    stream_close(stream);
    assert_false(fd_is_open(fd));
}

static const struct family_row {
    const char *name;
    int family;
    const char *host;
    int want; /* config.family */
} family_rows[] = {
    {"IPv4", AF_INET, "127.0.0.1", AF_UNSPEC},
    {"IPv4 with -4", AF_INET, "127.0.0.1", AF_INET},
    {"IPv6", AF_INET6, "[::1]", AF_UNSPEC},
    {"IPv6 with -6", AF_INET6, "[::1]", AF_INET6},
};

static void dial(void **state)
{
    const struct family_row *row = *state;
    struct fake_ctx fake;
    uint16_t port = 0;
    int listener = fd_listen(row->family, 5, &port);

    if (listener < 0)
        unit_skip("no IPv6 on the loopback of this machine");
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake.config.family = row->want;
    struct stream *stream = dial_port(row->host, port, &fake);
    assert_err_unset(&fake.err);
    assert_non_null(stream);

    int fd = stream_socket(stream);
    assert_true(fd >= 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(option(fd, SOL_SOCKET, SO_ERROR), 0);
    talk_and_close(stream, listener);
    fd_close(&listener);
}

/* Linux answers 0 to the first connect(2) after one that was only polled, and libcurl 7.88 needs
 * that answer: dial must not have used it up. */
static void connect_was_called_once(void **state)
{
    (void)state;
    struct fake_ctx fake;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    uint16_t port = 0;
    int listener = fd_listen(AF_INET, 5, &port);

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    struct stream *stream = dial_port("127.0.0.1", port, &fake);
    assert_non_null(stream);
    int fd = stream_socket(stream);
    assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
#ifdef __linux__
    assert_int_equal(connect(fd, (const struct sockaddr *)&peer, len), 0);
#endif
    assert_int_equal(connect(fd, (const struct sockaddr *)&peer, len), -1);
    assert_int_equal(errno, EISCONN);
    stream_close(stream);
    fd_close(&listener);
}

static void refused(void **state)
{
    (void)state;
    struct fake_ctx fake;
    char address[32];
    int holder = -1;
    uint16_t port = fd_dead_port(&holder);

    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_null(dial_port("127.0.0.1", port, &fake));
    assert_contains(err_text(&fake.err), address);
    assert_err(&fake.err, ERR_CONNECT, "Connection refused");
    fd_close(&holder);
}

static const struct refusal_row {
    const char *name;
    const char *text;
    int want;
} refusal_rows[] = {
    {"IPv4 with -6", "127.0.0.1:22", AF_INET6},
    {"IPv6 with -4", "[::1]:22", AF_INET},
    {"a zone that is not there", "[fe80::1%nosuchif0]:22", AF_UNSPEC},
};

static void refuses_before_connecting(void **state)
{
    const struct refusal_row *row = *state;
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake.config.family = row->want;
    assert_null(dial_text(row->text, &fake));
    assert_int_not_equal(fake.err.code, ERR_NONE);
    assert_non_null(fake.err.text);
    err_release(&fake.err);
}

#define QUEUE_MAX 64

/* A listener whose queue is full drops a SYN, as a firewall does: a black hole on loopback. */
struct black_hole {
    int listener;
    uint16_t port;
    int fillers[QUEUE_MAX];
};

static void black_hole_open(struct black_hole *hole)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    bool full = false;

    hole->listener = fd_listen(AF_INET, 0, &hole->port);
    to.sin_port = htons(hole->port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < QUEUE_MAX; i++) {
        hole->fillers[i] = -1;
        if (full)
            continue;
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(hole->fillers[i] >= 0);
        fd_set_nonblocking(hole->fillers[i], true);
        (void)connect(hole->fillers[i], (const struct sockaddr *)&to, sizeof(to));
        struct pollfd pfd = {.fd = hole->fillers[i], .events = POLLOUT};
        full = poll(&pfd, 1, UNIT_QUIET_MS) == 0;
    }
    assert_true(full);
}

static void black_hole_close(struct black_hole *hole)
{
    for (int i = 0; i < QUEUE_MAX; i++)
        fd_close(&hole->fillers[i]);
    fd_close(&hole->listener);
}

static void nobody_answers(void **state)
{
    (void)state;
    struct black_hole hole;
    struct fake_ctx fake;

    black_hole_open(&hole);
    fake_ctx_init(&fake, 200);
    assert_null(dial_port("127.0.0.1", hole.port, &fake));
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_contains(err_text(&fake.err), "127.0.0.1");
    assert_err(&fake.err, ERR_TIME, "no answer within");
    black_hole_close(&hole);
}

static void called_off_while_connecting(void **state)
{
    (void)state;
    struct black_hole hole;
    struct fake_ctx fake;

    black_hole_open(&hole);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake_ctx_cancel(&fake);
    assert_null(dial_port("127.0.0.1", hole.port, &fake));
    assert_true(clock_ns() < fake.ctx.deadline_ns);
    assert_err_silent(&fake.err);
    fd_close(&fake.ctx.cancel_fd);
    black_hole_close(&hole);
}

/* Binds a socket of AF_UNIX there; `listens` = with a queue of that length. */
static int unix_socket_at(const char *path, int backlog)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static struct stream *dial_path(const char *path, struct fake_ctx *fake)
{
    char text[FD_PATH_MAX + 8];
    (void)snprintf(text, sizeof(text), "unix:%s", path);
    return dial_text(text, fake);
}

static void unix_path(void **state)
{
    (void)state;
    struct fake_ctx fake;
    char path[FD_PATH_MAX];

    fd_temp_path(path, "socket");
    int listener = unix_socket_at(path, 5);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    struct stream *stream = dial_path(path, &fake);
    assert_err_unset(&fake.err);
    assert_non_null(stream);
    assert_true(fcntl(stream_socket(stream), F_GETFD) & FD_CLOEXEC);
    talk_and_close(stream, listener);
    fd_close(&listener);
    fd_temp_remove(path);
}

static void unix_path_fails(void **state)
{
    (void)state;
    struct fake_ctx fake;
    char path[FD_PATH_MAX];

    fd_temp_path(path, "socket");
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_null(dial_path(path, &fake));
    assert_contains(err_text(&fake.err), path);
    assert_err(&fake.err, ERR_CONNECT, strerror(ENOENT));

    int deaf = unix_socket_at(path, -1);
    assert_null(dial_path(path, &fake));
    assert_contains(err_text(&fake.err), path);
    assert_err(&fake.err, ERR_CONNECT, strerror(ECONNREFUSED));
    fd_close(&deaf);
    fd_temp_remove(path);
}

/* connect(2) to a Unix socket with a full queue says EAGAIN on Linux, and no event tells of room.
 */
static void unix_queue_full(void **state)
{
    (void)state;
    struct fake_ctx fake;
    char path[FD_PATH_MAX];
    struct stream *fillers[QUEUE_MAX];
    int count = 0;

    fd_temp_path(path, "socket");
    int listener = unix_socket_at(path, 1);
    do {
        fake_ctx_init(&fake, 100);
        fillers[count] = dial_path(path, &fake);
    } while (fillers[count] && ++count < QUEUE_MAX);
    assert_true(count > 0 && count < QUEUE_MAX);
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_err(&fake.err, ERR_TIME, path);

    while (count > 0)
        stream_close(fillers[--count]);
    fd_close(&listener);
    fd_temp_remove(path);
}

static const struct numeric_row {
    const char *name;
    const char *host;
    int family;
    int wanted;
    const char *text;
} numeric_rows[] = {
    {"IPv4", "192.0.2.1", AF_UNSPEC, 1, "192.0.2.1:22"},
    {"IPv4 with -4", "192.0.2.1", AF_INET, 1, "192.0.2.1:22"},
    {"IPv4 with -6", "192.0.2.1", AF_INET6, -1, "192.0.2.1"},
    {"IPv6", "2001:db8::1", AF_UNSPEC, 1, "[2001:db8::1]:22"},
    {"IPv6 with -6", "2001:db8::1", AF_INET6, 1, "[2001:db8::1]:22"},
    {"IPv6 with -4", "2001:db8::1", AF_INET, -1, "2001:db8::1"},
    {"IPv6 loopback", "::1", AF_UNSPEC, 1, "[::1]:22"},
    {"IPv4 in IPv6", "::ffff:192.0.2.1", AF_UNSPEC, 1, "[::ffff:192.0.2.1]:22"},
    {"zone by name", "fe80::1%lo", AF_UNSPEC, 1, "[fe80::1%lo]:22"},
    {"zone by number", "fe80::1%1", AF_UNSPEC, 1, "[fe80::1%lo]:22"},
    {"zone that is not there", "fe80::1%nosuchif0", AF_UNSPEC, -1, "nosuchif0"},
    {"zone with -4", "fe80::1%lo", AF_INET, -1, "fe80::1%lo"},
    {"name", "db.example", AF_UNSPEC, 0, NULL},
    {"localhost is a name", "localhost", AF_UNSPEC, 0, NULL},
    {"nearly IPv4", "192.0.2.256", AF_UNSPEC, 0, NULL},
    {"too many numbers", "192.0.2.1.5", AF_UNSPEC, 0, NULL},
    {"a dot behind", "192.0.2.1.", AF_UNSPEC, 0, NULL},
};

static void numeric(void **state)
{
    const struct numeric_row *row = *state;
    static struct addresses addresses;
    struct err err = ERR_INIT;
    char text[ADDRESS_TEXT_MAX];

    addresses_init(&addresses);
    struct trace trace = {.level = 0};
    struct question question = {row->host, 22, row->family, &addresses, &trace};
    assert_int_equal(resolve_numeric(&question, &err), row->wanted);
    size_t found = addresses.count[FAMILY_V4] + addresses.count[FAMILY_V6];
    assert_int_equal(found, row->wanted > 0 ? 1 : 0);
    if (row->wanted > 0) {
        int family = addresses.count[FAMILY_V6] ? FAMILY_V6 : FAMILY_V4;
        assert_string_equal(address_text(&addresses.found[family][0], text), row->text);
    }
    assert_false(addresses.pending[FAMILY_V4]);
    assert_false(addresses.pending[FAMILY_V6]);
    if (row->wanted < 0) {
        assert_int_not_equal(err.code, ERR_NONE);
        assert_contains(err_text(&err), row->text);
        err_release(&err);
    }
    assert_err_unset(&err);
}

static void the_transport_itself(void **state)
{
    (void)state;
    assert_string_equal(ground_transport.name, "direct");
    assert_non_null(ground_transport.dial);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, the_transport_itself);
    UNIT_ROWS(&unit, dial, family_rows);
    UNIT_TEST(&unit, connect_was_called_once);
    UNIT_TEST(&unit, refused);
    UNIT_ROWS(&unit, refuses_before_connecting, refusal_rows);
    UNIT_TEST(&unit, nobody_answers);
    UNIT_TEST(&unit, called_off_while_connecting);
    UNIT_TEST(&unit, unix_path);
    UNIT_TEST(&unit, unix_path_fails);
    UNIT_TEST(&unit, unix_queue_full);
    UNIT_ROWS(&unit, numeric, numeric_rows);
    return unit_run(&unit, "tcp");
}
