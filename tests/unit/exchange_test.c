/* SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_ends.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_layer.h"
#include "tests/unit/fake_stream.h"
#include "tests/unit/fake_unit.h"

#define SEEDS 60
#define DEADLINE_MS 30

/* --- a sink that wants so many bytes --- */

struct wanting {
    struct exchange_sink sink;
    size_t wants;
    size_t calls;
    size_t size;
    uint8_t got[8192];
    const char *broken; /* what was done to it against the contract */
};

static size_t wanting_take(struct exchange_sink *sink, const char *data, size_t size)
{
    struct wanting *wanting = (struct wanting *)sink;
    size_t n = wanting->wants - wanting->size;

    wanting->calls++;
    if (size == 0)
        wanting->broken = "was shown no bytes";
    if (sink->done)
        wanting->broken = "was shown bytes after it was done";
    if (n > size)
        n = size;
    memcpy(wanting->got + wanting->size, data, n);
    wanting->size += n;
    sink->done = wanting->size == wanting->wants;
    return n;
}

static void wanting_init(struct wanting *wanting, size_t wants)
{
    memset(wanting, 0, sizeof(*wanting));
    wanting->sink.take = wanting_take;
    wanting->wants = wants;
    assert_true(wants <= sizeof(wanting->got));
}

static void wanting_is(const struct wanting *wanting, const uint8_t *data)
{
    if (wanting->broken)
        unit_fail("the sink %s", wanting->broken);
    assert_true(wanting->sink.done);
    assert_int_equal(wanting->size, wanting->wants);
    assert_int_equal(memcmp(wanting->got, data, wanting->wants), 0);
}

/* --- what a stream has left --- */

/* Reads up to `size` bytes with the limit of tests. */
static size_t read_rest(struct stream *stream, uint8_t *data, size_t size)
{
    size_t total = 0;
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (total < size) {
        ssize_t n = stream_read(stream, data + total, size - total);
        if (n > 0) {
            total += (size_t)n;
        } else if (n == STREAM_AGAIN) {
            struct pollfd pfd = {.fd = -1};
            if (clock_ns() > until)
                unit_fail("only %zu of %zu bytes are left", total, size);
            if (!stream_wait(stream, POLLIN, &pfd))
                (void)poll(&pfd, 1, 100);
        } else {
            break;
        }
    }
    return total;
}

/* The next bytes of the stream are exactly these, then comes its end. */
static void rest_is(struct stream *stream, const uint8_t *data, size_t size)
{
    uint8_t *got = malloc(size + 1);

    assert_non_null(got);
    assert_int_equal(read_rest(stream, got, size + 1), size);
    assert_int_equal(memcmp(got, data, size), 0);
    free(got);
}

/* --- every way to receive, on every kind of stream --- */

struct way {
    const char *name;
    int (*receive)(struct stream *stream, size_t size, const uint8_t *wanted, struct ctx *ctx);
};

static int by_size(struct stream *stream, size_t size, const uint8_t *wanted, struct ctx *ctx)
{
    uint8_t got[8192];
    int result = exchange_receive(stream, got, size, ctx);

    if (result == 0)
        assert_int_equal(memcmp(got, wanted, size), 0);
    return result;
}

static int by_sink(struct stream *stream, size_t size, const uint8_t *wanted, struct ctx *ctx)
{
    struct wanting wanting;

    wanting_init(&wanting, size);
    int result = exchange_feed(stream, &wanting.sink, ctx);
    if (wanting.broken)
        unit_fail("the sink %s", wanting.broken);
    if (result == 0)
        wanting_is(&wanting, wanted);
    return result;
}

static const uint8_t nothing[8192];

enum {
    BY_SIZE,
    BY_SINK,
    WAYS,
};

static const struct way ways[WAYS] = {
    [BY_SIZE] = {"receive", by_size},
    [BY_SINK] = {"feed", by_sink},
};

/* What lies between the descriptors and the exchange. */
static const struct layer_row {
    const char *name;
    bool none;
    struct layer_setup setup;
} layer_rows[] = {
    {"bare", true, {0}},
    {"bare, a byte at a time", false, {.bare = true, .piece = 1}},
    {"bare, seven bytes at a time, shy", false, {.bare = true, .piece = 7, .shy = true}},
    {"layered", false, {0}},
    {"layered, a byte at a time", false, {.piece = 1}},
    {"layered, decoded ahead", false, {.ahead = 65536}},
    {"layered, decoded ahead by 3", false, {.ahead = 3}},
    {"layered, decoded ahead, shy", false, {.ahead = 65536, .piece = 5, .shy = true}},
};

