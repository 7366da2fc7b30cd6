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

/* --- several lines --- */

/* The lines of `err` are these, up to a NULL. */
static void lines_are(const struct err *err, const char *const *lines)
{
    const struct err *line = err;

    for (; line && *lines; line = line->next)
        assert_string_equal(err_text(line), *lines++);
    assert_null(line);
    assert_null(*lines);
}

/* Appends a message of its own. */
static void append(struct err *err, enum err_code code, const char *text)
{
    struct err more = ERR_INIT;

    (void)err_set(&more, code, "%s", text);
    assert_int_equal(err_append(err, &more), -1);
    assert_err_unset(&more);
    assert_null(more.next);
    assert_null(more.text);
}

static void append_adds_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {"one", "two", "three", NULL};
    struct err err = ERR_INIT;

    append(&err, ERR_CONNECT, "one");
    assert_int_equal(err.code, ERR_CONNECT);
    append(&err, ERR_AUTH, "two");
    append(&err, ERR_TIME, "three");
    assert_int_equal(err.code, ERR_CONNECT);
    lines_are(&err, lines);
    err_release(&err);
    assert_err_unset(&err);
    assert_null(err.next);
    err_release(&err);
}

/* What has several lines itself brings all of them. */
static void append_takes_all_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {"one", "two", "three", "four", NULL};
    struct err err = ERR_INIT, more = ERR_INIT;

    append(&err, ERR_REFUSED, "one");
    append(&err, ERR_REFUSED, "two");
    append(&more, ERR_NAME, "three");
    append(&more, ERR_NAME, "four");
    assert_int_equal(err_append(&err, &more), -1);
    assert_err_unset(&more);
    assert_null(more.next);
    lines_are(&err, lines);
    assert_int_equal(err.code, ERR_REFUSED);
    err_release(&err);
}

static void append_leaves_silence_out(void **state)
{
    (void)state;
    static const char *const lines[] = {"one", NULL};
    struct err err = ERR_INIT, more = ERR_INIT;

    assert_int_equal(err_append(&err, &more), -1);
    assert_err_unset(&err);
    (void)err_set_silent(&more, ERR_STREAM);
    assert_int_equal(err_append(&err, &more), -1);
    assert_err_unset(&err);
    assert_err_unset(&more);

    append(&err, ERR_TIME, "one");
    (void)err_set_silent(&more, ERR_STREAM);
    assert_int_equal(err_append(&err, &more), -1);
    assert_err_unset(&more);
    assert_int_equal(err_append(&err, &more), -1);
    lines_are(&err, lines);
    assert_int_equal(err.code, ERR_TIME);
    err_release(&err);
}

/* -q is for all of the message. */
static void silence_takes_all_lines(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    append(&err, ERR_AUTH, "one");
    append(&err, ERR_TIME, "two");
    append(&err, ERR_TIME, "three");
    err_silence(&err);
    assert_int_equal(err.code, ERR_AUTH);
    assert_null(err.next);
    assert_null(err.text);
    assert_true(err.silent);
    assert_string_equal(err_text(&err), "");
    err_release(&err);
    assert_false(err.silent);
    assert_err_unset(&err);
}

/* Whose layer is named, and what is put in front, is the first line's business. */
static void wrap_is_for_the_first_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"host: hop 1: one", "two", NULL};
    struct err err = ERR_INIT;

    append(&err, ERR_AUTH, "one");
    append(&err, ERR_TIME, "two");
    (void)err_place(&err, "hop %d", 1);
    (void)err_place(&err, "hop %d", 2);
    (void)err_wrap(&err, "host");
    lines_are(&err, lines);
    err_release(&err);
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
    UNIT_TEST(&unit, append_adds_lines);
    UNIT_TEST(&unit, append_takes_all_lines);
    UNIT_TEST(&unit, append_leaves_silence_out);
    UNIT_TEST(&unit, silence_takes_all_lines);
    UNIT_TEST(&unit, wrap_is_for_the_first_line);
    return unit_run(&unit, "err");
}
