/* SPDX-License-Identifier: MIT */
#include "core/prompt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/secret.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_terminal.h"
#include "tests/unit/fake_unit.h"

#define QUESTION "Password for alice at http://proxy:3128: "

/* One question in a process of its own, and what came of it: memory that both share. */
struct asked {
    /* Before. */
    const char *question;
    int64_t limit_ms;
    int cancel_fd;
    const char *require; /* SSH_ASKPASS_REQUIRE, and so on; NULL = not set */
    const char *display;
    const char *wayland;
    const char *askpass;
    bool shown;  /* prompt_line */
    int ignored; /* a signal that is ignored; 0 = none */

    /* After. */
    bool at_terminal; /* prompt_is_at_terminal */
    bool answered;
    char answer[SECRET_MAX];
    enum err_code code;
    char text[1024];
    sigset_t mask;
};

static struct asked *asked_new(void)
{
    struct asked *asked =
        mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(asked != MAP_FAILED);
    asked->question = QUESTION;
    asked->limit_ms = UNIT_WAIT_MS;
    asked->cancel_fd = -1;
    return asked;
}

static void asked_free(struct asked *asked)
{
    assert_int_equal(munmap(asked, sizeof(*asked)), 0);
}

static void set_variable(const char *name, const char *value)
{
    (void)(value ? setenv(name, value, 1) : unsetenv(name));
}

/* In the other process. */
static int ask(void *arg)
{
    struct asked *asked = arg;
    struct fake_ctx fake;

    set_variable("SSH_ASKPASS_REQUIRE", asked->require);
    set_variable("DISPLAY", asked->display);
    set_variable("WAYLAND_DISPLAY", asked->wayland);
    set_variable("SSH_ASKPASS", asked->askpass);
    if (asked->ignored)
        (void)signal(asked->ignored, SIG_IGN);
    fake_ctx_init(&fake, asked->limit_ms);
    fake.ctx.cancel_fd = asked->cancel_fd;
    asked->at_terminal = prompt_is_at_terminal();
    char *answer = (asked->shown ? prompt_line : prompt_secret)(asked->question, &fake.ctx);
    asked->answered = answer != NULL;
    if (answer)
        (void)snprintf(asked->answer, sizeof(asked->answer), "%s", answer);
    secret_free(answer);
    asked->code = fake.err.code;
    (void)snprintf(asked->text, sizeof(asked->text), "%s", err_text(&fake.err));
    (void)sigprocmask(SIG_BLOCK, NULL, &asked->mask);
    err_release(&fake.err);
    return 0;
}

static void expect_end(struct fake_terminal *terminal)
{
    int status = terminal_job_status(terminal);

    if (status != 0)
        unit_fail("the job ended with wait status %#x", (unsigned)status);
}

static void expect_answer(const struct asked *asked, const char *answer)
{
    if (!asked->answered)
        unit_fail("no answer: %d, %s", (int)asked->code, asked->text);
    assert_string_equal(asked->answer, answer);
    assert_int_equal(asked->code, ERR_NONE);
}

static void expect_failure(const struct asked *asked, enum err_code code, const char *part)
{
    assert_false(asked->answered);
    assert_int_equal(asked->code, code);
    assert_contains(asked->text, part);
}

/* --- at a terminal --- */

static const struct typed_row {
    const char *name;
    const char *typed;
    const char *answer; /* NULL: it is refused */
    const char *says;
} typed_rows[] = {
    {"a word", "s3cret\n", "s3cret", NULL},
    {"the key is a carriage return", "s3cret\r", "s3cret", NULL},
    {"nothing", "\n", "", NULL},
    {"blanks", "  a b \n", "  a b ", NULL},
    {"a correction", "s3xx\177\177cret\n", "s3cret", NULL},
    {"bytes that are not ASCII", "p\303\244ss\n", "p\303\244ss", NULL},
    {"Ctrl-D behind a word, twice", "s3cret\004\004", "s3cret", NULL},
    {"Ctrl-D and more", "s3\004cret\n", "s3cret", NULL},
    {"Ctrl-D at once", "\004", NULL, "the question was not answered"},
};

