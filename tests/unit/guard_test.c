/* SPDX-License-Identifier: MIT */
#include "core/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/thread.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_terminal.h"
#include "tests/unit/fake_unit.h"

/* Says when it is ready, and when it was asked to end. */
#define POLITE "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.02; done"
#define STUBBORN "trap '' TERM; echo ready; while :; do sleep 0.02; done"

/* Without children of its own. Nobody else ends it, and it goes by itself where a test fails. */
#define DEAF "trap '' TERM; echo ready; exec sleep 20"
#define MUTE "trap '' TERM; exec sleep 20"

/* A process that guards children, and what it does before that and after. */
struct keeper {
    const char *script;
    size_t count;         /* of children that run it; 0 = one */
    size_t earlier;       /* so many children have come and gone */
    const char *released; /* a child before them, which is no longer guarded */
    size_t turns;         /* children come and go in threads; the keeper is ready after so many */
    int said[2];          /* by the children, who keep it open as long as they live */
    int ignored;          /* a signal; 0 = none */
    int number;           /* the signal that ends it; 0 = another one will */
    bool leaves;          /* its process group */
    bool apart;           /* the children have groups of their own */
    bool loose;           /* and get SIGTERM at most when it ends */
};

/* The pid, or -1. */
static pid_t start(const char *script, int out, const struct keeper *keeper)
{
    char sh[] = "sh", option[] = "-c", text[512];
    char *argv[] = {sh, option, text, NULL};
    struct child_plan plan = {.argv = argv,
                              .in = -1,
                              .out = out,
                              .err = -1,
                              .bound = !keeper || !keeper->loose,
                              .apart = keeper && keeper->apart};
    struct err err = ERR_INIT;

    (void)snprintf(text, sizeof(text), "%s", script);
    pid_t pid = guard_start(&plan, &err);
    err_release(&err);
    return pid;
}

/* For the threads of a keeper: they are all the same. */
struct coming {
    const struct keeper *keeper;
    atomic_size_t turns;
};

/* Until the process ends. */
static void *come_and_go(void *arg)
{
    struct coming *coming = arg;
    int status;

    for (;;) {
        pid_t pid = start(coming->keeper->script, coming->keeper->said[1], coming->keeper);
        if (pid == -1) {
            /* A signal is about to end us. */
            (void)poll(NULL, 0, 1);
            continue;
        }
        /* Some live long enough to become deaf. */
        if (pid % 2)
            (void)poll(NULL, 0, 5);
        (void)kill(pid, SIGKILL);
        (void)child_wait(pid, &status, CLOCK_NEVER);
        guard_release(pid);
        atomic_fetch_add(&coming->turns, 1);
    }
    return NULL;
}

static void start_threads(const struct keeper *keeper)
{
    static struct coming coming;

    coming.keeper = keeper;
    /* So many that there is always a child. */
    for (int i = 0; i < 8; i++)
        if (thread_start(NULL, come_and_go, &coming) != 0)
            _exit(6);
    while (atomic_load(&coming.turns) < keeper->turns)
        (void)poll(NULL, 0, 1);
    if (write(keeper->said[1], "ready\n", 6) != 6)
        _exit(7);
}

static void start_children(const struct keeper *keeper)
{
    char ready[6];
    int status;

    if (keeper->released)
        guard_release(start(keeper->released, keeper->said[1], keeper));
    for (size_t i = 0; i < keeper->earlier; i++) {
        pid_t pid = start("exit", -1, keeper);
        if (pid == -1 || child_wait(pid, &status, CLOCK_NEVER) == -1)
            _exit(8);
        guard_release(pid);
    }
    for (size_t i = 0; i < keeper->count || i == 0; i++) {
        if (start(keeper->script, keeper->said[1], keeper) == -1)
            _exit(2);
        if (keeper->number && read(keeper->said[0], ready, sizeof(ready)) != sizeof(ready))
            _exit(4);
    }
}

