/* SPDX-License-Identifier: MIT */
/* The ProxyCommand: options, then a dial, then the descriptor is passed or the bytes are
 * relayed. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "config/jump.h"
#include "cmd/options.h"
#include "cmd/worker.h"
#include "config/config.h"
#include "config/duration.h"
#include "core/clock.h"
#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/fdpass.h"
#include "core/relay.h"
#include "transports/route.h"

/* What the command line says. */
struct request {
    struct config config;
    const char *hops;  /* of -x; NULL: not said */
    const char *jumps; /* of -J; NULL: not said. Neither: direct */
    struct words settings;
    bool help;
    bool version;
};

static int set_duration(const struct option_row *row, void *field, const char *value,
                        struct err *err)
{
    (void)row;
    return duration_parse(value, field, err);
}

static int set_way(const struct option_row *row, void *field, const char *value, struct err *err)
{
    const char **way = field;

    if (*way)
        return err_set(err, ERR_USAGE, "-%c may be given once; put commas between hops",
                       row->letter);
    *way = value;
    return 0;
}

#define FIELD(member) offsetof(struct request, member)

static const struct option_row rows[] = {
    {.letter = '4',
     .help = "use IPv4 addresses only",
     .field = FIELD(config.family),
     .apply = option_int,
     .constant = AF_INET},
    {.letter = '6',
     .help = "use IPv6 addresses only",
     .field = FIELD(config.family),
     .apply = option_int,
     .constant = AF_INET6},
    {.letter = 'J',
     .value = "dest[,dest...]",
     .help = "go through these ssh gateways, nearest first",
     .field = FIELD(jumps),
     .apply = set_way},
    {.letter = 'o',
     .value = "name=value",
     .help = "a setting of the hop, as in its URL",
     .field = FIELD(settings),
     .apply = option_word},
    {.letter = 'q',
     .help = "say nothing on failure; the exit status tells",
     .field = FIELD(config.quiet),
     .apply = option_true},
    {.letter = 'v',
     .help = "show what happens, with times; twice for more",
     .field = FIELD(config.verbosity),
     .apply = option_count},
    {.letter = 'w',
     .value = "time",
     .help = "give up when not connected within this time (60s)",
     .field = FIELD(config.timeout_ns),
     .apply = set_duration},
    {.letter = 'x',
     .value = "hop[,hop...]",
     .help = "go through these proxies, nearest first",
     .field = FIELD(hops),
     .apply = set_way},
    {.name = "fdpass",
     .help = "hand the socket to ssh and end (ProxyUseFdpass yes)",
     .field = FIELD(config.fdpass),
     .apply = option_true},
    {.name = "help", .help = "show this text", .field = FIELD(help), .apply = option_true},
    {.letter = 'V',
     .name = "version",
     .help = "show the version",
     .field = FIELD(version),
     .apply = option_true},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
    options_usage("stile", rows, ROW_COUNT, stdout);
    (void)fputs(" [--] host port\n"
                "Connects stdin and stdout to a port of a host. In ~/.ssh/config:\n"
                "    ProxyCommand stile %h %p\n\n",
                stdout);
    options_help(rows, ROW_COUNT, stdout);
    (void)fputs("\nA hop is scheme://[user@]host[:port][?name=value&...], and the scheme one of\n"
                "socks5, socks5h, socks4, socks4a, http, https, ssh; the host may be unix:/path.\n"
                "Or it is exec:command. Or direct, alone. -o is for a route of one hop.\n"
                "A dest is [user@]host[:port], and short for ssh://[user@]host[:port].\n"
                "A time is in seconds (30, 1.5) or has a unit (300ms, 90s, 2m, 1h).\n"
                "Exit status: 0 done, 1 stream broke, 2 usage, 3 no such name, 4 no connection,\n"
                "5 refused by a proxy, 6 authentication, 7 out of time, 8 module missing.\n"
                "Manual: stile(1).\n",
                stdout);
}

