/* SPDX-License-Identifier: MIT */
#include "config/ways.h"

#include <stdlib.h>
#include <string.h>

#include "config/env.h"
#include "config/jump.h"
#include "core/address.h"
#include "core/secret.h"
#include "core/text.h"

#define ENV "env"

/* --- one of them --- */

static int keep_texts(struct way *way, const char *said, struct err *err)
{
    way->said = strdup(said);
    way->text = hops_text(&way->hops);
    return way->said && way->text ? 0 : err_no_memory(err);
}

static const char *variable(const char *name)
{
    return getenv(name);
}

/* What the variables say. 0, or -1 with err set. */
static int settle_env(struct way *way, const struct endpoint *target, struct err *err)
{
    struct env_way env = {.hops = NULL};

    if (env_way(&env, target, variable, err) == -1)
        return -1;
    int done = hops_parse(&way->hops, env.hops, HOP_FROM_FILE, err);
    way->variable = env.variable;
    if (done == -1)
        (void)way_blame(way, err);
    if (done == 0) {
        way->reason = env.reason;
        env.reason = NULL;
        done = keep_texts(way, env.hops, err);
    }
    env_way_release(&env);
    return done;
}

/* What others can see of the command line. */
static enum hop_origin origin_of(const struct place *place)
{
    return place->line ? HOP_FROM_FILE : HOP_FROM_ARGV;
}

static int settle_way(struct way *way, const struct via *via, const struct endpoint *target,
                      struct err *err)
{
    int done;

    *way = (struct way){.place = via->place, .hops = HOPS_INIT};
    if (text_same(via->text, ENV))
        return settle_env(way, target, err);
    if (via->is_jump)
        done = jump_parse(&way->hops, via->text, err);
    else
        done = hops_parse(&way->hops, via->text, origin_of(&via->place), err);
    if (done == -1)
        return way_blame(way, err);
    return keep_texts(way, via->text, err);
}

/* --- what is said of the hops --- */

/* An address has many spellings. */
static bool is_same_host(const char *a, const char *b)
{
    struct address one, other;

    if (text_same(a, b))
        return true;
    return strchr(a, ':') && strchr(b, ':') && address_parse(&one, a) && address_parse(&other, b) &&
           one.len == other.len && memcmp(&one.sa, &other.sa, one.len) == 0;
}

static bool is_same_place(const struct endpoint *a, const struct endpoint *b, uint16_t port)
{
    if (a->path || b->path)
        return a->path && b->path && strcmp(a->path, b->path) == 0;
    return is_same_host(a->host, b->host) &&
           (a->port ? a->port : port) == (b->port ? b->port : port);
}

static bool is_about(const struct hop_block *block, const struct hop *hop,
                     uint16_t (*default_port)(const char *scheme))
{
    const struct hop *of = &block->hop;

    return of->scheme && !hop->command && strcmp(of->scheme, hop->scheme) == 0 &&
           is_same_place(&of->address, &hop->address, default_port(hop->scheme));
}

/* Adds what the block says, behind what is said already. */
static int apply_block(struct hop *hop, const struct hop_block *block, struct err *err)
{
    for (size_t i = 0; i < block->hop.setting_count; i++) {
        const struct setting *setting = &block->hop.settings[i];
        if (hop_add_setting_of(hop, setting->name, setting->value, &setting->place, err) == -1)
            return -1;
    }
    return 0;
}

static int apply_blocks(struct ways *ways, const struct config *config,
                        uint16_t (*default_port)(const char *scheme), struct err *err)
{
    for (size_t i = 0; i < ways->count; i++)
        for (size_t j = 0; j < ways->way[i].hops.count; j++) {
            struct hop *hop = &ways->way[i].hops.hop[j];
            for (size_t k = 0; k < config->block_count; k++)
                if (is_about(&config->block[k], hop, default_port) &&
                    apply_block(hop, &config->block[k], err) == -1)
                    return -1;
        }
    return 0;
}

/* What -o says of the only hop. */
static int apply_options(struct ways *ways, const struct config *config, struct err *err)
{
    const struct hop_block *block = NULL;

    for (size_t i = 0; i < config->block_count && !block; i++)
        if (!config->block[i].hop.scheme)
            block = &config->block[i];
    if (!block)
        return 0;
    const char *name = block->hop.settings[0].name;
    const struct hops *hops = &ways->way[0].hops;
    if (ways->count > 1)
        return err_set(err, ERR_USAGE,
                       "-o: %s: there are %zu routes; write it into the URL of a hop: ?%s=...",
                       name, ways->count, name);
    if (hops->count > 1)
        return err_set(err, ERR_USAGE,
                       "-o: %s: there are %zu hops; write it into the URL of one: ?%s=...", name,
                       hops->count, name);
    if (hops->count == 0)
        return config_no_hop(name, err);
    return apply_block(&ways->way[0].hops.hop[0], block, err);
}

/* --- all of them --- */

int way_blame(const struct way *way, struct err *err)
{
    if (way->variable)
        return err_wrap(err, "%s", way->variable);
    if (way->place.line)
        (void)err_wrap(err, "Via");
    return place_wrap(&way->place, err);
}

int ways_settle(struct ways *ways, const struct config *config, const struct endpoint *target,
                uint16_t (*default_port)(const char *scheme), struct err *err)
{
    char text[] = ENV;
    struct via env = {.text = text, .place = PLACE_NONE};
    const struct via *via = config->via_count ? config->via : &env;
    size_t count = config->via_count ? config->via_count : 1;

    *ways = (struct ways){calloc(count, sizeof(struct way)), 0};
    if (!ways->way)
        return err_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        ways->count = i + 1;
        if (settle_way(&ways->way[i], &via[i], target, err) == -1)
            goto fail;
    }
    if (apply_options(ways, config, err) == 0 && apply_blocks(ways, config, default_port, err) == 0)
        return 0;
fail:
    ways_release(ways);
    return -1;
}

void ways_release(struct ways *ways)
{
    for (size_t i = 0; i < ways->count; i++) {
        free(ways->way[i].text);
        secret_free(ways->way[i].said);
        free(ways->way[i].reason);
        hops_release(&ways->way[i].hops);
    }
    free(ways->way);
    *ways = WAYS_INIT;
}
