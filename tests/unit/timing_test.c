/* SPDX-License-Identifier: MIT */
#include "core/timing.h"

#include <poll.h>
#include <string.h>

#include "core/clock.h"
#include "tests/unit/fake_unit.h"

#define NAP_NS (5 * CLOCK_MS)

/* Lets at least that much time pass. */
static void nap(void)
{
    int64_t until_ns = clock_ns() + NAP_NS;

    while (clock_ns() < until_ns)
        (void)poll(NULL, 0, clock_poll_ms(until_ns));
}

/* No step was marked. */
static void is_untouched(const struct timing_hop *hop)
{
    for (int step = 0; step < TIMING_STEPS; step++) {
        assert_false(hop->taken[step]);
        assert_int_equal(hop->spent_ns[step], 0);
    }
    assert_false(hop->is_up);
}

static void begins_with_nothing(void **state)
{
    (void)state;
    struct timing timing;
    int64_t before_ns = clock_ns();

    assert_int_equal(timing_init(&timing, 3), 0);
    assert_int_equal(timing.count, 3);
    assert_int_equal(timing.at, 0);
    assert_true(timing.since_ns >= before_ns && timing.since_ns <= clock_ns());
    for (size_t i = 0; i < timing.count; i++)
        is_untouched(&timing.hop[i]);
    timing_release(&timing);
    assert_null(timing.hop);
    timing_release(&timing);
}

/* Time goes to the step that a mark names, from the mark before. */
static void mark_takes_the_time_since_the_last(void **state)
{
    (void)state;
    struct timing timing;
    struct ctx ctx = {.timing = &timing};

    assert_int_equal(timing_init(&timing, 1), 0);
    const struct timing_hop *hop = timing.hop;
    int64_t start_ns = timing.since_ns;
    nap();
    timing_mark(&ctx, TIMING_NAME);
    int64_t after_ns = clock_ns();
    timing_mark(&ctx, TIMING_TCP);

    assert_true(hop->taken[TIMING_NAME] && hop->taken[TIMING_TCP]);
    assert_true(hop->spent_ns[TIMING_NAME] >= NAP_NS);
    assert_true(hop->spent_ns[TIMING_NAME] <= after_ns - start_ns);
    assert_true(hop->spent_ns[TIMING_NAME] + hop->spent_ns[TIMING_TCP] >= after_ns - start_ns);
    assert_true(hop->spent_ns[TIMING_NAME] + hop->spent_ns[TIMING_TCP] <= clock_ns() - start_ns);
    assert_false(hop->taken[TIMING_TLS]);
    assert_false(hop->taken[TIMING_HANDSHAKE]);
    assert_false(hop->taken[TIMING_AUTH]);
    timing_release(&timing);
}

/* A proxy that asks for a login has its handshake twice. */
static void step_that_comes_again_adds_up(void **state)
{
    (void)state;
    struct timing timing;
    struct ctx ctx = {.timing = &timing};

    assert_int_equal(timing_init(&timing, 1), 0);
    nap();
    timing_mark(&ctx, TIMING_HANDSHAKE);
    int64_t once_ns = timing.hop->spent_ns[TIMING_HANDSHAKE];
    nap();
    timing_mark(&ctx, TIMING_AUTH);
    nap();
    timing_mark(&ctx, TIMING_HANDSHAKE);
    assert_true(timing.hop->spent_ns[TIMING_HANDSHAKE] >= once_ns + NAP_NS);
    assert_true(timing.hop->spent_ns[TIMING_AUTH] >= NAP_NS);
    timing_release(&timing);
}

static void hops_have_their_own(void **state)
{
    (void)state;
    struct timing timing;
    struct ctx ctx = {.timing = &timing};

    assert_int_equal(timing_init(&timing, 3), 0);
    timing_mark(&ctx, TIMING_TCP);
    int64_t first_ns = timing.hop[0].spent_ns[TIMING_TCP];
    nap();
    timing.at = 2;
    timing_mark(&ctx, TIMING_TLS);
    assert_true(timing.hop[0].taken[TIMING_TCP]);
    assert_int_equal(timing.hop[0].spent_ns[TIMING_TCP], first_ns);
    assert_false(timing.hop[0].taken[TIMING_TLS]);
    is_untouched(&timing.hop[1]);
    assert_true(timing.hop[2].taken[TIMING_TLS]);
    assert_true(timing.hop[2].spent_ns[TIMING_TLS] >= NAP_NS);
    assert_false(timing.hop[2].taken[TIMING_TCP]);
    timing_release(&timing);
}

static void mark_behind_the_last_hop_is_lost(void **state)
{
    (void)state;
    struct timing timing;
    struct ctx ctx = {.timing = &timing};

    assert_int_equal(timing_init(&timing, 1), 0);
    timing.at = 1;
    timing_mark(&ctx, TIMING_TCP);
    is_untouched(&timing.hop[0]);
    timing.at = SIZE_MAX;
    timing_mark(&ctx, TIMING_TCP);
    is_untouched(&timing.hop[0]);
    timing_release(&timing);
    timing.at = 0;
    timing_mark(&ctx, TIMING_TCP);
    assert_null(timing.hop);
}

static void nobody_needs_to_know(void **state)
{
    (void)state;
    struct ctx ctx = {.timing = NULL};

    timing_mark(&ctx, TIMING_TCP);
    assert_null(ctx.timing);
}

/* They are keys of --json. */
static void steps_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        [TIMING_NAME] = "name",           [TIMING_TCP] = "tcp",   [TIMING_TLS] = "tls",
        [TIMING_HANDSHAKE] = "handshake", [TIMING_AUTH] = "auth",
    };

    for (int step = 0; step < TIMING_STEPS; step++)
        assert_string_equal(timing_names[step], names[step]);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, begins_with_nothing);
    UNIT_TEST(&unit, mark_takes_the_time_since_the_last);
    UNIT_TEST(&unit, step_that_comes_again_adds_up);
    UNIT_TEST(&unit, hops_have_their_own);
    UNIT_TEST(&unit, mark_behind_the_last_hop_is_lost);
    UNIT_TEST(&unit, nobody_needs_to_know);
    UNIT_TEST(&unit, steps_have_names);
    return unit_run(&unit, "timing");
}
