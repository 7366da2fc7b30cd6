/* SPDX-License-Identifier: MIT */
/*
 * Asking the person at the keyboard, by OpenSSH's rules (ssh(1), ENVIRONMENT): on /dev/tty; by
 * $SSH_ASKPASS where there is none and DISPLAY or WAYLAND_DISPLAY is set; SSH_ASKPASS_REQUIRE =
 * force, prefer or never changes that. Never on stdin and stdout, which are the stream.
 */
#ifndef STILE_CORE_PROMPT_H
#define STILE_CORE_PROMPT_H

#include <stdbool.h>

#include "core/ctx.h"

/*
 * Who asks in our place: where several routes are dialed at once, only one may ask, and when it is
 * its turn. All may be called in any thread.
 */
struct asker {
    /* Is it the turn of whoever has this asker: has every route before it failed? */
    bool (*is_turn)(struct asker *asker);

    /* Waits until it is. 0, or -1 with ctx->err set. */
    int (*await_turn)(struct asker *asker, struct ctx *ctx);

    /* Awaits the turn, then does what prompt_secret or prompt_line would do. */
    char *(*ask)(struct asker *asker, const char *question, bool is_secret, struct ctx *ctx);
};

/*
 * Asks for a secret: `question` is shown as it is ("Password for alice at http://proxy:3128: "),
 * bytes that are not printable are escaped, but for its line ends; what is typed is not shown. Blocks,
 * never past the ctx.
 *
 * The terminal is put right again before it returns, and before a signal that came meanwhile
 * (Ctrl-C, Ctrl-Z, SIGTERM, SIGHUP) takes effect.
 *
 * The answer, possibly empty, for secret_free; NULL with ctx->err set: ERR_AUTH when nobody can be
 * asked (the text says why) or the answer was refused (Ctrl-D, Cancel), ERR_TIME.
 */
char *prompt_secret(const char *question, struct ctx *ctx);

/* The same for what is no secret: what is typed is shown. */
char *prompt_line(const char *question, struct ctx *ctx);

/* May a question be asked now, or do routes come first that may do without one? Another program
 * that would ask by itself must be kept from it as long as this is false. */
bool prompt_may_ask(const struct ctx *ctx);

/* Waits until it may. 0, or -1 with ctx->err set. */
int prompt_await_turn(struct ctx *ctx);

/* Would a question be asked at the terminal now? Else by askpass, or there is nobody. */
bool prompt_is_at_terminal(void);

#endif
