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
