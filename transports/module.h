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
 * Loads a module; one that is there already is found again. Blocks as long as dlopen(3) does. Its
 * descriptor, of the type that modules of this name have; NULL with err set (ERR_MODULE): "curl: needs the library libcurl (Debian: libcurl4): …", not found,
 * another ABI. Modules stay loaded.
 */
const void *module_load(const char *name, const struct trace *trace, struct err *err);

/* Is there a module of this name? No name that could leave the folder has one. */
bool module_exists(const char *name);

/* The same beside other work, for libcurl takes 6 ms. */
struct module_loading;

/* NULL when memory is lacking. */
struct module_loading *module_loading_start(const char *name, const struct trace *trace);

/* Waits for the end of it, and frees. Returns as module_load. */
const void *module_loading_finish(struct module_loading *loading, struct err *err);

#endif
