/* SPDX-License-Identifier: MIT */
/* Every module is a file; MODULES=static has module_static.c instead. */
#include "transports/module_builtin.h"

#include <stddef.h>

const void *module_builtin(const char *name)
{
    (void)name;
    return NULL;
}