static void typed(void **state)
{
    const struct typed_row *row = *state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_false(terminal_echoes(&terminal));
    terminal_type(&terminal, row->typed);
    expect_end(&terminal);
    if (row->answer)
        expect_answer(asked, row->answer);
    else
        expect_failure(asked, ERR_AUTH, row->says);
    assert_true(terminal_echoes(&terminal));
    /* Nothing of it was shown but the line end. */
    assert_string_equal(terminal_rest(&terminal), "\r\n");
    terminal_end(&terminal);
    asked_free(asked);
}

static void settings_come_back_as_they_were(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;
    struct termios before;
    struct termios after;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_int_equal(tcgetattr(terminal.slave, &before), 0);
    before.c_lflag |= ECHO;
    terminal_type(&terminal, "x\n");
    expect_end(&terminal);
    assert_int_equal(tcgetattr(terminal.slave, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    assert_int_equal(after.c_oflag, before.c_oflag);
    assert_memory_equal(after.c_cc, before.c_cc, sizeof(after.c_cc));
    for (int number = 1; number < NSIG; number++)
        assert_int_not_equal(sigismember(&asked->mask, number), 1);
    terminal_end(&terminal);
    asked_free(asked);
}

/* What was typed before the question was seen is no answer to it, and what comes behind the answer
 * is nobody's command. */
static void only_the_line_counts(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;
    char left[16];

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "s3cret\nrm -rf x\n");
    expect_end(&terminal);
    expect_answer(asked, "s3cret");
    fd_set_nonblocking(terminal.slave, true);
    assert_int_equal(read(terminal.slave, left, sizeof(left)), -1);
    terminal_end(&terminal);
    asked_free(asked);
}

/* A C string would end there. */
static void answer_with_a_nul(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    fd_put(terminal.master, "s3\0cret\n", 8);
    expect_end(&terminal);
    expect_failure(asked, ERR_AUTH, "NUL");
    terminal_end(&terminal);
    asked_free(asked);
}

static const struct length_row {
    const char *name;
    size_t length;
    bool taken;
} length_rows[] = {
    {"long", 4000, true},
    {"the longest", SECRET_MAX - 2, true},
    {"too long by one", SECRET_MAX - 1, false},
    {"too long", SECRET_MAX, false},
    {"much too long", 2 * SECRET_MAX, false},
};

static void length(void **state)
{
    static char line[2 * SECRET_MAX + 2];
    const struct length_row *row = *state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    memset(line, 'x', row->length);
    (void)snprintf(line + row->length, 2, "\n");
    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, line);
    expect_end(&terminal);
    line[row->length] = '\0';
    if (row->taken)
        expect_answer(asked, line);
    else
        expect_failure(asked, ERR_AUTH, "too long");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);
    asked_free(asked);
}

/* A name from a URL cannot move the cursor; a long one is shown as it is. */
static void question_is_escaped_and_whole(void **state)
{
    (void)state;
    static char question[3000];
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    memset(question, 'q', sizeof(question));
    (void)snprintf(question + 2900, 100, "%s", "\033[2J\nPassword: ");
    question[0] = '>';
    asked->question = question;
    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, ">qqqqqqqq");
    terminal_await(&terminal, "qqq\\x1b[2J\r\nPassword: ");
    terminal_type(&terminal, "s3cret\n");
    expect_end(&terminal);
    expect_answer(asked, "s3cret");
    terminal_end(&terminal);
    asked_free(asked);
}

static const struct key_row {
    const char *name;
    const char *key; /* NULL: the signal is sent */
    int signal;
} key_rows[] = {
    {"Ctrl-C", "\003", SIGINT}, {"Ctrl-\\", "\034", SIGQUIT}, {"SIGINT", NULL, SIGINT},
    {"SIGTERM", NULL, SIGTERM}, {"SIGHUP", NULL, SIGHUP},
};

