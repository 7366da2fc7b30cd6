/* SPDX-License-Identifier: MIT */
#include "core/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/secret.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* Words for a shell that runs `script`. */
#define SH(script) ((char *[]){(char[]){"sh"}, (char[]){"-c"}, (char[]){script}, NULL})

static pid_t start(char *const *argv, int in, int out, bool bound)
{
    struct child_plan plan = {.argv = argv, .in = in, .out = out, .err = 2, .bound = bound};
    struct err err = ERR_INIT;
    pid_t pid = child_start(&plan, &err);

    assert_err_unset(&err);
    assert_true(pid > 0);
    return pid;
}

static int64_t soon(void)
{
    return clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
}

/* Its exit status; fails the test when it was killed. */
static int wait_exit(pid_t pid)
{
    int status = 0;

    assert_int_equal(child_wait(pid, &status, soon()), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) == -1 && errno == ESRCH;
}

/* A child that inherits both ends keeps this pipe open for as long as it lives. */
static void await_end_of(int lifeline[2])
{
    char byte;

    fd_close(&lifeline[1]);
    (void)fd_await(lifeline[0], POLLIN);
    assert_int_equal(read(lifeline[0], &byte, 1), 0);
    fd_close(&lifeline[0]);
}

/* --- start --- */

static void bytes_go_in_and_out(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"cat"}, NULL};
    int in[2];
    int out[2];

    assert_int_equal(os_pipe(in), 0);
    assert_int_equal(os_pipe(out), 0);
    pid_t pid = start(argv, in[0], out[1], false);
    assert_true(fd_is_open(in[0]));
    fd_close(&in[0]);
    fd_close(&out[1]);
    fd_put(in[1], "hello", 5);
    fd_close(&in[1]);
    fd_expect(out[0], "hello", 5);
    fd_close(&out[0]);
    assert_int_equal(wait_exit(pid), 0);
    assert_true(is_gone(pid));
}

static void without_descriptors_it_has_dev_null(void **state)
{
    (void)state;
    struct child_plan plan = {
        .argv = SH("cat && echo lost && echo lost >&2 && [ /dev/null -ef /dev/stdin ]"),
        .in = -1,
        .out = -1,
        .err = -1};
    struct err err = ERR_INIT;
    pid_t pid = child_start(&plan, &err);

    assert_true(pid > 0);
    assert_int_equal(wait_exit(pid), 0);
}

/* The child's descriptors are made of ours in any order, also where the numbers cross. */
static void crossed_descriptors(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"cat; echo said >&2"}, NULL};
    struct child_plan plan = {.argv = argv, .in = 2, .out = 0, .err = 1};
    struct err err = ERR_INIT;
    int from[3][2];

    for (int i = 0; i < 3; i++)
        assert_int_equal(os_pipe(from[i]), 0);
    pid_t between = fork();
    assert_true(between >= 0);
    if (between == 0) {
        if (dup2(from[0][1], 0) == -1 || dup2(from[1][1], 1) == -1 || dup2(from[2][0], 2) == -1)
            _exit(2);
        /* As long as it is open here, the input has no end. */
        (void)close(from[2][1]);
        pid_t pid = child_start(&plan, &err);
        int status = 1;
        if (pid > 0)
            (void)child_wait(pid, &status, soon());
        _exit(status ? 1 : 0);
    }
    fd_close(&from[0][1]);
    fd_close(&from[1][1]);
    fd_close(&from[2][0]);
    fd_put(from[2][1], "in", 2);
    fd_close(&from[2][1]);
    fd_expect(from[0][0], "in", 2);
    fd_expect(from[1][0], "said\n", 5);
    fd_close(&from[0][0]);
    fd_close(&from[1][0]);
    assert_int_equal(wait_exit(between), 0);
}

/* Only what this program opened counts; whoever runs the tests may have left something open. */
static void nothing_else_is_inherited(void **state)
{
    (void)state;
    struct fd_set_seen before;
    char listing[4096];
    char *argv[] = {(char[]){"ls"}, (char[]){"/proc/self/fd"}, NULL};
    int in[2];
    int out[2];
    ssize_t size;

    if (access("/proc/self/fd", R_OK) == -1)
        unit_skip("no /proc/self/fd");
    fd_see(&before);
    assert_int_equal(os_pipe(in), 0);
    assert_int_equal(os_pipe(out), 0);
    pid_t pid = start(argv, in[0], out[1], false);
    fd_close(&out[1]);
    assert_int_equal(wait_exit(pid), 0);
    size = read(out[0], listing, sizeof(listing) - 1);
    assert_true(size > 0);
    listing[size] = '\0';
    int count = 0;
    for (char *at = listing; *at; at += strcspn(at, "\n") + 1) {
        int fd = 0;
        assert_int_equal(sscanf(at, "%d", &fd), 1);
        count += fd >= 3 && !before.open[fd];
    }
    /* The one that it reads the folder with. */
    assert_true(count <= 1);
    for (int i = 0; i < 2; i++)
        fd_close(&in[i]);
    fd_close(&out[0]);
}

