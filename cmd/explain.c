/* SPDX-License-Identifier: MIT */
#include "cmd/explain.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/page.h"
#include "config/credential.h"
#include "config/keyword.h"
#include "core/text.h"
#include "transports/registry.h"
#include "transports/route.h"

#define THE_URL "the URL"
#define HIDDEN "(hidden)"

/* --- settings of a hop --- */

/* What may be a secret, or have one in it. */
static bool is_hidden(const struct setting *setting)
{
    return strcmp(setting->name, "header") == 0 || strcmp(setting->name, "passwordcommand") == 0;
}

/* Not one that comes too late. */
static bool counts(const struct hop *hop, const struct setting *setting)
{
    return route_setting_adds_up(setting->name) || hop_find_setting(hop, setting->name) == setting;
}

static char *setting_place(const struct setting *setting)
{
    return setting->column ? strdup(THE_URL) : place_text(&setting->place);
}

/* --- what is known of a hop --- */

struct facts {
    const struct transport *transport;
    char *engine;
    bool has_user; /* there is something to be known of one */
    const char *user;
    char *user_place;
    char *secret; /* where it would come from; NULL: there is none */
};

static bool is_ssh(const struct hop *hop)
{
    return strcmp(hop->scheme, "ssh") == 0;
}

static const char *netrc_name(const struct hop *hop)
{
    const char *path = getenv("NETRC");

    if (!hop->address.host)
        return NULL;
    return path && *path ? "$NETRC" : "~/.netrc";
}

static char *describe_engine(const struct hop *hop, const struct transport *transport)
{
    if (transport->engine)
        return strdup(transport->engine(hop));
    if (registry_builtin(hop->scheme))
        return strdup("built in");
    return text_join("module ", transport->name, (char *)NULL);
}

static void describe_user(struct facts *facts, const struct hop *hop)
{
    const struct setting *setting = hop_find_setting(hop, "user");

    facts->has_user = transport_takes(facts->transport, "user");
    if (!facts->has_user)
        return;
    facts->user = hop->user ? hop->user : setting ? setting->value : NULL;
    if (hop->user)
        facts->user_place = strdup(THE_URL);
    else if (setting)
        facts->user_place = setting_place(setting);
    else if (is_ssh(hop))
        facts->user_place = strdup("ssh_config(5)");
    else if (transport_takes(facts->transport, "passwordcommand") && netrc_name(hop))
        facts->user_place = strdup(netrc_name(hop));
    else
        facts->user_place = strdup("nowhere");
}

/* The first setting that says where the secret comes from. */
static char *describe_source(const struct setting *setting)
{
    static const char *const names[] = {"PasswordCommand", "PasswordFile", "PasswordEnv"};
    const char *name = setting->name;
    char *place = setting_place(setting);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_same(names[i], name))
            name = names[i];
    char *text = place ? text_join(name, " (", place, ")", (char *)NULL) : NULL;
    free(place);
    return text;
}

/* In the order of credential.h. */
static char *describe_secret(const struct transport *transport, const struct hop *hop)
{
    const struct setting *source = credential_source(hop);

    if (!transport_takes(transport, "passwordcommand"))
        return NULL;
    if (credential_is_in_url(hop) && (!source || strcmp(source->name, "passwordenv") == 0))
        return strdup(THE_URL);
    if (source)
        return describe_source(source);
    if (is_ssh(hop))
        return strdup("keys, an agent or a prompt, as ssh_config(5) says");
    if (netrc_name(hop))
        return text_join(netrc_name(hop), ", or a prompt", (char *)NULL);
    return strdup("a prompt");
}

static void facts_release(struct facts *facts)
{
    free(facts->engine);
    free(facts->user_place);
    free(facts->secret);
}

/* 0, or -1 with err set. */
static int facts_init(struct facts *facts, const struct hop *hop, struct err *err)
{
    static const struct trace silent = {.fd = -1};

    *facts = (struct facts){.transport = registry_find(hop->scheme, &silent, err)};
    if (!facts->transport)
        return -1;
    facts->engine = describe_engine(hop, facts->transport);
    describe_user(facts, hop);
    facts->secret = describe_secret(facts->transport, hop);
    return 0;
}

/* --- which route starts when --- */

