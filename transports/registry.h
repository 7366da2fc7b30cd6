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

#endif
