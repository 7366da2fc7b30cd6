/* SPDX-License-Identifier: MIT */
#include "core/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"

#define TERMINAL "/dev/tty"
#define ASKPASS "/usr/bin/ssh-askpass"

/* How soon a signal takes effect. */
#define TICK_NS (100 * CLOCK_MS)

/* --- the terminal --- */

struct terminal {
    int fd;
    bool echo;             /* what is typed is shown */
    bool line_ended;       /* and so was the line end */
    struct termios before; /* as it was found */
    sigset_t signals;      /* the mask as it was found */
    struct ctx *ctx;
    char *answer; /* SECRET_MAX bytes */
    size_t length;
};

enum outcome {
    PROMPT_WAIT,
    PROMPT_AGAIN, /* a signal has to take effect, or the terminal was changed: ask once more */
    PROMPT_DONE,
    PROMPT_FAILED, /* ctx->err is set */
};

static enum outcome prompt_fail(const struct terminal *terminal, const char *why)
{
    (void)err_set(terminal->ctx->err, ERR_AUTH, "%s", why);
    return PROMPT_FAILED;
}

static enum outcome prompt_fail_errno(const struct terminal *terminal)
{
    (void)err_set(terminal->ctx->err, ERR_AUTH, "%s: %s", TERMINAL, strerror(errno));
    return PROMPT_FAILED;
}

/* What would end or stop us with the echo off. */
static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

#define HELD_COUNT (sizeof(held_signals) / sizeof(held_signals[0]))