/* As the keeper, which nothing but a signal ends. */
static _Noreturn void keep(const struct keeper *keeper)
{
    (void)alarm(UNIT_LIMIT_S);
    if (keeper->ignored)
        (void)signal(keeper->ignored, SIG_IGN);
    if (keeper->turns)
        start_threads(keeper);
    else
        start_children(keeper);
    if (keeper->leaves && setpgid(0, 0) == -1)
        _exit(3);
    if (keeper->number) {
        (void)raise(keeper->number);
        _exit(5);
    }
    (void)close(keeper->said[0]);
    if (!keeper->turns)
        (void)close(keeper->said[1]);
    for (;;)
        (void)pause();
}

/* It runs, and its children are ready. */
static pid_t keeper_start(struct keeper *keeper)
{
    size_t left = (keeper->count ? keeper->count : 1) + (keeper->released ? 1 : 0);
    char ready[6];

    assert_int_equal(os_pipe(keeper->said), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        keep(keeper);
    fd_close(&keeper->said[1]);
    for (; left > 0; left--) {
        fd_get(keeper->said[0], ready, sizeof(ready));
        assert_memory_equal(ready, "ready\n", sizeof(ready));
    }
    return pid;
}

/* The children have said no more than this, and have ended; the keeper was killed by the signal. */
static void keeper_died(struct keeper *keeper, pid_t pid, int number, const char *words)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
    fd_expect(keeper->said[0], words, strlen(words));
    fd_close(&keeper->said[0]);
}

static const struct signal_row {
    const char *name;
    int number;
} signal_rows[] = {{"SIGHUP", SIGHUP}, {"SIGINT", SIGINT}, {"SIGTERM", SIGTERM}};

static void the_child_is_asked_to_end(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = POLITE};
    pid_t pid = keeper_start(&keeper);

    assert_int_equal(kill(pid, row->number), 0);
    keeper_died(&keeper, pid, row->number, "bye\n");
}

/* Its own child says the same. */
static void a_child_apart_ends_with_what_it_has_started(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = "sh -c 'trap \"echo bye; exit\" TERM; echo ready;"
                                      "while :; do sleep 0.02; done'; exit 1",
                            .apart = true};
    pid_t pid = keeper_start(&keeper);

    assert_int_equal(kill(pid, row->number), 0);
    keeper_died(&keeper, pid, row->number, "bye\n");
}

static void a_child_that_does_not_listen_is_killed(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = STUBBORN};
    pid_t pid = keeper_start(&keeper);
    int64_t before_ns = clock_ns();

    assert_int_equal(kill(pid, row->number), 0);
    keeper_died(&keeper, pid, row->number, "");
    assert_true(clock_ns() - before_ns >= 200 * CLOCK_MS);
}

static void a_child_that_has_ended_is_no_hindrance(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = "echo ready"};
    pid_t pid = keeper_start(&keeper);

    (void)fd_await(keeper.said[0], POLLIN);
    assert_int_equal(kill(pid, row->number), 0);
    keeper_died(&keeper, pid, row->number, "");
}

/* As under nohup(1). */
static void what_is_ignored_stays_ignored(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = POLITE, .ignored = row->number};
    pid_t pid = keeper_start(&keeper);
    struct pollfd pfd = {.fd = keeper.said[0], .events = POLLIN};

    assert_int_equal(kill(pid, row->number), 0);
    assert_int_equal(poll(&pfd, 1, UNIT_QUIET_MS), 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    int other = row->number == SIGTERM ? SIGHUP : SIGTERM;
    assert_int_equal(kill(pid, other), 0);
    keeper_died(&keeper, pid, other, "bye\n");
}

/* --- several --- */

static const struct many_row {
    const char *name;
    struct keeper keeper;
    const char *words;
} many_rows[] = {
    {"three", {.script = POLITE, .count = 3}, "bye\nbye\nbye\n"},
    {"three apart", {.script = POLITE, .count = 3, .apart = true}, "bye\nbye\nbye\n"},
    {"two, and one that was released",
     {.script = POLITE,
      .count = 2,
      .released = "trap 'echo asked' TERM; echo ready; "
                  "while kill -0 $PPID 2>/dev/null; do sleep 0.02; done"},
     "bye\nbye\n"},
    {"one after so many", {.script = POLITE, .earlier = 2 * GUARD_MAX + 1}, "bye\n"},
    {"as many as there may be", {.script = DEAF, .count = GUARD_MAX, .loose = true}, ""},
};