/* Answers --help and --version. They stand alone: as a host name from a stranger they are
 * refused, so that nothing but stream bytes can get onto a ProxyCommand's stdout. */
static int answer(const struct request *request, int operands, struct err *err)
{
    if (operands > 0)
        return err_set(err, ERR_USAGE,
                       "--help and --version stand alone; a host can't start with '-'");
    if (request->help)
        print_help();
    else
        (void)printf("stile %s\n", STILE_VERSION);
    if (fflush(stdout) == EOF)
        return err_set(err, ERR_STREAM, "stdout: %s", strerror(errno));
    return 0;
}

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
static int dial_and_carry(struct route *route, const struct endpoint *target, struct ctx *ctx)
{
    struct stream *remote = route_dial(route, target, ctx);
    int done = remote ? carry(remote, target, ctx) : -1;

    stream_close(remote);
    return done;
}

/* 0, or -1 with err set. */
static int connect_and_carry(struct request *request, const struct endpoint *target,
                             int64_t start_ns, struct err *err)
{
    struct config *config = &request->config;
    struct trace trace = {config->verbosity, start_ns, STDERR_FILENO};
    struct ctx ctx = {
        .deadline_ns = start_ns + config->timeout_ns,
        .timeout_ns = config->timeout_ns,
        .cancel_fd = STDOUT_FILENO,
        .err = err,
        .trace = &trace,
        .config = config,
    };
    struct route *route = route_new(&config->hops, &trace, err);

    /* What is wrong with a setting of -o says so itself. */
    if (!route)
        return strncmp(err_text(err), "-o", 2) == 0 ? -1
                                                    : err_wrap(err, request->jumps ? "-J" : "-x");
    bool by_worker = config->fdpass && route_layered(route);
    int done = (by_worker ? worker_serve : dial_and_carry)(route, target, &ctx);
    route_free(route);
    return done;
}

/* Brings -x or -J, and -o into the config. 0, or -1 with err set. */
static int settle_route(struct request *request, struct err *err)
{
    struct config *config = &request->config;

    if (request->hops && request->jumps)
        return err_set(err, ERR_USAGE, "-J and -x exclude each other; -x takes ssh://... as well");
    if (request->hops && hops_parse(&config->hops, request->hops, HOP_FROM_ARGV, err) == -1)
        return err_wrap(err, "-x");
    if (request->jumps && jump_parse(&config->hops, request->jumps, err) == -1)
        return err_wrap(err, "-J");
    for (size_t i = 0; i < request->settings.count; i++)
        if (config_option(config, request->settings.word[i], err) == -1)
            return err_wrap(err, "-o");
    return 0;
}

/* 0, or -1 with err set. */
static int serve(struct request *request, int operands, char **operand, int64_t start_ns,
                 struct err *err)
{
    struct endpoint target = ENDPOINT_INIT;

    if (request->help || request->version)
        return answer(request, operands, err);
    if (operands != 2)
        return err_set(err, ERR_USAGE, "want a host and a port; see --help");
    if (request->config.fdpass && fdpass_check(STDOUT_FILENO, err) == -1)
        return err_wrap(err, "--fdpass: stdout");
    if (settle_route(request, err) == -1 ||
        endpoint_set(&target, operand[0], operand[1], err) == -1)
        return -1;
    int done = connect_and_carry(request, &target, start_ns, err);
    endpoint_release(&target);
    return done;
}

int stile_run(int argc, char **argv, struct err *err)
{
    int64_t start_ns = clock_ns();
    struct request request = {.help = false};

    config_init(&request.config);
    int first = options_parse(rows, ROW_COUNT, argc, argv, &request, err);
    if (first != -1)
        (void)serve(&request, argc - first, argv + first, start_ns, err);
    if (request.config.quiet)
        err_silence(err);
    config_release(&request.config);
    free(request.settings.word);
    return (int)err->code;
}
