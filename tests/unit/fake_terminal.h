/* SPDX-License-Identifier: MIT */
/*
 * A person at a terminal: a pseudo-terminal of its own, with a session leader that does what a
 * shell with job control does, and one job in the foreground that runs a function of the test.
 */
#ifndef STILE_TESTS_UNIT_FAKE_TERMINAL_H
#define STILE_TESTS_UNIT_FAKE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TERMINAL_SEEN_MAX 16384

struct fake_terminal {
    int master; /* what the person types and sees */
    int slave;  /* held open, so that its settings can be looked at in the end */
    int orders; /* to the shell */
    int events; /* from the shell */
    pid_t shell;
    pid_t job;
    char seen[TERMINAL_SEEN_MAX]; /* all that was shown and not yet awaited */
    size_t seen_size;
};

/* Starts `run`(arg) as the foreground job; it ends with what that returns. It may not use what
 * fails a test. */
void terminal_start(struct fake_terminal *terminal, int (*run)(void *arg), void *arg);

/* Types it. */
void terminal_type(struct fake_terminal *terminal, const char *text);

/* Waits until `text` is shown, and forgets what was shown up to its end. */
void terminal_await(struct fake_terminal *terminal, const char *text);

/* Reads what else is shown now; "" = nothing. */
const char *terminal_rest(struct fake_terminal *terminal);

bool terminal_echoes(const struct fake_terminal *terminal);

/* Waits until it does not echo: a question is being asked. */
void terminal_await_silence(const struct fake_terminal *terminal);

/* Waits until the job was stopped, ended or killed: its wait status. The shell takes the terminal
 * back. */
int terminal_job_status(struct fake_terminal *terminal);

/* fg: a stopped job goes on in the foreground. */
void terminal_continue(struct fake_terminal *terminal);

/* bg: a stopped job goes on in the background. */
void terminal_background(struct fake_terminal *terminal);

/* Ends the shell, and what is left of the job. */
void terminal_end(struct fake_terminal *terminal);

#endif
