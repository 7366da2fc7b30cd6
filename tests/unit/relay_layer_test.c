/* SPDX-License-Identifier: MIT */
/* The relay between layered streams, which stutter and fail in every way that stream.h allows. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/relay.h"
#include "tests/unit/fake_stream.h"
#include "tests/unit/fake_unit.h"

#define DATA_BYTES 400000
#define ALL SIZE_MAX /* what the other side gives */
#define EITHER (-1)
#define TAKEN (SIZE_MAX - 1) /* what was read from the other side, be it all or not */

enum {
    LOCAL,
    REMOTE,
    SIDES,
};

static uint8_t data[SIDES][DATA_BYTES];

/* How one of the two streams behaves; see struct fake_stream. */
struct script {
    size_t give;
    int give_error;
    bool stays_open;
    size_t take; /* with take_error */
    int take_error;
    int shut_agains;
    int shut_error;
    bool decoded;
    bool windowed;
};

static const struct layer_row {
    const char *name;
    struct script side[SIDES];
    enum relay_end end;
    int error; /* that the message names */
    size_t got[SIDES];
    int shut[SIDES]; /* was the end told there? */
} layer_rows[] = {
    {"nothing at all", .end = RELAY_DONE, .shut = {true, true}},
    {"a little both ways", {{.give = 5}, {.give = 7}}, RELAY_DONE, 0, {ALL, ALL}, {true, true}},
    {"much both ways",
     {{.give = 400000}, {.give = 300000}},
     RELAY_DONE,
     0,
     {ALL, ALL},
     {true, true}},
    {"decoded bytes on both sides",
     {{.give = 400000, .decoded = true}, {.give = 300000, .decoded = true}},
     RELAY_DONE,
     0,
     {ALL, ALL},
     {true, true}},
    {"remote takes as it gives",
     {{.give = 200000}, {.give = 300000, .windowed = true}},
     RELAY_DONE,
     0,
     {ALL, ALL},
     {true, true}},
    {"both take as they give",
     {{.give = 200000, .windowed = true}, {.give = 200000, .decoded = true}},
     RELAY_DONE,
     0,
     {ALL, ALL},
     {true, true}},
    {"local has nothing to say",
     {{.give = 0}, {.give = 300000}},
     RELAY_DONE,
     0,
     {ALL, 0},
     {true, true}},
    {"remote has nothing to say",
     {{.give = 300000}, {.give = 0}},
     RELAY_DONE,
     0,
     {0, ALL},
     {true, true}},
    {"the end takes several calls",
     {{.give = 10, .shut_agains = 3}, {.give = 20, .shut_agains = 5}},
     RELAY_DONE,
     0,
     {ALL, ALL},
     {true, true}},

    {"remote breaks at once",
     {{.give = 0}, {.give_error = ECONNRESET}},
     RELAY_BROKEN,
     ECONNRESET,
     {0, 0},
     {false, true}},
    {"remote breaks after bytes",
     {{.give = 0}, {.give = 300000, .give_error = ECONNRESET}},
     RELAY_BROKEN,
     ECONNRESET,
     {ALL, 0},
     {false, true}},
    {"remote breaks, local is silent",
     {{.stays_open = true}, {.give = 1000, .give_error = EPROTO}},
     RELAY_BROKEN,
     EPROTO,
     {ALL, 0},
     {false, false}},
    {"local input breaks",
     {{.give = 1000, .give_error = EIO}, {.give = 300000}},
     RELAY_BROKEN,
     EIO,
     {TAKEN, ALL},
     {EITHER, false}},

    {"remote takes no more, but gives",
     {{.give = 5000}, {.give = 300000, .take = 10, .take_error = EPIPE}},
     RELAY_BROKEN,
     EPIPE,
     {ALL, 10},
     {true, false}},
    {"remote takes no more, local is silent",
     {{.give = 5000, .stays_open = true}, {.give = 300000, .take = 10, .take_error = ECONNRESET}},
     RELAY_BROKEN,
     ECONNRESET,
     {ALL, 10},
     {true, false}},
    {"remote's end cannot be sent",
     {{.give = 5}, {.give = 300000, .shut_error = EIO}},
     RELAY_BROKEN,
     EIO,
     {ALL, ALL},
     {true, false}},

    {"nobody reads our output",
     {{.stays_open = true, .take = 10, .take_error = EPIPE}, {.give = 300000, .stays_open = true}},
     RELAY_LOCAL_GONE,
     0,
     {10, 0},
     {false, false}},
    {"nobody reads our output, not one byte",
     {{.stays_open = true, .take = 0, .take_error = EPIPE}, {.give = 1, .stays_open = true}},
     RELAY_LOCAL_GONE,
     0,
     {0, 0},
     {false, false}},
    {"the disk is full",
     {{.stays_open = true, .take = 10, .take_error = ENOSPC}, {.give = 300000, .stays_open = true}},
     RELAY_BROKEN,
     ENOSPC,
     {10, 0},
     {false, false}},
};

