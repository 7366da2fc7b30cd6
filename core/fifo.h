/* SPDX-License-Identifier: MIT */
/*
 * A named pipe in a folder that nobody else may enter: for a program that writes only to a file
 * that it opens itself. mkfifo(3).
 */
#ifndef STILE_CORE_FIFO_H
#define STILE_CORE_FIFO_H

struct fifo {
    char *path; /* NULL = nowhere */
    int hold;   /* a writer, so that a reader waits for the first one; -1 = none */
};

#define FIFO_NONE ((struct fifo){NULL, -1})

/* Makes it in $TMPDIR, or /tmp. A descriptor that blocks in read(2) until somebody writes, and has an
 * end when the last writer has gone and fifo_remove was called; the caller closes it. -1 with errno. */
int fifo_open(struct fifo *fifo);

/* Takes the name away, as soon as the writer has opened it or will not. FIFO_NONE is allowed. */
void fifo_remove(struct fifo *fifo);

#endif
