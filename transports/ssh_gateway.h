/* SPDX-License-Identifier: MIT */
/* What is known about an ssh gateway, put together from its hop and the user's ssh_config. */
#ifndef STILE_TRANSPORTS_SSH_GATEWAY_H
#define STILE_TRANSPORTS_SSH_GATEWAY_H

#include "transports/ssh_module.h"

/* The settings of a hop that are keywords of ssh_config(5), in lower case, between commas for a
 * list. */
#define SSH_GATEWAY_KEYWORDS                                                                       \
    "identityfile", "identitiesonly", "identityagent", "certificatefile", "userknownhostsfile",    \
        "globalknownhostsfile", "hostkeyalias", "stricthostkeychecking",                           \
        "preferredauthentications", "numberofpasswordprompts", "serveraliveinterval",              \
        "serveralivecountmax", "connecttimeout", "compression", "hostkeyalgorithms", "ciphers",    \
        "macs", "kexalgorithms", "batchmode", "hashknownhosts", "proxyjump", "proxycommand"

/* Is it one of them? */
bool ssh_gateway_takes(const char *name);

/*
 * Finds it out: runs `ssh -G` with the hop's own settings and user and port, or takes ssh's defaults
 * where there is no ssh(1). Blocks, never past the ctx. 0, and the caller releases it; -1 with
 * ctx->err set (ERR_USAGE: what ssh has to say about its configuration).
 */
int ssh_gateway_init(struct ssh_gateway *gateway, const struct hop *hop, struct ctx *ctx);

/* The ctx, with a deadline that ConnectTimeout brings nearer: for all that comes before the login. */
struct ctx ssh_gateway_hurry(const struct ssh_gateway *gateway, const struct ctx *ctx);

void ssh_gateway_release(struct ssh_gateway *gateway);

/*
 * The words for an ssh(1) that goes to the hop: `before` (ended by NULL), the hop's settings as
 * -oName=value, -l and -p where the URL says them, `--` and the host as the user wrote it. For
 * words_free. NULL when memory is lacking (err set).
 */
char **ssh_gateway_words(const struct hop *hop, const char *const *before, struct err *err);

/*
 * The command of `?exec=` for this target, as one text for the POSIX shell of the gateway. The
 * host is validated: letters, digits and -._:% alone, so it is one word; words that the user wrote
 * are quoted where a shell would take them for more than a word. Fresh memory that the caller
 * frees; NULL with err set (ERR_USAGE).
 */
char *ssh_gateway_command(const struct ssh_gateway *gateway, const struct endpoint *to,
                          struct err *err);

#endif