static void each_of_many_is_ended(void **state)
{
    const struct many_row *row = *state;
    struct keeper keeper = row->keeper;
    pid_t pid = keeper_start(&keeper);

    assert_int_equal(kill(pid, SIGTERM), 0);
    keeper_died(&keeper, pid, SIGTERM, row->words);
}

static void one_grace_period_is_for_all(void **state)
{
    const struct signal_row *row = *state;
    struct keeper keeper = {.script = DEAF, .count = 16, .apart = true, .loose = true};
    pid_t pid = keeper_start(&keeper);
    int64_t before_ns = clock_ns();

    assert_int_equal(kill(pid, row->number), 0);
    keeper_died(&keeper, pid, row->number, "");
    int64_t took_ns = clock_ns() - before_ns;
    assert_true(took_ns >= 200 * CLOCK_MS);
    assert_true(took_ns < 16 * 200 * CLOCK_MS);
}

/* Neither one that was just being started, nor one that comes after it. */
static void nobody_who_comes_or_goes_stays_behind(void **state)
{
    (void)state;
    for (size_t turns = 1; turns <= 8; turns++) {
        struct keeper keeper = {.script = MUTE, .turns = turns, .loose = true};
        pid_t pid = keeper_start(&keeper);
        assert_int_equal(kill(pid, SIGTERM), 0);
        keeper_died(&keeper, pid, SIGTERM, "");
    }
}

/* --- in this very process --- */

static void (*handler_of(int number))(int)
{
    struct sigaction found;

    assert_int_equal(sigaction(number, NULL, &found), 0);
    return found.sa_handler;
}

static void of_others(int number)
{
    (void)number;
}

