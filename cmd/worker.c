/* SPDX-License-Identifier: MIT */
#include "cmd/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"
#include "core/fdpass.h"
#include "core/os.h"
#include "core/pipe.h"
#include "core/relay.h"
#include "core/say.h"
#include "core/text.h"

/* It has the deadline itself, and may need a moment to say so; and another one to end, with its
 * children. */
#define GRACE_NS (2 * CLOCK_S)

/* ssh has closed its socket, and the stream takes nothing of what is still to be sent. */
#define PATIENCE_NS (10 * CLOCK_S)

/* What the worker reports, once: an err's code and whether it is silent, one byte each, then the
 * lines of its text, each with a NUL behind it. */
#define REPORT_HEAD_BYTES 2
#define REPORT_BYTES (REPORT_HEAD_BYTES + RACE_MAX * (TEXT_SHOWN_MAX + 1))

/* Pipes between the two. */
struct wires {
    int life[PIPE_ENDS];   /* to the worker: nothing, and a hang-up when it is to give up */
    int report[PIPE_ENDS]; /* from the worker, as all others */

    /* What is for stderr: the trace, and what commands say. Whoever passes that on has a copy of the
     * descriptor, so stderr itself would stay open with them. */
    int log[PIPE_ENDS];
};

#define WIRES_INIT ((struct wires){PIPE_CLOSED, PIPE_CLOSED, PIPE_CLOSED})

static void wires_close(struct wires *wires)
{
    pipe_close(wires->life);
    pipe_close(wires->report);
    pipe_close(wires->log);
}

/* --- the worker --- */

/* Nobody may be there to read it any more. */
static void report(int fd, const struct err *err)
{
    char words[REPORT_BYTES] = {(char)err->code, (char)err->silent};
    size_t size = REPORT_HEAD_BYTES;

    for (const struct err *line = err; line && size + TEXT_SHOWN_MAX < REPORT_BYTES;
         line = line->next) {
        size_t length = strnlen(err_text(line), TEXT_SHOWN_MAX);
        memcpy(words + size, err_text(line), length);
        size += length + 1;
    }
    (void)!write(fd, words, size);
}

/* Gives ssh its end of a socket pair. Ours, as a stream, or NULL with ctx->err set. */
static struct stream *hand_over(struct ctx *ctx)
{
    struct stream *near = NULL;
    int ends[2];

    if (os_socketpair(ends) == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "fdpass: %s", strerror(errno));
        return NULL;
    }
    near = stream_fd_new(ends[0], ends[0]);
    if (!near) {
        (void)err_set(ctx->err, ERR_CONNECT, "fdpass: %s", strerror(errno));
        (void)close(ends[0]);
    } else if (fdpass_send(STDOUT_FILENO, ends[1], ctx) == -1) {
        stream_close(near);
        near = NULL;
    }
    (void)close(ends[1]);
    return near;
}

static void detach(int null)
{
    os_die_with_parent(0);
    (void)setsid();
    (void)!chdir("/");
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
}

/* 0 when ssh has its socket, and *near and *remote are to be relayed; -1 with ctx->err set. */
static int set_up(struct journey *journey, struct stream **near, struct stream **remote,
                  struct ctx *ctx)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null == -1)
        return err_set(ctx->err, ERR_CONNECT, "/dev/null: %s", strerror(errno));
    *remote = journey_dial(journey, ctx);
    if (*remote) {
        TRACE(ctx->trace, "fdpass", "one end of a socket pair; process %ld relays", (long)getpid());
        *near = hand_over(ctx);
    }
    if (*near)
        detach(null);
    (void)close(null);
    if (*near)
        return 0;
    stream_close(*remote);
    return -1;
}

static void work(struct journey *journey, struct wires *wires, const struct ctx *parents)
{
    struct trace trace = *parents->trace;
    struct ctx ctx = *parents;
    struct stream *near = NULL, *remote = NULL;
    struct err end = ERR_INIT;

    trace.fd = wires->log[PIPE_WRITE];
    ctx.trace = &trace;
    ctx.cancel_fd = wires->life[PIPE_READ];
    int done = set_up(journey, &near, &remote, &ctx);
    report(wires->report[PIPE_WRITE], ctx.err);
    pipe_end_close(&wires->report[PIPE_WRITE]);
    if (done == 0) {
        if (relay_run_patiently(near, remote, PATIENCE_NS, NULL, &trace, &end) == RELAY_DONE)
            (void)stream_finish(remote, &end);
        err_release(&end);
        stream_close(near);
        stream_close(remote);
    }
    (void)err_set_silent(ctx.err, ERR_STREAM);
    err_silence(ctx.err);
}

/* --- the parent --- */

struct words {
    char bytes[REPORT_BYTES];
    size_t size;
};

/* Is it the report of a worker that goes on? */
static bool is_success(const struct words *words)
{
    return words->size >= REPORT_HEAD_BYTES && words->bytes[0] == ERR_NONE;
}

