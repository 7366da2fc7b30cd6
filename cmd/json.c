/* SPDX-License-Identifier: MIT */
#include "cmd/json.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define REPLACEMENT 0xfffd

/* --- texts --- */

/* What the first byte of a character says of it: RFC 3629 section 3. */
static const struct lead {
    unsigned char mask, bits;
    size_t more;      /* bytes that follow */
    uint32_t minimum; /* what is less has a shorter form */
} leads[] = {
    {0x80, 0x00, 0, 0},
    {0xe0, 0xc0, 1, 0x80},
    {0xf0, 0xe0, 2, 0x800},
    {0xf8, 0xf0, 3, 0x10000},
};

static const struct lead *find_lead(unsigned char byte)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
        if ((byte & leads[i].mask) == leads[i].bits)
            return &leads[i];
    return NULL;
}

static bool is_character(uint32_t point, const struct lead *lead)
{
    return point >= lead->minimum && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* The character that the text begins with; *size is how long it is: 1 where that is no UTF-8. */
static uint32_t next_character(const unsigned char *text, size_t *size)
{
    const struct lead *lead = find_lead(*text);

    *size = 1;
    if (!lead)
        return REPLACEMENT;
    uint32_t point = (uint32_t)(*text & ~lead->mask);
    for (size_t i = 1; i <= lead->more; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (!is_character(point, lead))
        return REPLACEMENT;
    *size = 1 + lead->more;
    return point;
}

/* UTF-16, for that is what an escape takes. */
static void put_escape(FILE *out, uint32_t point)
{
    if (point >= 0x10000) {
        point -= 0x10000;
        (void)fprintf(out, "\\u%04" PRIx32, 0xd800 + (point >> 10));
        point = 0xdc00 + (point & 0x3ff);
    }
    (void)fprintf(out, "\\u%04" PRIx32, point);
}

static void put_text(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    (void)fputc('"', out);
    for (size_t size; *at; at += size) {
        uint32_t point = next_character(at, &size);
        if (point == '"' || point == '\\')
            (void)fprintf(out, "\\%c", (int)point);
        else if (point >= ' ' && point <= '~')
            (void)fputc((int)point, out);
        else
            put_escape(out, point);
    }
    (void)fputc('"', out);
}

/* --- values --- */

/* What comes before a value. */
static void begin(struct json *json, const char *key)
{
    if (json->has_value)
        (void)fputc(',', json->out);
    json->has_value = true;
    if (!key)
        return;
    put_text(json->out, key);
    (void)fputc(':', json->out);
}

static void open_with(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    (void)fputc(bracket, json->out);
    json->has_value = false;
}

static void close_with(struct json *json, char bracket)
{
    (void)fputc(bracket, json->out);
    json->has_value = true;
}

void json_object(struct json *json, const char *key)
{
    open_with(json, key, '{');
}

void json_object_end(struct json *json)
{
    close_with(json, '}');
}

void json_array(struct json *json, const char *key)
{
    open_with(json, key, '[');
}

void json_array_end(struct json *json)
{
    close_with(json, ']');
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (!text) {
        json_null(json, key);
        return;
    }
    begin(json, key);
    put_text(json->out, text);
}

void json_integer(struct json *json, const char *key, int64_t number)
{
    begin(json, key);
    (void)fprintf(json->out, "%" PRId64, number);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin(json, key);
    (void)fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    begin(json, key);
    (void)fputs("null", json->out);
}

void json_ms(struct json *json, const char *key, int64_t ns)
{
    begin(json, key);
    (void)fprintf(json->out, "%" PRId64 ".%03" PRId64, ns / 1000000, ns / 1000 % 1000);
}
