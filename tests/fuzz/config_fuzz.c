/* SPDX-License-Identifier: MIT */
/*
 * Config files, line by line. A line that is taken apart can be written again in another way and is
 * the same line then. A block that does not match says the same of a mistake as one that does, and
 * leaves nothing behind; what does match leaves routes that can be read, of one block, and without
 * passwords where others could read those. No command is run and no other file is read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/file.h"
#include "config/keyword.h"
#include "config/line.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

#define LINES_MAX 200
#define SOURCE "config"

/* --- lines --- */

/* In quotes, with a backslash before every byte that can have one. */
static char *put_quoted(char *out, const char *word)
{
    *out++ = '"';
    for (; *word; word++) {
        if (strchr("\"'\\", *word))
            *out++ = '\\';
        *out++ = *word;
    }
    *out++ = '"';
    return out;
}

static bool parse(struct line *line, const char *text, size_t size)
{
    struct err err = ERR_INIT;

    if (line_parse(line, text, size, &err) == 0) {
        FUZZ_CHECK(err.code == ERR_NONE);
        return true;
    }
    FUZZ_CHECK(!line->keyword && !line->argument && !line->rest && line->count == 0);
    fuzz_check_err(&err, ERR_USAGE);
    return false;
}

static void check_written_again(const struct line *line)
{
    size_t room = strlen(line->keyword) + 8;
    struct line again;

    for (size_t i = 0; i < line->count; i++)
        room += 2 * strlen(line->argument[i]) + 4;
    char *text = fuzz_alloc(room), *end = text;
    for (const char *at = line->keyword; *at; at++)
        *end++ = *at;
    *end++ = '=';
    for (size_t i = 0; i < line->count; i++) {
        *end++ = '\t';
        end = put_quoted(end, line->argument[i]);
    }
    *end++ = ' ';
    *end++ = '#';
    if ((size_t)(end - text) < LINE_BYTES_MAX) {
        FUZZ_CHECK(parse(&again, text, (size_t)(end - text)));
        FUZZ_CHECK(strcmp(again.keyword, line->keyword) == 0 && again.count == line->count);
        for (size_t i = 0; i < line->count; i++)
            FUZZ_CHECK(strcmp(again.argument[i], line->argument[i]) == 0);
        if (line->count == 1)
            FUZZ_CHECK(strcmp(line_value(&again), line->argument[0]) == 0);
        line_release(&again);
    }
    free(text);
}

/* The rest alone says the same arguments. */
static void check_rest(const struct line *line)
{
    char *text = text_join("x ", line->rest, (char *)NULL);
    struct line again;

    if (!text)
        abort();
    if (strlen(text) < LINE_BYTES_MAX && line->rest[0] != '=') {
        FUZZ_CHECK(parse(&again, text, strlen(text)));
        FUZZ_CHECK(again.count == line->count && strcmp(again.rest, line->rest) == 0);
        line_release(&again);
    }
    free(text);
}

static void check_line(const struct line *line)
{
    FUZZ_CHECK(line->keyword[0] && !strpbrk(line->keyword, " \t="));
    FUZZ_CHECK(line->argument && !line->argument[line->count]);
    FUZZ_CHECK(line->rest && (line->count > 0) == (line->rest[0] != '\0'));
    FUZZ_CHECK((line->count > 0) == (line_value(line) != NULL));
    check_written_again(line);
    check_rest(line);
}

/* Would it start a program or read a file, in a block that matches? */
static bool has_effects(const struct line *line)
{
    const struct keyword *keyword = keyword_find(line->keyword, strlen(line->keyword));

    if (keyword && keyword->kind == KEYWORD_INCLUDE)
        return true;
    for (size_t i = 0; keyword && keyword->kind == KEYWORD_MATCH && i < line->count; i++)
        if (text_same(line->argument[i], "exec") || text_same(line->argument[i], "!exec"))
            return true;
    return false;
}

/* --- files --- */

/* One that is read twice: as it is, and as if nothing mattered. */
struct pair {
    struct fuzz_peer peer[2]; /* for their ctx and config */
    struct reading reading[2];
    struct reader reader[2];
};

static void pair_init(struct pair *pair, const struct query *query, const char *exposed)
{
    static const struct fuzz_input nothing;

    for (int i = 0; i < 2; i++) {
        fuzz_peer_init(&pair->peer[i], &nothing, 0);
        pair->peer[i].trace.level = 0;
        reading_init(&pair->reading[i], &pair->peer[i].config, query, &pair->peer[i].ctx);
        reader_init(&pair->reader[i], &pair->reading[i], SOURCE);
        pair->reader[i].exposed = exposed;
    }
    pair->reader[1].active = pair->reader[1].enclosing = false;
}