static void set_up(struct fake_stream fakes[SIDES], const struct script scripts[SIDES])
{
    for (int side = 0; side < SIDES; side++) {
        const struct script *script = &scripts[side];
        struct fake_stream *fake = &fakes[side];
        fake_stream_init(fake);
        fake->give = data[side];
        fake->give_size = script->give;
        fake->give_error = script->give_error;
        fake->stays_open = script->stays_open;
        fake->take_error = script->take_error;
        fake->take_size = script->take_error ? script->take : SIZE_MAX;
        fake->shut_agains = script->shut_agains;
        fake->shut_error = script->shut_error;
        fake->decoded = script->decoded;
        fake->windowed = script->windowed;
    }
}

static void check_got(const struct fake_stream fakes[SIDES], int side, size_t wanted)
{
    const struct fake_stream *fake = &fakes[side];

    assert_string_equal(fake->broken, "");
    if (wanted == ALL)
        wanted = fakes[!side].give_size;
    else if (wanted == TAKEN)
        wanted = fakes[!side].given;
    assert_int_equal(fake->got_size, wanted);
    if (fake->got_size)
        assert_memory_equal(fake->got, data[!side], fake->got_size);
}

static void run(const struct layer_row *row, uint32_t seed)
{
    struct fake_stream fakes[SIDES];
    struct relay_stats stats;
    struct trace trace = {.level = 0};
    struct err err = ERR_INIT;

    set_up(fakes, row->side);
    if (seed) {
        fakes[LOCAL].seed = unit_random(&seed);
        fakes[REMOTE].seed = unit_random(&seed);
    }
    assert_int_equal(relay_run(&fakes[LOCAL].base, &fakes[REMOTE].base, &stats, &trace, &err),
                     row->end);
    if (row->end == RELAY_BROKEN)
        assert_err(&err, ERR_STREAM, strerror(row->error));
    assert_null(err.text);
    err_release(&err);
    for (int side = 0; side < SIDES; side++) {
        check_got(fakes, side, row->got[side]);
        if (row->shut[side] != EITHER)
            assert_int_equal(fakes[side].shut, row->shut[side]);
    }
    if (row->end == RELAY_DONE) {
        assert_int_equal(stats.up_bytes, fakes[REMOTE].got_size);
        assert_int_equal(stats.down_bytes, fakes[LOCAL].got_size);
    }
    fake_stream_release(&fakes[LOCAL]);
    fake_stream_release(&fakes[REMOTE]);
}

static void layered(void **state)
{
    run(*state, 0);
}

static void layered_and_stuttering(void **state)
{
    for (uint32_t seed = 1; seed <= 20; seed++)
        run(*state, seed);
}

/* Any sizes, any order of ends, any pieces: both sides get what the other gave. */
static void random_streams(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        uint32_t rng = seed * 2654435761U;
        struct script scripts[SIDES] = {{0}, {0}};
        struct fake_stream fakes[SIDES];
        struct relay_stats stats;
        struct trace trace = {.level = 0};
        struct err err = ERR_INIT;

        for (int side = 0; side < SIDES; side++) {
            static const uint32_t bounds[] = {1, 10, 5000, 200000};
            scripts[side].give = unit_below(&rng, bounds[unit_below(&rng, 4)] + 1);
            scripts[side].decoded = unit_below(&rng, 2);
            scripts[side].shut_agains = (int)unit_below(&rng, 3);
        }
        set_up(fakes, scripts);
        for (int side = 0; side < SIDES; side++)
            fakes[side].seed = unit_random(&rng);
        enum relay_end end =
            relay_run(&fakes[LOCAL].base, &fakes[REMOTE].base, &stats, &trace, &err);
        if (end != RELAY_DONE)
            unit_fail("seed %u: ended with %d (%s)", seed, (int)end, err_text(&err));
        for (int side = 0; side < SIDES; side++) {
            check_got(fakes, side, ALL);
            assert_true(fakes[side].shut);
        }
        assert_int_equal(stats.up_bytes, scripts[LOCAL].give);
        assert_int_equal(stats.down_bytes, scripts[REMOTE].give);
        fake_stream_release(&fakes[LOCAL]);
        fake_stream_release(&fakes[REMOTE]);
    }
}

