/* SPDX-License-Identifier: MIT */
/*
 * Where messages go besides stderr, which ssh sends to /dev/null with ControlPersist and others never
 * read: a file, syslog(3), or both. What is wrong with them stops nobody.
 */
#ifndef STILE_CORE_LOG_H
#define STILE_CORE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_QUIET,   /* nothing */
    LOG_LEVEL_ERROR,   /* failures and notices */
    LOG_LEVEL_VERBOSE, /* the trace of -v */
    LOG_LEVEL_DEBUG,   /* the trace of -vv */
};

struct log {
    int fd;         /* of the file, in append mode; -1: there is none */
    bool to_system; /* syslog */
    enum log_level level;
    char *about; /* the target, in every line: "db:22" */
};

#define LOG_INIT ((struct log){-1, false, LOG_LEVEL_ERROR, 0})

/*
 * Opens what is wanted: `path` (NULL: no file) is made for nobody else to read, and must be a regular
 * file; never waits for a FIFO. Where that fails *why says it, in fresh memory that the caller frees,
 * and there is no file; NULL: all is well. The caller closes the log.
 */
void log_open(struct log *log, const char *path, bool to_system, enum log_level level,
              const char *about, char **why);

/* A line in one write(2): "2026-11-21T21:50:01Z stile[123] db:22: text", escaped and cut; to syslog
 * without time and process. NULL is allowed. */
void log_line(const struct log *log, enum log_level level, const char *text);

void log_close(struct log *log);

#endif
