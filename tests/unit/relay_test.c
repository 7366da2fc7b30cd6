/* SPDX-License-Identifier: MIT */
/* The relay between real descriptors. What layered streams do to it is in relay_layer_test.c. */
#include "core/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_relay.h"
#include "tests/unit/fake_stream.h"
#include "tests/unit/fake_unit.h"

#define DATA_BYTES ((size_t)16 << 20) /* more than all buffers on the way take */

/*
 * A loop that spins makes tens of thousands of poll(2) calls in UNIT_QUIET_MS. Filling and emptying
 * the buffers on the way takes some hundreds.
 */
#define WAKEUPS_MAX 500

static uint8_t data[SIDES][DATA_BYTES];

static const struct pair {
    const char *name;
    int kind[SIDES];
} pairs[] = {
    {"pipes and TCP", {ENDS_PIPES, ENDS_TCP}}, /* how ssh runs us */
    {"unix socket and TCP", {ENDS_UNIX, ENDS_TCP}},
    {"the same socket twice and TCP", {ENDS_SAME_TWICE, ENDS_TCP}},
    {"socket, pipe and TCP", {ENDS_SOCKET_AND_PIPE, ENDS_TCP}},
    {"pipes and unix socket", {ENDS_PIPES, ENDS_UNIX}},
    {"pipes and the pipes of a child", {ENDS_PIPES, ENDS_PIPES}},
    {"TCP and TCP", {ENDS_TCP, ENDS_TCP}},
    {"unix socket and the pipes of a child", {ENDS_UNIX, ENDS_PIPES}}, /* ProxyUseFdpass */
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static struct rig *open_pair(const struct pair *pair, size_t up, size_t down)
{
    struct rig *rig = rig_open(&ends_kinds[pair->kind[LOCAL]], &ends_kinds[pair->kind[REMOTE]]);
    size_t sizes[SIDES] = {up, down};

    for (int side = 0; side < SIDES; side++) {
        rig->peer[side].data = data[side];
        rig->peer[side].size = sizes[side];
    }
    return rig;
}

static void few_wakeups(const struct rig *rig)
{
    if (rig->stats.wakeups > WAKEUPS_MAX)
        unit_fail("%llu wake-ups", (unsigned long long)rig->stats.wakeups);
}

/* Everything arrives, both ends too, and is counted right. */
static void end_in_order(struct rig *rig)
{
    rig_pump(rig);
    assert_int_equal(rig_end(rig), RELAY_DONE);
    assert_err_unset(&rig->err);
    rig_check_all(rig, LOCAL);
    rig_check_all(rig, REMOTE);
    assert_int_equal(rig->stats.up_bytes, rig->peer[LOCAL].sent);
    assert_int_equal(rig->stats.down_bytes, rig->peer[REMOTE].sent);
}

static void run_in_order(struct rig *rig)
{
    rig_start(rig);
    end_in_order(rig);
    rig_close(rig);
}

static const struct {
    size_t up;
    size_t down;
} sizes[] = {
    {0, 0},         {1, 0},       {0, 1},       {65536, 65537},
    {65537, 65536}, {3000017, 0}, {0, 3000017}, {2000003, 3000017},
};

/* Half-close in both orders, and both ends at once. */
static void carries(void **state)
{
    const struct pair *pair = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int order = 0; order <= SIDES; order++) {
            struct rig *rig = open_pair(pair, sizes[i].up, sizes[i].down);
            if (order < SIDES)
                rig->peer[order].waits = true;
            run_in_order(rig);
        }
    }
}

/* What lay there before the start, its end too, is carried like the rest. */
static void carries_what_was_there(void **state)
{
    struct rig *rig = open_pair(*state, 4000, 5000);

    for (int side = 0; side < SIDES; side++) {
        struct peer *peer = &rig->peer[side];
        fd_put(peer->ends.source, peer->data, peer->size);
        peer->sent = peer->size;
        ends_end_source(&peer->ends);
        peer->ended = true;
    }
    run_in_order(rig);
}

static void dribbles(void **state)
{
    struct rig *rig = open_pair(*state, 2000, 3000);

    rig->peer[LOCAL].chunk = rig->peer[REMOTE].chunk = 1;
    run_in_order(rig);
}

