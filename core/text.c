/* SPDX-License-Identifier: MIT */
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_vformat(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text)
        (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    return text;
}

char *text_join(const char *first, ...)
{
    va_list parts;
    size_t length = 0;

    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *))
        length += strlen(part);
    va_end(parts);

    char *joined = malloc(length + 1), *end = joined;
    if (!joined)
        return NULL;
    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *)) {
        size_t size = strlen(part);
        memcpy(end, part, size);
        end += size;
    }
    va_end(parts);
    *end = '\0';
    return joined;
}

size_t text_until(const char *text, const char *set)
{
    size_t length = 0;

    while (text[length] && !strchr(set, text[length]))
        length++;
    return length;
}

size_t text_span(const char *text, const char *set)
{
    size_t length = 0;

    while (text[length] && strchr(set, text[length]))
        length++;
    return length;
}

static char lower(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        byte = (char)(byte - 'A' + 'a');
    return byte;
}

bool text_same_start(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (lower(a[i]) != lower(b[i]))
            return false;
        if (!a[i])
            break;
    }
    return true;
}

bool text_same(const char *a, const char *b)
{
    return text_same_start(a, b, strlen(a) + 1);
}

#define DISTANCE_MAX 32 /* bytes of a name that are looked at */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool text_is_control(char byte)
{
    return (unsigned char)byte < ' ' || byte == 0x7f;
}

bool text_has_control(const char *text)
{
    while (*text && !text_is_control(*text))
        text++;
    return *text;
}

/* Levenshtein's, a row at a time. */
size_t text_distance(const char *meant, const char *name, size_t length)
{
    size_t row[DISTANCE_MAX + 1];

    if (length < 2 || length > DISTANCE_MAX)
        return TEXT_FAR;
    if (text_same_start(meant, name, length))
        return 0;
    for (size_t i = 0; i <= length; i++)
        row[i] = i;
    for (size_t j = 1; meant[j - 1]; j++) {
        size_t diagonal = row[0];
        row[0] = j;
        for (size_t i = 1; i <= length; i++) {
            size_t changed = diagonal + !text_same_start(&meant[j - 1], &name[i - 1], 1);
            diagonal = row[i];
            row[i] = least(changed, least(row[i], row[i - 1]) + 1);
        }
    }
    return row[length] <= (length + 1) / 2 ? row[length] : TEXT_FAR;
}

const char *text_digits(unsigned number, char out[TEXT_DIGITS_MAX])
{
    char *at = &out[TEXT_DIGITS_MAX - 1];

    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return at;
}

void text_cut_to(char *text, size_t max)
{
    static const char dots[] = "...";

    if (text && strlen(text) > max)
        memcpy(text + max - (sizeof(dots) - 1), dots, sizeof(dots));
}

void text_cut(char *text)
{
    text_cut_to(text, TEXT_SHOWN_MAX);
}

char *text_escape(const char *text)
{
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\a\b\t\n\v\f\r", letters[] = "abtnvfr";

    char *escaped = malloc(strlen(text) * 4 + 1);
    if (!escaped)
        return NULL;

    char *out = escaped;
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        const char *known = strchr(plain, byte);
        if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
            *out++ = (char)byte;
        } else if (byte == '\\') {
            *out++ = '\\';
            *out++ = '\\';
        } else if (known) {
            *out++ = '\\';
            *out++ = letters[known - plain];
        } else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 15];
        }
    }
    *out = '\0';
    return escaped;
}
