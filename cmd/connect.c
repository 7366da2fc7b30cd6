/* SPDX-License-Identifier: MIT */
#include "cmd/connect.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/worker.h"
#include "config/config.h"
#include "core/fdpass.h"
#include "core/relay.h"

/* --- the relay --- */

static bool is_pipe_or_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/*
 * Leaves the process group of ssh, now that nobody will be asked for anything.
 *
 * With ControlPersist the ssh master goes to a session of its own, but its helper stays behind in
 * the first terminal's foreground group: a Ctrl-C there, or closing the window, would kill the
 * helper and with it the connection that other sessions share. In a group of its own it gets
 * neither. ssh ends its helper by a SIGHUP to the pid, which still arrives, and by closing the
 * pipes.
 *
 * Only where ssh, or whoever has started us, is in the group with us: a shell with job control
 * makes one for each command line, and expects to stop and to interrupt all of it. And only where
 * both ends are pipes or sockets, for then the relay ends with its neighbours.
 *
 * Not setsid(2): a session is a scheduling group of its own on Linux (sched_autogroup), and each
 * switch between ssh and its helper would take longer.
 */
static void leave_group(const struct trace *trace)
{
    if (!is_pipe_or_socket(STDIN_FILENO) || !is_pipe_or_socket(STDOUT_FILENO) ||
        getpgid(getppid()) != getpgrp())
        return;
    /* A message from the background must not stop us where the terminal has `stty tostop`. */
    (void)signal(SIGTTOU, SIG_IGN);
    if (setpgid(0, 0) == 0)
        TRACE_LEVEL(2, trace, "relay", "left the process group");
}

/* Why it broke: a command that has failed knows better than who could not write to it. -1. */
static int relay_explain(struct stream *remote, const struct endpoint *target, struct err *err)
{
    struct err end = ERR_INIT;

    if (stream_finish(remote, &end) == 0)
        return err_wrap(err, "relay: %s", target->text);
    err_release(err);
    *err = end;
    return -1;
}

/* 0, or -1 with err set. */
static int relay(struct stream *remote, const struct endpoint *target, const struct trace *trace,
                 struct err *err)
{
    struct stream *local = stream_fd_new(STDIN_FILENO, STDOUT_FILENO);
    int done = 0;

    if (!local)
        return err_set(err, ERR_STREAM, "relay: %s", strerror(errno));
    leave_group(trace);
    switch (relay_run(local, remote, NULL, trace, err)) {
    case RELAY_DONE:
        done = stream_finish(remote, err);
        break;
    case RELAY_LOCAL_GONE:
        done = err_set_silent(err, ERR_STREAM);
        break;
    case RELAY_BROKEN:
        done = relay_explain(remote, target, err);
        break;
    }
    stream_close(local);
    return done;
}

/* 0, or -1 with err set. */
static int carry(struct stream *remote, const struct endpoint *target, struct ctx *ctx)
{
    if (!ctx->config->fdpass)
        return relay(remote, target, ctx->trace, ctx->err);
    if (stream_socket(remote) == -1)
        return err_set(ctx->err, ERR_USAGE, "--fdpass: what comes through this route is no socket");
    return fdpass_send(STDOUT_FILENO, stream_socket(remote), ctx);
}

/* 0, or -1 with ctx->err set. */
static int dial_and_carry(struct journey *journey, struct ctx *ctx)
{
    struct stream *remote = journey_dial(journey, ctx);
    int done = remote ? carry(remote, journey->target, ctx) : -1;

    stream_close(remote);
    return done;
}

/* --- both --- */

struct stream *journey_dial(struct journey *journey, struct ctx *ctx)
{
    size_t winner = 0;
    struct stream *stream = race_dial(journey->race, journey->target, &winner, ctx);

    if (stream && journey->ways->count > 1)
        memory_keep(&journey->memory, journey->ways, winner, ctx->config->remember_ns, ctx->trace);
    return stream;
}

int connect_and_carry(struct journey *journey, struct ctx *ctx)
{
    bool by_worker = ctx->config->fdpass && race_layered(journey->race);

    return (by_worker ? worker_serve : dial_and_carry)(journey, ctx);
}
