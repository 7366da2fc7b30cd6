/* SPDX-License-Identifier: MIT */
/* For posix_openpt(3) and its kind. */
#define _XOPEN_SOURCE 700
#include "tests/unit/fake_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* The pipes between the test and the shell. */
struct wires {
    int orders[2];
    int events[2];
};

/* --- in the job and in the shell, where nothing may fail a test --- */

static void foreground(int tty, pid_t group)
{
    (void)signal(SIGTTOU, SIG_IGN);
    (void)tcsetpgrp(tty, group);
    (void)signal(SIGTTOU, SIG_DFL);
}

static void tell(int fd, int number)
{
    (void)!write(fd, &number, sizeof(number));
}

/* Reports what becomes of the job, until the test has no orders any more. */
static void mind_job(int tty, pid_t job, const struct wires *wires)
{
    char order;
    int status;

    for (;;) {
        pid_t changed = waitpid(job, &status, WUNTRACED);
        if (changed == -1 && errno == EINTR)
            continue;
        foreground(tty, getpgrp());
        if (changed == job)
            tell(wires->events[1], status);
        if (read(wires->orders[0], &order, 1) != 1)
            break;
        if (order == 'f')
            foreground(tty, job);
        (void)kill(-job, SIGCONT);
    }
    (void)kill(-job, SIGKILL);
    _exit(0);
}

static void be_shell(const char *path, const struct wires *wires, int (*run)(void *arg), void *arg)
{
    (void)close(wires->orders[1]);
    (void)close(wires->events[0]);
    if (setsid() == -1)
        _exit(2);
    int tty = open(path, O_RDWR | O_CLOEXEC);
    if (tty == -1 || ioctl(tty, TIOCSCTTY, 0) == -1)
        _exit(2);
    pid_t job = fork();
    if (job == 0) {
        (void)setpgid(0, 0);
        foreground(tty, getpid());
        tell(wires->events[1], getpid());
        (void)close(tty);
        (void)close(wires->orders[0]);
        (void)close(wires->events[1]);
        (void)alarm(UNIT_LIMIT_S);
        _exit(run(arg));
    }
    mind_job(tty, job, wires);
}

/* --- in the test --- */

static int take_event(struct fake_terminal *terminal)
{
    int number = 0;

    fd_get(terminal->events, &number, sizeof(number));
    return number;
}

void terminal_start(struct fake_terminal *terminal, int (*run)(void *arg), void *arg)
{
    struct wires wires;

    *terminal = (struct fake_terminal){.seen = ""};
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master), 0);
    assert_int_equal(unlockpt(terminal->master), 0);
    const char *path = ptsname(terminal->master);
    assert_non_null(path);
    terminal->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->slave >= 0);
    fd_set_nonblocking(terminal->master, true);
    fd_pipe(wires.orders);
    fd_pipe(wires.events);

    terminal->shell = fork();
    assert_true(terminal->shell >= 0);
    if (terminal->shell == 0) {
        (void)close(terminal->master);
        be_shell(path, &wires, run, arg);
    }
    fd_close(&wires.orders[0]);
    fd_close(&wires.events[1]);
    terminal->orders = wires.orders[1];
    terminal->events = wires.events[0];
    terminal->job = take_event(terminal);
}

void terminal_type(struct fake_terminal *terminal, const char *text)
{
    fd_put(terminal->master, text, strlen(text));
}

/* Takes what is shown now. */
static void look(struct fake_terminal *terminal)
{
    size_t room = sizeof(terminal->seen) - 1 - terminal->seen_size;
    ssize_t got = read(terminal->master, terminal->seen + terminal->seen_size, room);

    if (got > 0)
        terminal->seen_size += (size_t)got;
    terminal->seen[terminal->seen_size] = '\0';
}

void terminal_await(struct fake_terminal *terminal, const char *text)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
    const char *found;

    for (;;) {
        look(terminal);
        found = strstr(terminal->seen, text);
        if (found)
            break;
        if (clock_ns() > until)
            unit_fail("the terminal shows `%s`, not `%s`", terminal->seen, text);
        (void)poll(NULL, 0, 1);
    }
    found += strlen(text);
    terminal->seen_size -= (size_t)(found - terminal->seen);
    memmove(terminal->seen, found, terminal->seen_size + 1);
}

const char *terminal_rest(struct fake_terminal *terminal)
{
    look(terminal);
    return terminal->seen;
}

bool terminal_echoes(const struct fake_terminal *terminal)
{
    struct termios now;

    assert_int_equal(tcgetattr(terminal->slave, &now), 0);
    return now.c_lflag & ECHO;
}

void terminal_await_silence(const struct fake_terminal *terminal)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (terminal_echoes(terminal)) {
        if (clock_ns() > until)
            unit_fail("the terminal still echoes");
        (void)poll(NULL, 0, 1);
    }
}

int terminal_job_status(struct fake_terminal *terminal)
{
    return take_event(terminal);
}

void terminal_continue(struct fake_terminal *terminal)
{
    fd_put(terminal->orders, "f", 1);
}

void terminal_background(struct fake_terminal *terminal)
{
    fd_put(terminal->orders, "b", 1);
}

void terminal_end(struct fake_terminal *terminal)
{
    int status = 0;

    fd_close(&terminal->orders);
    /* The shell reads its orders only when the job has come to something. */
    (void)kill(terminal->job, SIGKILL);
    assert_int_equal(waitpid(terminal->shell, &status, 0), terminal->shell);
    assert_int_equal(status, 0);
    fd_close(&terminal->events);
    fd_close(&terminal->slave);
    fd_close(&terminal->master);
}