/* Shows what is there of the log now. */
static void show(int log)
{
    struct pollfd pfd = {.fd = log, .events = POLLIN};
    char lines[PIPE_BUF];
    ssize_t got = 1;

    while (got > 0 && poll(&pfd, 1, 0) == 1) {
        got = read(log, lines, sizeof(lines) - 1);
        lines[got > 0 ? got : 0] = '\0';
        (void)say(STDERR_FILENO, lines, SAY_PATIENCE_NS);
    }
}

/* Takes what is there of the report. True at its end, or when it can't be read. */
static bool take(struct words *words, int report)
{
    ssize_t got = read(report, words->bytes + words->size, REPORT_BYTES - words->size);

    if (got == -1)
        return errno != EINTR;
    words->size += (size_t)got;
    return got == 0 || words->size == REPORT_BYTES;
}

/*
 * Waits for the report and its end. ssh hangs up when it has its socket, and when it goes: a worker
 * that is still dialing is called off by that, and one that isn't has no ears for it. 0, or -1 with
 * ctx->err set.
 */
static int receive(struct words *words, struct wires *wires, struct ctx *ctx)
{
    enum {
        REPORT,
        SSH,
        LOG,
        FDS
    };
    struct pollfd fds[FDS] = {
        [REPORT] = {.fd = wires->report[PIPE_READ], .events = POLLIN},
        [SSH] = {.fd = STDOUT_FILENO},
        [LOG] = {.fd = wires->log[PIPE_READ], .events = POLLIN},
    };

    for (;;) {
        if (ctx_wait(ctx, fds, FDS, CLOCK_NEVER) == -1)
            return -1;
        if (fds[SSH].revents) {
            pipe_end_close(&wires->life[PIPE_WRITE]);
            ctx->deadline_ns = clock_ns() + GRACE_NS;
            fds[SSH] = (struct pollfd){.fd = -1};
        }
        if (fds[LOG].revents)
            show(fds[LOG].fd);
        if (fds[REPORT].revents && take(words, fds[REPORT].fd))
            return 0;
    }
}

/* Sets err to the lines that the worker has reported. */
static void take_lines(const struct words *words, struct err *err)
{
    enum err_code code = (enum err_code)words->bytes[0];
    const char *at = words->bytes + REPORT_HEAD_BYTES, *end = words->bytes + words->size;

    while (at < end) {
        size_t length = strnlen(at, (size_t)(end - at));
        struct err line = ERR_INIT;
        (void)err_set(&line, code, "%.*s", (int)length, at);
        (void)err_append(err, &line);
        at += length + 1;
    }
}

/* Sets err to what the worker has reported, or to how it has ended without a word. -1. */
static int explain(const struct words *words, int status, struct err *err)
{
    if (words->size >= REPORT_HEAD_BYTES && words->bytes[1])
        return err_set_silent(err, (enum err_code)words->bytes[0]);
    if (words->size >= REPORT_HEAD_BYTES)
        take_lines(words, err);
    if (err->code != ERR_NONE)
        return -1;
    char *end = child_status_text(status);
    (void)err_set(err, ERR_CONNECT, "the worker %s", end ? end : "has ended");
    free(end);
    return -1;
}

/* 0 when the worker goes on without us; -1 with ctx->err set when it has ended. */
static int await(pid_t pid, struct wires *wires, struct ctx *ctx)
{
    struct words words = {.size = 0};
    struct ctx patient = *ctx;
    int status = 0;

    patient.cancel_fd = -1;
    patient.deadline_ns += GRACE_NS;
    int done = receive(&words, wires, &patient);
    bool goes_on = done == 0 && is_success(&words);
    if (!goes_on) {
        pipe_end_close(&wires->life[PIPE_WRITE]);
        if (child_wait(pid, &status, clock_ns() + GRACE_NS) == -1)
            child_end(pid);
    }
    show(wires->log[PIPE_READ]);
    if (goes_on)
        return 0;
    return done == 0 ? explain(&words, status, ctx->err) : -1;
}

/* --- both --- */

int worker_serve(struct journey *journey, struct ctx *ctx)
{
    struct wires wires = WIRES_INIT;
    pid_t pid = -1;
    int done = -1;

    if (os_pipe(wires.life) == 0 && os_pipe(wires.report) == 0 && os_pipe(wires.log) == 0)
        pid = fork();
    if (pid == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "a worker: %s", strerror(errno));
    } else if (pid > 0) {
        pipe_end_close(&wires.life[PIPE_READ]);
        pipe_end_close(&wires.report[PIPE_WRITE]);
        pipe_end_close(&wires.log[PIPE_WRITE]);
        done = await(pid, &wires, ctx);
    } else {
        pipe_end_close(&wires.life[PIPE_WRITE]);
        pipe_end_close(&wires.report[PIPE_READ]);
        pipe_end_close(&wires.log[PIPE_READ]);
        /* Where it has died before, and where the system cannot do that, the pipe tells. */
        os_die_with_parent(SIGTERM);
        work(journey, &wires, ctx);
    }
    wires_close(&wires);
    return done;
}
