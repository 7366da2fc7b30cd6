/* SPDX-License-Identifier: MIT */
/* The modules of this tree, linked in: sanitizers, fuzzers and valgrind see through them. */
#include "transports/module_builtin.h"

#include <stddef.h>
#include <string.h>

extern const struct transport_module stile_module_curl;

const struct transport_module *module_builtin(const char *name)
{
    return strcmp(name, "curl") == 0 ? &stile_module_curl : NULL;
}
