/* SPDX-License-Identifier: MIT */
/*
 * A running command as a stream: its stdin and stdout, as they are for an ssh that runs it as its
 * ProxyCommand. It dies with the stream, and with us; the keyboard's signals don't reach it.
 */
#ifndef STILE_TRANSPORTS_COMMAND_H
#define STILE_TRANSPORTS_COMMAND_H

#include <stdbool.h>

#include "core/ctx.h"
#include "core/stream.h"
#include "transports/label.h"

/* Somebody who knows what the command says and how it ends. The stream's, from command_start on. */
struct command_ear {
    /* Hears stderr, in a thread. Its `end` may come after the `close` below, never if no thread was
     * started. */
    struct label_ear label;

    /* It has ended, and what it said was heard. As stream.finish: 0, or -1 with err set. */
    int (*finish)(struct command_ear *ear, int status, struct err *err);

    /* The stream is closed, the command has ended. `heard`: label.end is called, or was. */
    void (*close)(struct command_ear *ear, bool heard);
};

struct command {
    char *const *argv;
    const char *name;  /* in messages; NULL: that of argv[0] */
    const char *layer; /* in front of failures and in the trace: "exec" */
    const char *label; /* in front of what it says on stderr; unless config->quiet */

    /* NULL: what it says is shown as it is, and a bad exit is "LAYER: NAME exited with 3". */
    struct command_ear *ear;

    bool apart; /* as in child.h */
};

/*
 * Starts it. Does not wait for anything but that the program runs. A stream that the caller closes,
 * or NULL with ctx->err set (ERR_CONNECT); then the ear is closed.
 *
 * The stream's finish waits a second at most for the command's end.
 */
struct stream *command_start(const struct command *command, struct ctx *ctx);

/* The name of a program as messages have it: without its folder. */
const char *command_name(const char *path);

#endif
