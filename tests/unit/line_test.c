/* SPDX-License-Identifier: MIT */
#include "config/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

#define SHOWN_MAX 2000

static void release(struct line *line)
{
    line_release(line);
    assert_null(line->keyword);
    assert_null(line->argument);
    assert_null(line->rest);
    assert_int_equal(line->count, 0);
    line_release(line);
}

/* Each argument in angle brackets. */
static void show(const struct line *line, char shown[SHOWN_MAX])
{
    FILE *out = fmemopen(shown, SHOWN_MAX, "w");

    assert_non_null(out);
    for (size_t i = 0; i < line->count; i++)
        (void)fprintf(out, "<%s>", line->argument[i]);
    (void)fputc('\0', out);
    assert_int_equal(fclose(out), 0);
    assert_null(line->argument[line->count]);
}

/* All that is said of the text, which ends where its memory does. */
static int parse(struct line *line, const char *text, size_t size, struct err *err)
{
    char *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, text, size);
    int done = line_parse(line, copy, size, err);
    free(copy);
    return done;
}

static const struct good_row {
    const char *name;
    const char *text;
    const char *keyword;
    const char *arguments;
    const char *rest;
    const char *value; /* NULL: the rest */
} good_rows[] = {
    {"a keyword and an argument", "Host db", "Host", "<db>", "db", NULL},
    {"several arguments", "Host a b c", "Host", "<a><b><c>", "a b c", NULL},
    {"indented", "    Host db", "Host", "<db>", "db", NULL},
    {"tabs", "\tHost\t\tdb\tx\t", "Host", "<db><x>", "db\tx", NULL},
    {"blanks at the end", "Host db   ", "Host", "<db>", "db", NULL},
    {"a keyword as it was written", "hOsT DB", "hOsT", "<DB>", "DB", NULL},
    {"equals", "Timeout=5", "Timeout", "<5>", "5", NULL},
    {"equals with blanks", "Timeout = 5", "Timeout", "<5>", "5", NULL},
    {"equals and a blank before", "Timeout =5", "Timeout", "<5>", "5", NULL},
    {"equals and a blank behind", "Timeout=\t5", "Timeout", "<5>", "5", NULL},
    {"the second equals", "Timeout==5", "Timeout", "<=5>", "=5", NULL},
    {"the second equals, with blanks", "Timeout = = 5", "Timeout", "<=><5>", "= 5", NULL},
    {"equals in an argument", "Via a=b", "Via", "<a=b>", "a=b", NULL},

    {"double quotes", "Include \"a b\"", "Include", "<a b>", "\"a b\"", "a b"},
    {"single quotes", "Include 'a b'", "Include", "<a b>", "'a b'", "a b"},
    {"double quotes in single ones", "Via 'a \"b\"'", "Via", "<a \"b\">", "'a \"b\"'", "a \"b\""},
    {"single quotes in double ones", "Via \"a 'b'\"", "Via", "<a 'b'>", "\"a 'b'\"", "a 'b'"},
    {"quotes around nothing", "Via \"\" ''", "Via", "<><>", "\"\" ''", NULL},
    {"quotes around nothing alone", "Via \"\"", "Via", "<>", "\"\"", ""},
    {"quotes within an argument", "Via a\" \"b' 'c", "Via", "<a b c>", "a\" \"b' 'c", NULL},
    {"quotes in front only", "Via \"a b\"c", "Via", "<a bc>", "\"a b\"c", NULL},
    {"quotes at the end only", "Via c\"a b\"", "Via", "<ca b>", "c\"a b\"", NULL},
    {"quoted in two pieces", "Via \"a\"b\"c\"", "Via", "<abc>", "\"a\"b\"c\"", NULL},
    {"quoted words", "Via \"a b\" 'c d'", "Via", "<a b><c d>", "\"a b\" 'c d'", NULL},
    {"quotes behind equals", "Via=\"a b\"", "Via", "<a b>", "\"a b\"", "a b"},
    {"a quote in a keyword", "Ho\"st x", "Ho\"st", "<x>", "x", NULL},

    {"escaped quotes", "Via \\\"a\\' b", "Via", "<\"a'><b>", "\\\"a\\' b", NULL},
    {"escaped quotes in quotes", "Via \"a\\\"b\\'\"", "Via", "<a\"b'>", "\"a\\\"b\\'\"", "a\"b'"},
    {"escaped quotes in single ones", "Via 'a\\'b'", "Via", "<a'b>", "'a\\'b'", "a'b"},
    {"an escaped quote in front", "Via \\\"a\"b\"", "Via", "<\"ab>", "\\\"a\"b\"", NULL},
    {"an escaped backslash", "Via a\\\\b", "Via", "<a\\b>", "a\\\\b", NULL},
    {"an escaped backslash before a quote", "Via \"a\\\\\"", "Via", "<a\\>", "\"a\\\\\"", "a\\"},
    {"other backslashes stay", "Via a\\b\\ c\\,d", "Via", "<a\\b\\><c\\,d>", "a\\b\\ c\\,d", NULL},
    {"a backslash at the end", "Via a\\", "Via", "<a\\>", "a\\", NULL},

    {"a comment behind", "Host db # it", "Host", "<db>", "db", NULL},
    {"a comment without a blank behind its sign", "Host a b #it", "Host", "<a><b>", "a b", NULL},
    {"a sign within an argument", "Host db#1 a#", "Host", "<db#1><a#>", "db#1 a#", NULL},
    {"a quoted sign", "Host \"#1\" '#2'", "Host", "<#1><#2>", "\"#1\" '#2'", NULL},
    {"a quote in a comment", "Host db # don't", "Host", "<db>", "db", NULL},
    {"nothing but a comment behind", "Host # db", "Host", "", "", NULL},
    {"the same behind equals", "Host=# db", "Host", "", "", NULL},
    {"a sign in a keyword", "Ho#st db", "Ho#st", "<db>", "db", NULL},

    {"no argument", "Host", "Host", "", "", NULL},
    {"no argument, blanks", "  Host \t ", "Host", "", "", NULL},
    {"no argument, equals", "Host=", "Host", "", "", NULL},
    {"bytes above ASCII", "LogFile ~/\303\274/\377", "LogFile", "<~/\303\274/\377>",
     "~/\303\274/\377", NULL},
    {"percent signs", "Via exec:nc %h %p %%", "Via", "<exec:nc><%h><%p><%%>", "exec:nc %h %p %%",
     NULL},
    {"a command with quotes", "Via exec:sh -c 'x \"y\"' # z", "Via", "<exec:sh><-c><x \"y\">",
     "exec:sh -c 'x \"y\"'", NULL},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    struct line line;
    struct err err = ERR_INIT;
    char shown[SHOWN_MAX];

    assert_int_equal(parse(&line, row->text, strlen(row->text), &err), 0);
    assert_err_unset(&err);
    assert_string_equal(line.keyword, row->keyword);
    show(&line, shown);
    assert_string_equal(shown, row->arguments);
    assert_string_equal(line.rest, row->rest);
    if (line.count == 0)
        assert_null(line_value(&line));
    else
        assert_string_equal(line_value(&line), row->value ? row->value : row->rest);
    release(&line);
}

