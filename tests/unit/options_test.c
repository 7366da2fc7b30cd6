/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "tests/unit/fake_unit.h"

struct settings {
    int family;
    int count;
    bool flag;
    const char *text;
};

static int take_text(const struct option_row *row, void *field, const char *value, struct err *err)
{
    (void)row;
    if (strcmp(value, "bad") == 0)
        return err_set(err, ERR_USAGE, "bad text");
    *(const char **)field = value;
    return 0;
}

static const struct option_row rows[] = {
    {'4', NULL, NULL, "four", offsetof(struct settings, family), option_int, 4},
    {'6', NULL, NULL, "six", offsetof(struct settings, family), option_int, 6},
    {'v', "verbose", NULL, "count", offsetof(struct settings, count), option_count, 0},
    {0, "flag", NULL, "a flag", offsetof(struct settings, flag), option_true, 0},
    {'t', "text", "word", "a text", offsetof(struct settings, text), take_text, 0},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
#define WORDS_MAX 6
#define REFUSED (-1)

static const struct line_row {
    const char *name;
    const char *words[WORDS_MAX];
    int first; /* index of the first operand */
    struct settings wanted;
    const char *message; /* a part of it, when it is refused */
} line_rows[] = {
    {"nothing", {"x"}, 1, {0}, NULL},
    {"operands only", {"x", "a", "-v"}, 1, {0}, NULL},
    {"a letter", {"x", "-4", "a"}, 2, {.family = 4}, NULL},
    {"the last one wins", {"x", "-4", "-6"}, 3, {.family = 6}, NULL},
    {"a cluster", {"x", "-4vv6", "a"}, 2, {.family = 6, .count = 2}, NULL},
    {"a long name", {"x", "--flag", "--verbose"}, 3, {.flag = true, .count = 1}, NULL},
    {"a value in the next word", {"x", "-t", "w", "a"}, 3, {.text = "w"}, NULL},
    {"a value behind the letter", {"x", "-tw", "a"}, 2, {.text = "w"}, NULL},
    {"a value at the end of a cluster", {"x", "-4vtw"}, 2, {4, 1, false, "w"}, NULL},
    {"a value that looks like an option", {"x", "-t", "-4"}, 3, {.text = "-4"}, NULL},
    {"a long value", {"x", "--text=w"}, 2, {.text = "w"}, NULL},
    {"a long value in the next word", {"x", "--text", "w"}, 3, {.text = "w"}, NULL},
    {"an empty long value", {"x", "--text=", "a"}, 2, {.text = ""}, NULL},
    {"a value with =", {"x", "--text=a=b"}, 2, {.text = "a=b"}, NULL},
    {"--", {"x", "-4", "--", "-6"}, 3, {.family = 4}, NULL},
    {"a dash alone is an operand", {"x", "-", "-4"}, 1, {0}, NULL},
    {"an empty word is an operand", {"x", "", "-4"}, 1, {0}, NULL},
    {"an unknown letter", {"x", "-z"}, REFUSED, {0}, "'-z'"},
    {"an unknown letter in a cluster", {"x", "-4z"}, REFUSED, {0}, "'-z'"},
    {"an unknown name", {"x", "--nope=1"}, REFUSED, {0}, "'--nope'"},
    {"half a name", {"x", "--fla"}, REFUSED, {0}, "'--fla'"},
    {"more than a name", {"x", "--flags"}, REFUSED, {0}, "'--flags'"},
    {"a name that is only =", {"x", "--=1"}, REFUSED, {0}, "'--'"},
    {"a value too many", {"x", "--flag=1"}, REFUSED, {0}, "'--flag' takes no value"},
    {"no value for a letter", {"x", "-t"}, REFUSED, {0}, "'-t' wants a value: word"},
    {"no value for a name", {"x", "--text"}, REFUSED, {0}, "'--text' wants a value: word"},
    {"a bad value", {"x", "-t", "bad"}, REFUSED, {0}, "bad text"},
    {"nothing behind a bad one counts", {"x", "-tbad", "-4"}, REFUSED, {0}, "bad text"},
};

static void line(void **state)
{
    const struct line_row *row = *state;
    struct settings got = {0};
    struct err err = ERR_INIT;
    char words[WORDS_MAX][40], *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    for (; argc < WORDS_MAX && row->words[argc]; argc++) {
        (void)snprintf(words[argc], sizeof(words[argc]), "%s", row->words[argc]);
        argv[argc] = words[argc];
    }
    assert_int_equal(options_parse(rows, ROW_COUNT, argc, argv, &got, &err), row->first);
    if (row->first == REFUSED) {
        assert_err(&err, ERR_USAGE, row->message);
        return;
    }
    assert_err_unset(&err);
    assert_int_equal(got.family, row->wanted.family);
    assert_int_equal(got.count, row->wanted.count);
    assert_int_equal(got.flag, row->wanted.flag);
    if (row->wanted.text)
        assert_string_equal(got.text, row->wanted.text);
    else
        assert_null(got.text);
}

static void no_words_at_all(void **state)
{
    struct settings got = {0};
    struct err err = ERR_INIT;

    (void)state;
    /* execve(2) may leave argv empty. */
    assert_true(options_parse(rows, ROW_COUNT, 0, NULL, &got, &err) >= 0);
    assert_err_unset(&err);
}

static void help_has_a_line_for_each_row(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_help(rows, ROW_COUNT, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "  -4                  four\n"
                              "  -6                  six\n"
                              "  -v, --verbose       count\n"
                              "      --flag          a flag\n"
                              "  -t, --text word     a text\n");
    free(text);
}

static void help_has_room_for_wide_values(void **state)
{
    static const struct option_row wide[] = {
        {.name = "text", .value = "words", .help = "fits"},
        {.name = "text", .value = "seven|more", .help = "doesn't"},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_help(wide, 2, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "      --text words    fits\n"
                              "      --text seven|more\n"
                              "                      doesn't\n");
    free(text);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, line, line_rows);
    UNIT_TEST(&unit, no_words_at_all);
    UNIT_TEST(&unit, help_has_a_line_for_each_row);
    UNIT_TEST(&unit, help_has_room_for_wide_values);
    return unit_run(&unit, "options");
}
