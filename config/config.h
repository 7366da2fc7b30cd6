/* SPDX-License-Identifier: MIT */
/*
 * What the user wants for one target. Filled by the command line, then by files; the first value of
 * everything counts. Read by everybody else through a const pointer.
 */
#ifndef STILE_CONFIG_CONFIG_H
#define STILE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/hop.h"
#include "config/place.h"
#include "core/err.h"
#include "core/log.h"

#define KEYWORDS_MAX 16

/* A route as somebody has written it. */
struct via {
    char *text;
    struct place place;
    bool is_jump; /* as ssh(1) takes it behind -J */
};

/* What a Hop block says of one hop, or -o of the only one. */
struct hop_block {
    /* The address and the settings; without a scheme: the only hop of the only route. */
    struct hop hop;
    struct place place;
};

struct config {
    int family;               /* AF_UNSPEC, AF_INET or AF_INET6 */
    int64_t timeout_ns;       /* for all that comes before the relay */
    int64_t attempt_delay_ns; /* the head start of a route; CLOCK_NEVER: until it has failed */
    int64_t remember_ns;      /* how long a route that won starts first; 0 = it doesn't */
    char *log_file;           /* NULL: none */
    bool log_system;          /* syslog */
    enum log_level log_level;
    struct place said[KEYWORDS_MAX]; /* by the index of the keyword; no source: the default */

    bool fdpass;   /* hand the descriptor over instead of relaying */
    bool quiet;    /* no message on failure, only the exit status */
    int verbosity; /* how much trace */

    struct via *via; /* alternatives, in order of preference; none: `env` */
    size_t via_count;
    struct hop_block *block;
    size_t block_count;

    char **source; /* the names that places point to */
    size_t source_count;
};

/* The defaults, as stile_config(5) documents them. */
void config_init(struct config *config);

/* Wipes and frees what is in it. */
void config_release(struct config *config);

/* A copy of a source's name for places, which lives as long as the config. NULL with err set: no
 * memory. */
const char *config_source(struct config *config, const char *name, struct err *err);

/*
 * Takes a value of a keyword that isn't a block's or Include: where it is said first, it counts;
 * later it is only checked. Not for Via. 0, or -1 with err set (ERR_USAGE) "Timeout: want …".
 */
int config_say(struct config *config, const char *keyword, const char *value,
               const struct place *place, struct err *err);

/* The value of a keyword was set from here. */
void config_mark(struct config *config, const char *keyword, const struct place *place);

/* Adds a route behind the others. Its text is looked at by ways_settle. 0, or -1: no memory. */
int config_via(struct config *config, const char *text, bool is_jump, const struct place *place,
               struct err *err);

/* A new block behind the others; `url` NULL: of the only hop. NULL with err set (ERR_USAGE): no
 * hop, several, one with a user, a password or settings. Valid until the next one is added. */
struct hop_block *config_hop_block(struct config *config, const char *url,
                                   const struct place *place, struct err *err);

/* Adds a setting to a block. 0, or -1 with err set (ERR_USAGE): a password; no memory. */
int config_hop_setting(struct hop_block *block, const char *name, const char *value,
                       const struct place *place, struct err *err);

/* What -o is answered with that is no keyword, where there is no hop either. Sets err (ERR_USAGE),
 * returns -1. */
int config_no_hop(const char *name, struct err *err);

/*
 * Takes a `-o`: "Name=value" or "Name value". A keyword of stile_config(5), or else a setting for the
 * one hop of the one route. 0, or -1 with err set (ERR_USAGE): no name, a keyword that begins a
 * block, a password, which others could read.
 */
int config_option(struct config *config, const char *text, struct err *err);

#endif
