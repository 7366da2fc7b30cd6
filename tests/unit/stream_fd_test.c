/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/stream.h"
#include "tests/unit/fake_ends.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

static void await(struct stream *stream, short want)
{
    struct pollfd pfd = {.fd = -2};
    assert_int_equal(stream_wait(stream, want, &pfd), 0);
    assert_true(pfd.fd >= 0);
    (void)fd_await(pfd.fd, pfd.events);
}

/* One read that waits. */
static ssize_t read_waiting(struct stream *stream, void *data, size_t size)
{
    for (;;) {
        ssize_t n = stream_read(stream, data, size);
        if (n != STREAM_AGAIN)
            return n;
        await(stream, POLLIN);
    }
}

static void write_all(struct stream *stream, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        ssize_t n = stream_write(stream, from, size);
        if (n == STREAM_AGAIN) {
            await(stream, POLLOUT);
            continue;
        }
        assert_true(n > 0 && (size_t)n <= size);
        from += n;
        size -= (size_t)n;
    }
}

static void shut(struct stream *stream)
{
    int rc;
    while ((rc = stream_shut_wr(stream)) == STREAM_AGAIN)
        await(stream, POLLOUT);
    assert_int_equal(rc, 0);
}

static void reads(void **state)
{
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    char data[16];

    assert_int_equal(stream_read(stream, data, sizeof(data)), STREAM_AGAIN);
    fd_put(ends.source, "hello", 5);
    assert_int_equal(read_waiting(stream, data, 2), 2);
    assert_memory_equal(data, "he", 2);
    assert_int_equal(read_waiting(stream, data, sizeof(data)), 3);
    assert_memory_equal(data, "llo", 3);
    assert_int_equal(stream_read(stream, data, sizeof(data)), STREAM_AGAIN);
    ends_close(stream, &ends);
}

/* What arrived before the end is delivered before the end, and the end stays. */
static void reads_the_end(void **state)
{
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    char data[16];

    fd_put(ends.source, "last", 4);
    ends_end_source(&ends);
    assert_int_equal(read_waiting(stream, data, sizeof(data)), 4);
    assert_memory_equal(data, "last", 4);
    assert_int_equal(read_waiting(stream, data, sizeof(data)), 0);
    assert_int_equal(stream_read(stream, data, sizeof(data)), 0);
    if (ends.one) {
        /* The other direction lives on. */
        write_all(stream, "more", 4);
        char got[4];
        fd_get(ends.sink, got, 4);
        assert_memory_equal(got, "more", 4);
    }
    ends_close(stream, &ends);
}

static void writes_and_shuts(void **state)
{
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    char data[4];

    write_all(stream, "hello ", 6);
    write_all(stream, "world", 5);
    shut(stream);
    fd_expect(ends.sink, "hello world", 11);
    assert_int_equal(stream_shut_wr(stream), 0);
    assert_int_equal(stream_shut_wr(stream), 0);

    /* Reading goes on. */
    fd_put(ends.source, "echo", 4);
    assert_int_equal(read_waiting(stream, data, sizeof(data)), 4);
    assert_memory_equal(data, "echo", 4);
    ends_close(stream, &ends);
}

/*
 * Blocking descriptors that are full: write must say AGAIN, whatever it is asked to take. A write
 * that blocks runs into the limit of the test. What went in comes out.
 */
