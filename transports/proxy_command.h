/* SPDX-License-Identifier: MIT */
/*
 * The ProxyCommand that ssh_config(5) has for a gateway, run as ssh(1) runs it: by the user's shell,
 * on two pipes, or with one socket over which it passes the connection (ProxyUseFdpass).
 *
 * The text is the user's. What is put into it for a token is one plain word for every shell, or the
 * command is not run.
 */
#ifndef STILE_TRANSPORTS_PROXY_COMMAND_H
#define STILE_TRANSPORTS_PROXY_COMMAND_H

#include "transports/ssh_module.h"
#include "transports/transport.h"

/* No hop URL leads here: the hops are made by proxy_command_hop. */
extern const struct transport proxy_command_transport;

/* Makes the hop that is to be passed before the gateway. 0, and hops_release is due; -1 with err set
 * (ERR_USAGE: a token that is unknown or no plain word, a command that leads to the gateway
 * again). */
int proxy_command_hop(const struct ssh_gateway *gateway, struct hops *before, struct err *err);

/*
 * Replaces %h, %n, %p, %r, %% and, for a command, %k: ssh_config(5), TOKENS. `keyword` is for
 * messages. Fresh memory that the caller frees; NULL with err set (ERR_USAGE).
 */
char *proxy_command_expand(const struct ssh_gateway *gateway, const char *keyword, const char *text,
                           struct err *err);

#endif
