/* SPDX-License-Identifier: MIT */
#include "core/bridge.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_ends.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_layer.h"
#include "tests/unit/fake_unit.h"

#define BULK 300000

/* A bridge to a layered stream, of which the test has the far end. */
struct site {
    struct fake_ctx fake;
    struct ends ends;
    struct bridge *bridge;
    int near;
};

static struct stream *site_below(struct site *site)
{
    static const struct layer_setup setup = {.piece = 1000, .ahead = 5000, .shy = true};

    fake_ctx_init(&site->fake, UNIT_WAIT_MS);
    return layer_new(ends_open(&ends_kinds[ENDS_UNIX], &site->ends), &setup);
}

static void site_open(struct site *site)
{
    struct stream *below = site_below(site);

    site->bridge = bridge_new_pair(below, &site->near, &site->fake.trace, &site->fake.err);
    assert_non_null(site->bridge);
    assert_true(site->near >= 0);
}

static void site_close(struct site *site)
{
    fd_close(&site->near);
    bridge_free(site->bridge);
    ends_close(NULL, &site->ends);
    assert_err_unset(&site->fake.err);
}

static void both_ways(void **state)
{
    (void)state;
    static uint8_t up[BULK], down[BULK];
    struct site site;

    site_open(&site);
    unit_pattern(up, sizeof(up), 1);
    unit_pattern(down, sizeof(down), 2);
    /* No more than fits into the sockets in between, for nobody reads while this is written. */
    for (size_t at = 0; at < BULK; at += 10000) {
        uint8_t got[10000];
        fd_put(site.near, up + at, sizeof(got));
        fd_put(site.ends.source, down + at, sizeof(got));
        fd_get(site.ends.sink, got, sizeof(got));
        assert_memory_equal(got, up + at, sizeof(got));
        fd_get(site.near, got, sizeof(got));
        assert_memory_equal(got, down + at, sizeof(got));
    }
    site_close(&site);
}

static void our_end_first(void **state)
{
    (void)state;
    struct site site;

    site_open(&site);
    fd_put(site.near, "question", 8);
    assert_int_equal(shutdown(site.near, SHUT_WR), 0);
    fd_expect(site.ends.sink, "question", 8);
    fd_put(site.ends.source, "answer", 6);
    ends_end_source(&site.ends);
    fd_expect(site.near, "answer", 6);
    assert_int_equal(bridge_finish(site.bridge, &site.fake.err), 0);
    site_close(&site);
}

static void their_end_first(void **state)
{
    (void)state;
    struct site site;

    site_open(&site);
    fd_put(site.ends.source, "answer", 6);
    ends_end_source(&site.ends);
    fd_expect(site.near, "answer", 6);
    fd_put(site.near, "late", 4);
    assert_int_equal(shutdown(site.near, SHUT_WR), 0);
    fd_expect(site.ends.sink, "late", 4);
    assert_int_equal(bridge_finish(site.bridge, &site.fake.err), 0);
    site_close(&site);
}

/* Nobody reads at the far end: what is written here comes to a stop, and memory does not grow. */
static void back_pressure(void **state)
{
    (void)state;
    struct site site;
    size_t size = 0;

    site_open(&site);
    for (size_t more = 1; more > 0; size += more) {
        more = fd_fill(site.near);
        struct pollfd pfd = {.fd = site.near, .events = POLLOUT};
        (void)poll(&pfd, 1, UNIT_QUIET_MS);
    }
    assert_true(size > 0);
    assert_true(size < 8 * 1024 * 1024);
    site_close(&site);
}

static void the_user_goes(void **state)
{
    (void)state;
    struct site site;
    char byte;

    site_open(&site);
    fd_close(&site.near);
    (void)fd_await(site.ends.sink, POLLIN);
    assert_int_equal(recv(site.ends.sink, &byte, 1, 0), 0);
    site_close(&site);
}

/* --- who finds the descriptor --- */

static int find_nobody(void *arg)
{
    return *(int *)arg;
}

static void nobody_comes(void **state)
{
    (void)state;
    struct site site = {.near = -1};
    char byte;
    int none = -1;
    struct stream *below = site_below(&site);

    site.bridge = bridge_new(below, find_nobody, &none, &site.fake.trace, &site.fake.err);
    assert_non_null(site.bridge);
    (void)fd_await(site.ends.sink, POLLIN);
    assert_int_equal(recv(site.ends.sink, &byte, 1, 0), 0);
    assert_int_equal(bridge_finish(site.bridge, &site.fake.err), 0);
    site_close(&site);
}

/* --- what the stream below has to say --- */

struct last_words {
    struct stream stream;
    struct stream *inner;
};

static ssize_t words_read(struct stream *stream, void *data, size_t size)
{
    return stream_read(((struct last_words *)stream)->inner, data, size);
}

static ssize_t words_write(struct stream *stream, const void *data, size_t size)
{
    return stream_write(((struct last_words *)stream)->inner, data, size);
}

static int words_shut_wr(struct stream *stream)
{
    return stream_shut_wr(((struct last_words *)stream)->inner);
}

static int words_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    return stream_wait(((struct last_words *)stream)->inner, want, pfd);
}

static int words_finish(struct stream *stream, struct err *err)
{
    (void)stream;
    return err_set(err, ERR_STREAM, "it was no good");
}

static void words_close(struct stream *stream)
{
    stream_close(((struct last_words *)stream)->inner);
    free(stream);
}

static const struct stream_ops words_ops = {
    .name = "words",
    .read = words_read,
    .write = words_write,
    .shut_wr = words_shut_wr,
    .wait = words_wait,
    .finish = words_finish,
    .close = words_close,
};

static void last_words(void **state)
{
    (void)state;
    struct site site;
    struct last_words *below = malloc(sizeof(*below));

    assert_non_null(below);
    fake_ctx_init(&site.fake, UNIT_WAIT_MS);
    *below = (struct last_words){.stream = {&words_ops, -1, -1},
                                 .inner = ends_open(&ends_kinds[ENDS_UNIX], &site.ends)};
    site.bridge = bridge_new_pair(&below->stream, &site.near, &site.fake.trace, &site.fake.err);
    assert_non_null(site.bridge);
    ends_end_source(&site.ends);
    fd_expect(site.near, "", 0);
    assert_int_equal(shutdown(site.near, SHUT_WR), 0);
    assert_int_equal(bridge_finish(site.bridge, &site.fake.err), -1);
    assert_err(&site.fake.err, ERR_STREAM, "it was no good");
    site_close(&site);
}

/* It still carries: a second is waited for the end, and no longer. */
static void finish_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct site site;

    site_open(&site);
    int64_t start_ns = clock_ns();
    assert_int_equal(bridge_finish(site.bridge, &site.fake.err), 0);
    assert_true(clock_ns() - start_ns < UNIT_WAIT_MS * CLOCK_MS);
    site_close(&site);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, both_ways);
    UNIT_TEST(&unit, our_end_first);
    UNIT_TEST(&unit, their_end_first);
    UNIT_TEST(&unit, back_pressure);
    UNIT_TEST(&unit, the_user_goes);
    UNIT_TEST(&unit, nobody_comes);
    UNIT_TEST(&unit, last_words);
    UNIT_TEST(&unit, finish_does_not_wait_for_ever);
    return unit_run(&unit, "bridge");
}
