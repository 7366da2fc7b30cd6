/* SPDX-License-Identifier: MIT */
#include "config/words.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

#define WORDS_MAX 8

/* The words are exactly these, up to a NULL. */
static void words_are(char *const *words, const char *const *wanted)
{
    size_t count = 0;

    assert_non_null(words);
    for (; words[count] && wanted[count]; count++)
        assert_string_equal(words[count], wanted[count]);
    if (words[count])
        unit_fail("word %zu, `%s`, is too much", count, words[count]);
    if (wanted[count])
        unit_fail("word %zu, `%s`, is missing", count, wanted[count]);
}

static const struct split_row {
    const char *name;
    const char *text;
    const char *words[WORDS_MAX];
} split_rows[] = {
    {"one word", "pass", {"pass"}},
    {"one letter", "a", {"a"}},
    {"single letters", "a b c", {"a", "b", "c"}},
    {"several words", "secret-tool lookup a b", {"secret-tool", "lookup", "a", "b"}},
    {"blanks in front and behind", "  a b \t", {"a", "b"}},
    {"many blanks between", "a \t \t b", {"a", "b"}},
    {"line ends are blanks", "a\nb\r\nc\n", {"a", "b", "c"}},
    {"other control bytes are none", "a\vb\fc", {"a\vb\fc"}},

    {"single quotes", "a 'b c' d", {"a", "b c", "d"}},
    {"double quotes", "a \"b c\" d", {"a", "b c", "d"}},
    {"quotes in the middle of a word", "a'b c'd\"e f\"g", {"ab cde fg"}},
    {"quotes side by side", "'a''b'\"c\"", {"abc"}},
    {"double quotes in single ones", "'a\"b'", {"a\"b"}},
    {"single quotes in double ones", "\"it's\"", {"it's"}},
    {"blanks of every kind in quotes", "'\t\n\r '", {"\t\n\r "}},
    {"an empty word", "a '' b", {"a", "", "b"}},
    {"an empty word at the end", "a \"\"", {"a", ""}},
    {"empty quotes beside a word", "''a\"\"", {"a"}},

    {"backslash and blank", "a\\ b", {"a b"}},
    {"backslash and quotes", "\\'a\\\"", {"'a\""}},
    {"backslash and backslash", "a\\\\b", {"a\\b"}},
    {"backslash and letter", "\\n\\t", {"nt"}},
    {"backslash and line end", "a\\\nb", {"a\nb"}},
    {"a blank alone behind a backslash", "\\ ", {" "}},
    {"in single quotes a backslash is one", "'a\\b\\\\'", {"a\\b\\\\"}},
    {"in single quotes also the last", "'a\\' b", {"a\\", "b"}},
    {"in double quotes before a quote", "\"a\\\"b\"", {"a\"b"}},
    {"in double quotes before a backslash", "\"a\\\\\"", {"a\\"}},
    {"in double quotes before others it stays", "\"a\\n\\$\\'\\ \"", {"a\\n\\$\\'\\ "}},

    {"nothing is expanded", "$HOME ${x} `id` ~ *", {"$HOME", "${x}", "`id`", "~", "*"}},
    {"nothing is an operator", "a|b;c &>d #e", {"a|b;c", "&>d", "#e"}},
    {"a percent sign", "%h:%p %%", {"%h:%p", "%%"}},
    {"bytes above ASCII", "b\303\274ro \377", {"b\303\274ro", "\377"}},
    {"a shell, for who wants one", "sh -c 'a | b \"$x\"'", {"sh", "-c", "a | b \"$x\""}},
};

static void split(void **state)
{
    const struct split_row *row = *state;
    struct err err = ERR_INIT;
    char **words = words_split(row->text, &err);

    assert_err_unset(&err);
    words_are(words, row->words);
    words_free(words);
}

static const struct split_bad_row {
    const char *name;
    const char *text;
    const char *part; /* of the message */
} split_bad_rows[] = {
    {"nothing", "", "a command is missing"},
    {"blanks", " \t\n\r ", "a command is missing"},
    {"an empty command", "''", "a command is missing"},
    {"an empty command and a word", "\"\" hunter2", "a command is missing"},
    {"single quote", "hunter2 'b c", "'"},
    {"single quote at the end", "hunter2 '", "'"},
    {"double quote", "hunter2 \"b c", "\""},
    {"double quote at the end", "hunter2\"", "\""},
    {"a quote that was closed and opened", "'hunter2''", "'"},
    {"the other quote does not close", "'hunter2\"", "'"},
    {"a quote behind a backslash does not close", "\"hunter2\\\"", "\""},
    {"backslash at the end", "hunter2 \\", "backslash"},
    {"backslash at the end of a word", "hunter2\\", "backslash"},
    {"backslash at the end in double quotes", "hunter2 \"\\", "\""},
    {"backslash alone", "\\", "backslash"},
};

static void split_bad(void **state)
{
    const struct split_bad_row *row = *state;
    struct err err = ERR_INIT;

    assert_null(words_split(row->text, &err));
    assert_null(strstr(err_text(&err), "hunter2"));
    assert_err(&err, ERR_USAGE, row->part);
}

