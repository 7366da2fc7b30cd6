/* SPDX-License-Identifier: MIT */
/* The ProxyCommand: options, then a dial, then the descriptor is passed or the bytes are relayed. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/options.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/fdpass.h"
#include "core/relay.h"
#include "transports/tcp.h"

/* What the command line says. */
struct request {
    struct config config;
    bool help;
    bool version;
};

static int set_duration(const struct option_row *row, void *field, const char *value,
                        struct err *err)
{
    (void)row;
    return config_parse_duration(value, field, err);
}

#define FIELD(member) offsetof(struct request, member)

static const struct option_row rows[] = {
    {'4', NULL, NULL, "use IPv4 addresses only", FIELD(config.family), option_int, AF_INET},
    {'6', NULL, NULL, "use IPv6 addresses only", FIELD(config.family), option_int, AF_INET6},
    {'q', NULL, NULL, "say nothing on failure; the exit status tells", FIELD(config.quiet),
     option_true, 0},
    {'v', NULL, NULL, "show what happens, with times; twice for more", FIELD(config.verbosity),
     option_count, 0},
    {'w', NULL, "time", "the most that connecting may take (default 60s)",
     FIELD(config.timeout_ns), set_duration, 0},
    {0, "fdpass", NULL, "hand the socket to ssh and end (ProxyUseFdpass yes)",
     FIELD(config.fdpass), option_true, 0},
    {0, "help", NULL, "show this text", FIELD(help), option_true, 0},
    {'V', "version", NULL, "show the version", FIELD(version), option_true, 0},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
    (void)printf("usage: stile [-46qv] [-w time] [--fdpass] [--] host port\n"
                 "Connects stdin and stdout to a port of a host. In ~/.ssh/config:\n"
                 "    ProxyCommand stile %%h %%p\n\n");
    options_help(rows, ROW_COUNT, stdout);
    (void)printf("\nA time is in seconds (30, 1.5) or has a unit (300ms, 90s, 2m, 1h).\n"
                 "Exit status: 0 done, 1 stream broke, 2 usage, 3 no such name, 4 no connection,\n"
                 "5 refused by a proxy, 6 authentication, 7 out of time, 8 module missing.\n"
                 "Manual: stile(1).\n");
}

/* Answers --help and --version. They stand alone: as a host name from a stranger they are refused, so
 * that nothing but stream bytes can get onto a ProxyCommand's stdout. */
static int answer(const struct request *request, int operands, struct err *err)
{
    if (operands > 0)
        return err_set(err, ERR_USAGE, "--help and --version stand alone; a host can't start with '-'");
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
 * With ControlPersist the ssh master goes to a session of its own, but its helper stays behind in the
 * first terminal's foreground group: a Ctrl-C there, or closing the window, would kill the helper and with
 * it the connection that other sessions share. In a group of its own it gets neither. ssh ends its
 * helper by a SIGHUP to the pid, which still arrives, and by closing the pipes.
 *
 * Only where ssh, or whoever has started us, is in the group with us: a shell with job control makes one
 * for each command line, and expects to stop and to interrupt all of it. And only where both ends are
 * pipes or sockets, for then the relay ends with its neighbours.
 *
 * Not setsid(2): a session is a scheduling group of its own on Linux (sched_autogroup), and each switch
 * between ssh and its helper would take longer.
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

static void relay(struct stream *remote, const struct endpoint *target, const struct trace *trace,
                  struct err *err)
{
    struct stream *local = stream_fd_new(STDIN_FILENO, STDOUT_FILENO);

    if (!local) {
        (void)err_set(err, ERR_STREAM, "relay: %s", strerror(errno));
        return;
    }
    leave_group(trace);
    switch (relay_run(local, remote, NULL, trace, err)) {
    case RELAY_DONE:
        break;
    case RELAY_LOCAL_GONE:
        (void)err_set_silent(err, ERR_STREAM);
        break;
    case RELAY_BROKEN:
        (void)err_wrap(err, "relay: %s", target->text);
        break;
    }
    stream_close(local);
}

static void connect_and_carry(const struct config *config, const struct endpoint *target,
                              int64_t start_ns, struct err *err)
{
    struct trace trace = {config->verbosity, start_ns, STDERR_FILENO};
    struct ctx ctx = {
        .deadline_ns = start_ns + config->timeout_ns,
        .limit_ns = config->timeout_ns,
        .cancel_fd = STDOUT_FILENO,
        .err = err,
        .trace = &trace,
        .config = config,
    };
    struct dialer direct = {.transport = &tcp_transport};
    struct stream *remote = dialer_dial(&direct, target, &ctx);

    if (!remote)
        return;
    if (config->fdpass)
        (void)fdpass_send(STDOUT_FILENO, stream_socket(remote), &ctx);
    else
        relay(remote, target, &trace, err);
    stream_close(remote);
}

void stile_run(int argc, char **argv, struct outcome *outcome)
{
    int64_t start_ns = clock_ns();
    struct request request = {.help = false};
    struct endpoint target = ENDPOINT_INIT;
    struct err *err = &outcome->err;

    config_init(&request.config);
    int first = options_parse(rows, ROW_COUNT, argc, argv, &request, err);
    outcome->quiet = request.config.quiet;
    if (first == -1)
        goto out;
    if (request.help || request.version) {
        (void)answer(&request, argc - first, err);
        goto out;
    }
    if (argc - first != 2) {
        (void)err_set(err, ERR_USAGE, "want a host and a port; see stile --help");
        goto out;
    }
    if (endpoint_set(&target, argv[first], argv[first + 1], err) == -1)
        goto out;
    if (request.config.fdpass && fdpass_check(STDOUT_FILENO, err) == -1)
        goto out;
    connect_and_carry(&request.config, &target, start_ns, err);
out:
    endpoint_release(&target);
}
