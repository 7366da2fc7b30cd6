/* SPDX-License-Identifier: MIT */
/*
 * The keys to log in with, those and in the order that ssh(1) has: agent keys that are identity
 * files as well, other agent keys, other identity files. None is there twice.
 */
#ifndef STILE_TRANSPORTS_SSH_KEYRING_H
#define STILE_TRANSPORTS_SSH_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ctx.h"
#include "core/stream.h"
#include "transports/ssh/ability.h"
#include "transports/ssh/identity.h"
#include "transports/ssh_module.h"

struct keyring_key {
    struct keyring_key *next;
    char *name; /* for people: "~/.ssh/id_ed25519", "agent: alice@laptop" */
    char *path; /* of the private half; NULL: there is the agent only */
    struct identity_public public_half;
    bool in_agent;
    bool encrypted; /* the file is */
    bool tried;
};

struct keyring {
    const struct ssh_gateway *gateway;
    struct keyring_key *first;
    struct stream *agent; /* NULL: there is none, or it is of no use */

    struct ability ability;
    char *unused; /* files that there are, and why they are of no use; or NULL */
};

/* Whose keys are looked at: a peculiarity of auth_lacks. */
enum keyring_scope {
    KEYRING_FILES,
    KEYRING_ALL,
};

/* Finds the keys. Blocks as long as the agent takes, never past the ctx. 0, and the caller releases
 * it; -1 with ctx->err set (ERR_TIME, a path that can't be expanded), and nothing to release. */
int keyring_init(struct keyring *ring, const struct ssh_gateway *gateway, enum keyring_scope scope,
                 struct ctx *ctx);

void keyring_release(struct keyring *ring);

/* Notes in ring->unused why a key is of no use. */
void keyring_note(struct keyring *ring, const struct keyring_key *key, const char *why);

/* Has the ctx ended (out of time, called off), so that nothing else can be tried? */
bool keyring_is_over(const struct ctx *ctx);

#endif
