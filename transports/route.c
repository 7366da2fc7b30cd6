/* SPDX-License-Identifier: MIT */
#include "transports/route.h"

#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "config/keyword.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/dialer.h"
#include "transports/ground.h"
#include "transports/registry.h"

struct route {
    struct hops *hops;
    const struct transport **transports; /* one for each hop */
};

/* --- checks --- */

bool route_setting_adds_up(const char *name)
{
    return strcmp(name, "header") == 0 || strcmp(name, "identityfile") == 0 ||
           strcmp(name, "certificatefile") == 0;
}

static int no_such_setting(const struct hop *hop, const struct transport *transport,
                           const struct setting *setting, struct err *err)
{
    size_t length = strlen(setting->name), best = TEXT_FAR;
    const struct keyword *keyword = keyword_nearest(setting->name, length);
    const char *nearest = NULL;

    for (const char *const *known = transport->settings; known && *known; known++) {
        size_t far = text_distance(*known, setting->name, length);
        if (far < best) {
            best = far;
            nearest = *known;
        }
    }
    /* What begins a block may stand behind a Hop's lines. */
    if (!nearest && keyword && setting->place.line)
        nearest = keyword->name;
    if (!nearest)
        return hop_setting_fault(setting, err, "%s hops have no such setting", hop->scheme);
    return hop_setting_fault(setting, err, "%s hops have no such setting; did you mean %s?",
                             hop->scheme, nearest);
}

static int check_setting(const struct hop *hop, const struct transport *transport, size_t index,
                         struct err *err)
{
    const struct setting *setting = &hop->settings[index];

    if (!transport_takes(transport, setting->name))
        return no_such_setting(hop, transport, setting, err);
    if (!*setting->value)
        return hop_setting_fault(setting, err, "lacks a value");
    for (size_t i = 0; i < index; i++)
        if (strcmp(hop->settings[i].name, setting->name) == 0 &&
            !route_setting_adds_up(setting->name) && setting->column)
            return hop_setting_fault(setting, err, "is there twice");
    return 0;
}

static int check_settings(const struct hop *hop, const struct transport *transport, struct err *err)
{
    for (size_t i = 0; i < hop->setting_count; i++)
        if (check_setting(hop, transport, i, err) == -1)
            return -1;
    return transport->check ? transport->check(hop, err) : 0;
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
    if (!transport->finds_port && hop_default_port(hop, transport->default_port, err) == -1)
        return -1;
    return check_settings(hop, transport, err);
}

/* Finds the transport of a hop and checks the hop. NULL with err set. */
static const struct transport *find_transport(struct hop *hop, bool nearest,
                                              const struct trace *trace, struct err *err)
{
    const struct transport *transport = registry_find(hop->scheme, trace, err);

    if (!transport)
        (void)err_wrap(err, "column %u", hop->column);
    return transport && check_hop(hop, transport, nearest, err) == 0 ? transport : NULL;
}

struct route *route_new(struct hops *hops, const struct trace *trace, struct err *err)
{
    struct route *route = malloc(sizeof(*route));

    if (route)
        *route = (struct route){hops, calloc(hops->count + 1, sizeof(const struct transport *))};
    if (!route || !route->transports) {
        (void)err_no_memory(err);
        goto fail;
    }
    for (size_t i = 0; i < hops->count; i++) {
        route->transports[i] = find_transport(&hops->hop[i], i == 0, trace, err);
        if (!route->transports[i])
            goto fail;
    }
    return route;
fail:
    route_free(route);
    return NULL;
}

int route_check(struct hops *hops, struct err *err)
{
    for (size_t i = 0; i < hops->count; i++) {
        struct hop *hop = &hops->hop[i];
        const struct transport *transport = registry_builtin(hop->scheme);
        if (!transport && !registry_has_module(hop->scheme, err))
            return err_wrap(err, "column %u", hop->column);
        if (transport && check_hop(hop, transport, i == 0, err) == -1)
            return -1;
    }
    return 0;
}

int route_check_settings(struct hop *hop, struct err *err)
{
    const struct transport *transport = registry_builtin(hop->scheme);

    if (transport)
        return check_settings(hop, transport, err);
    return registry_has_module(hop->scheme, err) ? 0 : err_wrap(err, "column %u", hop->column);
}

const char *route_layered(const struct route *route)
{
    for (size_t i = 0; i < route->hops->count; i++)
        if (route->transports[i]->layered)
            return route->hops->hop[i].name;
    return NULL;
}

void route_free(struct route *route)
{
    if (route)
        free(route->transports);
    free(route);
}

/* --- what the hops need --- */

/* Those that are to be passed before the first hop, for ever: A by way of B, B by way of A. */
static int check_circle(const struct hops *before, const struct hops *hops, size_t lineage,
                        struct err *err)
{
    for (size_t i = 0; i < before->count; i++)
        for (size_t j = 0; j < lineage; j++)
            if (strcmp(before->hop[i].name, hops->hop[j].name) == 0)
                return err_set(err, ERR_USAGE, "the way there leads through %s again, in a circle",
                               before->hop[i].name);
    return 0;
}