/* Keys typed and echoed: each byte arrives without another one pushing it. */
static void ping_pong(void **state)
{
    struct rig *rig = open_pair(*state, 0, 0);

    rig_start(rig);
    for (int i = 0; i < 300; i++) {
        const uint8_t byte = (uint8_t)i;
        uint8_t got = (uint8_t)~byte;
        fd_put(rig->peer[LOCAL].ends.source, &byte, 1);
        fd_get(rig->peer[REMOTE].ends.sink, &got, 1);
        assert_int_equal(got, byte);
        fd_put(rig->peer[REMOTE].ends.source, &byte, 1);
        fd_get(rig->peer[LOCAL].ends.sink, &got, 1);
        assert_int_equal(got, byte);
    }
    rig_pump(rig);
    assert_int_equal(rig_end(rig), RELAY_DONE);
    assert_int_equal(rig->stats.up_bytes, 300);
    assert_int_equal(rig->stats.down_bytes, 300);
    rig_close(rig);
}

static void random_traffic(void **state)
{
    const struct pair *pair = *state;

    for (uint32_t seed = 1; seed <= 40; seed++) {
        uint32_t rng = seed * 2654435761U;
        struct rig *rig = open_pair(pair, unit_below(&rng, 400000), unit_below(&rng, 400000));
        for (int side = 0; side < SIDES; side++) {
            rig->peer[side].seed = unit_random(&rng);
            rig->peer[side].chunk = (size_t)1 << (8 + unit_below(&rng, 10));
        }
        uint32_t order = unit_below(&rng, 3);
        if (order < SIDES)
            rig->peer[order].waits = true;
        run_in_order(rig);
    }
}

/* --- states in which the relay has to sleep --- */

/*
 * All there are: each direction flows into a sink that nobody empties, or not; its source has
 * ended, or not. Sides are those that send. Left out is the one where everything is done.
 */
struct rest {
    bool blocked[SIDES];
    bool ended[SIDES];
};

#define RESTS 15
#define REST_NAME_MAX 60

static struct rest rest_of(size_t number)
{
    size_t bits = number < 12 ? number : number + 1;
    return (struct rest){{bits & 1, bits & 2}, {bits & 4, bits & 8}};
}

static const char *rest_name(const struct rest *rest, char out[REST_NAME_MAX])
{
    (void)snprintf(
        out, REST_NAME_MAX, "up %s%s, down %s%s", rest->blocked[LOCAL] ? "blocked" : "idle",
        rest->ended[LOCAL] ? " and ended" : "", rest->blocked[REMOTE] ? "blocked" : "idle",
        rest->ended[REMOTE] ? " and ended" : "");
    return out;
}

/* Ends the sources that are to end, and waits for what that brings. */
static void end_sources(struct rig *rig, const struct rest *rest)
{
    for (int side = 0; side < SIDES; side++) {
        struct peer *peer = &rig->peer[side];
        if ((peer->sent < peer->size) != rest->blocked[side])
            unit_fail("%zu of %zu bytes were taken", peer->sent, peer->size);
        peer->size = peer->sent;
        peer->keep_open = !rest->ended[side];
    }
    for (int side = 0; side < SIDES; side++) {
        if (rest->ended[side] && !rest->blocked[side])
            rig_pump_to_end(rig, !side);
    }
}

/* Opens a relay for each state, brings them there all at once, and watches for a while. */
static void come_to_rest(const struct pair *pair, struct rig *rigs[RESTS])
{
    for (size_t i = 0; i < RESTS; i++) {
        struct rest rest = rest_of(i);
        rigs[i] = open_pair(pair, rest.blocked[LOCAL] ? DATA_BYTES : 1000,
                            rest.blocked[REMOTE] ? DATA_BYTES : 1000);
        for (int side = 0; side < SIDES; side++) {
            rigs[i]->peer[side].keep_open = true;
            rigs[i]->peer[!side].deaf = rest.blocked[side];
        }
        rig_start(rigs[i]);
    }
    rig_pump_until_stuck(rigs, RESTS);
    for (size_t i = 0; i < RESTS; i++) {
        struct rest rest = rest_of(i);
        end_sources(rigs[i], &rest);
    }
    rig_pump_until_stuck(rigs, RESTS);

    /* Nothing is to happen now, so there is nothing else to wait for. */
    (void)poll(NULL, 0, UNIT_QUIET_MS);
    for (size_t i = 0; i < RESTS; i++) {
        struct rest rest = rest_of(i);
        char name[REST_NAME_MAX];
        if (atomic_load(&rigs[i]->over))
            unit_fail("%s: the relay has ended", rest_name(&rest, name));
    }
}

