/* SPDX-License-Identifier: MIT */
#include "transports/route.h"

#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "transports/dialer.h"
#include "transports/ground.h"
#include "transports/registry.h"

struct leg {
    struct hop *hop;
    const struct transport *transport;
};

struct route {
    size_t count;
    struct leg legs[];
};

/* --- checks --- */

static bool knows(const struct transport *transport, const char *name)
{
    for (const char *const *known = transport->settings; known && *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

static int check_setting(const struct hop *hop, const struct transport *transport, size_t index,
                         struct err *err)
{
    const struct setting *setting = &hop->settings[index];

    if (!knows(transport, setting->name))
        return hop_setting_fault(setting, err, "%s hops have no such setting", hop->scheme);
    if (!*setting->value)
        return hop_setting_fault(setting, err, "lacks a value");
    for (size_t i = 0; i < index; i++)
        if (strcmp(hop->settings[i].name, setting->name) == 0 &&
            strcmp(setting->name, "header") != 0 && setting->column)
            return hop_setting_fault(setting, err, "is there twice");
    return 0;
}

static int check_hop(struct hop *hop, const struct transport *transport, bool nearest,
                     struct err *err)
{
    if (transport->nearest && !nearest)
        return err_set(err, ERR_USAGE,
                       "column %u: %s starts on this machine, so it can only be the first hop",
                       hop->column, hop->name);
    if (hop->address.path && !nearest)
        return err_set(err, ERR_USAGE,
                       "column %u: %s is a path of this machine, so it can only be the first hop",
                       hop->column, hop->name);
    if (hop_default_port(hop, transport->default_port, err) == -1)
        return -1;
    for (size_t i = 0; i < hop->setting_count; i++)
        if (check_setting(hop, transport, i, err) == -1)
            return -1;
    return transport->check ? transport->check(hop, err) : 0;
}

struct route *route_new(struct hops *hops, const struct trace *trace, struct err *err)
{
    struct route *route = malloc(sizeof(*route) + hops->count * sizeof(route->legs[0]));

    if (!route) {
        (void)err_no_memory(err);
        return NULL;
    }
    route->count = hops->count;
    for (size_t i = 0; i < hops->count; i++) {
        struct hop *hop = &hops->hop[i];
        const struct transport *transport = registry_find(hop->scheme, trace, err);
        if (!transport)
            (void)err_wrap(err, "column %u", hop->column);
        if (!transport || check_hop(hop, transport, i == 0, err) == -1) {
            free(route);
            return NULL;
        }
        route->legs[i] = (struct leg){hop, transport};
    }
    return route;
}

const char *route_layered(const struct route *route)
{
    for (size_t i = 0; i < route->count; i++)
        if (route->legs[i].transport->layered)
            return route->legs[i].hop->name;
    return NULL;
}

void route_free(struct route *route)
{
    free(route);
}

/* --- the fold --- */

struct stream *dialer_dial(const struct dialer *dialer, const struct endpoint *to, struct ctx *ctx)
{
    const struct hop *hop = dialer->hop;
    struct stream *stream = NULL;

    if (dialer->ready && *dialer->ready) {
        stream = *dialer->ready;
        *dialer->ready = NULL;
        return stream;
    }
    stream = dialer->transport->dial(hop, dialer->below, to, ctx);
    if (!hop)
        return stream;
    if (stream) {
        TRACE(ctx->trace, "route", "hop %zu of %zu (%s): up, to %s", dialer->position, dialer->hops,
              hop->name, to->text);
    } else {
        (void)err_place(ctx->err, "hop %zu of %zu (%s)", dialer->position, dialer->hops, hop->name);
    }
    return stream;
}

struct stream *route_dial(const struct route *route, const struct endpoint *target, struct ctx *ctx)
{
    struct dialer *dialers = calloc(route->count + 1, sizeof(*dialers));

    if (!dialers) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    dialers[0] = (struct dialer){.transport = &ground_transport, .hops = route->count};
    for (size_t i = 0; i < route->count; i++)
        dialers[i + 1] = (struct dialer){.transport = route->legs[i].transport,
                                         .hop = route->legs[i].hop,
                                         .below = &dialers[i],
                                         .position = i + 1,
                                         .hops = route->count};
    struct stream *stream = dialer_dial(&dialers[route->count], target, ctx);
    for (size_t i = 0; i < route->count; i++)
        credential_forget(route->legs[i].hop);
    free(dialers);
    return stream;
}
