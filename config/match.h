/* SPDX-License-Identifier: MIT */
/* What a block of a config file is asked about, and the criteria of a Match line. */
#ifndef STILE_CONFIG_MATCH_H
#define STILE_CONFIG_MATCH_H

#include <stdbool.h>

#include "config/hop.h"
#include "core/ctx.h"
#include "core/endpoint.h"

struct query {
    const struct endpoint *target;

    /* Is it a route, as far as can be said without the network? For all routes of a file. 0, or -1
     * with err set; NULL: only its syntax is checked. */
    int (*check)(struct hops *hops, struct err *err);
};

/* What patterns are held against: the host, or how messages call a target that has none. */
const char *query_host(const struct query *query);

/*
 * `words`, ended by NULL, are pairs of a criterion and what it wants, each with `!` in front for the
 * opposite: `host`, `port` (a list with commas; a port may be a range 6000-6010), `user` (whoever
 * runs us), `exec` (words.h: a command without a shell that gets %h %p and succeeds with 0; its
 * output is thrown away), `network` (an address of this machine lies in one of these:
 * 192.168.7.0/24,2001:db8::/32), and `all`, alone. All of them must hold.
 *
 * *matches says so. With `really` false only the words are checked, and nothing is run or looked up;
 * nor is anything for a criterion that stands behind one that doesn't hold. Blocks as long as `exec`
 * does, never past the ctx. 0, or -1 with ctx->err set: ERR_USAGE (a command that cannot be started,
 * a host that could be more than a word for a shell where a command gets it, too), ERR_TIME.
 */
int match_words(char *const *words, const struct query *query, bool really, bool *matches,
                struct ctx *ctx);

#endif
