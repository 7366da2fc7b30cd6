/* SPDX-License-Identifier: MIT */
/*
 * The login, RFC 4252 and 4256, in the order and by the rules that ssh(1) has: methods in the order
 * of PreferredAuthentications, agent keys before files, no key twice.
 *
 * Other than ssh(1), it does not ask first what the gateway offers where keys come first: the
 * answer to the first key tells that as well, and a round trip is saved.
 */
#ifndef STILE_TRANSPORTS_SSH_AUTH_H
#define STILE_TRANSPORTS_SSH_AUTH_H

#include "transports/ssh/session.h"

/*
 * Logs in as gateway->config.user. Blocks, never past the ctx. Asks by prompt.h, unless BatchMode;
 * questions name the gateway. 0, or -1 with ctx->err set (ERR_AUTH: "gateway NAME: …" says what the
 * gateway offers, what was tried, and whether it had enough of us; ERR_REFUSED where it makes no
 * sense; ERR_TIME).
 *
 * `lacking` as in ssh_module.h: where it isn't NULL, *lacking is set instead of ctx->err, and -1
 * returned, before a person is asked or the login is given up, if ssh(1) could try more than this.
 */
int auth_log_in(struct session *session, char **lacking, struct ctx *ctx);

/* Why there is no use in trying to log in with libssh2: all the keys that ssh(1) would offer are
 * such that this library can't sign with them, or the configuration wants what it doesn't have
 * (certificates, PKCS#11, …). A text that the caller frees, or NULL. Asks nobody, no network but
 * the agent's socket, never past the ctx. */
char *auth_lacks(const struct ssh_gateway *gateway, struct ctx *ctx);

/* --- for session.c, which has libssh2's memory --- */

/* How many bytes to take for a block of `size`; SIZE_MAX: it is refused. */
size_t auth_room(struct auth *auth, size_t size);

/* libssh2 is done with a block: it may be a packet whose words libssh2 keeps to itself. */
void auth_heard(struct auth *auth, const uint8_t *block, size_t size);

#endif