/* The room for the words is reckoned from the length of the text. */
static void split_many(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 2000; count = count * 3 + 1) {
        char *text = calloc(2, count);
        struct err err = ERR_INIT;

        assert_non_null(text);
        for (size_t i = 0; i < count; i++)
            memcpy(text + 2 * i, "x ", i + 1 < count ? 2 : 1);
        char **words = words_split(text, &err);
        assert_non_null(words);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(words[i], "x");
        assert_null(words[count]);
        words_free(words);
        free(text);
    }
}

static void text_is_word(const char *text, const char *word)
{
    struct err err = ERR_INIT;
    char **words = words_split(text, &err);

    words_are(words, (const char *[]){word, NULL});
    words_free(words);
}

static void split_long(void **state)
{
    (void)state;
    const size_t length = 1 << 20;
    char *text = malloc(length + 1);

    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    text_is_word(text, text);
    free(text);
}

static void every_byte_has_a_spelling(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char wanted[] = {(char)byte, '\0'};
        const char quoted[] = {'\'', (char)byte, '\'', '\0'};
        const char escaped[] = {'\\', (char)byte, '\0'};

        text_is_word(escaped, wanted);
        if (byte != '\'')
            text_is_word(quoted, wanted);
    }
}

static void free_nothing(void **state)
{
    (void)state;
    char **words = calloc(1, sizeof(*words));

    assert_non_null(words);
    words_free(words);
    words_free(NULL);
}

/* --- expansion --- */

#define HOST "db.example"
#define PORT "2222"

static const struct expand_row {
    const char *name;
    const char *text;
    const char *words[WORDS_MAX];
} expand_rows[] = {
    {"nothing to expand", "nc -N x", {"nc", "-N", "x"}},
    {"host", "nc %h", {"nc", HOST}},
    {"port", "nc %p", {"nc", PORT}},
    {"both in a word", "socat - TCP:%h:%p", {"socat", "-", "TCP:" HOST ":" PORT}},
    {"more than once", "a %h%h %p%p", {"a", HOST HOST, PORT PORT}},
    {"percent", "date +%%s", {"date", "+%s"}},
    {"percent, then a letter that counts", "a %%h %%%h %%%%p", {"a", "%h", "%" HOST, "%%p"}},
    {"at the start and at the end", "%hx x%h", {HOST "x", "x" HOST}},
    {"an empty word", "a '' %h", {"a", "", HOST}},
    {"quotes do not keep from it", "a '%h'", {"a", HOST}},
    {"letters are not enough", "h p", {"h", "p"}},
};

static void expand(void **state)
{
    const struct expand_row *row = *state;
    struct err err = ERR_INIT;
    char **words = words_split(row->text, &err);

    assert_non_null(words);
    assert_int_equal(words_expand(words, HOST, PORT, &err), 0);
    assert_err_unset(&err);
    words_are(words, row->words);
    words_free(words);
}

static const struct expand_bad_row {
    const char *name;
    const char *text;
    const char *part;
} expand_bad_rows[] = {
    {"another letter", "a %x", "'%x'"},
    {"user", "a %r", "'%r'"},
    {"upper case", "a %H", "'%H'"},
    {"at the end", "a %", "'%'"},
    {"at the end, behind a good one", "a %h%", "'%'"},
    {"behind two", "a %%%", "'%'"},
    {"before a blank", "a '% h'", "'% '"},
    {"a format", "a %5h", "'%5'"},
    {"in the first word", "%n b", "'%n'"},
    {"in the last word", "a %h %p %d", "'%d'"},
    {"a byte above ASCII", "a %\377", "'%\377'"},
};

static void expand_bad(void **state)
{
    const struct expand_bad_row *row = *state;
    struct err err = ERR_INIT;
    char **words = words_split(row->text, &err);

    assert_non_null(words);
    assert_int_equal(words_expand(words, HOST, PORT, &err), -1);
    assert_err(&err, ERR_USAGE, row->part);
    words_free(words);
}

/* What comes from elsewhere is put in as it is: no word is split, nothing expanded again. */
static const struct value_row {
    const char *name;
    const char *host;
} value_rows[] = {
    {"blank", "a b"},
    {"quotes", "a'b\"c"},
    {"backslash", "a\\b"},
    {"shell", "$(id);`id`|x"},
    {"percent", "fe80::1%p"},
    {"percents", "%h%p%%%x"},
    {"percent at the end", "a%"},
    {"empty", ""},
};

static void expand_once(void **state)
{
    const struct value_row *row = *state;
    struct err err = ERR_INIT;
    char **words = words_split("nc <%h> %h", &err);
    char enclosed[100] = "<";

    assert_non_null(words);
    assert_int_equal(words_expand(words, row->host, PORT, &err), 0);
    (void)strncat(enclosed, row->host, sizeof(enclosed) - 3);
    (void)strncat(enclosed, ">", 2);
    words_are(words, (const char *[]){"nc", enclosed, row->host, NULL});
    words_free(words);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, split, split_rows);
    UNIT_ROWS(&unit, split_bad, split_bad_rows);
    UNIT_TEST(&unit, split_many);
    UNIT_TEST(&unit, split_long);
    UNIT_TEST(&unit, every_byte_has_a_spelling);
    UNIT_TEST(&unit, free_nothing);
    UNIT_ROWS(&unit, expand, expand_rows);
    UNIT_ROWS(&unit, expand_bad, expand_bad_rows);
    UNIT_ROWS(&unit, expand_once, value_rows);
    return unit_run(&unit, "words");
}
