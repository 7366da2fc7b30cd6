/* SPDX-License-Identifier: MIT */
#include "transports/registry.h"

#include <string.h>

#include "transports/exec.h"
#include "transports/http.h"
#include "transports/https.h"
#include "transports/module.h"
#include "transports/proxy_command.h"
#include "transports/socks.h"
#include "transports/ssh.h"

static const struct transport *const builtin[] = {
    &socks5_transport, &socks4_transport, &http_transport,          &https_transport,
    &exec_transport,   &ssh_transport,    &proxy_command_transport,
};

#define BUILTINS (sizeof(builtin) / sizeof(builtin[0]))

static bool serves(const struct transport *transport, const char *scheme)
{
    for (const char *const *known = transport->schemes; *known; known++)
        if (strcmp(*known, scheme) == 0)
            return true;
    return false;
}

/* Modules that are no transports: those who need them know when. */
static bool is_internal(const char *name)
{
    return strcmp(name, "curl") == 0 || strcmp(name, "dns") == 0;
}

const struct transport *registry_builtin(const char *scheme)
{
    for (size_t i = 0; i < BUILTINS; i++)
        if (serves(builtin[i], scheme))
            return builtin[i];
    return NULL;
}

bool transport_takes(const struct transport *transport, const char *name)
{
    for (const char *const *known = transport->settings; known && *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

const struct transport *registry_at(size_t index)
{
    return index < BUILTINS ? builtin[index] : NULL;
}

uint16_t registry_default_port(const char *scheme)
{
    const struct transport *transport = registry_builtin(scheme);

    return transport ? transport->default_port : 0;
}

bool registry_has_module(const char *scheme, struct err *err)
{
    if (module_exists(scheme) && !is_internal(scheme))
        return true;
    (void)err_set(err, ERR_USAGE,
                  "unknown scheme '%s'; there are socks5, socks5h, socks4, socks4a, http, https, "
                  "ssh, exec, and modules",
                  scheme);
    return false;
}

const struct transport *registry_find(const char *scheme, const struct trace *trace,
                                      struct err *err)
{
    const struct transport *transport = registry_builtin(scheme);

    if (transport)
        return transport;
    if (!registry_has_module(scheme, err))
        return NULL;
    const struct transport_module *module = module_load(scheme, trace, err);
    for (size_t i = 0; module && module->transports[i]; i++)
        if (serves(module->transports[i], scheme))
            return module->transports[i];
    (void)err_set(err, ERR_MODULE, "the module %s.so does not serve %s://", scheme, scheme);
    return NULL;
}
