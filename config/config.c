/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/keyword.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"

#define TIMEOUT_DEFAULT_NS (60 * CLOCK_S)
#define ATTEMPT_DELAY_DEFAULT_NS (300 * CLOCK_MS)
#define REMEMBER_DEFAULT_NS (3600 * CLOCK_S)

/* A file may be private, but its blocks outlive that. */
#define NO_PASSWORD_HERE                                                                           \
    "no password here: use PasswordCommand, PasswordFile, PasswordEnv, ~/.netrc or the prompt"

/* The place of what was said with -o. */
#define OPTION "-o"

void config_init(struct config *config)
{
    *config = (struct config){
        .family = AF_UNSPEC,
        .timeout_ns = TIMEOUT_DEFAULT_NS,
        .attempt_delay_ns = ATTEMPT_DELAY_DEFAULT_NS,
        .remember_ns = REMEMBER_DEFAULT_NS,
        .log_level = LOG_LEVEL_ERROR,
    };
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < config->via_count; i++)
        secret_free(config->via[i].text);
    for (size_t i = 0; i < config->block_count; i++)
        hop_release(&config->block[i].hop);
    for (size_t i = 0; i < config->source_count; i++)
        free(config->source[i]);
    free(config->via);
    free(config->block);
    free(config->source);
    free(config->log_file);
    config_init(config);
}

const char *config_source(struct config *config, const char *name, struct err *err)
{
    for (size_t i = 0; i < config->source_count; i++)
        if (strcmp(config->source[i], name) == 0)
            return config->source[i];
    char *copy = strdup(name);
    char **longer =
        copy ? realloc(config->source, (config->source_count + 1) * sizeof(*longer)) : NULL;
    if (!longer) {
        free(copy);
        (void)err_no_memory(err);
        return NULL;
    }
    config->source = longer;
    config->source[config->source_count++] = copy;
    return copy;
}

/* --- values --- */

/* A value that comes too late is parsed all the same, into a config that nobody reads. */
static int check_value(const struct keyword *keyword, const char *value, struct err *err)
{
    struct config unread;

    config_init(&unread);
    int done = keyword->parse(value, (char *)&unread + keyword->field, err);
    config_release(&unread);
    return done;
}

int config_say(struct config *config, const char *keyword, const char *value,
               const struct place *place, struct err *err)
{
    const struct keyword *row = keyword_find(keyword, strlen(keyword));
    int done;

    if (!row || row->kind != KEYWORD_VALUE)
        return err_set(err, ERR_USAGE, "%s: no keyword with a value", keyword);
    struct place *said = &config->said[row - keywords];
    if (said->source) {
        done = check_value(row, value, err);
    } else {
        done = row->parse(value, (char *)config + row->field, err);
        if (done == 0)
            *said = *place;
    }
    return done == -1 ? err_wrap(err, "%s", row->name) : 0;
}

void config_mark(struct config *config, const char *keyword, const struct place *place)
{
    const struct keyword *row = keyword_find(keyword, strlen(keyword));

    if (row)
        config->said[row - keywords] = *place;
}

/* --- lists --- */

int config_via(struct config *config, const char *text, bool is_jump, const struct place *place,
               struct err *err)
{
    struct via *longer = realloc(config->via, (config->via_count + 1) * sizeof(*longer));

    if (!longer)
        return err_no_memory(err);
    config->via = longer;
    char *copy = strdup(text);
    if (!copy)
        return err_no_memory(err);
    struct via *via = &config->via[config->via_count++];
    via->text = copy;
    via->place = *place;
    via->is_jump = is_jump;
    return 0;
}

/* Parses the address of a block. 0, or -1 with err set. */
static int parse_block(struct hop *hop, const char *url, struct err *err)
{
    struct hops hops = HOPS_INIT;

    if (hops_parse(&hops, url, HOP_FROM_FILE, err) == -1)
        return -1;
    if (hops.count != 1 || hops.hop[0].command) {
        (void)err_set(err, ERR_USAGE, "want one proxy or gateway: scheme://host[:port]");
    } else if (hops.hop[0].user) {
        (void)err_set(err, ERR_USAGE, "the user goes into a line of the block: User %s",
                      hops.hop[0].user);
    } else if (hops.hop[0].setting_count > 0) {
        (void)err_set(err, ERR_USAGE, "settings go into lines of the block");
    } else {
        *hop = hops.hop[0];
        free(hops.hop);
        return 0;
    }
    hops_release(&hops);
    return -1;
}

struct hop_block *config_hop_block(struct config *config, const char *url,
                                   const struct place *place, struct err *err)
{
    struct hop_block *longer = realloc(config->block, (config->block_count + 1) * sizeof(*longer));
    struct hop_block block = {.place = *place};

    if (!longer) {
        (void)err_no_memory(err);
        return NULL;
    }
    config->block = longer;
    if (url && parse_block(&block.hop, url, err) == -1)
        return NULL;
    config->block[config->block_count] = block;
    return &config->block[config->block_count++];
}

int config_hop_setting(struct hop_block *block, const char *name, const char *value,
                       const struct place *place, struct err *err)
{
    if (text_same(name, "password"))
        return err_set(err, ERR_USAGE, "%s", place->line ? NO_PASSWORD_HERE : HOP_NO_PASSWORD);
    return hop_add_setting_of(&block->hop, name, value, place, err);
}

/* --- -o --- */

/* The block of what -o says of the one hop. */
static struct hop_block *option_block(struct config *config, const struct place *place,
                                      struct err *err)
{
    for (size_t i = 0; i < config->block_count; i++)
        if (!config->block[i].hop.scheme)
            return &config->block[i];
    return config_hop_block(config, NULL, place, err);
}

static bool is_for_option(const struct keyword *keyword)
{
    return keyword->kind == KEYWORD_VALUE || keyword->kind == KEYWORD_VIA;
}

static int take_option(struct config *config, const char *name, const char *value, struct err *err)
{
    static const struct place place = {OPTION, 0};
    const struct keyword *keyword = keyword_find(name, strlen(name));

    if (!keyword) {
        struct hop_block *block = option_block(config, &place, err);
        return block ? config_hop_setting(block, name, value, &place, err) : -1;
    }
    if (!is_for_option(keyword))
        return err_set(err, ERR_USAGE, "%s can only be said in a file", keyword->name);
    if (keyword->kind == KEYWORD_VIA)
        return config_via(config, value, false, &place, err);
    return config_say(config, name, value, &place, err);
}

int config_no_hop(const char *name, struct err *err)
{
    const struct keyword *near = keyword_nearest(name, strlen(name));

    if (near && !is_for_option(near))
        near = NULL;
    return err_set(err, ERR_USAGE, "-o: %s: is for a hop, and there is none (-x)%s%s%s", name,
                   near ? "; did you mean " : "", near ? near->name : "", near ? "?" : "");
}

int config_option(struct config *config, const char *text, struct err *err)
{
    static const char blanks[] = " \t";
    size_t length = text_until(text, " \t=");
    const char *value = text + length + text_span(text + length, blanks);

    if (*value == '=')
        value += 1 + text_span(value + 1, blanks);
    if (length == 0 || !*value)
        return err_set(err, ERR_USAGE, "want Name=value");
    char *name = strndup(text, length);
    int done = name ? take_option(config, name, value, err) : err_no_memory(err);
    free(name);
    return done;
}
