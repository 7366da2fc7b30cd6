/* SPDX-License-Identifier: MIT */
/* The modules of this tree, linked in: sanitizers, fuzzers and valgrind see through them. */
#include "transports/module_builtin.h"

#include <stddef.h>
#include <string.h>

#include "transports/dns.h"
#include "transports/ssh_module.h"
#include "transports/transport.h"

extern const struct transport_module stile_module_curl;
extern const struct dns_module stile_module_dns;
extern const struct ssh_module stile_module_ssh;

static const struct builtin {
    const char *name;
    const void *module;
} builtins[] = {
    {"curl", &stile_module_curl},
    {"dns", &stile_module_dns},
    {"ssh", &stile_module_ssh},
};

const void *module_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].module;
    return NULL;
}