#define LAYERS (sizeof(layer_rows) / sizeof(layer_rows[0]))

/* A test for each way, kind of descriptors and layer. */
static struct case_row {
    char name[UNIT_NAME_MAX];
    const struct way *way;
    const struct ends_kind *kind;
    const struct layer_row *layer;
} cases[WAYS * ENDS_KINDS * LAYERS];

static void fill_cases(void)
{
    struct case_row *to = cases;

    for (int way = 0; way < WAYS; way++) {
        for (int kind = 0; kind < ENDS_KINDS; kind++) {
            for (size_t layer = 0; layer < LAYERS; layer++, to++) {
                to->way = &ways[way];
                to->kind = &ends_kinds[kind];
                to->layer = &layer_rows[layer];
                (void)snprintf(to->name, sizeof(to->name), "%s, %s, %s", to->way->name,
                               to->kind->name, to->layer->name);
            }
        }
    }
}

static struct stream *open_case(const struct case_row *row, struct ends *ends)
{
    struct stream *stream = ends_open(row->kind, ends);

    return row->layer->none ? stream : layer_new(stream, &row->layer->setup);
}

/* The sizes that matter to whoever looks at bytes in blocks of a power of two. */
static const size_t sizes[] = {1, 2, 5, 255, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 4097, 8191};

static void not_one_byte_more(void **state)
{
    const struct case_row *row = *state;
    uint8_t data[8192 + 100];

    unit_pattern(data, sizeof(data), 7);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = open_case(row, &ends);

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        fd_put(ends.source, data, sizes[i] + 100);
        ends_end_source(&ends);
        assert_int_equal(row->way->receive(stream, sizes[i], data, &fake.ctx), 0);
        assert_err_unset(&fake.err);
        rest_is(stream, data + sizes[i], 100);
        ends_close(stream, &ends);
    }
}

/* Two exchanges in a row, as in a handshake of several messages that came in one segment. */
static void one_after_the_other(void **state)
{
    const struct case_row *row = *state;
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);
    uint8_t data[600];

    unit_pattern(data, sizeof(data), 8);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fd_put(ends.source, data, sizeof(data));
    ends_end_source(&ends);
    size_t at = 0;
    for (size_t size = 1; at + size <= 500; at += size, size++)
        assert_int_equal(row->way->receive(stream, size, data + at, &fake.ctx), 0);
    rest_is(stream, data + at, sizeof(data) - at);
    assert_err_unset(&fake.err);
    ends_close(stream, &ends);
}

static void exactly_the_last_bytes(void **state)
{
    const struct case_row *row = *state;
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);
    uint8_t data[100];

    unit_pattern(data, sizeof(data), 9);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fd_put(ends.source, data, sizeof(data));
    ends_end_source(&ends);
    assert_int_equal(row->way->receive(stream, sizeof(data), data, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    rest_is(stream, data, 0);
    ends_close(stream, &ends);
}

static void the_end_comes_too_early(void **state)
{
    const struct case_row *row = *state;
    uint8_t data[100];

    unit_pattern(data, sizeof(data), 10);
    for (size_t there = 0; there < sizeof(data); there += 33) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = open_case(row, &ends);

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        fd_put(ends.source, data, there);
        ends_end_source(&ends);
        assert_int_equal(row->way->receive(stream, sizeof(data), data, &fake.ctx), -1);
        assert_err(&fake.err, ERR_REFUSED, NULL);
        ends_close(stream, &ends);
    }
}

static void silence_ends_at_the_deadline(void **state)
{
    const struct case_row *row = *state;

    for (size_t there = 0; there <= 9; there += 9) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = open_case(row, &ends);

        fake_ctx_init(&fake, DEADLINE_MS);
        fd_put(ends.source, "123456789", there);
        assert_int_equal(row->way->receive(stream, 10, (const uint8_t *)"123456789", &fake.ctx),
                         -1);
        assert_true(clock_ns() >= fake.ctx.deadline_ns);
        assert_err(&fake.err, ERR_TIME, NULL);
        ends_close(stream, &ends);
    }
}

