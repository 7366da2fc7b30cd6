/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"

void trace_line(const struct trace *trace, int level, const char *layer, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    text_cut(text);

    char *escaped = text ? text_escape(text) : NULL;
    int64_t us = (clock_ns() - trace->start_ns) / 1000;
    char *line = escaped ? text_format("stile: +%" PRId64 ".%06" PRId64 " %s: %s\n", us / 1000000,
                                       us % 1000000, layer, escaped)
                         : NULL;
    if (line)
        (void)!write(trace->fd, line, strlen(line));
    free(line);
    free(escaped);
    free(text);
}

void trace_notice(const struct trace *trace, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = trace->fd == -1 ? NULL : text_vformat(format, args);
    va_end(args);
    text_cut(text);

    char *escaped = text ? text_escape(text) : NULL;
    char *line = escaped ? text_join("stile: ", escaped, "\n", (char *)NULL) : NULL;
    if (line)
        (void)!write(trace->fd, line, strlen(line));
    free(line);
    free(escaped);
    free(text);
}