typedef void rest_end(struct rig *rig, const struct rest *rest, const struct pair *pair);

/* Each state comes to its end in the same way. */
static void end_all(const struct pair *pair, rest_end *end)
{
    struct rig *rigs[RESTS];

    come_to_rest(pair, rigs);
    for (size_t i = 0; i < RESTS; i++) {
        struct rest rest = rest_of(i);
        char name[REST_NAME_MAX];
        print_message("%s\n", rest_name(&rest, name));
        end(rigs[i], &rest, pair);
        few_wakeups(rigs[i]);
        rig_close(rigs[i]);
    }
}

static void goes_on(struct rig *rig, const struct rest *rest, const struct pair *pair)
{
    (void)rest;
    (void)pair;
    for (int side = 0; side < SIDES; side++) {
        rig->peer[side].deaf = false;
        rig->peer[side].keep_open = false;
    }
    end_in_order(rig);
}

static void sleeps_and_goes_on(void **state)
{
    end_all(*state, goes_on);
}

/* ssh was killed: the relay ends at once, whatever it is waiting for. Not so where the last byte
 * and the end have been delivered: then nobody is left to go. */
static void local_goes(struct rig *rig, const struct rest *rest, const struct pair *pair)
{
    (void)pair;
    if (rest->ended[REMOTE] && !rest->blocked[REMOTE]) {
        goes_on(rig, rest, pair);
        return;
    }
    ends_drop_sink(&rig->peer[LOCAL].ends);
    assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
    assert_null(rig->err.text);
}

static void sleeps_until_local_goes(void **state)
{
    end_all(*state, local_goes);
}

/* The server's machine takes back its socket. Over TCP with unread bytes that is a reset, which
 * throws away what the server's kernel had not sent yet. In all other cases everything arrives. */
static void remote_goes(struct rig *rig, const struct rest *rest, const struct pair *pair)
{
    bool loses = pair->kind[REMOTE] == ENDS_TCP && rest->blocked[LOCAL];
    struct peer *local = &rig->peer[LOCAL];
    struct peer *remote = &rig->peer[REMOTE];

    ends_drop_sink(&remote->ends);
    fd_close(&remote->ends.source);
    remote->ended = true;
    (void)poll(NULL, 0, UNIT_QUIET_MS / 2);
    local->deaf = false;
    local->keep_open = false;
    rig_pump(rig);
    enum relay_end end = rig_end(rig);
    assert_int_not_equal(end, RELAY_LOCAL_GONE);
    if (loses)
        assert_int_equal(end, RELAY_BROKEN);
    if (end == RELAY_BROKEN)
        assert_err(&rig->err, ERR_STREAM, NULL);
    assert_err_unset(&rig->err);
    rig_check_prefix(rig, LOCAL, loses ? 0 : remote->sent);
}

static void sleeps_until_remote_goes(void **state)
{
    end_all(*state, remote_goes);
}

/* --- failures --- */

