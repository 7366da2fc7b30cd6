/* SPDX-License-Identifier: MIT */
/*
 * What `-v` shows: one line for each thing that happened, with the time since the start and the
 * layer that did it. Never a secret, never a payload byte. Text from elsewhere is escaped here.
 */
#ifndef STILE_CORE_TRACE_H
#define STILE_CORE_TRACE_H

#include <stdint.h>

struct log;

struct trace {
    int level;        /* how many -v were given; 0 = silent */
    int64_t start_ns; /* lines show the time since this */
    int fd;           /* where lines go: stderr; -1: nowhere */
    int log_level;    /* as `level`, of what the log wants */
    struct log *log;  /* log.h; NULL: there is none */
    unsigned route;   /* in front of the layer, where several are dialed, from 1; 0 = one is */
};

/* Writes a line in one write(2), so that two processes do not mix theirs, to where lines of this level
 * go. Loses it on any error. */
void trace_line(const struct trace *trace, int level, const char *layer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What a person must know although nothing has failed: "stile: text" in one write(2), at any level.
 * Nothing where fd is -1; the log has it as well. */
void trace_notice(const struct trace *trace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The arguments are evaluated only where somebody looks: a trace that is off costs a comparison. */
#define TRACE(trace, layer, ...) TRACE_LEVEL(1, trace, layer, __VA_ARGS__)
#define TRACE_LEVEL(min, trace, layer, ...)                                                        \
    do {                                                                                           \
        if ((trace)->level >= (min) || (trace)->log_level >= (min))                                \
            trace_line((trace), (min), (layer), __VA_ARGS__);                                      \
    } while (0)

#endif
