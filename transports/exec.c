/* SPDX-License-Identifier: MIT */
#include "transports/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/words.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/guard.h"
#include "core/os.h"
#include "core/text.h"
#include "transports/label.h"

/* The command has ended its output; its own end may take that long. */
#define END_NS CLOCK_S

/* A daemon that the command left behind may hold its stderr open. */
#define LAST_WORDS_NS (100 * CLOCK_MS)

/* A stream of two pipes that knows whose they are. */
struct exec_stream {
    struct stream stream; /* its descriptors are the inner one's */
    struct stream *inner;
    pid_t pid; /* 0: it has ended, and its status is taken */
    int label; /* for label_finish; -1: nobody listens to its stderr */
    char *name;
};

/* --- the stream --- */

static struct exec_stream *exec_stream(struct stream *stream)
{
    return (struct exec_stream *)stream;
}

static ssize_t exec_read(struct stream *stream, void *data, size_t size)
{
    return stream_read(exec_stream(stream)->inner, data, size);
}

static ssize_t exec_write(struct stream *stream, const void *data, size_t size)
{
    return stream_write(exec_stream(stream)->inner, data, size);
}

static int exec_shut_wr(struct stream *stream)
{
    struct stream *inner = exec_stream(stream)->inner;
    int told = stream_shut_wr(inner);

    stream->wfd = inner->wfd;
    return told;
}

static int exec_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    return stream_wait(exec_stream(stream)->inner, want, pfd);
}

static int exec_finish(struct stream *stream, struct err *err)
{
    struct exec_stream *exec = exec_stream(stream);
    int status;

    if (!exec->pid || child_wait(exec->pid, &status, clock_ns() + END_NS) == -1)
        return 0;
    guard_release(exec->pid);
    exec->pid = 0;
    if (status == 0)
        return 0;
    char *end = child_status_text(status);
    (void)err_set(err, ERR_STREAM, "exec: %s %s", exec->name, end ? end : "failed");
    free(end);
    return -1;
}

static void exec_close(struct stream *stream)
{
    struct exec_stream *exec = exec_stream(stream);

    stream_close(exec->inner);
    if (exec->pid) {
        child_end(exec->pid);
        guard_release(exec->pid);
    }
    label_finish(exec->label, clock_ns() + LAST_WORDS_NS);
    free(exec->name);
    free(exec);
}

static const struct stream_ops exec_ops = {
    .name = "exec",
    .read = exec_read,
    .write = exec_write,
    .shut_wr = exec_shut_wr,
    .wait = exec_wait,
    .finish = exec_finish,
    .close = exec_close,
};

/* --- the command --- */

/* As long as it is one, a host is a word for every shell and no option for any program. */
static bool is_plain_host(const char *host)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._:%";

    return host[0] != '-' && host[strspn(host, plain)] == '\0';
}

/* The command for this target, for words_free. NULL with err set. */
static char **exec_words(const struct hop *hop, const struct endpoint *to, struct err *err)
{
    char digits[TEXT_DIGITS_MAX];

    if (to->path) {
        (void)err_set(err, ERR_USAGE, "exec: %s: a command is given a host and a port", to->text);
        return NULL;
    }
    if (!is_plain_host(to->host)) {
        (void)err_set(err, ERR_USAGE,
                      "exec: %s: only ASCII letters, digits and -._:%% may be in a host for a "
                      "command",
                      to->text);
        return NULL;
    }
    char **words = words_split(hop->command, err);
    if (words && words_expand(words, to->host, text_digits(to->port, digits), err) == 0)
        return words;
    words_free(words);
    (void)err_wrap(err, "exec");
    return NULL;
}

