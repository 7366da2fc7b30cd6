/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"

/* cmocka hands the row itself to a test, so what a test began with has no other place to be. */
static struct fd_set_seen open_before;

static int begin_test(void **state)
{
    (void)state;
    fd_see(&open_before);
    (void)alarm(UNIT_LIMIT_S);
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    (void)alarm(0);
    int left = fd_new_since(&open_before);
    if (left < 0)
        return 0;
    print_error("the test left descriptor %d open\n", left);
    return -1;
}

void unit_add(struct unit *unit, CMUnitTestFunction test, const char *group, const char *name,
              const void *row)
{
    if (unit->count == UNIT_MAX) {
        (void)fprintf(stderr, "%s: more than %d tests: raise UNIT_MAX\n", group, UNIT_MAX);
        exit(2);
    }
    char *to = unit->names[unit->count];
    (void)snprintf(to, UNIT_NAME_MAX, "%s%s%s", group, name ? ": " : "", name ? name : "");
    for (char *at = to; *at; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
    unit->tests[unit->count++] = (struct CMUnitTest){
        .name = to,
        .test_func = test,
        .setup_func = begin_test,
        .teardown_func = end_test,
        .initial_state = (void *)(uintptr_t)row,
    };
}

int unit_run(struct unit *unit, const char *name)
{
    const char *pattern = getenv("UNIT_FILTER");
    char binary[UNIT_NAME_MAX];
    char glob[UNIT_NAME_MAX];

    /* A test that is stopped by its time limit leaves its name behind. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)snprintf(binary, sizeof(binary), "%s_test", name);
    if (pattern && *pattern && !strstr(binary, pattern)) {
        (void)snprintf(glob, sizeof(glob), "*%s*", pattern);
        cmocka_set_test_filter(glob);
    }
    return _cmocka_run_group_tests(name, unit->tests, unit->count, NULL, NULL) ? 1 : 0;
}

void unit_contains(const char *text, const char *part, const char *file, int line)
{
    if (text && strstr(text, part))
        return;
    print_error("`%s` does not contain `%s`\n", text ? text : "(null)", part);
    _fail(file, line);
}

void unit_err(struct err *err, enum err_code code, const char *part, const char *file, int line)
{
    if (err->code != code || !err->text) {
        print_error("err is %d (%s), wanted %d\n", (int)err->code, err->text ? err->text : "silent",
                    (int)code);
        _fail(file, line);
    }
    if (part)
        unit_contains(err->text, part, file, line);
    err_release(err);
}

void unit_err_silent(struct err *err, const char *file, int line)
{
    if (err->code == ERR_NONE || err->text) {
        print_error("err is %d (%s), wanted a silent one\n", (int)err->code,
                    err->text ? err->text : "silent");
        _fail(file, line);
    }
    err_release(err);
}

void unit_err_unset(const struct err *err, const char *file, int line)
{
    if (err->code == ERR_NONE && !err->text)
        return;
    print_error("err is %d (%s), wanted none\n", (int)err->code, err->text ? err->text : "silent");
    _fail(file, line);
}

/* xorshift32, Marsaglia 2003. */
uint32_t unit_random(uint32_t *seed)
{
    uint32_t x = *seed ? *seed : 0x9e3779b9U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *seed = x;
}

uint32_t unit_below(uint32_t *seed, uint32_t bound)
{
    return unit_random(seed) % bound;
}

void unit_pattern(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(unit_random(&seed) >> 11);
}
