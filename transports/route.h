/* SPDX-License-Identifier: MIT */
/* A route: hops with the transports that serve them, and the fold that dials it. */
#ifndef STILE_TRANSPORTS_ROUTE_H
#define STILE_TRANSPORTS_ROUTE_H

#include "config/hop.h"
#include "transports/transport.h"

/*
 * Finds the transport of each hop, completes its port and checks its settings: everything that can
 * be said without the network. The hops stay the caller's and must outlive the route. NULL with err
 * set (ERR_USAGE, ERR_MODULE).
 */
struct route *route_new(struct hops *hops, const struct trace *trace, struct err *err);

/* All that route_new checks, but for what only a module of other people knows, which isn't loaded. 0,
 * or -1 with err set (ERR_USAGE). */
int route_check(struct hops *hops, struct err *err);

/* Are the scheme and the settings of a hop right that is in no route? The settings of one that a
 * module serves are left alone. 0, or -1 with err set (ERR_USAGE). */
int route_check_settings(struct hop *hop, struct err *err);

/* The name of the first hop whose streams can't be passed as a socket, or NULL. */
const char *route_layered(const struct route *route);

/* Do all values of this setting count, and not the first alone? */
bool route_setting_adds_up(const char *name);

/* NULL is allowed. */
void route_free(struct route *route);

/*
 * Dials the target by way of all hops, and of those that must be passed on the way to the first one
 * (a gateway's ProxyJump in ssh_config), which are added to the hops. Blocks, never past the ctx.
 * Secrets of the hops are wiped when it returns. A stream that the caller closes, or NULL with
 * ctx->err set, which names the hop that failed: "hop 2 of 3 (socks5://gw:1080): …".
 */
struct stream *route_dial(struct route *route, const struct endpoint *target, struct ctx *ctx);

#endif