static int exec_check(const struct hop *hop, struct err *err)
{
    char **words = words_split(hop->command, err);
    int done = words ? words_expand(words, "host", "1", err) : -1;

    words_free(words);
    return done == 0 ? 0 : err_wrap(err, "column %u: exec", hop->column);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* --- dialing --- */

/* The pipes of a command, called as it calls them; -1 = there is none (any more). */
struct exec_pipes {
    int in[PIPE_ENDS];
    int out[PIPE_ENDS];
    int err[PIPE_ENDS];
};

static void end_close(int *fd)
{
    if (*fd != -1)
        (void)close(*fd);
    *fd = -1;
}

/* 0, or -1 with errno; either way the caller closes them. */
static int pipes_open(struct exec_pipes *pipes, bool quiet)
{
    *pipes = (struct exec_pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (os_pipe(pipes->in) == -1 || os_pipe(pipes->out) == -1)
        return -1;
    return quiet ? 0 : os_pipe(pipes->err);
}

static void pipes_close(struct exec_pipes *pipes)
{
    for (int i = 0; i < PIPE_ENDS; i++) {
        end_close(&pipes->in[i]);
        end_close(&pipes->out[i]);
        end_close(&pipes->err[i]);
    }
}

/* Has the command's stderr labelled. 0, or -1 with errno. */
static int exec_listen(struct exec_stream *exec, struct exec_pipes *pipes, int to)
{
    if (pipes->err[PIPE_READ] == -1)
        return 0;
    char *label = text_join("exec:", exec->name, (char *)NULL);
    exec->label = label ? label_start(pipes->err[PIPE_READ], label, to) : -1;
    free(label);
    if (exec->label == -1)
        return -1;
    pipes->err[PIPE_READ] = -1;
    return 0;
}

/* Makes the stream of a running command. 0, or -1 with errno. */
static int exec_attach(struct exec_stream *exec, struct exec_pipes *pipes, const struct ctx *ctx)
{
    if (exec_listen(exec, pipes, ctx->trace->fd) == -1)
        return -1;
    exec->inner = stream_fd_new(pipes->out[PIPE_READ], pipes->in[PIPE_WRITE]);
    if (!exec->inner)
        return -1;
    exec->stream = (struct stream){&exec_ops, exec->inner->rfd, exec->inner->wfd};
    pipes->out[PIPE_READ] = pipes->in[PIPE_WRITE] = -1;
    return 0;
}

/* 0, or -1 with ctx->err set. */
static int exec_start(struct exec_stream *exec, char *const *words, struct ctx *ctx)
{
    struct exec_pipes pipes;
    int done = -1;

    if (pipes_open(&pipes, ctx->config->quiet) == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "exec: %s", strerror(errno));
        goto out;
    }
    struct child_plan plan = {
        .argv = words,
        .in = pipes.in[PIPE_READ],
        .out = pipes.out[PIPE_WRITE],
        .err = pipes.err[PIPE_WRITE],
        .bound = true,
    };
    exec->pid = guard_start(&plan, ctx->err);
    if (exec->pid == -1) {
        exec->pid = 0;
        (void)err_wrap(ctx->err, "exec");
        goto out;
    }
    TRACE(ctx->trace, "exec", "%s runs as process %ld", exec->name, (long)exec->pid);
    end_close(&pipes.in[PIPE_READ]);
    end_close(&pipes.out[PIPE_WRITE]);
    end_close(&pipes.err[PIPE_WRITE]);
    done = exec_attach(exec, &pipes, ctx);
    if (done == -1)
        (void)err_set(ctx->err, ERR_CONNECT, "exec: %s", strerror(errno));
out:
    pipes_close(&pipes);
    return done;
}

static struct stream *exec_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    char **words = exec_words(hop, to, ctx->err);
    struct exec_stream *exec = NULL;

    (void)below;
    if (!words)
        return NULL;
    exec = calloc(1, sizeof(*exec));
    if (exec) {
        exec->label = -1;
        exec->name = strdup(base_name(words[0]));
    }
    if (!exec || !exec->name) {
        (void)err_no_memory(ctx->err);
    } else if (exec_start(exec, words, ctx) == 0) {
        words_free(words);
        return &exec->stream;
    }
    words_free(words);
    if (exec)
        exec_close(&exec->stream);
    return NULL;
}

static const char *const schemes[] = {"exec", NULL};

const struct transport exec_transport = {
    .name = "exec",
    .schemes = schemes,
    .nearest = true,
    .layered = true,
    .check = exec_check,
    .dial = exec_dial,
};