static void called_off(void **state)
{
    const struct case_row *row = *state;
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake_ctx_cancel(&fake);
    assert_int_equal(row->way->receive(stream, 10, nothing, &fake.ctx), -1);
    assert_err_silent(&fake.err);
    fd_close(&fake.ctx.cancel_fd);
    ends_close(stream, &ends);
}

/* --- a peer in a thread --- */

struct talker {
    int fd;
    const uint8_t *data;
    size_t size;
    int pause_ms; /* before each byte */
};

static void *talk(void *arg)
{
    const struct talker *talker = arg;

    for (size_t i = 0; i < talker->size; i++) {
        (void)poll(NULL, 0, talker->pause_ms);
        if (send(talker->fd, talker->data + i, 1, MSG_NOSIGNAL) != 1)
            break;
    }
    return NULL;
}

/* What nobody reads is little, for each byte costs the system as much room as a segment. */
static void byte_by_byte(void **state)
{
    (void)state;
    static const int kinds[] = {ENDS_UNIX, ENDS_TCP};
    uint8_t data[210];

    unit_pattern(data, sizeof(data), 11);
    for (size_t i = 0; i < WAYS * 2; i++) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = ends_open(&ends_kinds[kinds[i % 2]], &ends);
        struct talker talker = {ends.source, data, sizeof(data), 0};
        pthread_t thread;

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        assert_int_equal(pthread_create(&thread, NULL, talk, &talker), 0);
        assert_int_equal(ways[i / 2].receive(stream, 200, data, &fake.ctx), 0);
        assert_err_unset(&fake.err);
        assert_int_equal(pthread_join(thread, NULL), 0);
        ends_end_source(&ends);
        rest_is(stream, data + 200, 10);
        ends_close(stream, &ends);
    }
}

/* The deadline is one for all of it, not one for each byte. */
static void a_trickle_ends_at_the_deadline(void **state)
{
    (void)state;
    static const uint8_t data[100000];

    for (int way = 0; way < WAYS; way++) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = ends_open(&ends_kinds[ENDS_UNIX], &ends);
        struct talker talker = {ends.source, data, sizeof(data), 3};
        pthread_t thread;

        fake_ctx_init(&fake, DEADLINE_MS);
        assert_int_equal(pthread_create(&thread, NULL, talk, &talker), 0);
        assert_int_equal(ways[way].receive(stream, 8192, data, &fake.ctx), -1);
        assert_true(clock_ns() >= fake.ctx.deadline_ns);
        assert_err(&fake.err, ERR_TIME, NULL);
        assert_int_equal(shutdown(stream_socket(stream), SHUT_RDWR), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        ends_close(stream, &ends);
    }
}

/* --- what else a stream may say --- */

static const struct stutter_row {
    const char *name;
    bool decoded;
    bool stutters;
} stutter_rows[] = {
    {"all at once", false, false},
    {"in pieces", false, true},
    {"decoded", true, false},
    {"decoded, in pieces", true, true},
};

/* A stream without a descriptor, whose wait says 1. */
static void out_of_thin_air(void **state)
{
    const struct stutter_row *row = *state;
    uint8_t data[5000];

    unit_pattern(data, sizeof(data), 12);
    for (uint32_t i = 0; i < WAYS * (row->stutters ? SEEDS : 1U); i++) {
        struct fake_ctx fake;
        struct fake_stream stream;

        fake_stream_init(&stream);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        stream.give = data;
        stream.give_size = sizeof(data);
        stream.decoded = row->decoded;
        stream.seed = row->stutters ? i + 1 : 0;
        assert_int_equal(ways[i % WAYS].receive(&stream.base, 4000, data, &fake.ctx), 0);
        assert_err_unset(&fake.err);
        assert_int_equal(stream.given, 4000);
        assert_int_equal(stream.got_size, 0);
        assert_string_equal(stream.broken, "");
        fake_stream_release(&stream);
    }
}

static void bytes_before_a_failure_count(void **state)
{
    (void)state;
    static const int errors[] = {ECONNRESET, EIO, ETIMEDOUT};

    for (int i = 0; i < WAYS * 3; i++) {
        struct fake_ctx fake;
        struct fake_stream stream;

        fake_stream_init(&stream);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        stream.give = (const uint8_t *)"0123456789";
        stream.give_size = 10;
        stream.give_error = errors[i % 3];
        assert_int_equal(ways[i / 3].receive(&stream.base, 10, stream.give, &fake.ctx), 0);
        assert_false(stream.saw_end);
        assert_int_equal(ways[i / 3].receive(&stream.base, 1, nothing, &fake.ctx), -1);
        assert_err(&fake.err, ERR_REFUSED, strerror(errors[i % 3]));
        fake_stream_release(&stream);
    }
}