static const struct nothing_row {
    const char *name;
    const char *text;
} nothing_rows[] = {
    {"empty", ""},
    {"blanks", " \t "},
    {"a comment", "# Host db"},
    {"an indented comment", "\t # Host db"},
    {"a comment without a blank", "#Host"},
    {"a comment with a quote", "# don't"},
    {"a comment of bytes above ASCII", "# \303\244\377"},
};

static void nothing(void **state)
{
    const struct nothing_row *row = *state;
    struct line line;
    struct err err = ERR_INIT;

    assert_int_equal(parse(&line, row->text, strlen(row->text), &err), 0);
    assert_err_unset(&err);
    release(&line);
}

/* The keyword alone is repeated by nobody either. */
#define SECRET "hunter2"

static const struct bad_row {
    const char *name;
    const char *text;
    size_t size; /* 0: of the string */
    const char *message;
} bad_rows[] = {
    {"a double quote", "Via \"" SECRET, 0, "a \" that is not closed"},
    {"a single quote", "Via '" SECRET, 0, "a ' that is not closed"},
    {"a single quote in the last argument", "Via x don't " SECRET, 0, "a ' that is not closed"},
    {"a quote closed by the other", "Via \"" SECRET "'", 0, "a \" that is not closed"},
    {"a quote closed by an escaped one", "Via \"" SECRET "\\\"", 0, "a \" that is not closed"},
    {"a comment sign in an open quote", "Via \"a # b", 0, "a \" that is not closed"},
    {"no keyword", "= " SECRET, 0, "a keyword is missing"},
    {"no keyword, indented", "  =" SECRET, 0, "a keyword is missing"},
    {"a NUL", "Via a\0b", 7, "column 6: a control byte"},
    {"a NUL in front", "\0Via a", 6, "column 1: a control byte"},
    {"a NUL at the end", "Via a\0", 6, "column 6: a control byte"},
    {"a NUL in a comment", "# a\0", 4, "column 4: a control byte"},
    {"an escape sequence", "Via \033[31m" SECRET, 0, "column 5: a control byte"},
    {"an escape sequence in a comment", "# \033[31m", 0, "column 3: a control byte"},
    {"a carriage return", "Via a\rb", 0, "column 6: a control byte"},
    {"a line feed", "Via a\nVia b", 0, "column 6: a control byte"},
    {"a vertical tab", "Via\va", 0, "column 4: a control byte"},
    {"DEL", "Via a\177", 0, "column 6: a control byte"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    struct line line;
    struct err err = ERR_INIT;

    assert_int_equal(parse(&line, row->text, row->size ? row->size : strlen(row->text), &err), -1);
    assert_string_equal(err_text(&err), row->message);
    assert_err(&err, ERR_USAGE, NULL);
    release(&line);
}

static void length(void **state)
{
    (void)state;
    static char text[LINE_BYTES_MAX + 1];
    struct line line;
    struct err err = ERR_INIT;

    memset(text, 'x', sizeof(text));
    text[3] = ' ';
    assert_int_equal(parse(&line, text, LINE_BYTES_MAX - 1, &err), 0);
    assert_int_equal(strlen(line.argument[0]), LINE_BYTES_MAX - 5);
    release(&line);
    for (size_t size = LINE_BYTES_MAX; size <= sizeof(text); size++) {
        assert_int_equal(parse(&line, text, size, &err), -1);
        assert_string_equal(err_text(&err), "a line of more than 8191 bytes");
        assert_err(&err, ERR_USAGE, NULL);
        release(&line);
    }
}

/* As many arguments as a line can have. */
static void many(void **state)
{
    (void)state;
    char text[LINE_BYTES_MAX - 1];
    struct line line;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? ' ' : 'x';
    assert_int_equal(parse(&line, text, sizeof(text), &err), 0);
    assert_int_equal(line.count, sizeof(text) / 2);
    assert_string_equal(line.argument[line.count - 1], "x");
    assert_null(line.argument[line.count]);
    release(&line);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, nothing, nothing_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, length);
    UNIT_TEST(&unit, many);
    return unit_run(&unit, "line");
}
