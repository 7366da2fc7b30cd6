/* SPDX-License-Identifier: MIT */
#include "core/err.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/text.h"

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err->code != ERR_NONE)
        return -1;

    va_list args;
    va_start(args, format);
    err->text = text_vformat(format, args);
    va_end(args);
    text_cut(err->text);
    err->code = code;
    return -1;
}

int err_set_silent(struct err *err, enum err_code code)
{
    if (err->code == ERR_NONE)
        *err = (struct err){.code = code, .silent = true};
    return -1;
}

int err_no_memory(struct err *err)
{
    return err_set(err, ERR_CONNECT, "out of memory");
}

/* Takes away the lines behind the first one. */
static void drop_lines(struct err *err)
{
    while (err->next) {
        struct err *line = err->next;
        err->next = line->next;
        free(line->text);
        free(line);
    }
}

void err_silence(struct err *err)
{
    drop_lines(err);
    free(err->text);
    err->text = NULL;
    err->silent = true;
}

__attribute__((format(printf, 2, 0))) static void err_vwrap(struct err *err, const char *format,
                                                            va_list args)
{
    char *prefix = err->text ? text_vformat(format, args) : NULL;
    char *text = prefix ? text_format("%s: %s", prefix, err->text) : NULL;

    free(prefix);
    if (text) {
        free(err->text);
        err->text = text;
        text_cut(err->text);
    }
}

int err_wrap(struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_vwrap(err, format, args);
    va_end(args);
    return -1;
}

int err_place(struct err *err, const char *format, ...)
{
    va_list args;

    if (err->placed)
        return -1;
    va_start(args, format);
    err_vwrap(err, format, args);
    va_end(args);
    err->placed = true;
    return -1;
}

const char *err_text(const struct err *err)
{
    if (err->silent || err->code == ERR_NONE)
        return "";
    return err->text ? err->text : "out of memory";
}

int err_append(struct err *err, struct err *more)
{
    struct err *last = err, *line = NULL;

    if (more->silent || more->code == ERR_NONE) {
        err_release(more);
        return -1;
    }
    if (err->code == ERR_NONE) {
        *err = *more;
    } else {
        while (last->next)
            last = last->next;
        line = malloc(sizeof(*line));
        if (line)
            *line = *more;
        else
            err_release(more);
        last->next = line;
    }
    *more = ERR_INIT;
    return -1;
}

void err_release(struct err *err)
{
    drop_lines(err);
    free(err->text);
    *err = ERR_INIT;
}
