/* SPDX-License-Identifier: MIT */
/*
 * The routes that the user wants for a target, in order of preference: those of -x and -J, else
 * those of the config, else what the proxy variables say.
 */
#ifndef STILE_CONFIG_WAYS_H
#define STILE_CONFIG_WAYS_H

#include "config/config.h"
#include "config/hop.h"

struct way {
    char *text;         /* for people: "http://proxy:3128,ssh://bastion", "direct" */
    char *said;         /* as it was written, with the secrets in it */
    struct place place; /* where */
    const char
        *variable; /* of static life: "$https_proxy" said it in the place of `env`; or NULL */
    char
        *reason; /* what `env` came to: "$https_proxy", "$no_proxy has db"; NULL: it is not `env` */
    struct hops hops; /* nearest first; with what Hop blocks and -o say of them */
};

struct ways {
    struct way *way;
    size_t count; /* 1 at least */
};

#define WAYS_INIT ((struct ways){0, 0})

/* `default_port` says which port a scheme has, 0 = none, for Hop blocks. 0, and the caller releases
 * it; -1 with err set (ERR_USAGE) "config:12: Via: column 5: …". */
int ways_settle(struct ways *ways, const struct config *config, const struct endpoint *target,
                uint16_t (*default_port)(const char *scheme), struct err *err);

/* Puts where the way was said in front of what is wrong with its text. Always returns -1. */
int way_blame(const struct way *way, struct err *err);

/* Wipes and frees; may be called twice. */
void ways_release(struct ways *ways);

#endif