static void signal_ends_it_with_the_echo_on(void **state)
{
    const struct key_row *row = *state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "s3c");
    if (row->key)
        terminal_type(&terminal, row->key);
    else
        assert_int_equal(kill(terminal.job, row->signal), 0);
    int status = terminal_job_status(&terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), row->signal);
    assert_true(terminal_echoes(&terminal));
    assert_false(asked->answered);
    assert_string_equal(terminal_rest(&terminal), "\r\n");
    terminal_end(&terminal);
    asked_free(asked);
}

static void ignored_signals_stay_ignored(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    asked->ignored = SIGHUP;
    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_int_equal(kill(terminal.job, SIGHUP), 0);
    /* The first one that is typed would be lost if it asked again. */
    terminal_type(&terminal, "s3");
    (void)poll(NULL, 0, 2 * UNIT_QUIET_MS);
    terminal_type(&terminal, "cret\n");
    expect_end(&terminal);
    expect_answer(asked, "s3cret");
    assert_string_equal(terminal_rest(&terminal), "\r\n");
    terminal_end(&terminal);
    asked_free(asked);
}

/* Ctrl-Z: the shell gets a terminal that echoes; back in the foreground the question comes again,
 * and what was typed before is forgotten. */
static void stopped_and_continued(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    for (int i = 0; i < 3; i++) {
        terminal_await(&terminal, QUESTION);
        assert_false(terminal_echoes(&terminal));
        terminal_type(&terminal, "wrong");
        terminal_type(&terminal, "\032");
        int status = terminal_job_status(&terminal);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(WSTOPSIG(status), SIGTSTP);
        assert_true(terminal_echoes(&terminal));
        terminal_continue(&terminal);
    }
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "s3cret\n");
    expect_end(&terminal);
    expect_answer(asked, "s3cret");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);
    asked_free(asked);
}

/* SIGSTOP gives no time to put anything right; a shell does it then, and whoever is back in the
 * foreground must not read with the echo on. */
static void stopped_without_notice(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;
    struct termios shells;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_int_equal(kill(terminal.job, SIGSTOP), 0);
    int status = terminal_job_status(&terminal);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(tcgetattr(terminal.slave, &shells), 0);
    shells.c_lflag |= ECHO;
    assert_int_equal(tcsetattr(terminal.slave, TCSANOW, &shells), 0);
    terminal_continue(&terminal);
    terminal_await(&terminal, QUESTION);
    assert_false(terminal_echoes(&terminal));
    terminal_type(&terminal, "s3cret\n");
    expect_end(&terminal);
    expect_answer(asked, "s3cret");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);
    asked_free(asked);
}

/* Nobody can be asked from the background: it waits there until it is fetched, or killed. */
static void background_waits(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "\032");
    assert_true(WIFSTOPPED(terminal_job_status(&terminal)));
    for (int i = 0; i < 2; i++) {
        terminal_background(&terminal);
        int status = terminal_job_status(&terminal);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(WSTOPSIG(status), SIGTTOU);
        assert_true(terminal_echoes(&terminal));
    }
    assert_string_equal(terminal_rest(&terminal), "\r\n");
    assert_int_equal(kill(terminal.job, SIGTERM), 0);
    terminal_background(&terminal);
    int status = terminal_job_status(&terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    terminal_end(&terminal);
    asked_free(asked);
}

static void deadline_puts_the_echo_on(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    asked->limit_ms = 300;
    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "s3c");
    expect_end(&terminal);
    expect_failure(asked, ERR_TIME, "no answer within 0.3 s");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);
    asked_free(asked);
}

/* ssh has gone, and with it the reader of our stdout. */
static void cancellation_puts_the_echo_on(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;
    int ends[2];

    fd_socketpair(ends);
    asked->cancel_fd = ends[1];
    assert_int_equal(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_int_equal(shutdown(ends[0], SHUT_RDWR), 0);
    expect_end(&terminal);
    expect_failure(asked, ERR_STREAM, "");
    assert_string_equal(asked->text, "");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    asked_free(asked);
}

static int ask_with_output_stopped(void *arg)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (tty == -1 || tcflow(tty, TCOOFF) == -1)
        return 2;
    return ask(arg);
}

