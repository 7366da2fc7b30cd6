/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/say.h"
#include "core/text.h"

/* "stile: ", the time, and the words, escaped. */
static void show(const struct trace *trace, const char *time, const char *words)
{
    char *escaped = words ? text_escape(words) : NULL;
    char *line = escaped ? text_join("stile: ", time, escaped, "\n", (char *)NULL) : NULL;

    if (line)
        (void)say(trace->fd, line, SAY_PATIENCE_NS);
    free(line);
    free(escaped);
}

static void show_timed(const struct trace *trace, const char *words)
{
    int64_t us = (clock_ns() - trace->start_ns) / 1000;
    char *time = text_format("+%" PRId64 ".%06" PRId64 " ", us / 1000000, us % 1000000);

    if (time)
        show(trace, time, words);
    free(time);
}

/* The text behind the names of its route and its layer. NULL: no memory. */
static char *name_origin(const struct trace *trace, const char *layer, const char *text)
{
    char digits[TEXT_DIGITS_MAX];

    if (!trace->route)
        return text_join(layer, ": ", text, (char *)NULL);
    return text_join("[", text_digits(trace->route, digits), "] ", layer, ": ", text, (char *)NULL);
}

void trace_line(const struct trace *trace, int level, const char *layer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    text_cut(text);

    char *words = text ? name_origin(trace, layer, text) : NULL;
    if (words && trace->fd != -1 && trace->level >= level)
        show_timed(trace, words);
    if (words && trace->log_level >= level)
        log_line(trace->log, level > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_VERBOSE, words);
    free(words);
    free(text);
}

void trace_notice(const struct trace *trace, const char *format, ...)
{
    va_list args;

    if (trace->fd == -1 && !trace->log)
        return;
    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    text_cut(text);

    if (text && trace->fd != -1)
        show(trace, "", text);
    if (text)
        log_notice(trace->log, text);
    free(text);
}