/* Bytes, and right behind them the reset. */
static void reset_behind_the_last_bytes(void **state)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct rig *rig = open_pair(*state, 0, 20000);
    struct peer *local = &rig->peer[LOCAL];
    struct peer *remote = &rig->peer[REMOTE];

    fd_put(remote->ends.source, remote->data, remote->size);
    remote->sent = remote->size;
    remote->ended = true;
    assert_int_equal(
        setsockopt(remote->ends.source, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    ends_drop_sink(&remote->ends);
    local->keep_open = true;
    rig_start(rig);
    assert_int_equal(rig_end(rig), RELAY_BROKEN);
    assert_err(&rig->err, ERR_STREAM, strerror(ECONNRESET));
    rig_pump(rig);
    rig_check_prefix(rig, LOCAL, remote->sent);
    assert_int_equal(rig->stats.down_bytes, remote->sent);
    rig_close(rig);
}

/* A server that reads no more may still have much to say. */
static void remote_stops_taking(void **state)
{
    const struct pair *pair = *state;
    struct rig *rig = open_pair(pair, 1000, 0);
    struct peer *local = &rig->peer[LOCAL];
    struct peer *remote = &rig->peer[REMOTE];

    if (remote->ends.one)
        assert_int_equal(shutdown(remote->ends.sink, SHUT_RD), 0);
    else
        ends_drop_sink(&remote->ends);
    remote->deaf = true;
    local->keep_open = remote->keep_open = true;
    rig_start(rig);
    rig_pump_until_stuck(&rig, 1);
    (void)poll(NULL, 0, UNIT_QUIET_MS);
    assert_false(atomic_load(&rig->over));

    remote->size = 1000003;
    remote->keep_open = false;
    rig_pump(rig);
    /* It may have noticed before it had anything to send; then nothing has failed. */
    if (rig_end(rig) == RELAY_BROKEN)
        assert_err(&rig->err, ERR_STREAM, strerror(EPIPE));
    assert_int_not_equal(rig->end, RELAY_LOCAL_GONE);
    assert_err_unset(&rig->err);
    few_wakeups(rig);
    rig_check_prefix(rig, LOCAL, remote->size);
    assert_int_equal(rig->stats.down_bytes, remote->size);
    rig_close(rig);
}

/* --- a local side that is closed as a whole --- */

/* A relay that is stuck in both directions, and whose local side then goes: it has said all that fits
 * in on the way, and has read nothing. */
static struct rig *local_closes(const struct pair *pair, size_t down, int64_t patience_ns)
{
    struct rig *rig = open_pair(pair, DATA_BYTES, down);
    struct peer *local = &rig->peer[LOCAL];

    rig->patience_ns = patience_ns;
    for (int side = 0; side < SIDES; side++)
        rig->peer[side].deaf = rig->peer[side].keep_open = true;
    rig_start(rig);
    rig_pump_until_stuck(&rig, 1);
    assert_true(local->sent < local->size);
    local->size = local->sent;
    local->ended = true;
    ends_drop_sink(&local->ends);
    return rig;
}

static void last_words_arrive(void **state)
{
    struct rig *rig = local_closes(*state, 0, UNIT_WAIT_MS * CLOCK_MS);

    rig->peer[REMOTE].deaf = false;
    rig->peer[REMOTE].chunk = 50000;
    rig_pump(rig);
    assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
    rig_check_all(rig, REMOTE);
    few_wakeups(rig);
    rig_close(rig);
}

/* Words that it did not hear make its end a reset, which takes none of its own words back. */
static void last_words_of_a_deaf_one_arrive(void **state)
{
    struct rig *rig = local_closes(*state, 1000, UNIT_WAIT_MS * CLOCK_MS);

    rig->peer[REMOTE].deaf = false;
    rig_pump(rig);
    assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
    rig_check_prefix(rig, REMOTE, rig->peer[LOCAL].sent);
    rig_close(rig);
}

static void patience_with_the_remote_ends(void **state)
{
    static const int64_t patience_ns = 150 * CLOCK_MS;
    int64_t begin_ns = clock_ns();
    struct rig *rig = local_closes(*state, 0, patience_ns);

    assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
    assert_true(clock_ns() - begin_ns >= patience_ns);
    few_wakeups(rig);
    rig_close(rig);
}

/* --- other sorts of streams --- */

/* A stream with a layer in between cannot be spliced and tells in its own way what to poll for. */
static void layered_remote_sleeps(void **state)
{
    (void)state;
    for (int decoded = 0; decoded < 2; decoded++) {
        struct fake_stream fake;
        fake_stream_init(&fake);
        fake.give = data[REMOTE];
        fake.give_size = 300000;
        fake.stays_open = true;
        fake.decoded = decoded;
        struct rig *rig = rig_open_layered(&ends_kinds[ENDS_PIPES], &fake.base);
        struct peer *local = &rig->peer[LOCAL];
        local->data = data[LOCAL];
        local->size = 300000;
        local->keep_open = true;
        rig_start(rig);
        rig_pump_until_stuck(&rig, 1);
        (void)poll(NULL, 0, UNIT_QUIET_MS);
        assert_false(atomic_load(&rig->over));
        ends_drop_sink(&local->ends);
        assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
        few_wakeups(rig);
        assert_int_equal(local->got_size, fake.give_size);
        assert_memory_equal(local->got, data[REMOTE], fake.give_size);
        assert_int_equal(fake.got_size, local->size);
        assert_memory_equal(fake.got, data[LOCAL], fake.got_size);
        assert_string_equal(fake.broken, "");
        rig_close(rig);
        fake_stream_release(&fake);
    }
}

/* Regular files are always ready, have an end, and cannot be spliced to a socket. */
static void files_as_stdin_and_stdout(void **state)
{
    (void)state;
    static const size_t up = 50000;
    static const size_t down = 40000;
    struct ends remote;
    struct trace trace = {.level = 0};
    struct err err = ERR_INIT;
    int in = fd_file(data[LOCAL], up);
    int out = fd_file("", 0);
    int look = dup(out);

    assert_true(look >= 0);
    struct stream *far = ends_open(&ends_kinds[ENDS_TCP], &remote);
    struct stream *near = stream_fd_new(in, out);
    assert_non_null(near);
    fd_put(remote.source, data[REMOTE], down);
    ends_end_source(&remote);
    /* No stats asked for. */
    assert_int_equal(relay_run(near, far, NULL, &trace, &err), RELAY_DONE);
    assert_err_unset(&err);
    stream_close(near);
    fd_expect(remote.sink, data[LOCAL], up);
    assert_int_equal(lseek(look, 0, SEEK_SET), 0);
    fd_expect(look, data[REMOTE], down);
    fd_close(&look);
    ends_close(far, &remote);
}

/* The last line of the trace is what tests of the whole program read. */
static void trace_tells_the_figures(void **state)
{
    (void)state;
    struct rig *rig = open_pair(&pairs[0], 1234, 5678);
    char wanted[100];
    char text[4096];
    int lines[2];

    fd_pipe(lines);
    rig->trace.level = 1;
    rig->trace.fd = lines[1];
    rig_start(rig);
    rig_pump(rig);
    assert_int_equal(rig_end(rig), RELAY_DONE);
    fd_close(&lines[1]);
    ssize_t n = read(lines[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    (void)snprintf(wanted, sizeof(wanted),
                   " relay: ended: 1234 bytes up, 5678 bytes down, %llu wake-ups\n",
                   (unsigned long long)rig->stats.wakeups);
    assert_true(strlen(text) > strlen(wanted));
    assert_string_equal(text + strlen(text) - strlen(wanted), wanted);
    fd_close(&lines[0]);
    rig_close(rig);
}

/* Adds `test` for the pairs with one of these as the remote side. */
static void add_pairs(struct unit *unit, CMUnitTestFunction test, const char *group, int kind,
                      int or_kind)
{
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].kind[REMOTE] == kind || pairs[i].kind[REMOTE] == or_kind)
            unit_add(unit, test, group, pairs[i].name, &pairs[i]);
    }
}