/* Puts hops in front, which are the route's then. 0, or -1 with err set. */
static int prepend(struct route *route, struct hops *before, const struct trace *trace,
                   struct err *err)
{
    struct hops *hops = route->hops;
    size_t count = before->count + hops->count;
    const struct transport **transports = calloc(count, sizeof(const struct transport *));

    if (!transports)
        return err_no_memory(err);
    struct hop *hop = realloc(before->hop, count * sizeof(*hop));
    if (!hop) {
        free(transports);
        return err_no_memory(err);
    }
    before->hop = hop;
    for (size_t i = 0; i < before->count; i++) {
        transports[i] = find_transport(&hop[i], i == 0, trace, err);
        if (!transports[i]) {
            free(transports);
            return -1;
        }
    }
    memcpy(hop + before->count, hops->hop, hops->count * sizeof(*hop));
    memcpy(transports + before->count, route->transports,
           hops->count * sizeof(const struct transport *));
    free(hops->hop);
    free(route->transports);
    *hops = (struct hops){hop, count};
    *before = HOPS_INIT;
    route->transports = transports;
    return 0;
}

/* Prepares the first hop until nothing is to be passed before it. 0, or -1 with ctx->err set. */
static int prepare_first(struct route *route, struct ctx *ctx)
{
    for (size_t lineage = 1;;) {
        struct hops before = HOPS_INIT;
        struct hop *hop = &route->hops->hop[0];
        const struct transport *transport = route->transports[0];
        int done = transport->prepare && !hop->known ? transport->prepare(hop, &before, ctx) : 0;
        size_t count = before.count;
        if (done == 0 && count == 0)
            return 0;
        if (done == 0)
            done = check_circle(&before, route->hops, lineage, ctx->err);
        if (done == 0)
            done = prepend(route, &before, ctx->trace, ctx->err);
        hops_release(&before);
        if (done == -1)
            return err_place(ctx->err, "%s", hop->name);
        lineage += count;
    }
}

/* 0, or -1 with ctx->err set. */
static int route_prepare(struct route *route, struct ctx *ctx)
{
    if (route->hops->count > 0 && prepare_first(route, ctx) == -1)
        return -1;
    for (size_t i = 1; i < route->hops->count; i++) {
        struct hop *hop = &route->hops->hop[i];
        const struct transport *transport = route->transports[i];
        if (transport->prepare && !hop->known && transport->prepare(hop, NULL, ctx) == -1)
            return err_place(ctx->err, "%s", hop->name);
    }
    return 0;
}

/* --- the fold --- */

/* From here on the steps are those of this hop; the ground's are those of whoever stands on it.
 * Returns whose they were. */
static size_t timing_enter(const struct ctx *ctx, const struct dialer *dialer)
{
    struct timing *timing = ctx->timing;

    if (!timing)
        return 0;
    size_t above = timing->at;
    if (dialer->hop)
        timing->at = dialer->position - 1;
    return above;
}

static void timing_leave(const struct ctx *ctx, const struct dialer *dialer, size_t above,
                         const struct stream *stream)
{
    struct timing *timing = ctx->timing;

    if (!timing)
        return;
    if ((dialer->hop || dialer->hops == 0) && timing->at < timing->count)
        timing->hop[timing->at].is_up = stream;
    timing->at = above;
}

struct stream *dialer_dial(const struct dialer *dialer, const struct endpoint *to, struct ctx *ctx)
{
    const struct hop *hop = dialer->hop;
    struct stream *stream = NULL;

    if (dialer->ready && *dialer->ready) {
        stream = *dialer->ready;
        *dialer->ready = NULL;
        return stream;
    }
    size_t above = timing_enter(ctx, dialer);
    stream = dialer->transport->dial(hop, dialer->below, to, ctx);
    timing_leave(ctx, dialer, above, stream);
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

struct stream *route_dial(struct route *route, const struct endpoint *target, struct ctx *ctx)
{
    if (route_prepare(route, ctx) == -1)
        return NULL;
    const struct hops *hops = route->hops;
    struct dialer *dialers = calloc(hops->count + 1, sizeof(*dialers));
    if (!dialers) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    dialers[0] = (struct dialer){.transport = &ground_transport, .hops = hops->count};
    for (size_t i = 0; i < hops->count; i++)
        dialers[i + 1] = (struct dialer){.transport = route->transports[i],
                                         .hop = &hops->hop[i],
                                         .below = &dialers[i],
                                         .position = i + 1,
                                         .hops = hops->count};
    struct stream *stream = dialer_dial(&dialers[hops->count], target, ctx);
    for (size_t i = 0; i < hops->count; i++)
        credential_forget(&hops->hop[i]);
    free(dialers);
    return stream;
}
