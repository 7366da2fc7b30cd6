/* SPDX-License-Identifier: MIT */
#ifndef STILE_TRANSPORTS_MODULE_BUILTIN_H
#define STILE_TRANSPORTS_MODULE_BUILTIN_H

/* The descriptor of a module that was linked in, or NULL. */
const void *module_builtin(const char *name);

#endif
