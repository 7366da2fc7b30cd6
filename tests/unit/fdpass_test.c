/* SPDX-License-Identifier: MIT */
#include "core/fdpass.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* Takes one message as OpenSSH's mm_receive_fd does: one byte, room for one descriptor. */
static int receive(int sock)
{
    char byte = 'x';
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    int fd = -1;

    memset(&control, 0, sizeof(control));
    (void)fd_await(sock, POLLIN);
    assert_int_equal(recvmsg(sock, &message, 0), 1);
    assert_int_equal(message.msg_flags & MSG_CTRUNC, 0);
    assert_int_equal(byte, 0);
    struct cmsghdr *found = CMSG_FIRSTHDR(&message);
    if (!found)
        return fail(), -1;
    assert_int_equal(found->cmsg_level, SOL_SOCKET);
    assert_int_equal(found->cmsg_type, SCM_RIGHTS);
    /* One descriptor, and nothing behind it. */
    assert_int_equal(found->cmsg_len, CMSG_LEN(sizeof(int)));
    assert_true(message.msg_controllen < 2 * CMSG_SPACE(sizeof(int)));
    memcpy(&fd, CMSG_DATA(found), sizeof(fd));
    assert_true(fd >= 0);
    return fd;
}

static void same_file(int a, int b)
{
    struct stat sa;
    struct stat sb;
    assert_int_equal(fstat(a, &sa), 0);
    assert_int_equal(fstat(b, &sb), 0);
    assert_int_equal(sa.st_ino, sb.st_ino);
    assert_int_equal(sa.st_dev, sb.st_dev);
}

static void nothing_more(int sock)
{
    char byte;
    assert_int_equal(recv(sock, &byte, 1, MSG_DONTWAIT), -1);
}

/* The far end of the passed connection; whoever received it talks to it. */
static void one_byte_and_the_descriptor(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int sock[2];
    int stream[2];

    fd_socketpair(sock);
    fd_tcp_pair(stream);
    fd_set_nonblocking(stream[0], true);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(fdpass_check(sock[0], &fake.err), 0);
    assert_int_equal(fdpass_send(sock[0], stream[0], &fake.ctx), 0);
    assert_err_unset(&fake.err);
    assert_true(fd_is_open(sock[0]));
    assert_true(fd_is_open(stream[0]));

    int got = receive(sock[1]);
    same_file(got, stream[0]);
    assert_false(fd_is_nonblocking(got));
    nothing_more(sock[1]);

    fd_close(&stream[0]);
    fd_put(stream[1], "hello", 5);
    assert_int_equal(shutdown(stream[1], SHUT_WR), 0);
    fd_expect(got, "hello", 5);
    fd_put(got, "bye", 3);
    fd_close(&got);
    fd_expect(stream[1], "bye", 3);
    fd_close(&stream[1]);
    fd_close(&sock[0]);
    fd_close(&sock[1]);
}

/* ssh's end of the pair; stile's flags on it are nobody's business but ssh's. */
static void the_socket_keeps_its_flags(void **state)
{
    (void)state;
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        struct fake_ctx fake;
        int sock[2];

        fd_socketpair(sock);
        fd_set_nonblocking(sock[0], nonblocking);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        assert_int_equal(fdpass_send(sock[0], sock[1], &fake.ctx), 0);
        assert_int_equal(fd_is_nonblocking(sock[0]), nonblocking);
        int got = receive(sock[1]);
        fd_close(&got);
        fd_close(&sock[0]);
        fd_close(&sock[1]);
    }
}