int main(void)
{
    static struct unit unit;

    /* As stream.h says that the process does. */
    (void)signal(SIGPIPE, SIG_IGN);
    unit_pattern(data[LOCAL], DATA_BYTES, 1);
    unit_pattern(data[REMOTE], DATA_BYTES, 2);

    UNIT_ROWS(&unit, carries, pairs);
    UNIT_ROWS(&unit, carries_what_was_there, pairs);
    UNIT_ROWS(&unit, dribbles, pairs);
    UNIT_ROWS(&unit, ping_pong, pairs);
    UNIT_ROWS(&unit, random_traffic, pairs);
    UNIT_ROWS(&unit, sleeps_and_goes_on, pairs);
    UNIT_ROWS(&unit, sleeps_until_remote_goes, pairs);
    for (size_t i = 0; i < PAIRS; i++) {
        /* A TCP peer that closes looks like one that has only ended. */
        if (pairs[i].kind[LOCAL] != ENDS_TCP)
            unit_add(&unit, sleeps_until_local_goes, "sleeps_until_local_goes", pairs[i].name,
                     &pairs[i]);
    }
    add_pairs(&unit, reset_behind_the_last_bytes, "reset_behind_the_last_bytes", ENDS_TCP,
              ENDS_TCP);
    add_pairs(&unit, remote_stops_taking, "remote_stops_taking", ENDS_UNIX, ENDS_PIPES);
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].kind[LOCAL] != ENDS_UNIX)
            continue;
        unit_add(&unit, last_words_arrive, "last_words_arrive", pairs[i].name, &pairs[i]);
        unit_add(&unit, last_words_of_a_deaf_one_arrive, "last_words_of_a_deaf_one_arrive",
                 pairs[i].name, &pairs[i]);
        unit_add(&unit, patience_with_the_remote_ends, "patience_with_the_remote_ends",
                 pairs[i].name, &pairs[i]);
    }
    UNIT_TEST(&unit, layered_remote_sleeps);
    UNIT_TEST(&unit, files_as_stdin_and_stdout);
    UNIT_TEST(&unit, trace_tells_the_figures);
    return unit_run(&unit, "relay");
}
