/* SPDX-License-Identifier: MIT */
#include "core/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL "/dev/tty"

/* Between SIGTERM and SIGKILL; and how often waitpid(2), which knows no time limit, is asked. */
#define GRACE_MS 250
#define STEP_MS 2

/*
 * At file scope, for a signal handler has no other argument than the signal's number. Changed only
 * while the signals are blocked.
 */
static struct {
    pid_t pid;             /* 0: nobody is guarded */
    pid_t whom;            /* for kill(2): the child, or its own group */
    pid_t group;           /* the child's; ours may change */
    bool echoes;           /* there is a terminal, and it did */
    struct termios before; /* if it did */
} guarded;

/* Of the change: several threads may start children. */
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;

static const int guarded_signals[] = {SIGHUP, SIGINT, SIGTERM};

#define GUARDED_COUNT (sizeof(guarded_signals) / sizeof(guarded_signals[0]))

/* --- in the handler: async-signal-safe calls only --- */

/* True when it has ended; its status is taken. Also when it is no child of ours any more: then its
 * number may be somebody else's. */
static bool has_ended(void)
{
    return waitpid(guarded.pid, NULL, WNOHANG) != 0;
}

static bool await_end(void)
{
    bool ended = has_ended();

    for (int waited = 0; !ended && waited < GRACE_MS; waited += STEP_MS) {
        (void)poll(NULL, 0, STEP_MS);
        ended = has_ended();
    }
    return ended;
}

static void end_child(void)
{
    if (has_ended())
        return;
    (void)kill(guarded.whom, SIGTERM);
    if (await_end())
        return;
    (void)kill(guarded.whom, SIGKILL);
    (void)await_end();
}

/* Raw mode is not for a secret: it is ssh's, or a shell's or an editor's that has the terminal
 * now. */
static bool is_silent(const struct termios *now)
{
    return (now->c_lflag & (ECHO | ICANON)) == ICANON;
}

static void restore_terminal(void)
{
    struct termios now;

    if (!guarded.echoes)
        return;
    int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1)
        return;
    /* SIGTTOU is blocked like all others, so it works from the background, too. */
    if (tcgetattr(fd, &now) == 0 && is_silent(&now) && tcgetpgrp(fd) == guarded.group)
        (void)tcsetattr(fd, TCSANOW, &guarded.before);
    (void)close(fd);
}

static void end_with_child(int number)
{
    if (guarded.pid) {
        end_child();
        restore_terminal();
    }
    (void)signal(number, SIG_DFL);
    /* Takes effect when the handler returns. */
    (void)raise(number);
}

/* --- around it --- */

static void hold_signals(sigset_t *before)
{
    sigset_t held;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < GUARDED_COUNT; i++)
        (void)sigaddset(&held, guarded_signals[i]);
    (void)pthread_sigmask(SIG_BLOCK, &held, before);
}

static void look_at_terminal(void)
{
    int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    guarded.echoes =
        fd != -1 && tcgetattr(fd, &guarded.before) == 0 && guarded.before.c_lflag & ECHO;
    if (fd != -1)
        (void)close(fd);
}

/* Where the action is `from`, it becomes `to`. */
static void replace_handlers(void (*from)(int), void (*to)(int))
{
    struct sigaction action, found;

    action.sa_handler = to;
    action.sa_flags = 0;
    (void)sigfillset(&action.sa_mask);
    for (size_t i = 0; i < GUARDED_COUNT; i++)
        if (sigaction(guarded_signals[i], NULL, &found) == 0 && !(found.sa_flags & SA_SIGINFO) &&
            found.sa_handler == from)
            (void)sigaction(guarded_signals[i], &action, NULL);
}

pid_t guard_start(const struct child_plan *plan, struct err *err)
{
    sigset_t before;

    hold_signals(&before);
    (void)pthread_mutex_lock(&guard_lock);
    if (guarded.pid) {
        (void)pthread_mutex_unlock(&guard_lock);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return child_start(plan, err);
    }
    look_at_terminal();
    pid_t pid = child_start(plan, err);
    if (pid != -1) {
        guarded.pid = pid;
        guarded.whom = plan->apart ? -pid : pid;
        guarded.group = getpgrp();
        replace_handlers(SIG_DFL, end_with_child);
    }
    (void)pthread_mutex_unlock(&guard_lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

void guard_release(pid_t pid)
{
    sigset_t before;

    hold_signals(&before);
    (void)pthread_mutex_lock(&guard_lock);
    if (pid > 0 && pid == guarded.pid) {
        replace_handlers(end_with_child, SIG_DFL);
        guarded.pid = 0;
    }
    (void)pthread_mutex_unlock(&guard_lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
