/* SPDX-License-Identifier: MIT */
/*
 * What a command says on stderr, passed on line by line with its name in front, by a thread: the
 * command may talk at any time, and the relay knows only its two streams.
 */
#ifndef STILE_TRANSPORTS_LABEL_H
#define STILE_TRANSPORTS_LABEL_H

#include <stdint.h>

#include "core/clock.h"
#include "core/trace.h"

struct label; /* the thread's own */

/* Somebody who understands what the command says. Both are called in the thread. */
struct label_ear {
    /* A line that isn't empty, without its end, cut. It is shown if this shows it (label_say). */
    void (*hear)(struct label_ear *ear, const char *line, struct label *label);

    /* Called once, when no more lines will come: the thread is done with the ear. */
    void (*end)(struct label_ear *ear);
};

/*
 * Copies lines from `from` to where the trace goes, each in one write: "stile: LABEL: line", escaped and
 * cut, empty ones left out. Lines that nobody has room for are lost: the command is not held up. The thread
 * ends when `from` does. It takes `from` over and has a copy of everything else, so it may be left
 * behind.
 *
 * A descriptor for label_finish, or -1 with errno; then `from` stays the caller's.
 */
int label_start(int from, const char *label, const struct trace *trace);

/* The same for what will be written to *end, a new pipe's, which the caller closes. -1, and *end as
 * it was, where there is none: what is said is lost then. */
int label_open(const char *label, const struct trace *trace, int *end);

/* The same with somebody who decides what is shown; the ear must live until its end is called,
 * which is not when this fails. `trace` NULL: nothing is. */
int label_start_heard(int from, const char *label, const struct trace *trace,
                      struct label_ear *ear);

/* For an ear: shows this text as if it were the line. */
void label_say(struct label *label, const char *text);

/* How long to wait for last words: a daemon that was left behind may hold the pipe open. */
#define LABEL_LAST_WORDS_NS (100 * CLOCK_MS)

/* Waits until all lines are out, at most until `until_ns`. Takes the descriptor back; -1 is
 * allowed. */
void label_finish(int done, int64_t until_ns);

#endif
