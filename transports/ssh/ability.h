/* SPDX-License-Identifier: MIT */
/* Which keys this libssh2 can sign with, and what ssh(1) could do for the gateway that it can't. */
#ifndef STILE_TRANSPORTS_SSH_ABILITY_H
#define STILE_TRANSPORTS_SSH_ABILITY_H

#include <stdbool.h>

#include "config/ssh_config.h"
#include "core/trace.h"
#include "transports/ssh/identity.h"

struct ability {
    const struct ssh_config *config;

    /* "the key ~/.ssh/id_rsa is RSA, and libssh2 1.10.0 has no rsa-sha2"; NULL: nothing is
     * lacking. Where memory is lacking, it is forgotten. */
    char *lacking;
    bool is_preferred; /* ssh(1) would try it before what libssh2 has */
};

/* Notes that something is lacking, unless it was noted before of something that ssh(1) prefers. */
void ability_note(struct ability *ability, bool is_preferred, const char *text);

/* Notes "NAME is WHAT, and libssh2 1.10.0 LACKS". */
void ability_note_library(struct ability *ability, bool is_preferred, const char *name,
                          const char *what, const char *lacks);

/* Can libssh2 sign with keys of this type? Notes it where ssh(1) alone can. */
bool ability_has_type(struct ability *ability, const char *name, const char *type);

/* The same for a key. One that the configuration doesn't allow is none for ssh(1) either. */
bool ability_has_key(struct ability *ability, const char *name, const struct identity_public *key,
                     const struct trace *trace);

void ability_release(struct ability *ability);

#endif
