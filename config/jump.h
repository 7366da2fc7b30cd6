/* SPDX-License-Identifier: MIT */
/* Gateways as ssh(1) takes them behind -J: `[user@]host[:port]` or `ssh://[user@]host[:port]`, with
 * commas between, nearest first; in ssh_config(5), as ProxyJump, too. */
#ifndef STILE_CONFIG_JUMP_H
#define STILE_CONFIG_JUMP_H

#include "config/hop.h"

/*
 * Parses the list into hops of the scheme ssh, as hops_parse would those of `-x`. An IPv6 address
 * needs no brackets where no port is behind it. Settings are not taken: neither kind of destination
 * has any in ssh(1). 0, and the caller releases the hops; -1 with err set (ERR_USAGE) "column 5: …".
 */
int jump_parse(struct hops *hops, const char *text, struct err *err);

#endif
