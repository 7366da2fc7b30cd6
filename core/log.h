/* SPDX-License-Identifier: MIT */
/*
 * Where messages go besides stderr, which ssh sends to /dev/null with ControlPersist and others
 * never read: a file, the system's log, or both. What is wrong with them stops nobody: a line is
 * lost then, and nothing waits, unless it is the file's own disk or file server that does not
 * answer.
 *
 * The system's log gets a datagram on the socket of syslog(3), for user programs. Not by that
 * function, which waits for as long as the daemon does not read, and knows one name for the whole
 * process. The daemon puts the time in front.
 */
#ifndef STILE_CORE_LOG_H
#define STILE_CORE_LOG_H

#include <stdatomic.h>
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
    int tell;    /* where the first line that is lost is told, as -v wants it; -1: nowhere */
    atomic_bool is_told;
};

#define LOG_INIT ((struct log){.fd = -1, .level = LOG_LEVEL_ERROR, .tell = -1})

/*
 * Opens what is wanted: `path` (NULL: no file) is made, with its folders, for nobody else to read, and must be a
 * regular file, or a link to one; never waits for a FIFO. Where something of it fails *why says so,
 * in fresh memory that the caller frees, and the rest goes on; NULL: all is well. With
 * LOG_LEVEL_QUIET nothing is even tried. The caller closes the log.
 *
 * From then on the limit of a file's size (SIGXFSZ) loses lines instead of ending the process.
 */
void log_open(struct log *log, const char *path, bool to_system, enum log_level level,
              const char *about, char **why);

/*
 * A failure (LOG_LEVEL_ERROR) or a line of the trace, where the log's level asks for it: in one
 * write(2) "2026-11-21T21:50:01Z stile[123] db:22: text", and to the system
 * "stile[123]: db:22: text". All of it is escaped, and the text is cut at TEXT_SHOWN_MAX. NULL is
 * allowed. Threads may share a log.
 */
void log_line(struct log *log, enum log_level level, const char *text);

/* As log_line with LOG_LEVEL_ERROR, of what is no failure: the system's log tells them apart. */
void log_notice(struct log *log, const char *text);

/* May be called twice, and for LOG_INIT. */
void log_close(struct log *log);

#endif