static const struct missing_row {
    const char *name;
    const char *program;
    const char *says;
} missing_rows[] = {
    {"not in PATH", "stile-no-such-program", "stile-no-such-program: No such file or directory"},
    {"no such path", "/nowhere/at/all", "/nowhere/at/all: No such file or directory"},
    {"a folder", "/tmp", "/tmp: Permission denied"},
    {"not executable", "/etc/passwd", "/etc/passwd: Permission denied"},
    {"empty", "", ": No such file or directory"},
};

static void missing(void **state)
{
    const struct missing_row *row = *state;
    char program[64];
    char *argv[] = {program, NULL};
    struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .err = 2};
    struct err err = ERR_INIT;

    (void)snprintf(program, sizeof(program), "%s", row->program);
    assert_int_equal(child_start(&plan, &err), -1);
    assert_string_equal(err_text(&err), row->says);
    assert_err(&err, ERR_CONNECT, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void write_program(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    fd_put(fd, text, strlen(text));
    fd_close(&fd);
    assert_int_equal(chmod(path, mode), 0);
}

/* As execvp(3): in the order of PATH, past what cannot be run, with the shell for a script that
 * does not say whose it is. */
static void found_in_path(void **state)
{
    (void)state;
    char first[FD_PATH_MAX];
    char second[FD_PATH_MAX];
    char path[2 * FD_PATH_MAX + 32];
    char *argv[] = {(char[]){"stile-test-tool"}, (char[]){"7"}, NULL};
    const char *found = getenv("PATH");
    char *before = strdup(found ? found : "/usr/bin:/bin");

    fd_temp_path(first, "stile-test-tool");
    fd_temp_path(second, "stile-test-tool");
    write_program(first, "exit 1\n", 0644);
    write_program(second, "exit $(($1 + $#))\n", 0755);
    (void)snprintf(path, sizeof(path), "/nowhere:%.*s:%.*s:%s", (int)(strrchr(first, '/') - first),
                   first, (int)(strrchr(second, '/') - second), second, before);
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_int_equal(wait_exit(start(argv, -1, -1, false)), 8);
    char *file = child_find_program(argv[0]);
    assert_string_equal(file, second);
    free(file);

    /* One that may not be run is told from one that is not there. */
    struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .err = 2};
    struct err err = ERR_INIT;
    assert_int_equal(chmod(second, 0600), 0);
    assert_int_equal(child_start(&plan, &err), -1);
    assert_err(&err, ERR_CONNECT, "stile-test-tool: Permission denied");
    assert_null(child_find_program(argv[0]));
    assert_int_equal(errno, EACCES);

    assert_int_equal(setenv("PATH", before, 1), 0);
    free(before);
    fd_temp_remove(first);
    fd_temp_remove(second);
}

static const struct signal_row {
    const char *name;
    bool bound;
    const char *script;
    int killed_by; /* 0 = it exits with 0 */
} signal_rows[] = {
    {"what we ignore has its default", false, "kill -PIPE $$; exit 1", SIGPIPE},
    {"what we block arrives", false, "kill -USR1 $$; exit 1", SIGUSR1},
    {"a free child heeds Ctrl-C", false, "kill -INT $$; exit 1", SIGINT},
    {"a free child heeds a hang-up", false, "kill -HUP $$; exit 1", SIGHUP},
    {"a bound child ignores the keyboard", true,
     "kill -INT $$; kill -QUIT $$; kill -TSTP $$; kill -HUP $$; exit 0", 0},
    {"a bound child heeds SIGTERM", true, "kill -TERM $$; exit 1", SIGTERM},
    {"a bound child heeds SIGPIPE", true, "kill -PIPE $$; exit 1", SIGPIPE},
};

