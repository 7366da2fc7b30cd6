/* SPDX-License-Identifier: MIT */
/*
 * What the user wants for one target. Filled by the command line (and by files, in time), read by
 * everybody else through a const pointer.
 */
#ifndef STILE_CONFIG_CONFIG_H
#define STILE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct config {
    int family;         /* AF_UNSPEC, or AF_INET (-4), AF_INET6 (-6) */
    int64_t timeout_ns; /* for all that comes before the relay (-w) */
    bool fdpass;        /* hand the descriptor over instead of relaying */
    bool quiet;         /* no message on failure, only the exit status */
    int verbosity;      /* how much trace */
};

/* The defaults, as stile(1) documents them. */
void config_init(struct config *config);

/*
 * A length of time: plain decimal seconds (`30`, `1.5`) or with a unit (`300ms`, `90s`, `2m`, `1h`). At least
 * a millionth of the unit, at most a year; no sign, no exponent, no blanks, whatever the locale. 0, or -1 with err set (ERR_USAGE).
 */
int config_parse_duration(const char *text, int64_t *out_ns, struct err *err);

#endif
