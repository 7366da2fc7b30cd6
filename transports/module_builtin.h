/* SPDX-License-Identifier: MIT */
#ifndef STILE_TRANSPORTS_MODULE_BUILTIN_H
#define STILE_TRANSPORTS_MODULE_BUILTIN_H

#include "transports/transport.h"

/* A module that was linked in, or NULL. */
const struct transport_module *module_builtin(const char *name);

#endif
