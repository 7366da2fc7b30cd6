/* SPDX-License-Identifier: MIT */
/* Which transport serves which scheme: those that are built in, and modules of other people. */
#ifndef STILE_TRANSPORTS_REGISTRY_H
#define STILE_TRANSPORTS_REGISTRY_H

#include "core/trace.h"
#include "transports/transport.h"

/* The transport of a scheme (lower case). A scheme that is not built in is served by the module of
 * that name. NULL with err set: ERR_USAGE (unknown scheme), ERR_MODULE. */
const struct transport *registry_find(const char *scheme, const struct trace *trace,
                                      struct err *err);

/* The transport of a scheme that is built in, or NULL. */
const struct transport *registry_builtin(const char *scheme);

/* Is there a module for a scheme that isn't built in? Else err says that it is unknown
 * (ERR_USAGE). */
bool registry_has_module(const char *scheme, struct err *err);

/* Does it have a setting of this name? */
bool transport_takes(const struct transport *transport, const char *name);

/* Those that are built in, one after the other, from 0; NULL behind the last one. */
const struct transport *registry_at(size_t index);

/* The port of the proxies of a built-in scheme; 0 = it has none. */
uint16_t registry_default_port(const char *scheme);

#endif
