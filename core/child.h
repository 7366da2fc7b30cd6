/* SPDX-License-Identifier: MIT */
/*
 * Other programs, started without a shell: helper commands, askpass, commands as hops.
 *
 * Every descriptor above stderr is close-on-exec in this program, so a child gets the three that it
 * is given. Its signals have their defaults, but for those that child_start names.
 *
 * No child outlives us, however we end, where the system can see to that (os_die_with_parent):
 * elsewhere it finds its pipes closed, and guard.h ends it when a signal ends us.
 */
#ifndef STILE_CORE_CHILD_H
#define STILE_CORE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/ctx.h"

struct child_plan {
    char *const *argv; /* argv[0] is looked for in $PATH, execvp(3) */
    int in, out, err;  /* the child's descriptors 0 to 2; -1 = /dev/null. Stay the caller's */

    /* It is our business alone when the child ends: SIGINT, SIGQUIT, SIGTSTP and SIGHUP, which a
     * terminal sends to all of its group, are ignored in it, and it gets SIGKILL when we end. A
     * child that isn't bound gets SIGTERM then, for it may have to put a terminal right. */
    bool bound;

    /* In a process group of its own: the keyboard's signals don't even reach it, and what it has
     * started ends with it when we end it. It cannot ask at a terminal then. */
    bool apart;
};

/* The file of a program as execvp(3) would find it, in fresh memory that the caller frees. NULL with
 * errno. */
char *child_find_program(const char *name);

/*
 * Starts it. The child's pid, which the caller waits for (child_end), or -1 with err set
 * (ERR_CONNECT) "NAME: No such file or directory". Does not block: it returns when the program was
 * found or not. A SIGCHLD that is ignored, which takes the status of children away, gets its
 * default back.
 */
pid_t child_start(const struct child_plan *plan, struct err *err);

/*
 * Waits until the child has ended by itself, at most until `until_ns` (a time that is past: it only
 * looks). 0 with its wait status in *status; -1 when it still runs.
 */
int child_wait(pid_t pid, int *status, int64_t until_ns);

/* Ends the child, and its process group if that is its own, and takes its status away: SIGTERM, a
 * quarter of a second later SIGKILL. */
void child_end(pid_t pid);

/* "exited with 3" or "was killed by signal 9", in fresh memory that the caller frees; NULL when
 * there is none. */
char *child_status_text(int status);

/* What a program answered. */
struct child_answer {
    char *line; /* the first line of its stdout, without the line end, for secret_free; NULL: it
                 * wrote nothing at all */
    int status; /* of wait(2) */
};

/*
 * Runs a program to its end. stdin is /dev/null, stderr ours. Blocks, never past the ctx, and the
 * child has ended when it returns; whoever else holds its stdout is not waited for. 0, and the
 * caller frees the line; -1 with ctx->err set: ERR_AUTH when the program could not be started, the
 * line has SECRET_MAX bytes or a NUL, or it wrote more than CHILD_OUTPUT_MAX in total; ERR_TIME.
 */
#define CHILD_OUTPUT_MAX 65536
int child_ask(char *const *argv, struct child_answer *answer, struct ctx *ctx);

/*
 * The line of a program that must succeed, for secret_free. NULL with ctx->err set as above, and
 * ERR_AUTH when the program failed or its first line is empty.
 */
char *child_first_line(char *const *argv, struct ctx *ctx);

/* All that a program said. */
struct child_output {
    char *text; /* its stdout, with a NUL behind it; NULs within are refused */
    size_t size;
    char *complaint; /* the first line of its stderr that is not empty; NULL: there is none */
    int status;      /* of wait(2) */
};

/*
 * Runs a program to its end and keeps its stdout, of at most `max` (> 0) bytes. stdin is /dev/null.
 * Blocks, never past the ctx, and the child has ended when it returns; whoever else holds its stdout
 * is not waited for. 0, and the caller releases it; -1 with ctx->err set: ERR_CONNECT when the
 * program could not be started, wrote a NUL or more than that, or complained in more than
 * CHILD_OUTPUT_MAX bytes; ERR_TIME.
 */
int child_read(char *const *argv, size_t max, struct child_output *output, struct ctx *ctx);

/* Frees what is in it. */
void child_output_release(struct child_output *output);

#endif
