/* SPDX-License-Identifier: MIT */
#include "core/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL "/dev/tty"

/* For children that are being started; between SIGTERM and SIGKILL; after that. And how often
 * waitpid(2), which knows no time limit, is asked. */
#define GRACE_MS 250
#define STEP_MS 2

/* What a place holds: for kill(2) a child, or as a negative number the group of its own. */
#define FREE 0
/* A child is being started. init(8) is none of ours. */
#define BEGUN 1

/*
 * At file scope, for a signal handler has no other argument than the signal's number.
 *
 * A place is taken before the fork(2) and becomes free after the child's status was taken, so a
 * child that exists has one. Whoever starts a child first takes the place and then looks at `ends`;
 * the handler first sets `ends` and then looks at the places. Each sees the other, or is seen.
 */
static struct {
    _Atomic(pid_t) place[GUARD_MAX];
    atomic_bool ends; /* a handler runs, and will end us */
    size_t taken;     /* places; with guard_lock, of which the handler knows nothing */

    /* Changed only between the first place that is taken and its child, when the handler waits. */
    atomic_bool echoes;    /* there is a terminal, and it did */
    struct termios before; /* if it did */
    pid_t group;           /* the children's; ours may change */
} guarded;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2 &&
                   sizeof(pid_t) == sizeof(int),
               "a signal handler may not wait for a lock");

static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;

static const int guarded_signals[] = {SIGHUP, SIGINT, SIGTERM};

#define GUARDED_COUNT (sizeof(guarded_signals) / sizeof(guarded_signals[0]))

/* --- in the handler: async-signal-safe calls only --- */

static pid_t pid_of(pid_t whom)
{
    return whom < 0 ? -whom : whom;
}

/* True when it has ended; its status is taken. Also when it is no child of ours any more: then its
 * number may be somebody else's. */
static bool has_ended(pid_t whom)
{
    return waitpid(pid_of(whom), NULL, WNOHANG) != 0;
}

static bool none_begun(void)
{
    for (size_t i = 0; i < GUARD_MAX; i++)
        if (atomic_load(&guarded.place[i]) == BEGUN)
            return false;
    return true;
}

static bool all_ended(void)
{
    bool ended = true;

    for (size_t i = 0; i < GUARD_MAX; i++) {
        pid_t whom = atomic_load(&guarded.place[i]);
        if (whom != FREE && (whom == BEGUN || !has_ended(whom)))
            ended = false;
    }
    return ended;
}

static bool await(bool (*is_so)(void))
{
    bool so = is_so();

    for (int waited = 0; !so && waited < GRACE_MS; waited += STEP_MS) {
        (void)poll(NULL, 0, STEP_MS);
        so = is_so();
    }
    return so;
}

/*
 * A child's own thread may take its status at any time, and then its number is free. So waitpid(2)
 * is asked right before each kill(2), and what it calls a running child is one, whatever the place
 * says. Between these two calls nobody keeps the child from ending, its thread from taking the
 * status and the system from giving the number away: that takes a system that goes through all its
 * numbers in this moment. The same is true of the thread's own kill(2), when it is we who have just
 * taken the status.
 */
static void send_all(int number)
{
    for (size_t i = 0; i < GUARD_MAX; i++) {
        pid_t whom = atomic_load(&guarded.place[i]);
        if (whom != FREE && whom != BEGUN && !has_ended(whom))
            (void)kill(whom, number);
    }
}

static void end_children(void)
{
    (void)await(none_begun);
    send_all(SIGTERM);
    if (await(all_ended))
        return;
    send_all(SIGKILL);
    (void)await(all_ended);
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

    if (!atomic_load(&guarded.echoes))
        return;
    int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1)
        return;
    /* SIGTTOU is blocked like all others, so it works from the background, too. */
    if (tcgetattr(fd, &now) == 0 && is_silent(&now) && tcgetpgrp(fd) == guarded.group)
        (void)tcsetattr(fd, TCSANOW, &guarded.before);
    (void)close(fd);
}

static void end_with_children(int number)
{
    int error = errno;

    atomic_store(&guarded.ends, true);
    end_children();
    restore_terminal();
    (void)signal(number, SIG_DFL);
    /* Takes effect when the handler returns. */
    (void)raise(number);
    errno = error;
}

/* --- around it --- */

/* The handler takes no lock. In a thread that has one, or a child that is just being started, it
 * would wait in vain for what this thread is to do next. */
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

    guarded.group = getpgrp();
    bool known = fd != -1 && tcgetattr(fd, &guarded.before) == 0;
    atomic_store(&guarded.echoes, known && guarded.before.c_lflag & ECHO);
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

/* The number of a place that is BEGUN; GUARD_MAX: there is none. */
static size_t take_place(void)
{
    size_t i = 0;

    (void)pthread_mutex_lock(&guard_lock);
    while (i < GUARD_MAX && atomic_load(&guarded.place[i]) != FREE)
        i++;
    if (i < GUARD_MAX) {
        atomic_store(&guarded.place[i], BEGUN);
        guarded.taken++;
        if (guarded.taken == 1 && !atomic_load(&guarded.ends)) {
            look_at_terminal();
            replace_handlers(SIG_DFL, end_with_children);
        }
    }
    (void)pthread_mutex_unlock(&guard_lock);
    return i;
}

/* With the lock. */
static void free_place(size_t i)
{
    guarded.taken--;
    if (guarded.taken == 0)
        replace_handlers(end_with_children, SIG_DFL);
    atomic_store(&guarded.place[i], FREE);
}

pid_t guard_start(const struct child_plan *plan, struct err *err)
{
    sigset_t before;
    pid_t pid = -1;

    hold_signals(&before);
    size_t i = take_place();
    if (atomic_load(&guarded.ends))
        (void)err_set(err, ERR_CONNECT, "%s: not started: a signal ends us", plan->argv[0]);
    else
        pid = child_start(plan, err);
    if (i < GUARD_MAX && pid != -1) {
        atomic_store(&guarded.place[i], plan->apart ? -pid : pid);
    } else if (i < GUARD_MAX) {
        (void)pthread_mutex_lock(&guard_lock);
        free_place(i);
        (void)pthread_mutex_unlock(&guard_lock);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

void guard_release(pid_t pid)
{
    sigset_t before;
    size_t i = 0;

    if (pid <= BEGUN)
        return;
    hold_signals(&before);
    (void)pthread_mutex_lock(&guard_lock);
    while (i < GUARD_MAX && pid_of(atomic_load(&guarded.place[i])) != pid)
        i++;
    if (i < GUARD_MAX)
        free_place(i);
    (void)pthread_mutex_unlock(&guard_lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