static void released_it_is_as_it_was(void **state)
{
    (void)state;
    int status;
    pid_t pid = start("exit 3", -1, NULL);

    assert_true(pid > 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(handler_of(signal_rows[i].number) != SIG_DFL);
    /* Whoever changes his mind while a child is guarded is right. */
    assert_true(signal(SIGINT, of_others) != SIG_ERR);
    assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    guard_release(pid + 1);
    assert_true(handler_of(SIGTERM) != SIG_DFL);
    assert_int_equal(child_wait(pid, &status, clock_ns() + UNIT_WAIT_MS * CLOCK_MS), 0);
    assert_int_equal(WEXITSTATUS(status), 3);
    guard_release(pid);
    assert_true(handler_of(SIGTERM) == SIG_DFL);
    assert_true(handler_of(SIGINT) == of_others);
    assert_true(handler_of(SIGHUP) == SIG_IGN);
    guard_release(pid);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
}

static void the_last_one_released_makes_it_as_it_was(void **state)
{
    (void)state;
    pid_t first = start("exec sleep 20", -1, NULL), second = start("exec sleep 20", -1, NULL);

    assert_true(first > 0 && second > 0);
    child_end(first);
    guard_release(first);
    assert_true(handler_of(SIGTERM) != SIG_DFL);
    pid_t third = start("exec sleep 20", -1, NULL);
    assert_true(third > 0);
    child_end(second);
    guard_release(second);
    guard_release(second);
    assert_true(handler_of(SIGTERM) != SIG_DFL);
    child_end(third);
    guard_release(third);
    assert_true(handler_of(SIGTERM) == SIG_DFL);
}

static void one_too_many_is_an_ordinary_child(void **state)
{
    (void)state;
    pid_t pids[GUARD_MAX + 1];
    int status;

    for (size_t i = 0; i <= GUARD_MAX; i++) {
        pids[i] = start("exec sleep 20", -1, NULL);
        assert_true(pids[i] > 0);
    }
    for (size_t i = 0; i <= GUARD_MAX; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(child_wait(pids[i], &status, clock_ns() + UNIT_WAIT_MS * CLOCK_MS), 0);
    }
    guard_release(pids[GUARD_MAX]);
    for (size_t i = 0; i < GUARD_MAX; i++) {
        assert_true(handler_of(SIGTERM) != SIG_DFL);
        guard_release(pids[i]);
    }
    assert_true(handler_of(SIGTERM) == SIG_DFL);
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    char name[] = "/nowhere/tool", *argv[] = {name, NULL};
    struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .err = -1};
    struct err err = ERR_INIT;
    sigset_t mask;

    assert_int_equal(guard_start(&plan, &err), -1);
    assert_err(&err, ERR_CONNECT, "/nowhere/tool: No such file or directory");
    assert_true(handler_of(SIGTERM) == SIG_DFL);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

/* --- at a terminal --- */

/* In the job: a keeper in the same process group; 0 when it died of its signal. */
static int keep_in_job(void *arg)
{
    struct keeper *keeper = arg;
    int status = 0;

    if (os_pipe(keeper->said) == -1)
        return 2;
    pid_t pid = fork();
    if (pid == 0)
        keep(keeper);
    if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
        return 3;
    return WTERMSIG(status) == keeper->number ? 0 : 4;
}

/* What the child has made of the terminal when we are ended. */
static const struct tty_row {
    const char *name;
    const char *script;
    int number;
    bool leaves;
    bool echoes;
    size_t count;
} tty_rows[] = {
    {"a question, SIGINT", "stty -echo </dev/tty; " STUBBORN, SIGINT, false, true, 1},
    {"a question, SIGTERM", "stty -echo </dev/tty; " STUBBORN, SIGTERM, false, true, 1},
    {"a question, SIGHUP", "stty -echo </dev/tty; " STUBBORN, SIGHUP, false, true, 1},
    {"a question, and we have left the group", "stty -echo </dev/tty; " STUBBORN, SIGTERM, true,
     true, 1},
    {"two questions", "stty -echo </dev/tty; " STUBBORN, SIGTERM, false, true, 2},
    {"it puts it right itself",
     "stty -echo </dev/tty; trap 'stty echo </dev/tty; exit' TERM; "
     "echo ready; while :; do sleep 0.02; done",
     SIGTERM, false, true, 1},
    {"nothing", POLITE, SIGTERM, false, true, 1},
    {"the raw mode of an editor or of ssh", "stty raw -echo </dev/tty; " STUBBORN, SIGTERM, false,
     false, 1},
};

static void terminal(void **state)
{
    const struct tty_row *row = *state;
    struct keeper keeper = {
        .script = row->script, .count = row->count, .number = row->number, .leaves = row->leaves};
    struct fake_terminal terminal;

    terminal_start(&terminal, keep_in_job, &keeper);
    int status = terminal_job_status(&terminal);
    if (status != 0)
        unit_fail("the job ended with wait status %#x", (unsigned)status);
    assert_int_equal(terminal_echoes(&terminal), row->echoes);
    terminal_end(&terminal);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, the_child_is_asked_to_end, signal_rows);
    UNIT_ROWS(&unit, a_child_apart_ends_with_what_it_has_started, signal_rows);
    UNIT_ROWS(&unit, a_child_that_does_not_listen_is_killed, signal_rows);
    UNIT_ROWS(&unit, a_child_that_has_ended_is_no_hindrance, signal_rows);
    UNIT_ROWS(&unit, what_is_ignored_stays_ignored, signal_rows);
    UNIT_ROWS(&unit, each_of_many_is_ended, many_rows);
    UNIT_ROWS(&unit, one_grace_period_is_for_all, signal_rows);
    UNIT_TEST(&unit, nobody_who_comes_or_goes_stays_behind);
    UNIT_TEST(&unit, released_it_is_as_it_was);
    UNIT_TEST(&unit, the_last_one_released_makes_it_as_it_was);
    UNIT_TEST(&unit, one_too_many_is_an_ordinary_child);
    UNIT_TEST(&unit, a_program_that_is_not_there);
    UNIT_ROWS(&unit, terminal, tty_rows);
    return unit_run(&unit, "guard");
}
