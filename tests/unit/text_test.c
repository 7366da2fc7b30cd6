/* SPDX-License-Identifier: MIT */
#include "core/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

/* The byte that an escape stands for; *size is how long the escape is. -1 = that is none. */
static int unescape(const char *from, size_t *size)
{
    static const char letters[] = "abefnrtv";
    static const char bytes[] = "\a\b\033\f\n\r\t\v";
    const char *letter;
    unsigned value;

    if (from[0] != '\\')
        return -1;
    *size = 2;
    letter = from[1] ? strchr(letters, from[1]) : NULL;
    if (letter)
        return (unsigned char)bytes[letter - letters];
    *size = 4;
    if (from[1] != 'x' || !isxdigit((unsigned char)from[2]) || !isxdigit((unsigned char)from[3]))
        return -1;
    return sscanf(from + 2, "%2x", &value) == 1 ? (int)value : -1;
}

static void every_byte(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {'<', (char)byte, '>', '\0'};
        char *escaped = text_escape(text);
        size_t size = 0;

        assert_non_null(escaped);
        if (byte == '\\') {
            /* Doubled, or `\n` in the text could not be told from a new line. */
            assert_string_equal(escaped, "<\\\\>");
        } else if (byte >= ' ' && byte <= '~') {
            assert_string_equal(escaped, text);
        } else {
            if (unescape(escaped + 1, &size) != byte)
                unit_fail("byte 0x%02x became %s", (unsigned)byte, escaped);
            assert_string_equal(escaped + 1 + size, ">");
        }
        free(escaped);
    }
}

static const struct escape_row {
    const char *name;
    const char *text;
    const char *escaped;
} escape_rows[] = {
    {"nothing", "", ""},
    {"plain text", "db.example:22", "db.example:22"},
    {"new line", "a\nb", "a\\nb"},
    {"tab", "\ta", "\\ta"},
    {"an escape sequence and a hex digit behind it", "\001a", "\\x01a"},
    {"delete", "\177", "\\x7f"},
    {"UTF-8", "\303\244", "\\xc3\\xa4"},
    {"C1 control",
     "\233"
     "31m",
     "\\x9b31m"},
    {"percent", "%s%n", "%s%n"},
    {"only bad bytes", "\n\n\t\n", "\\n\\n\\t\\n"},
};

static void escape(void **state)
{
    const struct escape_row *row = *state;
    char *escaped = text_escape(row->text);

    assert_non_null(escaped);
    assert_string_equal(escaped, row->escaped);
    free(escaped);
}

static void escape_long(void **state)
{
    (void)state;
    const size_t size = 1 << 20;
    char *text = malloc(size + 1);
    char *escaped;

    assert_non_null(text);
    memset(text, 1, size);
    text[size] = '\0';
    escaped = text_escape(text);
    assert_non_null(escaped);
    assert_int_equal(strlen(escaped), 4 * size);
    for (size_t i = 0; i < size; i++)
        assert_memory_equal(escaped + 4 * i, "\\x01", 4);
    free(escaped);
    free(text);
}

static void format_of_every_length(void **state)
{
    (void)state;
    static char word[3000];

    for (size_t length = 0; length < sizeof(word) - 1; length++) {
        char *text = text_format("%s|%d", word, 7);
        assert_non_null(text);
        assert_int_equal(strlen(text), length + 2);
        assert_memory_equal(text, word, length);
        assert_string_equal(text + length, "|7");
        free(text);
        word[length] = (char)('a' + length % 26);
    }
}

static char *through_vformat(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *through_vformat(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = text_vformat(format, args);
    va_end(args);
    return text;
}

static void vformat_takes_a_list(void **state)
{
    (void)state;
    char *text = through_vformat("%s %d %c", "one", 2, '3');

    assert_non_null(text);
    assert_string_equal(text, "one 2 3");
    free(text);
}

static void spans(void **state)
{
    (void)state;
    assert_int_equal(text_until("a,b", ","), 1);
    assert_int_equal(text_until("ab", ",;"), 2);
    assert_int_equal(text_until("", ","), 0);
    assert_int_equal(text_until("ab", ""), 2);
    assert_int_equal(text_span(" \ta", " \t"), 2);
    assert_int_equal(text_span("a", " \t"), 0);
    assert_int_equal(text_span("  ", " "), 2);
    assert_int_equal(text_span("", " "), 0);
}

static void sameness(void **state)
{
    (void)state;
    assert_true(text_same("Direct", "dIRECT"));
    assert_true(text_same("", ""));
    assert_false(text_same("direct", "direct "));
    assert_false(text_same("direct ", "direct"));
    /* Not by their bits: '[' and '{', '@' and '`' differ as letters of two cases do. */
    assert_false(text_same("[@", "{`"));
    assert_true(text_same_start("EXEC:cat", "exec:", 5));
    assert_false(text_same_start("exe", "exec:", 5));
    assert_true(text_same_start("ab", "AB", 9));
    assert_true(text_same_start("x", "y", 0));
}

static void control_bytes(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {'a', (char)(unsigned char)byte, '\0'};
        bool is_control = byte < 32 || byte == 127;
        assert_int_equal(text_is_control(text[1]), is_control);
        assert_int_equal(text_has_control(text), is_control);
    }
    assert_true(text_is_control('\0'));
    assert_false(text_has_control(""));
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, every_byte);
    UNIT_ROWS(&unit, escape, escape_rows);
    UNIT_TEST(&unit, escape_long);
    UNIT_TEST(&unit, format_of_every_length);
    UNIT_TEST(&unit, vformat_takes_a_list);
    UNIT_TEST(&unit, spans);
    UNIT_TEST(&unit, sameness);
    UNIT_TEST(&unit, control_bytes);
    return unit_run(&unit, "text");
}