static void a_full_sink_never_blocks(void **state)
{
    static uint8_t data[4 << 20];
    static const size_t sizes[] = {1 << 20, 4096, PIPE_BUF + 1, PIPE_BUF, 100, 1};
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    size_t total = 0;
    uint8_t *got;

    unit_pattern(data, sizeof(data), 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ssize_t n = 1;
        while (n > 0) {
            assert_true(total + sizes[i] <= sizeof(data));
            n = stream_write(stream, data + total, sizes[i]);
            assert_true(n <= (ssize_t)sizes[i]);
            total += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(n, STREAM_AGAIN);
    }
    assert_true(total > 0);
    got = malloc(total);
    assert_non_null(got);
    fd_get(ends.sink, got, total);
    assert_memory_equal(got, data, total);
    free(got);

    /* There is room again, and it is told. */
    await(stream, POLLOUT);
    assert_true(stream_write(stream, "x", 1) == 1);
    ends_close(stream, &ends);
}

static void the_reader_has_gone(void **state)
{
    static const char data[1024];
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    ssize_t n = 0;

    ends_drop_sink(&ends);
    /* TCP learns it from the answer to the first bytes. */
    for (int i = 0; i < 1000 && (n = stream_write(stream, data, sizeof(data))) > 0; i++)
        (void)poll(NULL, 0, 1);
    assert_int_equal(n, STREAM_FAIL);
    assert_true(errno == EPIPE || errno == ECONNRESET);
    ends_close(stream, &ends);
}

static void reset_is_a_failure(void **state)
{
    (void)state;
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct ends ends;
    struct stream *stream = ends_open(&ends_kinds[ENDS_TCP], &ends);
    char data[8];

    assert_int_equal(setsockopt(ends.source, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    ends_drop_sink(&ends);
    assert_int_equal(read_waiting(stream, data, sizeof(data)), STREAM_FAIL);
    assert_int_equal(errno, ECONNRESET);
    ends_close(stream, &ends);
}

/*
 * stdin and stdout belong to ssh and to a shell as much as to us. Seen through a second descriptor
 * of the same open file description, their flags are the same before, during and after.
 */
static void inherited_flags_stay(void **state)
{
    const struct ends_kind *kind = *state;

    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        struct ends ends;
        int strangers[2];
        char data[8];

        kind->make(&ends);
        for (int i = 0; i < 2; i++) {
            fd_set_nonblocking(ends.inner[i], nonblocking);
            strangers[i] = dup(ends.inner[i]);
            assert_true(strangers[i] >= 0);
        }
        struct stream *stream = stream_fd_new(ends.inner[0], ends.inner[1]);
        assert_non_null(stream);
        for (int i = 0; i < 2; i++)
            assert_int_equal(fd_is_nonblocking(strangers[i]), nonblocking);
        assert_int_equal(stream_read(stream, data, sizeof(data)), STREAM_AGAIN);
        write_all(stream, "x", 1);
        for (int i = 0; i < 2; i++)
            assert_int_equal(fd_is_nonblocking(strangers[i]), nonblocking);
        stream_close(stream);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fd_is_nonblocking(strangers[i]), nonblocking);
            fd_close(&strangers[i]);
        }
        ends_close(NULL, &ends);
    }
}

/* A dup holds the pipe open, so only an end that is really sent can be seen. */
static void socket_end_is_sent_though_a_copy_is_open(void **state)
{
    (void)state;
    struct ends ends;
    struct stream *stream = ends_open(&ends_kinds[ENDS_SAME_TWICE], &ends);
    int copy = dup(ends.inner[1]);

    assert_true(copy >= 0);
    write_all(stream, "bye", 3);
    shut(stream);
    fd_expect(ends.sink, "bye", 3);
    fd_put(ends.source, "still here", 10);
    char data[16];
    assert_int_equal(read_waiting(stream, data, sizeof(data)), 10);
    fd_close(&copy);
    ends_close(stream, &ends);
}

static void files(void **state)
{
    (void)state;
    static uint8_t data[100000];
    static uint8_t got[sizeof(data) + 1];
    size_t total = 0;
    ssize_t n;

    unit_pattern(data, sizeof(data), 7);
    int in = fd_file(data, sizeof(data));
    int out = fd_file("", 0);
    int look = dup(out);
    assert_true(look >= 0);
    struct stream *stream = stream_fd_new(in, out);
    assert_non_null(stream);
    while ((n = read_waiting(stream, got + total, sizeof(got) - total)) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(total, sizeof(data));
    assert_memory_equal(got, data, sizeof(data));

    write_all(stream, data, sizeof(data));
    shut(stream);
    stream_close(stream);
    assert_false(fd_is_open(in));
    assert_false(fd_is_open(out));
    assert_int_equal(lseek(look, 0, SEEK_SET), 0);
    fd_expect(look, data, sizeof(data));
    fd_close(&look);
}

/* `>>file` and a shell's shared offset: what was there before stays. */
static void append_to_a_shared_file(void **state)
{
    (void)state;
    int out = fd_file("before ", 7);
    int look = dup(out);
    int in[2];

    assert_true(look >= 0);
    fd_pipe(in);
    assert_int_equal(lseek(out, 0, SEEK_END), 7);
    struct stream *stream = stream_fd_new(in[0], out);
    assert_non_null(stream);
    write_all(stream, "after", 5);
    stream_close(stream);
    /* The offset is shared too: the next one who writes goes on behind. */
    assert_int_equal(lseek(look, 0, SEEK_CUR), 12);
    assert_int_equal(lseek(look, 0, SEEK_SET), 0);
    fd_expect(look, "before after", 12);
    fd_close(&look);
    fd_close(&in[1]);
}

static void wait_names_the_right_descriptor(void **state)
{
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);
    struct pollfd pfd = {.fd = -2};

    assert_int_equal(stream->rfd, ends.inner[0]);
    assert_int_equal(stream->wfd, ends.inner[1]);
    assert_int_equal(stream_wait(stream, POLLIN, &pfd), 0);
    assert_int_equal(pfd.fd, stream->rfd);
    assert_true(pfd.events & POLLIN);
    assert_false(pfd.events & POLLOUT);
    assert_false(fd_ready(pfd.fd, pfd.events));
    pfd.fd = -2;
    assert_int_equal(stream_wait(stream, POLLOUT, &pfd), 0);
    assert_int_equal(pfd.fd, stream->wfd);
    assert_true(pfd.events & POLLOUT);
    assert_false(pfd.events & POLLIN);
    assert_true(fd_ready(pfd.fd, pfd.events));
    ends_close(stream, &ends);
}

