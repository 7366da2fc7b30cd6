/* SPDX-License-Identifier: MIT */
#include "core/clock.h"

#include <limits.h>
#include <time.h>

#include "tests/unit/fake_unit.h"

static int64_t monotonic_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return now.tv_sec * CLOCK_S + now.tv_nsec;
}

static void is_the_monotonic_clock(void **state)
{
    (void)state;
    int64_t before = monotonic_ns();
    int64_t now = clock_ns();
    int64_t after = monotonic_ns();

    assert_true(before <= now);
    assert_true(now <= after);
}

static void never_goes_back(void **state)
{
    (void)state;
    int64_t last = clock_ns();

    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_ns();
        assert_true(now >= last);
        last = now;
    }
}

static int64_t ms_up(int64_t ns)
{
    return ns <= 0 ? 0 : (ns - 1) / CLOCK_MS + 1;
}

static const struct ahead_row {
    const char *name;
    int64_t ns;
} ahead_rows[] = {
    {"a nanosecond", 1},
    {"just less than a millisecond", CLOCK_MS - 1},
    {"a millisecond", CLOCK_MS},
    {"just more than a millisecond", CLOCK_MS + 1},
    {"ten and a half", 10 * CLOCK_MS + CLOCK_MS / 2},
    {"a second", CLOCK_S},
    {"a second and a nanosecond", CLOCK_S + 1},
    {"a day", 86400 * CLOCK_S},
};

/* The call reads the clock itself, so what is right lies between what was right before and after
 * it. */
static void rounds_up(void **state)
{
    const struct ahead_row *row = *state;

    for (int i = 0; i < 1000; i++) {
        int64_t before = clock_ns();
        int64_t until = before + row->ns;
        int ms = clock_poll_ms(until);
        int64_t after = clock_ns();
        assert_true(ms <= ms_up(row->ns));
        assert_true(ms >= ms_up(until - after));
    }
}

static void the_past_is_now(void **state)
{
    (void)state;
    static const int64_t ago[] = {0, 1, CLOCK_MS, CLOCK_S, 86400 * CLOCK_S};

    for (size_t i = 0; i < sizeof(ago) / sizeof(ago[0]); i++)
        assert_int_equal(clock_poll_ms(clock_ns() - ago[i]), 0);
    assert_int_equal(clock_poll_ms(0), 0);
    assert_int_equal(clock_poll_ms(-CLOCK_S), 0);
    assert_int_equal(clock_poll_ms(INT64_MIN), 0);
}

static void never_has_no_limit(void **state)
{
    (void)state;
    assert_int_equal(clock_poll_ms(CLOCK_NEVER), -1);
}

/* poll(2) takes an int: further off than that is cut, not wrapped around. */
static void far_off_stays_positive(void **state)
{
    (void)state;
    assert_true(clock_poll_ms(clock_ns() + 60 * 86400 * CLOCK_S) > INT_MAX / 2);
    assert_true(clock_poll_ms(CLOCK_NEVER - 1) > INT_MAX / 2);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, is_the_monotonic_clock);
    UNIT_TEST(&unit, never_goes_back);
    UNIT_ROWS(&unit, rounds_up, ahead_rows);
    UNIT_TEST(&unit, the_past_is_now);
    UNIT_TEST(&unit, never_has_no_limit);
    UNIT_TEST(&unit, far_off_stays_positive);
    return unit_run(&unit, "clock");
}