static void signals(void **state)
{
    const struct signal_row *row = *state;
    char script[128];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    sigset_t blocked;
    sigset_t before;
    sigset_t after;
    int status = 0;

    (void)snprintf(script, sizeof(script), "%s", row->script);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    pid_t pid = start(argv, -1, -1, row->bound);
    assert_int_equal(child_wait(pid, &status, soon()), 0);
    (void)sigprocmask(SIG_SETMASK, &before, &after);
    assert_int_equal(sigismember(&after, SIGUSR1), 1);
    assert_int_equal(sigismember(&after, SIGTERM), 0);
    if (row->killed_by) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), row->killed_by);
    } else {
        assert_int_equal(status, 0);
    }
}

/* Some who start us ignore SIGCHLD, and that is inherited. */
static void ignored_sigchld_does_not_take_the_status(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);

    assert_int_equal(wait_exit(start(SH("exit 3"), -1, -1, false)), 3);
    (void)signal(SIGCHLD, before);
}

static const struct orphan_row {
    const char *name;
    bool bound;
    const char *script;
    const char *last_words;
} orphan_rows[] = {
    {"bound, deaf to SIGTERM", true, "trap '' TERM; echo up; exec sleep 1000", ""},
    {"free, puts things right", false,
     "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.02; done", "bye\n"},
};

/* However we end: with SIGKILL nobody has the time to end a child. */
static void dies_with_its_parent(void **state)
{
    const struct orphan_row *row = *state;
    char script[128];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    char *executable = os_executable();
    int out[2];
    char up[3];

    if (!executable)
        unit_skip("the portable build cannot ask for it");
    free(executable);
    (void)snprintf(script, sizeof(script), "%s", row->script);
    assert_int_equal(os_pipe(out), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        (void)start(argv, -1, out[1], row->bound);
        for (;;)
            (void)pause();
    }
    fd_close(&out[1]);
    fd_get(out[0], up, sizeof(up));
    assert_memory_equal(up, "up\n", 3);
    assert_int_equal(kill(parent, SIGKILL), 0);
    fd_expect(out[0], row->last_words, strlen(row->last_words));
    fd_close(&out[0]);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
}

/* --- end --- */

static void wait_has_a_limit(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"cat"}, NULL};
    int in[2];
    int status = 99;

    assert_int_equal(os_pipe(in), 0);
    pid_t pid = start(argv, in[0], -1, false);
    fd_close(&in[0]);
    int64_t begin = clock_ns();
    assert_int_equal(child_wait(pid, &status, 0), -1);
    assert_int_equal(child_wait(pid, &status, begin + 30 * CLOCK_MS), -1);
    assert_true(clock_ns() >= begin + 30 * CLOCK_MS);
    fd_close(&in[1]);
    assert_int_equal(child_wait(pid, &status, soon()), 0);
    assert_int_equal(status, 0);
}

static void end_of_a_child(void **state)
{
    (void)state;
    int lifeline[2];

    fd_pipe(lifeline);
    int64_t begin = clock_ns();
    pid_t pid = start(SH("exec sleep 1000"), -1, -1, true);
    child_end(pid);
    assert_true(is_gone(pid));
    await_end_of(lifeline);
    /* It did not need the time that a stubborn one gets, by far. */
    assert_true(clock_ns() - begin < 20 * CLOCK_S);
}

/* What it has started ends with it, as it is alone in its group with that. */
static void end_of_a_child_apart(void **state)
{
    (void)state;
    struct child_plan plan = {
        .argv = SH("sleep 1000 & sleep 1000 & echo $!; wait"), .in = -1, .err = 2, .apart = true};
    struct err err = ERR_INIT;
    int out[2];
    char byte;

    fd_pipe(out);
    plan.out = out[1];
    pid_t pid = child_start(&plan, &err);
    assert_true(pid > 0);
    assert_int_equal(getpgid(pid), pid);
    assert_int_not_equal(getpgrp(), pid);
    fd_get(out[0], &byte, 1);
    child_end(pid);
    assert_true(is_gone(pid));
    /* They had the pipe, too. */
    fd_close(&out[1]);
    do
        (void)fd_await(out[0], POLLIN);
    while (read(out[0], &byte, 1) == 1);
    fd_close(&out[0]);
}

static void end_of_a_stubborn_child(void **state)
{
    (void)state;
    int out[2];
    char up[3];

    assert_int_equal(os_pipe(out), 0);
    pid_t pid = start(SH("trap '' TERM; echo up; exec sleep 1000"), -1, out[1], true);
    fd_close(&out[1]);
    fd_get(out[0], up, sizeof(up));
    int64_t begin = clock_ns();
    child_end(pid);
    assert_true(clock_ns() - begin >= 250 * CLOCK_MS);
    assert_true(is_gone(pid));
    fd_expect(out[0], "", 0);
    fd_close(&out[0]);
}

