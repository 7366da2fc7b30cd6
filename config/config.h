/* SPDX-License-Identifier: MIT */
/*
 * What the user wants for one target. Filled by the command line, later by files; read by everybody
 * else through a const pointer.
 */
#ifndef STILE_CONFIG_CONFIG_H
#define STILE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/hop.h"
#include "core/err.h"

struct config {
    int family;         /* AF_UNSPEC, or AF_INET (-4), AF_INET6 (-6) */
    int64_t timeout_ns; /* for all that comes before the relay (-w) */
    bool fdpass;        /* hand the descriptor over instead of relaying */
    bool quiet;         /* no message on failure, only the exit status */
    int verbosity;      /* how much trace */
    struct hops hops;   /* of the route; none = direct */
};

/* The defaults, as stile(1) documents them. */
void config_init(struct config *config);

/* Wipes and frees what is in it. */
void config_release(struct config *config);

/*
 * Takes a `-o`: "Name=value" or "Name value", a setting for the one hop of the route, behind those
 * of its URL. 0, or -1 with err set (ERR_USAGE): no name, no or several hops, a password, which
 * others could read.
 */
int config_option(struct config *config, const char *text, struct err *err);

#endif
