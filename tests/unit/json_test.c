/* SPDX-License-Identifier: MIT */
#include "cmd/json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

/* --- what is written, as a text --- */

struct page {
    struct json json;
    char *text;
    size_t size;
};

static void page_open(struct page *page)
{
    FILE *out = open_memstream(&page->text, &page->size);

    assert_non_null(out);
    page->json = JSON_INIT(out);
}

/* Closes it, and fails unless that is what was written. */
static void page_is(struct page *page, const char *expected)
{
    assert_int_equal(fclose(page->json.out), 0);
    assert_string_equal(page->text, expected);
    free(page->text);
}

static void text_is(const char *text, const char *expected)
{
    struct page page;

    page_open(&page);
    json_text(&page.json, NULL, text);
    page_is(&page, expected);
}

/* --- texts --- */

static void every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        const char text[] = {'<', (char)byte, '>', '\0'};
        char expected[16];

        if (byte == '"' || byte == '\\')
            (void)snprintf(expected, sizeof(expected), "\"<\\%c>\"", (int)byte);
        else if (byte >= ' ' && byte <= '~')
            (void)snprintf(expected, sizeof(expected), "\"<%c>\"", (int)byte);
        else
            (void)snprintf(expected, sizeof(expected), "\"<\\u%04x>\"",
                           byte < 0x80 ? byte : 0xfffd);
        text_is(text, expected);
    }
}

#define BAD "\\ufffd"

static const struct text_row {
    const char *name;
    const char *text;
    const char *json;
} text_rows[] = {
    {"nothing", "", "\"\""},
    {"none", NULL, "null"},
    {"plain", "db.example:22", "\"db.example:22\""},
    {"a line end", "a\nb", "\"a\\u000ab\""},
    {"percent", "%s%n", "\"%s%n\""},
    {"two bytes, the first and the last", "\302\200 \337\277", "\"\\u0080 \\u07ff\""},
    {"three bytes, the first and the last", "\340\240\200 \357\277\277", "\"\\u0800 \\uffff\""},
    {"around the surrogates", "\355\237\277 \356\200\200", "\"\\ud7ff \\ue000\""},
    {"four bytes, the first and the last", "\360\220\200\200 \364\217\277\277",
     "\"\\ud800\\udc00 \\udbff\\udfff\""},
    {"a face", "\360\237\230\200", "\"\\ud83d\\ude00\""},
    {"a continuation alone", "\200a", "\"" BAD "a\""},
    {"cut short at the end", "a\303", "\"a" BAD "\""},
    {"four bytes cut short at the end", "\360\237\230", "\"" BAD BAD BAD "\""},
    {"cut short by a letter", "\342\202x", "\"" BAD BAD "x\""},
    {"cut short by another character", "\342\303\244", "\"" BAD "\\u00e4\""},
    {"a slash that is longer than need be", "\300\257", "\"" BAD BAD "\""},
    {"three bytes for two", "\340\237\277", "\"" BAD BAD BAD "\""},
    {"four bytes for three", "\360\217\277\277", "\"" BAD BAD BAD BAD "\""},
    {"a surrogate", "\355\240\200", "\"" BAD BAD BAD "\""},
    {"beyond the last", "\364\220\200\200", "\"" BAD BAD BAD BAD "\""},
    {"bytes that never occur", "\370\376\377", "\"" BAD BAD BAD "\""},
};

static void texts(void **state)
{
    const struct text_row *row = *state;

    text_is(row->text, row->json);
}

static void a_key_is_a_text(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    json_object(&page.json, NULL);
    json_bool(&page.json, "a\"\n\377", true);
    json_object_end(&page.json);
    page_is(&page, "{\"a\\\"\\u000a\\ufffd\":true}");
}

/* --- other values --- */

static const struct ms_row {
    const char *name;
    int64_t ns;
    const char *json;
} ms_rows[] = {
    {"nothing", 0, "0.000"},
    {"less than is shown", 999, "0.000"},
    {"a microsecond", 1000, "0.001"},
    {"a millisecond", 1000000, "1.000"},
    {"with zeros", 1020000, "1.020"},
    {"a minute", INT64_C(60000000000), "60000.000"},
    {"the most", INT64_MAX, "9223372036854.775"},
};

static void times(void **state)
{
    const struct ms_row *row = *state;
    struct page page;

    page_open(&page);
    json_ms(&page.json, NULL, row->ns);
    page_is(&page, row->json);
}

static void numbers(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    json_array(&page.json, NULL);
    json_integer(&page.json, NULL, 0);
    json_integer(&page.json, NULL, INT64_MIN);
    json_integer(&page.json, NULL, INT64_MAX);
    json_array_end(&page.json);
    page_is(&page, "[0,-9223372036854775808,9223372036854775807]");
}

/* --- nesting --- */

static void members_of_every_kind(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    json_object(&page.json, NULL);
    json_text(&page.json, "text", "a");
    json_integer(&page.json, "integer", -1);
    json_bool(&page.json, "bool", false);
    json_null(&page.json, "null");
    json_ms(&page.json, "ms", 1500000);
    json_text(&page.json, "none", NULL);
    json_object_end(&page.json);
    page_is(&page, "{\"text\":\"a\",\"integer\":-1,\"bool\":false,\"null\":null,\"ms\":1.500,"
                   "\"none\":null}");
}

static void what_is_empty(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    json_array(&page.json, NULL);
    json_array(&page.json, NULL);
    json_array_end(&page.json);
    json_object(&page.json, NULL);
    json_object_end(&page.json);
    json_array_end(&page.json);
    page_is(&page, "[[],{}]");
}

static void values_behind_what_has_ended(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    json_object(&page.json, NULL);
    json_array(&page.json, "a");
    json_object(&page.json, NULL);
    json_bool(&page.json, "b", true);
    json_object_end(&page.json);
    json_integer(&page.json, NULL, 1);
    json_array_end(&page.json);
    json_object(&page.json, "c");
    json_object_end(&page.json);
    json_null(&page.json, "d");
    json_object_end(&page.json);
    page_is(&page, "{\"a\":[{\"b\":true},1],\"c\":{},\"d\":null}");
}

static void a_thousand_deep(void **state)
{
    enum {
        DEEP = 1000
    };
    char expected[2 * DEEP + 1] = "";
    struct page page;

    (void)state;
    page_open(&page);
    for (int i = 0; i < DEEP; i++)
        json_array(&page.json, NULL);
    for (int i = 0; i < DEEP; i++)
        json_array_end(&page.json);
    memset(expected, '[', DEEP);
    memset(expected + DEEP, ']', DEEP);
    page_is(&page, expected);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, every_byte);
    UNIT_ROWS(&unit, texts, text_rows);
    UNIT_TEST(&unit, a_key_is_a_text);
    UNIT_ROWS(&unit, times, ms_rows);
    UNIT_TEST(&unit, numbers);
    UNIT_TEST(&unit, members_of_every_kind);
    UNIT_TEST(&unit, what_is_empty);
    UNIT_TEST(&unit, values_behind_what_has_ended);
    UNIT_TEST(&unit, a_thousand_deep);
    return unit_run(&unit, "json");
}
