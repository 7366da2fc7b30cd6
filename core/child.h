/* SPDX-License-Identifier: MIT */
/*
 * Other programs, started without a shell: helper commands, askpass, commands as hops.
 *
 * Every descriptor above stderr is close-on-exec in this program, so a child gets the three that it
 * is given. Its signals are as ssh would have set them, but for those that child_start names.
 */
#ifndef STILE_CORE_CHILD_H
#define STILE_CORE_CHILD_H

#include <sys/types.h>

#include "core/ctx.h"

struct child_plan {
    char *const *argv; /* argv[0] is looked for in $PATH, execvp(3) */
    int in, out, err;  /* the child's descriptors 0 to 2; -1 = /dev/null. Stay the caller's */

    /* The child outlives the keyboard but not us: SIGINT, SIGQUIT, SIGTSTP and SIGHUP, which a
     * terminal sends to all of its group, are ignored in it, and it is killed when we end, however
     * we end (os_die_with_parent, where the system can). */
    bool bound;
};

/*
 * Starts it. The child's pid, which the caller waits for (child_end), or -1 with err set
 * (ERR_CONNECT) "NAME: No such file or directory". Does not block: it returns when the program was
 * found or not.
 */
pid_t child_start(const struct child_plan *plan, struct err *err);

/*
 * Waits until the child has ended by itself, at most until `until_ns`. 0 with its wait status in
 * *status; -1 when it still runs.
 */
int child_wait(pid_t pid, int *status, int64_t until_ns);

/* Ends the child and takes its status away: SIGTERM, a quarter of a second later SIGKILL. */
void child_end(pid_t pid);

/* "exited with 3" or "was killed by signal 9", in fresh memory that the caller frees; NULL when
 * there is none. */
char *child_status_text(int status);

/*
 * Runs a program to its end and returns the first line of what it wrote to stdout, without the line
 * end: fresh memory for secret_free. What it writes is bounded by SECRET_MAX; stdin is /dev/null,
 * stderr ours. Blocks, never past the ctx, and ends the child when it returns. NULL with ctx->err
 * set: ERR_AUTH when the program could not be started, failed, said nothing or too much.
 */
char *child_first_line(char *const *argv, struct ctx *ctx);

#endif
