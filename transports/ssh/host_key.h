/* SPDX-License-Identifier: MIT */
/*
 * Is the gateway the one that the user knows? As ssh(1) decides it, by the same files and
 * StrictHostKeyChecking.
 */
#ifndef STILE_TRANSPORTS_SSH_HOST_KEY_H
#define STILE_TRANSPORTS_SSH_HOST_KEY_H

#include "transports/ssh/known_hosts.h"
#include "transports/ssh/session.h"

/* What the files have on a gateway. */
struct host_key_book {
    const struct ssh_gateway *gateway;
    char *name; /* under which its keys are kept */
    struct known_entries known;
};

/* Reads the files. 0, and the caller releases it; -1 with err set. */
int host_key_book_init(struct host_key_book *book, const struct ssh_gateway *gateway,
                       struct err *err);

void host_key_book_release(struct host_key_book *book);

/* Why libssh2 cannot tell whether the key is right, or would be given another one than ssh(1): a
 * text that the caller frees, or NULL. */
char *host_key_lacks(const struct host_key_book *book);

/* HostKeyAlgorithms, those of the keys that are known before the others. Fresh memory that the
 * caller frees; NULL where there is nothing to change. */
char *host_key_algorithms(const struct host_key_book *book);

/*
 * Checks the key that the gateway has proved to have. May ask (StrictHostKeyChecking ask), and adds
 * what was accepted to the first of UserKnownHostsFile. 0, or -1 with ctx->err set: ERR_AUTH for a
 * key that is not accepted, ERR_TIME.
 */
int host_key_check(const struct host_key_book *book, struct session *session, struct ctx *ctx);

#endif
