/* SPDX-License-Identifier: MIT */
#include "core/err.h"

#include <string.h>

#include "core/text.h"
#include "tests/unit/fake_unit.h"

static void set_keeps_code_and_text(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    assert_err_unset(&err);
    assert_int_equal(err_set(&err, ERR_CONNECT, "%s:%d: %s", "db", 22, "no"), -1);
    assert_int_equal(err.code, ERR_CONNECT);
    assert_string_equal(err.text, "db:22: no");
    assert_string_equal(err_text(&err), "db:22: no");
    err_release(&err);
}

static void first_cause_stays(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    (void)err_set(&err, ERR_NAME, "first");
    assert_int_equal(err_set(&err, ERR_TIME, "second"), -1);
    assert_int_equal(err_set_silent(&err, ERR_STREAM), -1);
    assert_int_equal(err.code, ERR_NAME);
    assert_string_equal(err_text(&err), "first");
    err_release(&err);
}

static void silent_stays_silent(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    assert_int_equal(err_set_silent(&err, ERR_STREAM), -1);
    assert_int_equal(err_set(&err, ERR_TIME, "too late"), -1);
    assert_int_equal(err_wrap(&err, "hop %d", 1), -1);
    assert_int_equal(err.code, ERR_STREAM);
    assert_non_null(err_text(&err));
    assert_err_silent(&err);
}

static void wrap_puts_in_front(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    (void)err_set(&err, ERR_REFUSED, "not allowed");
    assert_int_equal(err_wrap(&err, "proxy %s", "gw:3128"), -1);
    assert_int_equal(err_wrap(&err, "hop %d of %d", 2, 3), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_string_equal(err_text(&err), "hop 2 of 3: proxy gw:3128: not allowed");
    err_release(&err);
}

static void wrap_leaves_unset_alone(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    assert_int_equal(err_wrap(&err, "hop"), -1);
    assert_err_unset(&err);
    assert_non_null(err_text(&err));
}

static void bytes_pass_as_they_are(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    (void)err_set(&err, ERR_USAGE, "%s", "a\033[31m%s%n\nb");
    (void)err_wrap(&err, "%s", "100%d");
    assert_string_equal(err_text(&err), "100%d: a\033[31m%s%n\nb");
    err_release(&err);
}

/* A word may be of any length; what is printed must fit into a pipe that nobody reads. */
static void long_text_is_cut(void **state)
{
    (void)state;
    static char word[100001];
    struct err err = ERR_INIT;

    memset(word, 'x', sizeof(word) - 1);
    (void)err_set(&err, ERR_USAGE, "%.*s", TEXT_SHOWN_MAX, word);
    assert_int_equal(strlen(err_text(&err)), TEXT_SHOWN_MAX);
    assert_contains(err_text(&err), "xxxx");
    assert_null(strchr(err_text(&err), '.'));
    err_release(&err);

    (void)err_set(&err, ERR_USAGE, "<%s>", word);
    assert_int_equal(strlen(err_text(&err)), TEXT_SHOWN_MAX);
    assert_contains(err_text(&err), "xxx...");
    (void)err_wrap(&err, "tcp");
    assert_int_equal(strlen(err_text(&err)), TEXT_SHOWN_MAX);
    assert_contains(err_text(&err), "tcp: <xxx");
    err_release(&err);
}

static void release_makes_fit_again(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    err_release(&err);
    (void)err_set(&err, ERR_TIME, "one");
    err_release(&err);
    assert_err_unset(&err);
    err_release(&err);
    (void)err_set(&err, ERR_NAME, "two");
    assert_int_equal(err.code, ERR_NAME);
    assert_string_equal(err_text(&err), "two");
    err_release(&err);
}

/* The numbers are the exit status that stile(1) promises. */
static void codes_are_exit_statuses(void **state)
{
    (void)state;
    static const enum err_code in_order[] = {ERR_NONE, ERR_STREAM,  ERR_USAGE,
                                             ERR_NAME, ERR_CONNECT, ERR_REFUSED,
                                             ERR_AUTH, ERR_TIME,    ERR_MODULE};
    for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++)
        assert_int_equal(in_order[i], i);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, set_keeps_code_and_text);
    UNIT_TEST(&unit, first_cause_stays);
    UNIT_TEST(&unit, silent_stays_silent);
    UNIT_TEST(&unit, wrap_puts_in_front);
    UNIT_TEST(&unit, wrap_leaves_unset_alone);
    UNIT_TEST(&unit, bytes_pass_as_they_are);
    UNIT_TEST(&unit, long_text_is_cut);
    UNIT_TEST(&unit, release_makes_fit_again);
    UNIT_TEST(&unit, codes_are_exit_statuses);
    return unit_run(&unit, "err");
}