/* A source that breaks at any point: what it gave before is delivered. */
static void random_breaks(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        uint32_t rng = seed * 2654435761U;
        struct script scripts[SIDES] = {
            {.stays_open = true},
            {.give = unit_below(&rng, DATA_BYTES), .give_error = ECONNRESET},
        };
        struct fake_stream fakes[SIDES];
        struct trace trace = {.level = 0};
        struct err err = ERR_INIT;

        set_up(fakes, scripts);
        for (int side = 0; side < SIDES; side++)
            fakes[side].seed = unit_random(&rng);
        assert_int_equal(relay_run(&fakes[LOCAL].base, &fakes[REMOTE].base, NULL, &trace, &err),
                         RELAY_BROKEN);
        assert_err(&err, ERR_STREAM, strerror(ECONNRESET));
        check_got(fakes, LOCAL, ALL);
        fake_stream_release(&fakes[LOCAL]);
        fake_stream_release(&fakes[REMOTE]);
    }
}

/* --- ticks --- */

#define TICK_NS (5 * CLOCK_MS)

static const struct tick_row {
    const char *name;
    int64_t local_ns, remote_ns; /* from one tick to the next; 0 = none */
    unsigned remote_end;         /* the tick that finds the remote dead */
} tick_rows[] = {
    {"the remote alone", 0, TICK_NS, 5},
    {"the remote more often", 4 * TICK_NS, TICK_NS, 8},
    {"the local more often", TICK_NS, 3 * TICK_NS, 3},
};

/* Nothing flows, and nothing will: only its ticks tell the remote that it has no peer any more. */
static void ticks_in_an_idle_relay(void **state)
{
    const struct tick_row *row = *state;
    static const struct script idle[SIDES] = {{.stays_open = true},
                                              {.stays_open = true, .give_error = ETIMEDOUT}};
    struct fake_stream fakes[SIDES];
    struct relay_stats stats;
    struct trace trace = {.level = 0};
    struct err err = ERR_INIT;

    set_up(fakes, idle);
    fakes[LOCAL].tick_ns = row->local_ns;
    fakes[LOCAL].tick_end = UINT_MAX;
    fakes[REMOTE].tick_ns = row->remote_ns;
    fakes[REMOTE].tick_end = row->remote_end;
    fakes[REMOTE].dies = true;
    int64_t begin_ns = clock_ns();
    for (int side = 0; side < SIDES; side++)
        fakes[side].due_ns = begin_ns;
    assert_int_equal(relay_run(&fakes[LOCAL].base, &fakes[REMOTE].base, &stats, &trace, &err),
                     RELAY_BROKEN);
    int64_t took_ns = clock_ns() - begin_ns;

    assert_err(&err, ERR_STREAM, strerror(ETIMEDOUT));
    assert_int_equal(fakes[REMOTE].ticks, row->remote_end);
    assert_true(took_ns >= (row->remote_end - 1) * row->remote_ns);
    if (row->local_ns) {
        assert_true(fakes[LOCAL].ticks > 1);
        assert_true((fakes[LOCAL].ticks - 1) * row->local_ns <= took_ns);
    }
    /* Neither too early nor in a loop: each wake-up was for a tick of one of the two. */
    assert_true(stats.wakeups <= fakes[LOCAL].ticks + fakes[REMOTE].ticks);
    for (int side = 0; side < SIDES; side++)
        fake_stream_release(&fakes[side]);
}

/* Ticks come also while bytes flow, and harm none of them. */
static void ticks_between_bytes(void **state)
{
    (void)state;
    static const struct script busy[SIDES] = {{.give = DATA_BYTES}, {.give = DATA_BYTES}};
    struct fake_stream fakes[SIDES];
    struct trace trace = {.level = 0};
    struct err err = ERR_INIT;

    set_up(fakes, busy);
    for (int side = 0; side < SIDES; side++) {
        fakes[side].seed = 1 + (uint32_t)side;
        fakes[side].tick_ns = 1;
        fakes[side].tick_end = UINT_MAX;
    }
    assert_int_equal(relay_run(&fakes[LOCAL].base, &fakes[REMOTE].base, NULL, &trace, &err),
                     RELAY_DONE);
    for (int side = 0; side < SIDES; side++) {
        check_got(fakes, side, ALL);
        assert_true(fakes[side].ticks > 1);
        fake_stream_release(&fakes[side]);
    }
}

int main(void)
{
    static struct unit unit;

    unit_pattern(data[LOCAL], DATA_BYTES, 1);
    unit_pattern(data[REMOTE], DATA_BYTES, 2);
    UNIT_ROWS(&unit, layered, layer_rows);
    UNIT_ROWS(&unit, layered_and_stuttering, layer_rows);
    UNIT_TEST(&unit, random_streams);
    UNIT_TEST(&unit, random_breaks);
    UNIT_ROWS(&unit, ticks_in_an_idle_relay, tick_rows);
    UNIT_TEST(&unit, ticks_between_bytes);
    return unit_run(&unit, "relay_layer");
}