/* What is one bare socket may be handed on; nothing else may. */
static void socket_of_a_stream(void **state)
{
    (void)state;
    static const bool bare[ENDS_KINDS] = {[ENDS_UNIX] = true, [ENDS_TCP] = true};

    for (size_t i = 0; i < ENDS_KINDS; i++) {
        struct ends ends;
        struct stream *stream = ends_open(&ends_kinds[i], &ends);
        if (i != ENDS_SAME_TWICE)
            assert_int_equal(stream_socket(stream), bare[i] ? ends.inner[0] : -1);
        assert_true(fd_is_open(ends.inner[0]));
        ends_close(stream, &ends);
    }
}

static void refuses_what_is_not_open(void **state)
{
    (void)state;
    int ends[2];
    int closed[2];

    fd_pipe(ends);
    closed[0] = ends[0];
    closed[1] = dup(ends[1]);
    assert_true(closed[1] >= 0);
    int dead = closed[1];
    fd_close(&closed[1]);

    assert_null(stream_fd_new(dead, ends[1]));
    assert_int_equal(errno, EBADF);
    assert_null(stream_fd_new(ends[0], dead));
    assert_int_equal(errno, EBADF);
    assert_null(stream_fd_new(dead, dead));
    assert_int_equal(errno, EBADF);
    /* They stay the caller's. */
    fd_put(ends[1], "x", 1);
    char data;
    fd_get(ends[0], &data, 1);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void close_closes_both(void **state)
{
    struct ends ends;
    struct stream *stream = ends_open(*state, &ends);

    stream_close(stream);
    assert_false(fd_is_open(ends.inner[0]));
    assert_false(fd_is_open(ends.inner[1]));
    ends_close(NULL, &ends);
}

static void close_of_nothing(void **state)
{
    (void)state;
    stream_close(NULL);
}

/* A record that is longer than the room for it would lose its end. */
static void sockets_with_records_are_refused(void **state)
{
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, types[i], 0, pair), 0);
        errno = 0;
        assert_null(stream_fd_new(pair[0], pair[0]));
        assert_int_equal(errno, EPROTOTYPE);
        fd_close(&pair[0]);
        fd_close(&pair[1]);
    }
}

int main(void)
{
    static struct unit unit;

    /* As stream.h says that the process does. */
    (void)signal(SIGPIPE, SIG_IGN);
    UNIT_ROWS(&unit, reads, ends_kinds);
    UNIT_ROWS(&unit, reads_the_end, ends_kinds);
    UNIT_ROWS(&unit, writes_and_shuts, ends_kinds);
    UNIT_ROWS(&unit, a_full_sink_never_blocks, ends_kinds);
    UNIT_ROWS(&unit, the_reader_has_gone, ends_kinds);
    UNIT_TEST(&unit, reset_is_a_failure);
    UNIT_ROWS(&unit, inherited_flags_stay, ends_kinds);
    UNIT_TEST(&unit, socket_end_is_sent_though_a_copy_is_open);
    UNIT_TEST(&unit, files);
    UNIT_TEST(&unit, append_to_a_shared_file);
    UNIT_ROWS(&unit, wait_names_the_right_descriptor, ends_kinds);
    UNIT_TEST(&unit, socket_of_a_stream);
    UNIT_TEST(&unit, refuses_what_is_not_open);
    UNIT_ROWS(&unit, close_closes_both, ends_kinds);
    UNIT_TEST(&unit, close_of_nothing);
    UNIT_TEST(&unit, sockets_with_records_are_refused);
    return unit_run(&unit, "fdstream");
}