/* The route that won last; ways->count: none is known. */
static size_t preferred(const struct explain *explain)
{
    return explain->memory ? memory_first(explain->memory, explain->ways) : explain->ways->count;
}

static const char *layered(const struct explain *explain, size_t index)
{
    return route_layered(race_route(explain->race, index));
}

/* A value of the configuration as it would be written. Fresh memory, or NULL. */
static char *keyword_value(const struct explain *explain, const struct keyword *keyword)
{
    char *text = NULL;

    keyword->print((const char *)explain->config + keyword->field, &text);
    return text;
}

/* --- for people --- */

static void text_settings(struct page *page, const struct hop *hop)
{
    for (size_t i = 0; i < hop->setting_count; i++) {
        const struct setting *setting = &hop->settings[i];
        if (!counts(hop, setting))
            continue;
        char *place = setting_place(setting);
        page_line(page, "        %s: %s (%s)", setting->name,
                  is_hidden(setting) ? HIDDEN : setting->value, place ? place : "?");
        free(place);
    }
}

static int text_hop(struct page *page, const struct hop *hop, size_t number, struct err *err)
{
    struct facts facts;

    if (facts_init(&facts, hop, err) == -1)
        return -1;
    page_line(page, "    hop %zu: %s", number, hop->name);
    page_line(page, "        by: %s", facts.engine ? facts.engine : "?");
    if (hop->command)
        page_line(page, "        command: %s", hop->command);
    text_settings(page, hop);
    if (hop->user)
        page_line(page, "        user: %s (%s)", hop->user, THE_URL);
    else if (facts.has_user && !facts.user)
        page_line(page, "        user: from %s", facts.user_place ? facts.user_place : "?");
    if (facts.secret)
        page_line(page, "        secret: from %s", facts.secret);
    if (is_ssh(hop))
        page_line(page, "        all else: as ssh_config(5) says of %s", hop->address.host);
    facts_release(&facts);
    return 0;
}

static void text_age(struct page *page, int64_t age_s)
{
    if (age_s < 60)
        page_line(page, "    starts first, for it won last, %lld s ago", (long long)age_s);
    else
        page_line(page, "    starts first, for it won last, %lld min ago", (long long)(age_s / 60));
}

static void text_start(struct page *page, const struct explain *explain, size_t nth)
{
    int64_t delay_ns = explain->config->attempt_delay_ns;

    if (nth == 0 && race_starter(explain->race, nth) == preferred(explain))
        text_age(page, explain->memory->age_s);
    else if (nth == 0)
        page_line(page, "    starts first");
    else if (delay_ns == CLOCK_NEVER)
        page_line(page, "    starts when the one before it has failed");
    else
        page_line(page, "    starts after %lld ms, or when the one before it has failed",
                  (long long)(race_wait_ns(explain->ways->count, nth, delay_ns) / CLOCK_MS));
}

static int text_route(struct page *page, const struct explain *explain, size_t nth, struct err *err)
{
    size_t index = race_starter(explain->race, nth);
    const struct way *way = &explain->ways->way[index];
    char *route = hops_text(&way->hops), *place = place_text(&way->place);
    int done = 0;

    page_line(page, "%s", "");
    page_line(page, "route %zu of %zu: %s", index + 1, explain->ways->count, route ? route : "?");
    page_line(page, "    from: %s", place ? place : "?");
    if (way->reason)
        page_line(page, "    env: %s", way->reason);
    text_start(page, explain, nth);
    if (layered(explain, index))
        page_line(page, "    with --fdpass a process stays, for what comes through %s is no socket",
                  layered(explain, index));
    for (size_t i = 0; done == 0 && i < way->hops.count; i++)
        done = text_hop(page, &way->hops.hop[i], i + 1, err);
    free(route);
    free(place);
    return done;
}

static void text_keywords(struct page *page, const struct explain *explain)
{
    page_line(page, "%s", "");
    page_line(page, "keywords:");
    for (size_t i = 0; i < keyword_count; i++) {
        if (keywords[i].kind != KEYWORD_VALUE)
            continue;
        char *value = keyword_value(explain, &keywords[i]);
        char *place = place_text(&explain->config->said[i]);
        page_line(page, "    %s: %s (%s)", keywords[i].name, value ? value : "?",
                  place ? place : "?");
        free(value);
        free(place);
    }
}

