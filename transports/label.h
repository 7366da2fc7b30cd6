/* SPDX-License-Identifier: MIT */
/*
 * What a command says on stderr, passed on line by line with its name in front, by a thread: the
 * command may talk at any time, and the relay knows only its two streams.
 */
#ifndef STILE_TRANSPORTS_LABEL_H
#define STILE_TRANSPORTS_LABEL_H

#include <stdint.h>

/*
 * Copies lines from `from` to `to`, each in one write: "stile: LABEL: line", escaped and cut, empty
 * ones left out. The thread ends when `from` does. It takes `from` over and has a copy of
 * everything else, so it may be left behind.
 *
 * A descriptor for label_finish, or -1 with errno; then `from` stays the caller's.
 */
int label_start(int from, const char *label, int to);

/* Waits until all lines are out, at most until `until_ns`. Takes the descriptor back; -1 is
 * allowed. */
void label_finish(int done, int64_t until_ns);

#endif
