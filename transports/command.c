/* SPDX-License-Identifier: MIT */
#include "transports/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/guard.h"
#include "core/os.h"
#include "core/pipe.h"
#include "core/text.h"

/* The command has ended its output; its own end may take that long. */
#define END_NS CLOCK_S

/* A stream of two pipes that knows whose they are. */
struct command_stream {
    struct stream stream; /* its descriptors are the inner one's */
    struct stream *inner;
    pid_t pid; /* 0: it has ended, and its status is taken */
    int label; /* for label_finish; -1: nobody listens to its stderr (any more) */
    struct command_ear *ear;
    bool heard;  /* by the ear */
    char *layer; /* for messages */
    char *name;
};

/* --- the stream --- */

static struct command_stream *command_stream(struct stream *stream)
{
    return (struct command_stream *)stream;
}

static ssize_t command_read(struct stream *stream, void *data, size_t size)
{
    return stream_read(command_stream(stream)->inner, data, size);
}

static ssize_t command_write(struct stream *stream, const void *data, size_t size)
{
    return stream_write(command_stream(stream)->inner, data, size);
}

static int command_shut_wr(struct stream *stream)
{
    struct stream *inner = command_stream(stream)->inner;
    int told = stream_shut_wr(inner);

    stream->wfd = inner->wfd;
    return told;
}

static int command_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    return stream_wait(command_stream(stream)->inner, want, pfd);
}

static void hear_last_words(struct command_stream *own)
{
    label_finish(own->label, clock_ns() + LABEL_LAST_WORDS_NS);
    own->label = -1;
}

static int command_finish(struct stream *stream, struct err *err)
{
    struct command_stream *own = command_stream(stream);
    int status;

    if (!own->pid || child_wait(own->pid, &status, clock_ns() + END_NS) == -1)
        return 0;
    guard_release(own->pid);
    own->pid = 0;
    if (own->ear) {
        hear_last_words(own);
        return own->ear->finish(own->ear, status, err);
    }
    if (status == 0)
        return 0;
    char *end = child_status_text(status);
    (void)err_set(err, ERR_STREAM, "%s: %s %s", own->layer, own->name, end ? end : "failed");
    free(end);
    return -1;
}

static void command_close(struct stream *stream)
{
    struct command_stream *own = command_stream(stream);

    stream_close(own->inner);
    if (own->pid) {
        child_end(own->pid);
        guard_release(own->pid);
    }
    hear_last_words(own);
    if (own->ear)
        own->ear->close(own->ear, own->heard);
    free(own->layer);
    free(own->name);
    free(own);
}

static const struct stream_ops command_ops = {
    .name = "command",
    .read = command_read,
    .write = command_write,
    .shut_wr = command_shut_wr,
    .wait = command_wait,
    .finish = command_finish,
    .close = command_close,
};

/* --- its start --- */

/* The pipes of a command, called as it calls them; -1 = there is none (any more). */
struct command_pipes {
    int in[PIPE_ENDS];
    int out[PIPE_ENDS];
    int err[PIPE_ENDS];
};

/* 0, or -1 with errno; either way the caller closes them. */
static int pipes_open(struct command_pipes *pipes, bool listening)
{
    *pipes = (struct command_pipes){PIPE_CLOSED, PIPE_CLOSED, PIPE_CLOSED};
    if (os_pipe(pipes->in) == -1 || os_pipe(pipes->out) == -1)
        return -1;
    return listening ? os_pipe(pipes->err) : 0;
}

static void pipes_close(struct command_pipes *pipes)
{
    pipe_close(pipes->in);
    pipe_close(pipes->out);
    pipe_close(pipes->err);
}

/* Has the command's stderr labelled. 0, or -1 with errno. */
static int command_listen(struct command_stream *own, struct command_pipes *pipes,
                          const char *label, const struct ctx *ctx)
{
    const struct trace *trace = ctx->config->quiet ? NULL : ctx->trace;

    if (pipes->err[PIPE_READ] == -1)
        return 0;
    own->label =
        label_start_heard(pipes->err[PIPE_READ], label, trace, own->ear ? &own->ear->label : NULL);
    if (own->label == -1)
        return -1;
    own->heard = own->ear;
    pipes->err[PIPE_READ] = -1;
    return 0;
}

/* Makes the stream of a running command. 0, or -1 with errno. */
static int command_attach(struct command_stream *own, struct command_pipes *pipes,
                          const char *label, const struct ctx *ctx)
{
    if (command_listen(own, pipes, label, ctx) == -1)
        return -1;
    own->inner = stream_fd_new(pipes->out[PIPE_READ], pipes->in[PIPE_WRITE]);
    if (!own->inner)
        return -1;
    own->stream = (struct stream){&command_ops, own->inner->rfd, own->inner->wfd};
    pipes->out[PIPE_READ] = pipes->in[PIPE_WRITE] = -1;
    return 0;
}

/* 0, or -1 with ctx->err set. */
static int command_run(struct command_stream *own, const struct command *command, struct ctx *ctx)
{
    struct command_pipes pipes;
    int done = -1;

    if (pipes_open(&pipes, own->ear || !ctx->config->quiet) == -1) {
        (void)err_set(ctx->err, ERR_CONNECT, "%s: %s", own->layer, strerror(errno));
        goto out;
    }
    struct child_plan plan = {
        .argv = command->argv,
        .in = pipes.in[PIPE_READ],
        .out = pipes.out[PIPE_WRITE],
        .err = pipes.err[PIPE_WRITE],
        .bound = true,
        .apart = command->apart,
    };
    own->pid = guard_start(&plan, ctx->err);
    if (own->pid == -1) {
        own->pid = 0;
        (void)err_wrap(ctx->err, "%s", own->layer);
        goto out;
    }
    TRACE(ctx->trace, own->layer, "%s runs as process %ld", own->name, (long)own->pid);
    pipe_end_close(&pipes.in[PIPE_READ]);
    pipe_end_close(&pipes.out[PIPE_WRITE]);
    pipe_end_close(&pipes.err[PIPE_WRITE]);
    done = command_attach(own, &pipes, command->label, ctx);
    if (done == -1)
        (void)err_set(ctx->err, ERR_CONNECT, "%s: %s", own->layer, strerror(errno));
out:
    pipes_close(&pipes);
    return done;
}

struct stream *command_start(const struct command *command, struct ctx *ctx)
{
    struct command_stream *own = calloc(1, sizeof(*own));

    if (!own) {
        if (command->ear)
            command->ear->close(command->ear, false);
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    own->label = -1;
    own->ear = command->ear;
    own->layer = strdup(command->layer);
    own->name = strdup(command->name ? command->name : command_name(command->argv[0]));
    if (!own->layer || !own->name)
        (void)err_no_memory(ctx->err);
    else if (command_run(own, command, ctx) == 0)
        return &own->stream;
    command_close(&own->stream);
    return NULL;
}

/* --- its name --- */

const char *command_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}