/* SO_LINGER of 0 makes close(2) a reset. */
static void reset_by_the_peer(void **state)
{
    (void)state;
    const struct linger now = {1, 0};

    for (int way = 0; way < WAYS; way++) {
        struct fake_ctx fake;
        struct ends ends;
        struct stream *stream = ends_open(&ends_kinds[ENDS_TCP], &ends);

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        assert_int_equal(setsockopt(ends.source, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
        fd_close(&ends.source);
        ends.sink = -1;
        assert_int_equal(ways[way].receive(stream, 1, nothing, &fake.ctx), -1);
        assert_err(&fake.err, ERR_REFUSED, NULL);
        stream_close(stream);
    }
}

static void nothing_wanted_nothing_read(void **state)
{
    (void)state;
    struct fake_ctx fake;
    struct fake_stream stream;
    struct wanting wanting;
    uint8_t none;

    fake_stream_init(&stream);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    stream.give = (const uint8_t *)"x";
    stream.give_size = 1;
    wanting_init(&wanting, 0);
    wanting.sink.done = true;
    assert_int_equal(exchange_receive(&stream.base, &none, 0, &fake.ctx), 0);
    assert_int_equal(exchange_feed(&stream.base, &wanting.sink, &fake.ctx), 0);
    assert_int_equal(exchange_send(&stream.base, &none, 0, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    assert_int_equal(stream.given, 0);
    assert_int_equal(stream.got_size, 0);
    assert_int_equal(wanting.calls, 0);
    assert_string_equal(stream.broken, "");
    fake_stream_release(&stream);
}

/* A call for each byte would be thousands for a long head. */
static void a_socket_is_looked_at_in_blocks(void **state)
{
    (void)state;
    static const int kinds[] = {ENDS_UNIX, ENDS_TCP};
    uint8_t data[4096];

    unit_pattern(data, sizeof(data), 13);
    for (int i = 0; i < 2; i++) {
        struct fake_ctx fake;
        struct wanting wanting;
        struct ends ends;
        struct stream *stream = ends_open(&ends_kinds[kinds[i]], &ends);

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        wanting_init(&wanting, 4000);
        fd_put(ends.source, data, sizeof(data));
        ends_end_source(&ends);
        assert_int_equal(exchange_feed(stream, &wanting.sink, &fake.ctx), 0);
        wanting_is(&wanting, data);
        assert_in_range(wanting.calls, 1, 40);
        rest_is(stream, data + 4000, 96);
        ends_close(stream, &ends);
    }
}

/* --- sending --- */

struct listener {
    int fd;
    uint8_t *got;
    size_t size;
    size_t wanted;
};

static void *listen_to(void *arg)
{
    struct listener *listener = arg;

    while (listener->size < listener->wanted) {
        struct pollfd pfd = {.fd = listener->fd, .events = POLLIN};
        if (poll(&pfd, 1, UNIT_WAIT_MS) <= 0)
            break;
        ssize_t n =
            read(listener->fd, listener->got + listener->size, listener->wanted - listener->size);
        if (n <= 0)
            break;
        listener->size += (size_t)n;
    }
    return NULL;
}

/* Much more than fits into the buffers of the system, so that it has to wait. */
static void everything_is_sent(void **state)
{
    const struct case_row *row = *state;
    size_t size = row->layer->setup.piece ? 30000 : 1000000;
    uint8_t *data = malloc(size);
    uint8_t *got = malloc(size);
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);
    struct listener listener = {ends.sink, got, 0, size};
    pthread_t thread;

    assert_non_null(data);
    assert_non_null(got);
    unit_pattern(data, size, 14);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(pthread_create(&thread, NULL, listen_to, &listener), 0);
    assert_int_equal(exchange_send(stream, data, size, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(listener.size, size);
    assert_int_equal(memcmp(got, data, size), 0);
    assert_false(fd_ready(ends.sink, POLLIN));
    ends_close(stream, &ends);
    free(data);
    free(got);
}

static void nobody_takes_it(void **state)
{
    const struct case_row *row = *state;
    static const uint8_t zeros[8 << 20];
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);

    fake_ctx_init(&fake, DEADLINE_MS);
    assert_int_equal(exchange_send(stream, zeros, sizeof(zeros), &fake.ctx), -1);
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_err(&fake.err, ERR_TIME, NULL);
    ends_close(stream, &ends);
}

static void nobody_is_there(void **state)
{
    const struct case_row *row = *state;
    static const uint8_t zeros[8 << 20];
    struct fake_ctx fake;
    struct ends ends;
    struct stream *stream = open_case(row, &ends);

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    ends_drop_sink(&ends);
    assert_int_equal(exchange_send(stream, zeros, sizeof(zeros), &fake.ctx), -1);
    assert_err(&fake.err, ERR_REFUSED, NULL);
    ends_close(stream, &ends);
}

static void sending_out_of_thin_air(void **state)
{
    (void)state;
    uint8_t data[5000];

    unit_pattern(data, sizeof(data), 15);
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct fake_ctx fake;
        struct fake_stream stream;

        fake_stream_init(&stream);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        stream.seed = seed;
        assert_int_equal(exchange_send(&stream.base, data, sizeof(data), &fake.ctx), 0);
        assert_int_equal(stream.got_size, sizeof(data));
        assert_int_equal(memcmp(stream.got, data, sizeof(data)), 0);
        assert_false(stream.shut);
        assert_string_equal(stream.broken, "");

        stream.take_size = sizeof(data) + 10;
        stream.take_error = EPIPE;
        assert_int_equal(exchange_send(&stream.base, data, sizeof(data), &fake.ctx), -1);
        assert_err(&fake.err, ERR_REFUSED, NULL);
        assert_string_equal(stream.broken, "");
        fake_stream_release(&stream);
    }
}

/* Nothing to poll for: only the deadline ends that. */
static void a_window_that_stays_shut(void **state)
{
    (void)state;
    struct fake_ctx fake;
    struct fake_stream stream;

    fake_stream_init(&stream);
    fake_ctx_init(&fake, DEADLINE_MS);
    stream.give = (const uint8_t *)"12345";
    stream.give_size = 5;
    stream.windowed = true;
    assert_int_equal(by_size(&stream.base, 5, stream.give, &fake.ctx), 0);
    assert_int_equal(exchange_send(&stream.base, "abcde", 5, &fake.ctx), 0);
    assert_int_equal(exchange_send(&stream.base, "f", 1, &fake.ctx), -1);
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_err(&fake.err, ERR_TIME, NULL);
    assert_int_equal(stream.got_size, 5);
    fake_stream_release(&stream);
}

int main(void)
{
    static struct unit unit;

    (void)signal(SIGPIPE, SIG_IGN);
    fill_cases();
    UNIT_ROWS(&unit, not_one_byte_more, cases);
    UNIT_ROWS(&unit, one_after_the_other, cases);
    UNIT_ROWS(&unit, exactly_the_last_bytes, cases);
    UNIT_ROWS(&unit, the_end_comes_too_early, cases);
    /* What does not depend on the layer, or takes time: once for each kind of descriptor. */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct case_row *row = &cases[i];
        if (row->way == &ways[BY_SIZE]) {
            unit_add(&unit, everything_is_sent, "everything_is_sent", row->name, row);
            unit_add(&unit, nobody_is_there, "nobody_is_there", row->name, row);
        }
        if (!row->layer->none && row->layer != &layer_rows[LAYERS - 1])
            continue;
        unit_add(&unit, silence_ends_at_the_deadline, "silence", row->name, row);
        unit_add(&unit, called_off, "called_off", row->name, row);
        if (row->way == &ways[BY_SIZE])
            unit_add(&unit, nobody_takes_it, "nobody_takes_it", row->name, row);
    }
    UNIT_TEST(&unit, byte_by_byte);
    UNIT_TEST(&unit, a_trickle_ends_at_the_deadline);
    UNIT_ROWS(&unit, out_of_thin_air, stutter_rows);
    UNIT_TEST(&unit, bytes_before_a_failure_count);
    UNIT_TEST(&unit, reset_by_the_peer);
    UNIT_TEST(&unit, nothing_wanted_nothing_read);
    UNIT_TEST(&unit, a_socket_is_looked_at_in_blocks);
    UNIT_TEST(&unit, sending_out_of_thin_air);
    UNIT_TEST(&unit, a_window_that_stays_shut);
    return unit_run(&unit, "exchange");
}