/* Ctrl-S holds the output back: neither the deadline nor Ctrl-C wait for Ctrl-Q. */
static void stopped_output_stops_nothing_else(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    struct fake_terminal terminal;

    asked->limit_ms = 200;
    terminal_start(&terminal, ask_with_output_stopped, asked);
    expect_end(&terminal);
    expect_failure(asked, ERR_TIME, "");
    assert_true(terminal_echoes(&terminal));
    terminal_end(&terminal);

    asked->limit_ms = UNIT_WAIT_MS;
    terminal_start(&terminal, ask_with_output_stopped, asked);
    terminal_await_silence(&terminal);
    terminal_type(&terminal, "\003");
    int status = terminal_job_status(&terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    assert_true(terminal_echoes(&terminal));
    assert_string_equal(terminal_rest(&terminal), "");
    terminal_end(&terminal);
    asked_free(asked);
}

/* --- what is no secret --- */

#define HOST_KEY                                                                                   \
    "The authenticity of host 'bastion' can't be established.\n"                                   \
    "ED25519 key fingerprint is SHA256:abc\\.\n"                                                   \
    "Are you sure (yes/no/[fingerprint])? "

/* A terminal shows what was written a moment later. */
static void expect_rest(struct fake_terminal *terminal, const char *text)
{
    int64_t until_ns = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (strcmp(terminal_rest(terminal), text) != 0 && clock_ns() < until_ns)
        (void)poll(NULL, 0, 1);
    assert_string_equal(terminal_rest(terminal), text);
}

static struct asked *asked_openly(const char *question)
{
    struct asked *asked = asked_new();

    asked->question = question;
    asked->shown = true;
    return asked;
}

static const struct shown_row {
    const char *name;
    const char *typed;
    const char *answer; /* NULL: it is refused */
    const char *rest;   /* that is shown of it */
} shown_rows[] = {
    {"a word", "yes\n", "yes", "yes\r\n"},
    {"the key is a carriage return", "yes\r", "yes", "yes\r\n"},
    {"nothing", "\n", "", "\r\n"},
    {"a correction", "yex\177s\n", "yes", "yex\b \bs\r\n"},
    {"Ctrl-D behind a word, twice", "yes\004\004", "yes", "yes\r\n"},
    {"Ctrl-D at once", "\004", NULL, "\r\n"},
};

static void shown_answer(void **state)
{
    const struct shown_row *row = *state;
    struct asked *asked = asked_openly(QUESTION);
    struct fake_terminal terminal;
    struct termios before;
    struct termios after;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    assert_true(terminal_echoes(&terminal));
    assert_int_equal(tcgetattr(terminal.slave, &before), 0);
    terminal_type(&terminal, row->typed);
    expect_end(&terminal);
    if (row->answer)
        expect_answer(asked, row->answer);
    else
        expect_failure(asked, ERR_AUTH, "the question was not answered");
    assert_int_equal(tcgetattr(terminal.slave, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    expect_rest(&terminal, row->rest);
    terminal_end(&terminal);
    asked_free(asked);
}

static void line_ends_of_a_question_stay(void **state)
{
    (void)state;
    struct asked *asked = asked_openly(HOST_KEY);
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, "\rThe authenticity of host 'bastion' can't be established.\r\n"
                              "ED25519 key fingerprint is SHA256:abc\\\\.\r\n"
                              "Are you sure (yes/no/[fingerprint])? ");
    terminal_type(&terminal, "no\n");
    expect_end(&terminal);
    expect_answer(asked, "no");
    terminal_end(&terminal);
    asked_free(asked);
}

/* A backslash of the question's own makes no line end, and nothing else gets through. */
static void the_rest_of_a_question_is_escaped(void **state)
{
    (void)state;
    struct asked *asked = asked_openly("a\\nb\\\nc\\\\n\033[2J\td\r: ");
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, "\ra\\\\nb\\\\\r\nc\\\\\\\\n\\x1b[2J\\td\\r: ");
    terminal_type(&terminal, "yes\n");
    expect_end(&terminal);
    expect_answer(asked, "yes");
    terminal_end(&terminal);
    asked_free(asked);
}

/* It asks again from the beginning, and a Ctrl-C ends it. */
static void shown_answer_is_stopped_and_ended(void **state)
{
    (void)state;
    struct asked *asked = asked_openly(QUESTION);
    struct fake_terminal terminal;

    terminal_start(&terminal, ask, asked);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "no\032");
    int status = terminal_job_status(&terminal);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(WSTOPSIG(status), SIGTSTP);
    terminal_continue(&terminal);
    terminal_await(&terminal, QUESTION);
    terminal_type(&terminal, "yes");
    terminal_await(&terminal, "yes");
    terminal_type(&terminal, "\003");
    status = terminal_job_status(&terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    assert_false(asked->answered);
    expect_rest(&terminal, "^C\r\n");
    terminal_end(&terminal);
    asked_free(asked);
}

/* Where somebody has left the terminal without an echo, it is there for the question alone. */
static int ask_where_it_is_silent(void *arg)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct termios silent;

    if (tty == -1 || tcgetattr(tty, &silent) == -1)
        return 2;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    if (tcsetattr(tty, TCSANOW, &silent) == -1)
        return 2;
    return ask(arg);
}