/* Its number is taken as long as nobody has asked for its status. */
static void end_of_an_ended_child(void **state)
{
    (void)state;
    int out[2];

    assert_int_equal(os_pipe(out), 0);
    pid_t pid = start(SH("exit 1"), -1, out[1], false);
    fd_close(&out[1]);
    fd_expect(out[0], "", 0);
    fd_close(&out[0]);
    child_end(pid);
    assert_true(is_gone(pid));
}

static void status_in_words(void **state)
{
    (void)state;
    const struct {
        char *const *argv;
        const char *text;
    } rows[] = {
        {SH("exit 0"), "exited with 0"},
        {SH("exit 3"), "exited with 3"},
        {SH("exit 255"), "exited with 255"},
        {SH("kill -KILL $$"), "was killed by signal 9"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status = 0;
        pid_t pid = start(rows[i].argv, -1, -1, false);
        assert_int_equal(child_wait(pid, &status, soon()), 0);
        char *text = child_status_text(status);
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

/* --- questions --- */

#define S16 "0123456789abcdef"
#define S256 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16

static const struct line_row {
    const char *name;
    const char *script;
    const char *line; /* NULL: it fails */
    const char *says;
} line_rows[] = {
    {"a line", "echo secret", "secret", NULL},
    {"no line end", "printf secret", "secret", NULL},
    {"carriage return", "printf 'secret\\r\\n'", "secret", NULL},
    {"the first of several", "echo secret; echo user: alice; echo", "secret", NULL},
    {"blanks stay", "echo ' a b '", " a b ", NULL},
    {"bytes of all kinds", "printf '\\001\\377\\\\'", "\001\377\\", NULL},
    {"in pieces", "printf sec; sleep 0.05; echo ret", "secret", NULL},
    {"much behind the line", "echo secret; yes | head -c 60000", "secret", NULL},
    {"stdin has ended", "cat; echo secret", "secret", NULL},
    {"output ends long before it", "echo secret; exec >&-; sleep 0.1", "secret", NULL},
    {"fails", "echo secret; exit 3", NULL, "sh exited with 3"},
    {"is killed", "echo secret; kill -9 $$", NULL, "sh was killed by signal 9"},
    {"says nothing", "true", NULL, "sh: printed nothing"},
    {"an empty line", "echo; echo secret", NULL, "sh: the first line is empty"},
    {"a NUL", "printf 'sec\\000ret\\n'", NULL, "sh: its first line has a NUL byte"},
    {"too much behind the line", "echo secret; yes", NULL, "sh: it wrote more than 65536 bytes"},
    {"a line without an end", "yes | tr -d '\\n'", NULL, "sh: it wrote more than 65536 bytes"},
};

static void first_line(void **state)
{
    const struct line_row *row = *state;
    char script[128];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    struct fake_ctx fake;

    (void)snprintf(script, sizeof(script), "%s", row->script);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    char *line = child_first_line(argv, &fake.ctx);
    if (row->line) {
        assert_err_unset(&fake.err);
        assert_string_equal(line, row->line);
    } else {
        assert_null(line);
        assert_string_equal(err_text(&fake.err), row->says);
        assert_err(&fake.err, ERR_AUTH, NULL);
    }
    secret_free(line);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void longest_line(void **state)
{
    (void)state;
    for (int size = SECRET_MAX - 2; size <= SECRET_MAX + 1; size++) {
        char script[64];
        char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
        struct fake_ctx fake;

        (void)snprintf(script, sizeof(script), "yes | tr -d '\\n' | head -c %d; echo", size);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        char *line = child_first_line(argv, &fake.ctx);
        if (size < SECRET_MAX) {
            assert_err_unset(&fake.err);
            assert_int_equal(strlen(line), size);
        } else {
            assert_null(line);
            assert_err(&fake.err, ERR_AUTH, "more than 4095 bytes");
        }
        secret_free(line);
    }
}

static void line_of_a_missing_program(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"stile-no-such-program"}, NULL};
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_null(child_first_line(argv, &fake.ctx));
    assert_err(&fake.err, ERR_AUTH, "stile-no-such-program: No such file or directory");
}

/* Such as an agent that is started by the way. */
static void daemon_that_holds_stdout_is_not_waited_for(void **state)
{
    (void)state;
    struct fake_ctx fake;
    pid_t daemon = 0;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    char *line = child_first_line(SH("sleep 1000 & echo $!"), &fake.ctx);
    assert_err_unset(&fake.err);
    assert_non_null(line);
    daemon = (pid_t)strtol(line, NULL, 10);
    secret_free(line);
    assert_true(daemon > 1);
    assert_int_equal(kill(daemon, SIGKILL), 0);
}

static void deadline_ends_the_child(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int lifeline[2];

    fd_pipe(lifeline);
    fake_ctx_init(&fake, 60);
    assert_null(child_first_line(SH("echo secret; exec sleep 1000"), &fake.ctx));
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_err(&fake.err, ERR_TIME, "sh: no answer within 0.06 s");
    await_end_of(lifeline);
}

static void cancellation_ends_the_child(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int lifeline[2];

    fd_pipe(lifeline);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake_ctx_cancel(&fake);
    assert_null(child_first_line(SH("exec sleep 1000"), &fake.ctx));
    assert_err_silent(&fake.err);
    fd_close(&fake.ctx.cancel_fd);
    await_end_of(lifeline);
}

static void answers(void **state)
{
    (void)state;
    const struct {
        char *const *argv;
        const char *line;
        int status;
    } rows[] = {
        {SH("echo yes"), "yes", 0},   {SH("echo"), "", 0},           {SH("true"), NULL, 0},
        {SH("exit 4"), NULL, 4 << 8}, {SH("echo; exit 1"), "", 256},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct child_answer answer = {.status = -1};
        struct fake_ctx fake;

        fake_ctx_init(&fake, UNIT_WAIT_MS);
        assert_int_equal(child_ask(rows[i].argv, &answer, &fake.ctx), 0);
        assert_int_equal(answer.status, rows[i].status);
        if (rows[i].line)
            assert_string_equal(answer.line, rows[i].line);
        else
            assert_null(answer.line);
        secret_free(answer.line);
    }
}

/* --- all that it says --- */

static const struct output_row {
    const char *name;
    const char *script;
    size_t max;
    const char *text; /* NULL: it fails */
    const char *complaint;
    int code; /* it exits with */
    const char *says;
} output_rows[] = {
    {"lines", "echo one; echo two", 100, "one\ntwo\n", NULL, 0, NULL},
    {"nothing", "true", 100, "", NULL, 0, NULL},
    {"no line end", "printf one", 100, "one", NULL, 0, NULL},
    {"in pieces", "printf o; sleep 0.05; printf ne", 100, "one", NULL, 0, NULL},
    {"as much as fits", "printf 12345", 5, "12345", NULL, 0, NULL},
    {"a byte too many", "printf 123456", 5, NULL, NULL, 0, "sh: it wrote more than 5 bytes"},
    {"without an end", "yes", 100000, NULL, NULL, 0, "sh: it wrote more than 100000 bytes"},
    {"a NUL", "printf 'o\\000ne'", 100, NULL, NULL, 0, "sh: its output has a NUL byte"},
    {"a NUL at the end", "printf 'one\\000'", 100, NULL, NULL, 0, "sh: its output has a NUL byte"},
    {"stdin has ended", "cat; echo one", 100, "one\n", NULL, 0, NULL},
    {"it fails without a word", "exit 3", 100, "", NULL, 3, NULL},
    {"a complaint", "echo one; echo bad >&2; exit 1", 100, "one\n", "bad", 1, NULL},
    {"a complaint and nothing else", "echo bad >&2", 100, "", "bad", 0, NULL},
    {"the first of several", "printf '\\r\\n\\nbad\\r\\nworse\\n' >&2", 100, "", "bad", 0, NULL},
    {"a complaint without a line end", "printf bad >&2", 100, "", "bad", 0, NULL},
    {"empty lines are none", "echo >&2; echo >&2", 100, "", NULL, 0, NULL},
    {"more complaints than a pipe holds", "yes bad | head -n 16000 >&2; echo one", 100, "one\n",
     "bad", 0, NULL},
    {"complaints without an end", "yes >&2", 100, NULL, NULL, 0,
     "sh: it wrote more than 65536 bytes"},
    {"output ends long before it", "exec >&- 2>&-; sleep 0.1; exit 4", 100, "", NULL, 4, NULL},
};

static void all_output(void **state)
{
    const struct output_row *row = *state;
    char script[128];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    struct child_output output = {.status = -1};
    struct fake_ctx fake;

    (void)snprintf(script, sizeof(script), "%s", row->script);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    int done = child_read(argv, row->max, &output, &fake.ctx);
    if (row->text) {
        assert_err_unset(&fake.err);
        assert_int_equal(done, 0);
        assert_int_equal(output.size, strlen(row->text));
        assert_string_equal(output.text, row->text);
        assert_int_equal(output.status, row->code << 8);
        if (row->complaint)
            assert_string_equal(output.complaint, row->complaint);
        else
            assert_null(output.complaint);
    } else {
        assert_int_equal(done, -1);
        assert_null(output.text);
        assert_string_equal(err_text(&fake.err), row->says);
        assert_err(&fake.err, ERR_CONNECT, NULL);
    }
    child_output_release(&output);
    child_output_release(&output);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void output_of_any_length(void **state)
{
    (void)state;
    const size_t sizes[] = {1022, 1023, 1024, 1025, 65536, 300000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char script[64];
        char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
        struct child_output output;
        struct fake_ctx fake;

        (void)snprintf(script, sizeof(script), "yes 1234567 | head -c %zu", sizes[i]);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        assert_int_equal(child_read(argv, sizes[i], &output, &fake.ctx), 0);
        assert_int_equal(output.size, sizes[i]);
        assert_int_equal(strlen(output.text), sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(output.text[at], "1234567\n"[at % 8]);
        child_output_release(&output);
    }
}

static void output_of_a_missing_program(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"stile-no-such-program"}, NULL};
    struct child_output output;
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(child_read(argv, 100, &output, &fake.ctx), -1);
    assert_err(&fake.err, ERR_CONNECT, "stile-no-such-program: No such file or directory");
    child_output_release(&output);
}

static void output_of_a_daemon_is_not_waited_for(void **state)
{
    (void)state;
    struct child_output output;
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(child_read(SH("sleep 1000 & echo $!"), 100, &output, &fake.ctx), 0);
    pid_t daemon = (pid_t)strtol(output.text, NULL, 10);
    child_output_release(&output);
    assert_true(daemon > 1);
    assert_int_equal(kill(daemon, SIGKILL), 0);
}

static void deadline_ends_the_reading(void **state)
{
    (void)state;
    struct child_output output;
    struct fake_ctx fake;
    int lifeline[2];

    fd_pipe(lifeline);
    fake_ctx_init(&fake, 60);
    assert_int_equal(child_read(SH("echo one; exec sleep 1000"), 100, &output, &fake.ctx), -1);
    assert_err(&fake.err, ERR_TIME, "sh: no answer within 0.06 s");
    child_output_release(&output);
    await_end_of(lifeline);
}

int main(void)
{
    static struct unit unit;

    /* As main does. */
    (void)signal(SIGPIPE, SIG_IGN);
    UNIT_TEST(&unit, bytes_go_in_and_out);
    UNIT_TEST(&unit, without_descriptors_it_has_dev_null);
    UNIT_TEST(&unit, crossed_descriptors);
    UNIT_TEST(&unit, nothing_else_is_inherited);
    UNIT_ROWS(&unit, missing, missing_rows);
    UNIT_TEST(&unit, found_in_path);
    UNIT_ROWS(&unit, signals, signal_rows);
    UNIT_TEST(&unit, ignored_sigchld_does_not_take_the_status);
    UNIT_ROWS(&unit, dies_with_its_parent, orphan_rows);
    UNIT_TEST(&unit, wait_has_a_limit);
    UNIT_TEST(&unit, end_of_a_child);
    UNIT_TEST(&unit, end_of_a_child_apart);
    UNIT_TEST(&unit, end_of_a_stubborn_child);
    UNIT_TEST(&unit, end_of_an_ended_child);
    UNIT_TEST(&unit, status_in_words);
    UNIT_ROWS(&unit, first_line, line_rows);
    UNIT_TEST(&unit, longest_line);
    UNIT_TEST(&unit, line_of_a_missing_program);
    UNIT_TEST(&unit, daemon_that_holds_stdout_is_not_waited_for);
    UNIT_TEST(&unit, deadline_ends_the_child);
    UNIT_TEST(&unit, cancellation_ends_the_child);
    UNIT_TEST(&unit, answers);
    UNIT_ROWS(&unit, all_output, output_rows);
    UNIT_TEST(&unit, output_of_any_length);
    UNIT_TEST(&unit, output_of_a_missing_program);
    UNIT_TEST(&unit, output_of_a_daemon_is_not_waited_for);
    UNIT_TEST(&unit, deadline_ends_the_reading);
    return unit_run(&unit, "child");
}
