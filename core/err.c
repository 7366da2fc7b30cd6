/* SPDX-License-Identifier: MIT */
#include "core/err.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/text.h"

/* Stands in for a message that there was no memory for; never freed. */
static char err_no_memory[] = "out of memory";

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err->code != ERR_NONE)
        return -1;

    va_list args;
    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    err->code = code;
    err->text = text ? text : err_no_memory;
    return -1;
}

int err_set_silent(struct err *err, enum err_code code)
{
    if (err->code == ERR_NONE)
        err->code = code;
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err->text)
        return -1;

    va_list args;
    va_start(args, format);
    char *prefix = text_vformat(format, args);
    va_end(args);
    char *text = prefix ? text_format("%s: %s", prefix, err->text) : NULL;
    free(prefix);
    if (text) {
        if (err->text != err_no_memory)
            free(err->text);
        err->text = text;
    }
    return -1;
}

const char *err_text(const struct err *err)
{
    return err->text ? err->text : "";
}

void err_release(struct err *err)
{
    if (err->text != err_no_memory)
        free(err->text);
    err->text = NULL;
    err->code = ERR_NONE;
}
