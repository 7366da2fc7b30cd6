/* SPDX-License-Identifier: MIT */
/*
 * Who we are for one hop, and where the secret comes from. Asked when the hop asks, not before.
 *
 * The user: of the URL, the setting `user`, or the login of the entry in ~/.netrc for the hop's
 * host.
 * The secret, from the first of these that is there; one that is there and fails is an error:
 *
 *     passwordcommand   the first line of what a command prints (words.h: no shell)
 *     passwordfile      the first line of a file that nobody else may read (path.h)
 *     the password of a URL in a config file
 *     passwordenv       the environment variable of this name
 *     ~/.netrc          which nobody else may read; $NETRC names another file
 *     a prompt          prompt.h; three tries
 *
 * From netrc the user's own entry is taken, and none where the hop is a Unix socket: that has no
 * name. A netrc that cannot be opened has no entries. As long as no user is known, neither has one
 * that is no text file or is broken in another machine's entry: the hop may need no login. An empty
 * secret is one where it was typed, and in a URL and a netrc; from a command, a file or a variable
 * it means that something is missing. One of SECRET_MAX bytes or more is refused, and control bytes
 * are, in a user as well. No message holds one.
 *
 * A secret belongs to one hop (scheme, host, port) and is kept with it until credential_forget, so
 * that a hop that must be dialed again does not ask again.
 */
#ifndef STILE_CONFIG_CREDENTIAL_H
#define STILE_CONFIG_CREDENTIAL_H

#include <stdbool.h>

#include "config/hop.h"
#include "core/ctx.h"

/* The names of the settings above, ended by NULL: what a transport with a login takes. */
#define CREDENTIAL_SETTINGS "user", "passwordcommand", "passwordfile", "passwordenv"

/* The first setting that says where the secret comes from, or NULL. */
const struct setting *credential_source(const struct hop *hop);

/* Is there a password in the URL of the hop? */
bool credential_is_in_url(const struct hop *hop);

/* Are these settings and the user of the URL right? No files, no network. 0, or -1 with err set
 * (ERR_USAGE). */
int credential_check(const struct hop *hop, struct err *err);

/*
 * The user, or NULL when none is known. May read ~/.netrc, asks nobody. It stays the hop's, until
 * credential_forget. 0, or -1 with ctx->err set (ERR_USAGE: a netrc that has the entry and is broken
 * there, or that others can read, or whose login has a control byte).
 */
int credential_user(const struct hop *hop, const char **user, struct ctx *ctx);

/*
 * The secret of the user whom credential_user gave. Blocks, never past the ctx, as long as a
 * command or a person takes. It stays the hop's, until credential_forget or a credential_retry that
 * is true. NULL with ctx->err set: ERR_AUTH (no user is known, too), ERR_USAGE (a file that others
 * can read, or that is no text file), ERR_TIME.
 */
const char *credential_secret(const struct hop *hop, struct ctx *ctx);

/* The hop has turned the secret down. Is it worth asking for it again? Only a person may have
 * mistyped, and has three tries. When true the secret is wiped, and credential_secret asks. */
bool credential_retry(const struct hop *hop);

/*
 * What the hop said when it asked for a login, so that a second dial need not be asked again. Keeps
 * a copy with the hop until credential_forget, instead of an earlier one. 0, or -1 when memory is
 * lacking.
 */
int credential_set_question(const struct hop *hop, const char *question);

/* NULL when there is none. */
const char *credential_question(const struct hop *hop);

/* Wipes what is kept with the hop, but for the password of its URL, which cannot be had again: that
 * one stays until hops_release. */
void credential_forget(const struct hop *hop);

/* For hop.c: the place where all that is kept, one for each hop that may have a login, with the
 * password of its URL or NULL. NULL when memory is lacking. */
struct secret_slot *secret_slot_new(const char *password);

/* Wipes and frees; NULL is allowed. */
void secret_slot_free(struct secret_slot *slot);

#endif