/* What a worker passes: each end has flags of its own. */
static void one_end_of_a_pair(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int sock[2];
    int ends[2];

    fd_socketpair(sock);
    assert_int_equal(os_socketpair(ends), 0);
    for (int i = 0; i < 2; i++) {
        assert_true(fd_is_nonblocking(ends[i]));
        assert_int_equal(fcntl(ends[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(fdpass_send(sock[0], ends[1], &fake.ctx), 0);
    fd_close(&ends[1]);
    int got = receive(sock[1]);
    assert_false(fd_is_nonblocking(got));
    assert_true(fd_is_nonblocking(ends[0]));
    fd_put(got, "up", 2);
    fd_close(&got);
    fd_expect(ends[0], "up", 2);
    fd_close(&ends[0]);
    fd_close(&sock[0]);
    fd_close(&sock[1]);
}

static void open_pipe(int ends[2])
{
    fd_pipe(ends);
}

static void open_tcp(int ends[2])
{
    fd_tcp_pair(ends);
}

static void open_file(int ends[2])
{
    ends[0] = fd_file("", 0);
    ends[1] = -1;
}

static void open_null(int ends[2])
{
    ends[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    ends[1] = -1;
    assert_true(ends[0] >= 0);
}

static void open_nothing(int ends[2])
{
    fd_pipe(ends);
    int closed = ends[0];
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    /* A number without a descriptor; nothing may be opened before the check. */
    ends[0] = closed;
}

static const struct check_row {
    const char *name;
    void (*make)(int ends[2]);
} check_rows[] = {
    {"pipe", open_pipe},   {"TCP socket", open_tcp}, {"file", open_file},
    {"device", open_null}, {"closed", open_nothing},
};

static void check_refuses(void **state)
{
    const struct check_row *row = *state;
    struct err err = ERR_INIT;
    int ends[2];

    row->make(ends);
    assert_int_equal(fdpass_check(ends[0], &err), -1);
    assert_err(&err, ERR_USAGE, NULL);
    for (int i = 0; i < 2; i++) {
        if (fd_is_open(ends[i]))
            fd_close(&ends[i]);
    }
}

static void check_takes_unix_sockets(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    int ends[2];

    fd_socketpair(ends);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fdpass_check(ends[i], &err), 0);
        assert_err_unset(&err);
        fd_close(&ends[i]);
    }
}

static void full_socket_runs_into_the_deadline(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int sock[2];

    fd_socketpair(sock);
    (void)fd_fill(sock[0]);
    fake_ctx_init(&fake, 50);
    assert_int_equal(fdpass_send(sock[0], sock[1], &fake.ctx), -1);
    assert_err(&fake.err, ERR_TIME, NULL);
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_true(fd_is_open(sock[0]));
    fd_close(&sock[0]);
    fd_close(&sock[1]);
}

static void *drain_when_asked(void *arg)
{
    const int *fd = arg;
    size_t total = 0;
    char waste[65536];

    (void)poll(NULL, 0, 20);
    for (ssize_t n; (n = recv(*fd, waste, sizeof(waste), MSG_DONTWAIT)) > 0;) {
        total += (size_t)n;
        /* What comes behind the filling is for the test. */
        if (n < (ssize_t)sizeof(waste))
            break;
    }
    return total ? arg : NULL;
}

static void full_socket_gets_room(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int sock[2];
    pthread_t thread;
    void *drained = NULL;

    fd_socketpair(sock);
    (void)fd_fill(sock[0]);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(pthread_create(&thread, NULL, drain_when_asked, &sock[1]), 0);
    assert_int_equal(fdpass_send(sock[0], sock[1], &fake.ctx), 0);
    assert_int_equal(pthread_join(thread, &drained), 0);
    assert_non_null(drained);
    assert_err_unset(&fake.err);
    fd_close(&sock[0]);
    fd_close(&sock[1]);
}

/* SIGPIPE would end this binary. */
static void receiver_gone(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int sock[2];
    int ends[2];

    fd_socketpair(sock);
    fd_pipe(ends);
    fd_close(&sock[1]);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(fdpass_send(sock[0], ends[0], &fake.ctx), -1);
    assert_int_not_equal(fake.err.code, ERR_NONE);
    err_release(&fake.err);
    fd_close(&sock[0]);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, one_byte_and_the_descriptor);
    UNIT_TEST(&unit, the_socket_keeps_its_flags);
    UNIT_TEST(&unit, one_end_of_a_pair);
    UNIT_ROWS(&unit, check_refuses, check_rows);
    UNIT_TEST(&unit, check_takes_unix_sockets);
    UNIT_TEST(&unit, full_socket_runs_into_the_deadline);
    UNIT_TEST(&unit, full_socket_gets_room);
    UNIT_TEST(&unit, receiver_gone);
    return unit_run(&unit, "fdpass");
}
