/* SPDX-License-Identifier: MIT */
/*
 * A stream of ours as the connection of an ssh(1) that we run.
 *
 * ssh takes a connection from nobody but its ProxyCommand. So that is our own program once more: it
 * fetches the descriptor from us and passes it on to ssh (ProxyUseFdpass, fdpass.h). Both ways are
 * Unix sockets. No text of a user gets into the command: what it needs is in the environment.
 */
#ifndef STILE_TRANSPORTS_HANDOVER_H
#define STILE_TRANSPORTS_HANDOVER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/ctx.h"

/* For $SHELL, whichever it is. */
#define HANDOVER_OPTION "--handover"
#define HANDOVER_COMMAND "\"$STILE_SELF\" " HANDOVER_OPTION

/* --- in the process that has the stream --- */

struct handover {
    int listener; /* -1 = closed */
    struct sockaddr_un address;
    socklen_t size;
};

#define HANDOVER_CLOSED ((struct handover){.listener = -1})

/* 0, or -1 with err set (ERR_CONNECT). */
int handover_open(struct handover *handover, struct err *err);

#define HANDOVER_VARIABLES 3

/* What the command needs, as words for env(1): "NAME=value"; the last may be NULL. 0, and the caller
 * frees them; -1 when memory is lacking, and nothing is to be freed. */
int handover_environment(const struct handover *handover, char *variables[HANDOVER_VARIABLES]);

/* Gives a copy of `fd` to whoever has connected (poll the listener), if it's our own user, and
 * closes the listener. 1; 0 when nobody has; -1 with ctx->err set. */
int handover_give(struct handover *handover, int fd, struct ctx *ctx);

void handover_close(struct handover *handover);

/* --- in the process that ssh runs --- */

/* Is this what the process was started for? */
bool handover_is_asked(int argc, char *const *argv);

/* Fetches the descriptor and passes it on to `out`. Blocks, never past the ctx. 0, or -1 with
 * ctx->err set. */
int handover_fetch(int out, struct ctx *ctx);

#endif