static void silent_terminal_shows_the_answer_all_the_same(void **state)
{
    (void)state;
    struct asked *asked = asked_openly(QUESTION);
    struct fake_terminal terminal;

    terminal_start(&terminal, ask_where_it_is_silent, asked);
    terminal_await(&terminal, QUESTION);
    assert_true(terminal_echoes(&terminal));
    terminal_type(&terminal, "yes\n");
    expect_end(&terminal);
    expect_answer(asked, "yes");
    expect_rest(&terminal, "yes\r\n");
    terminal_end(&terminal);
    asked_free(asked);
}

/* --- by a program --- */

/* FOLDER/askpass, a program that notes its question in FOLDER/question and then does `what`. */
static void write_askpass(char path[FD_PATH_MAX], const char *what)
{
    char text[512];

    fd_temp_path(path, "askpass");
    (void)snprintf(text, sizeof(text), "#!/bin/sh\nprintf %%s \"$*\" >\"$0.question\"\n%s\n", what);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    fd_put(fd, text, strlen(text));
    fd_close(&fd);
    assert_int_equal(chmod(path, 0700), 0);
}

/* Whether it was run, and with the question for its only word. */
static bool remove_askpass(const char *path, const char *question)
{
    char file[FD_PATH_MAX + 16];

    (void)snprintf(file, sizeof(file), "%s.question", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool run = fd >= 0;
    if (run) {
        fd_expect(fd, question, strlen(question));
        fd_close(&fd);
        assert_int_equal(unlink(file), 0);
    }
    fd_temp_remove(path);
    return run;
}

/* Asks where there is no terminal at all. */
static void ask_without_terminal(struct asked *asked)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setsid();
        (void)alarm(UNIT_LIMIT_S);
        _exit(ask(asked));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static const struct answer_row {
    const char *name;
    const char *does;
    const char *answer; /* NULL: it is refused */
    const char *says;
} answer_rows[] = {
    {"a word", "echo s3cret", "s3cret", NULL},
    {"no line end", "printf s3cret", "s3cret", NULL},
    {"carriage return", "printf 's3cret\\r\\n'", "s3cret", NULL},
    {"an empty line", "echo", "", NULL},
    {"nothing at all", ":", "", NULL},
    {"cancelled", "exit 1", NULL, "askpass exited with 1"},
    {"cancelled with a word", "echo s3cret; exit 255", NULL, "askpass exited with 255"},
    {"killed", "kill -9 $$", NULL, "askpass was killed by signal 9"},
    {"too long", "yes | tr -d '\\n' | head -c 4096", NULL, "more than 4095 bytes"},
};

static void answered_by_a_program(void **state)
{
    const struct answer_row *row = *state;
    struct asked *asked = asked_new();
    char path[FD_PATH_MAX];

    write_askpass(path, row->does);
    asked->askpass = path;
    asked->require = "force";
    ask_without_terminal(asked);
    if (row->answer)
        expect_answer(asked, row->answer);
    else
        expect_failure(asked, ERR_AUTH, row->says);
    assert_true(remove_askpass(path, QUESTION));
    asked_free(asked);
}

static void program_gets_an_escaped_question(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    char path[FD_PATH_MAX];

    write_askpass(path, "echo s3cret");
    asked->askpass = path;
    asked->require = "force";
    asked->question = "a\033b; $(id) 'c': ";
    ask_without_terminal(asked);
    expect_answer(asked, "s3cret");
    assert_true(remove_askpass(path, "a\\x1bb; $(id) 'c': "));
    asked_free(asked);
}

static void program_gets_all_lines_of_a_question(void **state)
{
    (void)state;
    struct asked *asked = asked_openly("a\nb\\n\033: ");
    char path[FD_PATH_MAX];

    write_askpass(path, "echo yes");
    asked->askpass = path;
    asked->require = "force";
    ask_without_terminal(asked);
    expect_answer(asked, "yes");
    assert_true(remove_askpass(path, "a\nb\\\\n\\x1b: "));
    asked_free(asked);
}

static void program_has_the_deadline(void **state)
{
    (void)state;
    struct asked *asked = asked_new();
    char path[FD_PATH_MAX];

    write_askpass(path, "exec sleep 1000");
    asked->askpass = path;
    asked->require = "force";
    asked->limit_ms = 300;
    ask_without_terminal(asked);
    expect_failure(asked, ERR_TIME, "askpass");
    assert_true(remove_askpass(path, QUESTION));
    asked_free(asked);
}

static void missing_programs_are_named(void **state)
{
    (void)state;
    struct asked *asked = asked_new();

    asked->require = "force";
    asked->askpass = "/nowhere/askpass";
    ask_without_terminal(asked);
    expect_failure(asked, ERR_AUTH, "/nowhere/askpass: No such file or directory");
    asked_free(asked);

    /* OpenSSH's own is asked when none is named. It may be there, and finds no display. */
    asked = asked_new();
    asked->require = "force";
    asked->limit_ms = 2000;
    ask_without_terminal(asked);
    assert_false(asked->answered);
    assert_contains(asked->text, "/usr/bin/ssh-askpass");
    asked_free(asked);
}

/* --- whom to ask: readpass.c of OpenSSH --- */

enum whom {
    NOBODY,
    PROGRAM,
    PERSON,
};

static const struct rule_row {
    const char *name;
    const char *require;
    const char *display;
    const char *wayland;
    enum whom at_terminal;
    enum whom without;
} rule_rows[] = {
    {"nothing set", NULL, NULL, NULL, PERSON, NOBODY},
    {"X", NULL, ":0", NULL, PERSON, PROGRAM},
    {"Wayland", NULL, NULL, "wayland-0", PERSON, PROGRAM},
    {"both empty", NULL, "", "", PERSON, NOBODY},
    {"one empty", NULL, "", "wayland-0", PERSON, PROGRAM},
    {"force", "force", NULL, NULL, PROGRAM, PROGRAM},
    {"force, in capitals", "FORCE", NULL, NULL, PROGRAM, PROGRAM},
    {"force with X", "force", ":0", NULL, PROGRAM, PROGRAM},
    {"prefer", "prefer", NULL, NULL, PERSON, NOBODY},
    {"prefer with X", "Prefer", ":0", NULL, PROGRAM, PROGRAM},
    {"prefer with Wayland", "prefer", NULL, "wayland-0", PROGRAM, PROGRAM},
    {"prefer with an empty DISPLAY", "prefer", "", NULL, PERSON, NOBODY},
    {"never", "never", NULL, NULL, PERSON, NOBODY},
    {"never with X", "never", ":0", NULL, PERSON, NOBODY},
    {"never, in capitals", "NEVER", ":0", "wayland-0", PERSON, NOBODY},
    {"another word", "perhaps", ":0", NULL, PERSON, PROGRAM},
    {"an empty word", "", NULL, NULL, PERSON, NOBODY},
};

static struct asked *asked_by_rule(const struct rule_row *row, const char *askpass)
{
    struct asked *asked = asked_new();

    asked->require = row->require;
    asked->display = row->display;
    asked->wayland = row->wayland;
    asked->askpass = askpass;
    return asked;
}

static void rule_at_a_terminal(void **state)
{
    const struct rule_row *row = *state;
    struct fake_terminal terminal;
    char path[FD_PATH_MAX];

    write_askpass(path, "echo program");
    struct asked *asked = asked_by_rule(row, path);
    terminal_start(&terminal, ask, asked);
    if (row->at_terminal == PERSON) {
        terminal_await(&terminal, QUESTION);
        terminal_type(&terminal, "person\n");
    }
    expect_end(&terminal);
    expect_answer(asked, row->at_terminal == PERSON ? "person" : "program");
    assert_int_equal(asked->at_terminal, row->at_terminal == PERSON);
    if (row->at_terminal == PROGRAM)
        assert_string_equal(terminal_rest(&terminal), "");
    assert_int_equal(remove_askpass(path, QUESTION), row->at_terminal == PROGRAM);
    terminal_end(&terminal);
    asked_free(asked);
}

static void rule_without_a_terminal(void **state)
{
    const struct rule_row *row = *state;
    char path[FD_PATH_MAX];

    write_askpass(path, "echo program");
    struct asked *asked = asked_by_rule(row, path);
    ask_without_terminal(asked);
    if (row->without == PROGRAM)
        expect_answer(asked, "program");
    else
        expect_failure(asked, ERR_AUTH, "/dev/tty");
    assert_false(asked->at_terminal);
    assert_int_equal(remove_askpass(path, QUESTION), row->without == PROGRAM);
    asked_free(asked);
}

int main(void)
{
    static struct unit unit;

    (void)signal(SIGPIPE, SIG_IGN);
    UNIT_ROWS(&unit, typed, typed_rows);
    UNIT_TEST(&unit, settings_come_back_as_they_were);
    UNIT_TEST(&unit, only_the_line_counts);
    UNIT_TEST(&unit, answer_with_a_nul);
    UNIT_ROWS(&unit, length, length_rows);
    UNIT_TEST(&unit, question_is_escaped_and_whole);
    UNIT_ROWS(&unit, signal_ends_it_with_the_echo_on, key_rows);
    UNIT_TEST(&unit, ignored_signals_stay_ignored);
    UNIT_TEST(&unit, stopped_and_continued);
    UNIT_TEST(&unit, stopped_without_notice);
    UNIT_TEST(&unit, background_waits);
    UNIT_TEST(&unit, deadline_puts_the_echo_on);
    UNIT_TEST(&unit, cancellation_puts_the_echo_on);
    UNIT_TEST(&unit, stopped_output_stops_nothing_else);
    UNIT_ROWS(&unit, shown_answer, shown_rows);
    UNIT_TEST(&unit, line_ends_of_a_question_stay);
    UNIT_TEST(&unit, the_rest_of_a_question_is_escaped);
    UNIT_TEST(&unit, shown_answer_is_stopped_and_ended);
    UNIT_TEST(&unit, silent_terminal_shows_the_answer_all_the_same);
    UNIT_ROWS(&unit, answered_by_a_program, answer_rows);
    UNIT_TEST(&unit, program_gets_an_escaped_question);
    UNIT_TEST(&unit, program_gets_all_lines_of_a_question);
    UNIT_TEST(&unit, program_has_the_deadline);
    UNIT_TEST(&unit, missing_programs_are_named);
    UNIT_ROWS(&unit, rule_at_a_terminal, rule_rows);
    UNIT_ROWS(&unit, rule_without_a_terminal, rule_rows);
    return unit_run(&unit, "prompt");
}