/* Both say the same of every line. */
static void take(struct pair *pair, const char *text, size_t size)
{
    int done[2];

    for (int i = 0; i < 2; i++)
        done[i] = reader_take(&pair->reader[i], text, size);
    FUZZ_CHECK(done[0] == done[1]);
    if (done[0] == 0)
        return;
    FUZZ_CHECK(strcmp(err_text(&pair->peer[0].err), err_text(&pair->peer[1].err)) == 0);
    for (int i = 0; i < 2; i++) {
        FUZZ_CHECK(strncmp(err_text(&pair->peer[i].err), SOURCE ":", strlen(SOURCE ":")) == 0);
        fuzz_check_err(&pair->peer[i].err, ERR_USAGE);
    }
}

static void take_all(struct pair *pair, const char *text, size_t size)
{
    const char *end = text + size;

    for (int lines = 0; text < end && lines < LINES_MAX; lines++) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((feed ? feed : end) - text);
        size_t return_too = length > 0 && text[length - 1] == '\r';
        struct line line;
        bool is_good = parse(&line, text, length - return_too);
        if (is_good && line.keyword)
            check_line(&line);
        if (!is_good || !line.keyword || !has_effects(&line))
            take(pair, text, length);
        line_release(&line);
        text += length + 1;
    }
}

/* They stand in the order of their lines. */
static void check_routes(const struct config *config, const char *exposed)
{
    unsigned line = 0;

    for (size_t i = 0; i < config->via_count; i++) {
        const struct via *via = &config->via[i];
        struct err err = ERR_INIT;
        struct hops hops = HOPS_INIT;
        FUZZ_CHECK(strcmp(via->place.source, SOURCE) == 0 && via->place.line > line);
        line = via->place.line;
        if (text_same(via->text, "env"))
            continue;
        FUZZ_CHECK(hops_parse(&hops, via->text, exposed ? HOP_FROM_ARGV : HOP_FROM_FILE, &err) ==
                   0);
        hops_release(&hops);
    }
}

static void check_blocks(const struct config *config)
{
    for (size_t i = 0; i < config->block_count; i++) {
        const struct hop *hop = &config->block[i].hop;
        FUZZ_CHECK(hop->scheme && hop->name && !hop->user && !hop->command);
        for (size_t j = 0; j < hop->setting_count; j++) {
            FUZZ_CHECK(hop->settings[j].place.line > config->block[i].place.line);
            FUZZ_CHECK(!text_same(hop->settings[j].name, "password"));
        }
    }
}

static void check_values(const struct config *config)
{
    FUZZ_CHECK(config->timeout_ns > 0 && config->attempt_delay_ns > 0 && config->remember_ns >= 0);
    FUZZ_CHECK(config->family == AF_UNSPEC || config->family == AF_INET ||
               config->family == AF_INET6);
    FUZZ_CHECK(!config->log_file || config->log_file[0] == '/');
    for (size_t i = 0; i < keyword_count; i++)
        FUZZ_CHECK(!config->said[i].source || keywords[i].kind == KEYWORD_VALUE);
}

static void check_file(const char *text, size_t size, const struct query *query,
                       const char *exposed)
{
    struct pair pair;
    struct config fresh;

    config_init(&fresh);
    pair_init(&pair, query, exposed);
    take_all(&pair, text, size);
    check_routes(&pair.peer[0].config, exposed);
    check_blocks(&pair.peer[0].config);
    check_values(&pair.peer[0].config);
    FUZZ_CHECK(pair.peer[1].config.via_count == 0 && pair.peer[1].config.block_count == 0);
    for (size_t i = 0; i < keyword_count; i++)
        FUZZ_CHECK(!pair.peer[1].config.said[i].source);
    FUZZ_CHECK(pair.peer[1].config.timeout_ns == fresh.timeout_ns);
    for (int i = 0; i < 2; i++) {
        reading_release(&pair.reading[i]);
        config_release(&pair.peer[i].config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct endpoint target = ENDPOINT_INIT;
    struct query query = {.target = &target};
    struct err err = ERR_INIT;
    bool is_exposed = fuzz_byte(&input) & 1;
    char *text = fuzz_alloc(input.size);

    FUZZ_CHECK(endpoint_parse(&target, "db.example:22", 0, &err) == 0);
    if (input.size > 0)
        memcpy(text, input.data, input.size);
    check_file(text, input.size, &query, is_exposed ? "others can read it" : NULL);
    free(text);
    endpoint_release(&target);
    return 0;
}
