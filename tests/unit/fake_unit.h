/* SPDX-License-Identifier: MIT */
/*
 * What every unit test includes: cmocka, a list of tests that tables can be poured into, and a
 * frame around each test: a time limit, and the check that it left no descriptor open.
 */
#ifndef STILE_TESTS_UNIT_FAKE_UNIT_H
#define STILE_TESTS_UNIT_FAKE_UNIT_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"

#define UNIT_MAX 512       /* tests in one binary */
#define UNIT_NAME_MAX 100  /* bytes of a test's name */
#define UNIT_LIMIT_S 30    /* one test may take that long; then SIGALRM ends the binary */
#define UNIT_WAIT_MS 10000 /* how long to poll for something that has to happen */
#define UNIT_QUIET_MS 60   /* how long to watch for something that must not happen */

struct unit {
    struct CMUnitTest tests[UNIT_MAX];
    char names[UNIT_MAX][UNIT_NAME_MAX];
    size_t count;
};

/* Adds one test. What the name has of unprintable bytes is shown as `?`. The row comes back in
 * *state. */
void unit_add(struct unit *unit, CMUnitTestFunction test, const char *group, const char *name,
              const void *row);

/* A function is a test. */
#define UNIT_TEST(unit, function) unit_add((unit), (function), #function, NULL, NULL)

/* Each row of an array is a test of its own, called "function: row.name". */
#define UNIT_ROWS(unit, function, rows)                                                            \
    do {                                                                                           \
        for (size_t unit_i = 0; unit_i < sizeof(rows) / sizeof((rows)[0]); unit_i++)               \
            unit_add((unit), (function), #function, (rows)[unit_i].name, &(rows)[unit_i]);         \
    } while (0)

/* Runs what was added, or what $UNIT_FILTER leaves of it. What main returns. */
int unit_run(struct unit *unit, const char *name);

/* Shows `text` on the way to a failure and fails the test. */
#define unit_fail(...)                                                                             \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        fail();                                                                                    \
    } while (0)

/* Shows the reason where unit.sh finds it, and skips the test. */
#define unit_skip(...)                                                                             \
    do {                                                                                           \
        print_message("skipped: " __VA_ARGS__);                                                    \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

/* Fails unless `part` stands in `text`. */
#define assert_contains(text, part) unit_contains((text), (part), __FILE__, __LINE__)
void unit_contains(const char *text, const char *part, const char *file, int line);

/* Fails unless `err` has this code and `part` in its text (NULL: a message of whatever wording);
 * releases it. */
#define assert_err(err, code, part) unit_err((err), (code), (part), __FILE__, __LINE__)
void unit_err(struct err *err, enum err_code code, const char *part, const char *file, int line);

/* Fails unless `err` is set without a message; releases it. */
#define assert_err_silent(err) unit_err_silent((err), __FILE__, __LINE__)
void unit_err_silent(struct err *err, const char *file, int line);

/* Fails unless nothing was set. */
#define assert_err_unset(err) unit_err_unset((err), __FILE__, __LINE__)
void unit_err_unset(const struct err *err, const char *file, int line);

/* Pseudo-random numbers that are the same everywhere; the seed is what a failure names. */
uint32_t unit_random(uint32_t *seed);

/* One of 0 .. bound-1. */
uint32_t unit_below(uint32_t *seed, uint32_t bound);

/* Fills `data` with bytes that repeat nowhere in a short distance, so that a shift shows. */
void unit_pattern(uint8_t *data, size_t size, uint32_t seed);

#endif
