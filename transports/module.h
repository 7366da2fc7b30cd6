/* SPDX-License-Identifier: MIT */
/*
 * Transports that are loaded when a route needs them. A module is NAME.so in the folder
 * `transports` beside the executable (the build tree), or in LIBDIR/stile/transports, both by their
 * absolute paths; or it was linked in (make MODULES=static).
 */
#ifndef STILE_TRANSPORTS_MODULE_H
#define STILE_TRANSPORTS_MODULE_H

#include "core/trace.h"
#include "transports/transport.h"

/*
 * Loads a module; one that is there already is found again. Modules stay loaded. Blocks as long as
 * dlopen(3) does. Its descriptor, of the type that the module of this name has; NULL with err set
 * (ERR_MODULE): it isn't there, is none or one for another ABI, or lacks a library: "the module
 * curl needs a library (Debian: libcurl4): …".
 */
const void *module_load(const char *name, const struct trace *trace, struct err *err);

/*
 * The same beside other work: a thread loads it, and calls `warm` (may be NULL) with what it has
 * loaded. module_finish waits for it and returns as module_load; the loading is over then. NULL
 * where no thread could be had: module_finish does it all.
 */
struct module_loading;
struct module_loading *module_begin(const char *name, void (*warm)(const void *module),
                                    const struct trace *trace);
const void *module_finish(struct module_loading *loading, const char *name,
                          const struct trace *trace, struct err *err);

/* Is there a module of this name? No name that could leave the folder has one. */
bool module_exists(const char *name);

/*
 * Dials `to` by the first transport of a module. `ready` is a stream to the hop itself, which is
 * taken over; NULL: the hop is dialed while the module is loaded. As transport.dial, and
 * ERR_MODULE.
 */
struct stream *module_dial(const char *name, const struct hop *hop, const struct dialer *below,
                           struct stream *ready, const struct endpoint *to, struct ctx *ctx);

#endif