static int explain_text(struct page *page, const struct explain *explain, struct err *err)
{
    int done = 0;

    page_line(page, "target: %s", explain->target->text);
    for (size_t i = 0; i < explain->config->source_count; i++)
        page_line(page, "config: %s", explain->config->source[i]);
    if (explain->config->source_count == 0)
        page_line(page, "config: no file was read");
    for (size_t i = 0; done == 0 && i < explain->ways->count; i++)
        done = text_route(page, explain, i, err);
    text_keywords(page, explain);
    return done;
}

/* --- for programs --- */

static void json_said(struct json *json, const char *name, const char *value, char *place)
{
    json_object(json, NULL);
    json_text(json, "name", name);
    json_text(json, "value", value);
    json_text(json, "place", place);
    json_object_end(json);
    free(place);
}

static int json_hop(struct json *json, const struct hop *hop, struct err *err)
{
    struct facts facts;

    if (facts_init(&facts, hop, err) == -1)
        return -1;
    json_object(json, NULL);
    json_text(json, "hop", hop->name);
    json_text(json, "engine", facts.engine);
    json_text(json, "command", hop->command);
    json_array(json, "settings");
    for (size_t i = 0; i < hop->setting_count; i++) {
        const struct setting *setting = &hop->settings[i];
        if (counts(hop, setting))
            json_said(json, setting->name, is_hidden(setting) ? NULL : setting->value,
                      setting_place(setting));
    }
    json_array_end(json);
    if (facts.has_user) {
        json_object(json, "user");
        json_text(json, "name", facts.user);
        json_text(json, "place", facts.user_place);
        json_object_end(json);
    } else {
        json_null(json, "user");
    }
    json_text(json, "secret", facts.secret);
    json_object_end(json);
    facts_release(&facts);
    return 0;
}

static int json_route(struct json *json, const struct explain *explain, size_t index,
                      struct err *err)
{
    const struct hops *hops = &explain->ways->way[index].hops;
    char *route = hops_text(hops);
    int done = 0;

    json_object(json, NULL);
    page_json_way(json, explain->ways, index, route);
    json_bool(json, "is_preferred", index == preferred(explain));
    json_bool(json, "is_socket", !layered(explain, index));
    json_array(json, "hops");
    for (size_t i = 0; done == 0 && i < hops->count; i++)
        done = json_hop(json, &hops->hop[i], err);
    json_array_end(json);
    json_object_end(json);
    free(route);
    return done;
}

static void json_memory(struct json *json, const struct explain *explain)
{
    size_t first = preferred(explain);

    if (first >= explain->ways->count) {
        json_null(json, "memory");
        return;
    }
    json_object(json, "memory");
    json_integer(json, "number", (int64_t)first + 1);
    json_integer(json, "age_s", explain->memory->age_s);
    json_object_end(json);
}

static void json_keywords(struct json *json, const struct explain *explain)
{
    json_array(json, "keywords");
    for (size_t i = 0; i < keyword_count; i++) {
        if (keywords[i].kind != KEYWORD_VALUE)
            continue;
        char *value = keyword_value(explain, &keywords[i]);
        json_said(json, keywords[i].name, value, place_text(&explain->config->said[i]));
        free(value);
    }
    json_array_end(json);
}

static int explain_json(struct page *page, const struct explain *explain, struct err *err)
{
    struct json json = JSON_INIT(page->out);
    int done = 0;

    json_object(&json, NULL);
    json_object(&json, "target");
    page_json_target(&json, explain->target);
    json_object_end(&json);
    json_array(&json, "config");
    for (size_t k = 0; k < explain->config->source_count; k++)
        json_text(&json, NULL, explain->config->source[k]);
    json_array_end(&json);
    json_memory(&json, explain);
    json_array(&json, "routes");
    for (size_t i = 0; done == 0 && i < explain->ways->count; i++)
        done = json_route(&json, explain, race_starter(explain->race, i), err);
    json_array_end(&json);
    json_keywords(&json, explain);
    json_object_end(&json);
    (void)fputc('\n', page->out);
    return done;
}

int explain_run(const struct explain *explain, struct err *err)
{
    struct page page;

    page_init(&page);
    int done = (explain->json ? explain_json : explain_text)(&page, explain, err);
    return done == 0 ? page_end(&page, err) : -1;
}