/* What is ignored stays out: blocked, it would become pending, and then vanish. */
static void hold_signals(struct terminal *terminal)
{
    sigset_t held;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < HELD_COUNT; i++) {
        struct sigaction action;
        if (sigaction(held_signals[i], NULL, &action) == -1 || action.sa_handler != SIG_IGN)
            (void)sigaddset(&held, held_signals[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &held, &terminal->signals);
}

/* Did one come that was not blocked before? */
static bool signal_is_held(const struct terminal *terminal)
{
    sigset_t pending;

    (void)sigpending(&pending);
    for (size_t i = 0; i < HELD_COUNT; i++)
        if (sigismember(&pending, held_signals[i]) == 1 &&
            sigismember(&terminal->signals, held_signals[i]) == 0)
            return true;
    return false;
}

/* Is the terminal still as we have set it? A shell that got it back while we were stopped has made
 * it its own. */
static bool is_ours(const struct terminal *terminal)
{
    tcflag_t ours = terminal->echo ? ECHO | ICANON : ICANON;
    struct termios now;

    return tcgetattr(terminal->fd, &now) == 0 && (now.c_lflag & (ECHO | ECHONL | ICANON)) == ours;
}

/* No TCSAFLUSH: it waits for output that Ctrl-S may hold up for ever. */
static int set_terminal(int fd, const struct termios *to)
{
    if (tcflush(fd, TCIFLUSH) == -1)
        return -1;
    return tcsetattr(fd, TCSANOW, to);
}

static int make_ours(struct terminal *terminal)
{
    if (tcgetattr(terminal->fd, &terminal->before) == -1)
        return -1;
    struct termios ours = terminal->before;
    ours.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    ours.c_lflag |= ICANON | ISIG;
    if (terminal->echo)
        ours.c_lflag |= ECHO;
    ours.c_iflag |= ICRNL;
    if (set_terminal(terminal->fd, &ours) == -1)
        return -1;
    /* It succeeds when anything of it could be done. */
    if (!is_ours(terminal)) {
        errno = ENOTSUP;
        return -1;
    }
    return 0;
}

/* Undoes make_ours and hold_signals, in this order; what was held takes effect. */
static void restore(struct terminal *terminal)
{
    sigset_t no_stop, before;

    if (is_ours(terminal)) {
        /* Also from the background, where a shell without job control may have left us. */
        (void)sigemptyset(&no_stop);
        (void)sigaddset(&no_stop, SIGTTOU);
        (void)pthread_sigmask(SIG_BLOCK, &no_stop, &before);
        (void)set_terminal(terminal->fd, &terminal->before);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        /* Nobody saw the line end that was typed. */
        if (!terminal->line_ended)
            (void)!write(terminal->fd, "\n", 1);
    }
    (void)pthread_sigmask(SIG_SETMASK, &terminal->signals, NULL);
}

/* Waits for one tick at most: PROMPT_DONE = there are events. */
static enum outcome wait_for(const struct terminal *terminal, short events)
{
    struct pollfd pfd = {.fd = terminal->fd, .events = events};

    if (signal_is_held(terminal) || !is_ours(terminal))
        return PROMPT_AGAIN;
    int ready = ctx_wait(terminal->ctx, &pfd, 1, clock_ns() + TICK_NS);
    if (ready == -1)
        return PROMPT_FAILED;
    if (pfd.revents & (POLLHUP | POLLERR | POLLNVAL) && ready)
        return prompt_fail(terminal, "the terminal has gone");
    return ready ? PROMPT_DONE : PROMPT_WAIT;
}

static enum outcome show(const struct terminal *terminal, const char *text)
{
    enum outcome outcome = PROMPT_DONE;

    for (size_t left = strlen(text); left > 0;) {
        ssize_t put = write(terminal->fd, text, left);
        if (put >= 0) {
            text += put;
            left -= (size_t)put;
        } else if (errno == EAGAIN) {
            outcome = wait_for(terminal, POLLOUT);
            if (outcome == PROMPT_AGAIN || outcome == PROMPT_FAILED)
                return outcome;
        } else if (errno != EINTR) {
            return prompt_fail_errno(terminal);
        }
    }
    return PROMPT_DONE;
}

/* Reads what is there of the line. */
static enum outcome take_line(struct terminal *terminal)
{
    char *at = terminal->answer + terminal->length;
    ssize_t got = read(terminal->fd, at, SECRET_MAX - terminal->length);

    if (got == -1)
        return errno == EAGAIN || errno == EINTR ? PROMPT_WAIT : prompt_fail_errno(terminal);
    if (got == 0 && terminal->length == 0)
        return prompt_fail(terminal, "the question was not answered");
    terminal->length += (size_t)got;
    if (memchr(at, '\0', (size_t)got))
        return prompt_fail(terminal, "the answer has a NUL byte");

    char *end = memchr(at, '\n', (size_t)got);
    size_t length = end ? (size_t)(end - terminal->answer) : terminal->length;
    /* Linux keeps a line end for itself, and forgets what comes between it and the 4095th byte. */
    if (length >= SECRET_MAX - 1)
        return prompt_fail(terminal, "the answer is too long");
    if (!end && got > 0)
        return PROMPT_WAIT;
    terminal->answer[length] = '\0';
    terminal->line_ended = terminal->echo && end;
    return PROMPT_DONE;
}

static enum outcome ask_once(struct terminal *terminal, const char *question)
{
    if (make_ours(terminal) == -1)
        return prompt_fail_errno(terminal);
    /* Over what was typed too early. */
    enum outcome outcome = show(terminal, "\r");
    if (outcome == PROMPT_DONE)
        outcome = show(terminal, question);
    if (outcome == PROMPT_DONE)
        outcome = PROMPT_WAIT;
    while (outcome == PROMPT_WAIT) {
        outcome = wait_for(terminal, POLLIN);
        if (outcome == PROMPT_DONE)
            outcome = take_line(terminal);
    }
    return outcome;
}

/* 0, or -1 with ctx->err set. */
static int ask_terminal(struct terminal *terminal, const char *question)
{
    enum outcome outcome = PROMPT_AGAIN;

    while (outcome == PROMPT_AGAIN) {
        secret_wipe(terminal->answer, SECRET_MAX);
        terminal->length = 0;
        terminal->line_ended = false;
        /* Stops us as long as we are in the background, while signals still have their effect. */
        (void)tcflush(terminal->fd, TCIFLUSH);
        hold_signals(terminal);
        outcome = ask_once(terminal, question);
        restore(terminal);
    }
    return outcome == PROMPT_DONE ? 0 : -1;
}

/* Takes `fd` over. */
static char *prompt_terminal(int fd, const char *question, bool echo, struct ctx *ctx)
{
    struct terminal terminal = {.fd = fd, .echo = echo, .ctx = ctx, .answer = malloc(SECRET_MAX)};
    char *answer = NULL;

    TRACE(ctx->trace, "prompt", "asking on %s", TERMINAL);
    if (!terminal.answer) {
        (void)err_no_memory(ctx->err);
        goto out;
    }
    if (ask_terminal(&terminal, question) == 0) {
        answer = strdup(terminal.answer);
        if (!answer)
            (void)err_no_memory(ctx->err);
    }
    secret_wipe(terminal.answer, SECRET_MAX);
    free(terminal.answer);
out:
    (void)close(fd);
    return answer;
}

/* --- askpass --- */

static char *askpass_answer(char *const *argv, struct ctx *ctx)
{
    struct child_answer answer;

    if (child_ask(argv, &answer, ctx) == -1) {
        (void)err_wrap(ctx->err, "askpass");
        return NULL;
    }
    if (answer.status == 0) {
        char *line = answer.line ? answer.line : strdup("");
        if (!line)
            (void)err_no_memory(ctx->err);
        return line;
    }
    char *end = child_status_text(answer.status);
    (void)err_set(ctx->err, ERR_AUTH, "the question was not answered: %s %s", argv[0],
                  end ? end : "failed");
    free(end);
    secret_free(answer.line);
    return NULL;
}

static char *prompt_askpass(const char *question, struct ctx *ctx)
{
    const char *program = getenv("SSH_ASKPASS");
    char *name = strdup(program ? program : ASKPASS), *shown = strdup(question);
    char *argv[] = {name, shown, NULL};
    char *answer = NULL;

    if (name && shown) {
        TRACE(ctx->trace, "prompt", "asking by %s", name);
        answer = askpass_answer(argv, ctx);
    } else {
        (void)err_no_memory(ctx->err);
    }
    free(shown);
    free(name);
    return answer;
}

/* --- whom to ask --- */

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

/* Who is asked, as far as the environment says. */
struct rules {
    bool never;   /* no askpass */
    bool allowed; /* askpass */
    bool first;   /* askpass rather than the terminal */
};

static struct rules prompt_rules(void)
{
    const char *require = getenv("SSH_ASKPASS_REQUIRE");
    bool force = require && strcasecmp(require, "force") == 0;
    bool prefer = require && strcasecmp(require, "prefer") == 0;
    bool never = require && strcasecmp(require, "never") == 0;
    bool allowed = force || (!never && (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")));

    return (struct rules){never, allowed, allowed && (force || prefer)};
}

/* Of its own, so it may be made never to block. */
static int open_terminal(void)
{
    return open(TERMINAL, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

bool prompt_is_at_terminal(void)
{
    struct rules rules = prompt_rules();
    int fd = rules.first ? -1 : open_terminal();

    if (fd != -1)
        (void)close(fd);
    return fd != -1;
}

/* `question`, fit to be shown. */
static char *prompt(const char *question, bool echo, struct ctx *ctx)
{
    struct rules rules = prompt_rules();
    int fd = rules.first ? -1 : open_terminal();
    int why = errno;

    if (fd != -1)
        return prompt_terminal(fd, question, echo, ctx);
    if (rules.allowed)
        return prompt_askpass(question, ctx);
    (void)err_set(ctx->err, ERR_AUTH,
                  "nobody can be asked: no terminal (%s: %s) and no askpass (%s)", TERMINAL,
                  strerror(why),
                  rules.never ? "SSH_ASKPASS_REQUIRE is never"
                              : "neither DISPLAY nor WAYLAND_DISPLAY is set");
    return NULL;
}

/* Gives an escaped text its line ends back. */
static void unescape_line_ends(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] == 'n') {
            *to++ = '\n';
            from++;
            continue;
        }
        /* The second backslash of two begins nothing. */
        if (from[0] == '\\')
            *to++ = *from++;
        *to++ = *from;
    }
    *to = '\0';
}

bool prompt_may_ask(const struct ctx *ctx)
{
    return !ctx->asker || ctx->asker->is_turn(ctx->asker);
}

int prompt_await_turn(struct ctx *ctx)
{
    return ctx->asker ? ctx->asker->await_turn(ctx->asker, ctx) : 0;
}

static char *escape_and_prompt(const char *question, bool is_secret, struct ctx *ctx)
{
    if (ctx->asker)
        return ctx->asker->ask(ctx->asker, question, is_secret, ctx);
    char *shown = text_escape(question), *answer = NULL;

    if (!shown) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    unescape_line_ends(shown);
    answer = prompt(shown, !is_secret, ctx);
    free(shown);
    return answer;
}

char *prompt_secret(const char *question, struct ctx *ctx)
{
    return escape_and_prompt(question, true, ctx);
}

char *prompt_line(const char *question, struct ctx *ctx)
{
    return escape_and_prompt(question, false, ctx);
}
