/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "config/keyword.h"
#include "config/line.h"
#include "config/path.h"
#include "config/pattern.h"
#include "core/file.h"
#include "core/text.h"

#define WILDCARDS "*?["

static int read_file(struct reading *reading, const struct reader *outer, const char *path,
                     bool may_be_missing);

static struct place place_of(const struct reader *reader)
{
    return (struct place){reader->source, reader->line};
}

static struct err *err_of(const struct reader *reader)
{
    return reader->reading->ctx->err;
}

/* Where it goes what a line says: one that doesn't count is checked all the same. */
static struct config *config_for(const struct reader *reader, bool counts)
{
    return counts ? reader->reading->config : &reader->reading->unread;
}

/* --- values --- */

/* Each take_… takes a line of its kind of keyword. 0, or -1 with err set. */

static int take_value(struct reader *reader, const struct keyword *keyword, const struct line *line)
{
    struct place place = place_of(reader);
    struct err *err = err_of(reader);

    if (line->count != 1)
        return err_set(err, ERR_USAGE, "%s: want one value: %s", keyword->name, keyword->value);
    return config_say(config_for(reader, reader->active), keyword->name, line->argument[0], &place,
                      err);
}

static bool has_password(const struct hops *hops)
{
    for (size_t i = 0; i < hops->count; i++)
        if (credential_is_in_url(&hops->hop[i]))
            return true;
    return false;
}

/* Is it a route, and may it stand in this file? */
static int check_route(const struct reader *reader, const char *text)
{
    const struct query *query = reader->reading->query;
    struct err *err = err_of(reader);
    struct hops hops = HOPS_INIT;

    if (text_same(text, "env"))
        return 0;
    int done = hops_parse(&hops, text, HOP_FROM_FILE, err);
    if (done == 0 && query && query->check)
        done = query->check(&hops, err);
    if (done == 0 && reader->exposed && has_password(&hops))
        done = err_set(err, ERR_USAGE, "no password in a file that isn't private: %s",
                       reader->exposed);
    hops_release(&hops);
    return done;
}

static int take_via(struct reader *reader, const struct keyword *keyword, const struct line *line)
{
    struct reading *reading = reader->reading;
    struct place place = place_of(reader);
    struct err *err = err_of(reader);
    const char *text = line_value(line);

    if (!text)
        return err_set(err, ERR_USAGE, "%s: want %s", keyword->name, keyword->value);
    if (line->count > 1 && !text_same_start(text, "exec:", strlen("exec:")))
        return err_set(err, ERR_USAGE, "%s: want one route, with commas between its hops",
                       keyword->name);
    if (check_route(reader, text) == -1)
        return err_wrap(err, "%s", keyword->name);
    if (!reader->active || reading->has_routes ||
        (reading->via_block && reading->via_block != reader->block))
        return 0;
    reading->via_block = reader->block;
    return config_via(reading->config, text, false, &place, err);
}

/* --- blocks --- */

static void begin_block(struct reader *reader, bool active, bool in_hop)
{
    reader->block = ++reader->reading->blocks;
    reader->active = active;
    reader->in_hop = in_hop;
}

static int take_host(struct reader *reader, const struct keyword *keyword, const struct line *line)
{
    const char *host = query_host(reader->reading->query);
    bool is_whole = line->count > 0;

    for (size_t i = 0; i < line->count; i++)
        is_whole = is_whole && line->argument[i][*line->argument[i] == '!'];
    if (!is_whole)
        return err_set(err_of(reader), ERR_USAGE, "%s: want patterns", keyword->name);
    begin_block(reader, reader->enclosing && pattern_words(line->argument, host) == PATTERN_YES,
                false);
    return 0;
}

static int take_match(struct reader *reader, const struct keyword *keyword, const struct line *line)
{
    const struct config *config = reader->reading->config;
    struct ctx ctx = *reader->reading->ctx;
    bool matches;

    /* What was said of it so far holds for a command here, too. */
    ctx.timeout_ns = config->timeout_ns;
    ctx.deadline_ns = ctx.trace->start_ns + config->timeout_ns;
    if (match_words(line->argument, reader->reading->query, reader->enclosing, &matches, &ctx) ==
        -1)
        return err_wrap(err_of(reader), "%s", keyword->name);
    begin_block(reader, matches, false);
    return 0;
}

static int take_hop(struct reader *reader, const struct keyword *keyword, const struct line *line)
{
    struct config *config = config_for(reader, reader->enclosing);
    struct place place = place_of(reader);
    struct err *err = err_of(reader);

    if (line->count != 1)
        return err_set(err, ERR_USAGE, "%s: want one %s", keyword->name, keyword->value);
    if (!config_hop_block(config, line->argument[0], &place, err))
        return err_wrap(err, "%s", keyword->name);
    begin_block(reader, reader->enclosing, true);
    reader->hop = config->block_count - 1;
    return 0;
}

/* A line of a Hop block. What the names may be only the transport knows. */
static int take_setting(struct reader *reader, const struct line *line)
{
    struct place place = place_of(reader);
    const char *value = line_value(line);
    struct err *err = err_of(reader);

    if (!value)
        return err_set(err, ERR_USAGE, "%s: a value is missing", line->keyword);
    struct hop_block *block = &config_for(reader, reader->active)->block[reader->hop];
    if (config_hop_setting(block, line->keyword, value, &place, err) == -1)
        return err_wrap(err, "%s", line->keyword);
    return 0;
}

/* --- Include --- */

/* For glob(3): what is not there matches nothing, what cannot be read is an error. */
static int refuse(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

/* With a backslash in front of what has a meaning for glob(3). */
static char *quote_wildcards(const char *text)
{
    char *quoted = malloc(2 * strlen(text) + 1), *out = quoted;

    for (; quoted && *text; text++) {
        if (strchr(WILDCARDS "\\", *text))
            *out++ = '\\';
        *out++ = *text;
    }
    if (quoted)
        *out = '\0';
    return quoted;
}

/* What has to stand in front of a path; moves *path behind what it stands for. In fresh memory, or
 * NULL with err set. */
static char *take_folder(const struct reader *reader, const char **path)
{
    const char *slash = strrchr(reader->source, '/');
    struct err *err = err_of(reader);
    char *folder;

    if (**path == '/') {
        folder = strdup("");
    } else if ((*path)[0] == '~' && (!(*path)[1] || (*path)[1] == '/')) {
        folder = path_expand("~");
        if (folder && *folder != '/') {
            (void)err_set(err, ERR_USAGE, "%s: where the home is is unknown", *path);
            free(folder);
            return NULL;
        }
        ++*path;
    } else {
        folder = slash ? strndup(reader->source, (size_t)(slash - reader->source) + 1) : strdup("");
    }
    if (!folder)
        (void)err_no_memory(err);
    return folder;
}

static int include_file(const struct reader *reader, const char *path)
{
    struct err *err = err_of(reader);

    for (const struct reader *open = reader; open; open = open->outer)
        if (strcmp(open->source, path) == 0)
            return err_set(err, ERR_USAGE, "%s: files include each other in a circle", path);
    if (reader->depth >= FILE_DEPTH_MAX)
        return err_set(err, ERR_USAGE, "%s: files include each other more than %d deep", path,
                       FILE_DEPTH_MAX);
    return read_file(reader->reading, reader, path, false);
}

static int include_pattern(const struct reader *reader, const char *folder, const char *pattern)
{
    struct err *err = err_of(reader);
    char *quoted = quote_wildcards(folder);
    char *all = quoted ? text_join(quoted, pattern, (char *)NULL) : NULL;
    glob_t found = {.gl_pathc = 0};
    int got = all ? glob(all, 0, refuse, &found) : GLOB_NOSPACE;
    int done = 0;

    if (got == GLOB_NOSPACE)
        done = err_no_memory(err);
    else if (got != 0 && got != GLOB_NOMATCH)
        done = err_set(err, ERR_USAGE, "%s%s: a folder cannot be read", folder, pattern);
    for (size_t i = 0; got == 0 && done == 0 && i < found.gl_pathc; i++)
        done = include_file(reader, found.gl_pathv[i]);
    if (all)
        globfree(&found);
    free(quoted);
    free(all);
    return done;
}

static int include_path(const struct reader *reader, const char *path)
{
    char *folder = take_folder(reader, &path);
    int done = -1;

    if (!folder)
        return -1;
    if (path[text_until(path, WILDCARDS)]) {
        done = include_pattern(reader, folder, path);
    } else {
        char *all = text_join(folder, path, (char *)NULL);
        done = all ? include_file(reader, all) : err_no_memory(err_of(reader));
        free(all);
    }
    free(folder);
    return done;
}

static int take_include(struct reader *reader, const struct keyword *keyword,
                        const struct line *line)
{
    struct err *err = err_of(reader);

    if (line->count == 0)
        return err_set(err, ERR_USAGE, "%s: want %s", keyword->name, keyword->value);
    for (size_t i = 0; i < line->count; i++) {
        int done = *line->argument[i] ? include_path(reader, line->argument[i])
                                      : err_set(err, ERR_USAGE, "an empty path");
        if (done == -1)
            return err->placed ? -1 : err_wrap(err, "%s", keyword->name);
    }
    return 0;
}

/* --- lines --- */

static int unknown(const struct reader *reader, const char *name)
{
    const struct keyword *nearest = keyword_nearest(name, strlen(name));

    if (nearest)
        return err_set(err_of(reader), ERR_USAGE, "%s: no such keyword; did you mean %s?", name,
                       nearest->name);
    return err_set(err_of(reader), ERR_USAGE,
                   "%s: no such keyword; settings of a proxy or gateway stand in a Hop block",
                   name);
}

static int take_line(struct reader *reader, const struct line *line)
{
    static int (*const take[])(struct reader *, const struct keyword *, const struct line *) = {
        [KEYWORD_VALUE] = take_value, [KEYWORD_VIA] = take_via, [KEYWORD_HOST] = take_host,
        [KEYWORD_MATCH] = take_match, [KEYWORD_HOP] = take_hop, [KEYWORD_INCLUDE] = take_include,
    };
    const struct keyword *keyword = keyword_find(line->keyword, strlen(line->keyword));

    if (!keyword)
        return reader->in_hop ? take_setting(reader, line) : unknown(reader, line->keyword);
    if (reader->in_hop && (keyword->kind == KEYWORD_VALUE || keyword->kind == KEYWORD_VIA))
        return err_set(err_of(reader), ERR_USAGE,
                       "%s: not in a Hop block; put it before, or into a Host or Match block",
                       keyword->name);
    return take[keyword->kind](reader, keyword, line);
}

void reading_init(struct reading *reading, struct config *config, const struct query *query,
                  struct ctx *ctx)
{
    *reading = (struct reading){
        .config = config, .query = query, .ctx = ctx, .has_routes = config->via_count > 0};
    config_init(&reading->unread);
}

void reading_release(struct reading *reading)
{
    config_release(&reading->unread);
}

void reader_init(struct reader *reader, struct reading *reading, const char *source)
{
    *reader =
        (struct reader){.reading = reading, .source = source, .active = true, .enclosing = true};
    reader->block = ++reading->blocks;
}

int reader_take(struct reader *reader, const char *text, size_t size)
{
    struct err *err = err_of(reader);
    struct line line;
    int done;

    reader->line++;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    done = line_parse(&line, text, size, err);
    if (done == 0 && line.keyword)
        done = take_line(reader, &line);
    line_release(&line);
    if (done == -1)
        (void)err_place(err, "%s:%u", reader->source, reader->line);
    return done;
}

/* --- files --- */

static int take_lines(struct reader *reader, const struct file_text *file)
{
    const char *end = file->text + file->size;
    const char *at = file->text;

    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = feed ? feed : end;
        if (reader_take(reader, at, (size_t)(line_end - at)) == -1)
            return -1;
        at = line_end + 1;
    }
    return 0;
}

/* Its lines count where those of the one that includes it do. */
static void reader_init_inner(struct reader *reader, const struct reader *outer, const char *source)
{
    *reader = *outer;
    reader->outer = outer;
    reader->source = source;
    reader->line = 0;
    reader->depth++;
    reader->enclosing = outer->active;
}

/* What was opened. */
static int read_opened(struct reading *reading, const struct reader *outer, const char *path,
                       const struct file_text *file)
{
    struct err *err = reading->ctx->err;
    struct reader reader;

    if (file->foreign)
        return err_set(err, ERR_USAGE, "%s: %s", path, file->foreign);
    if (++reading->files > FILE_COUNT_MAX)
        return err_set(err, ERR_USAGE, "%s: more than %d files", path, FILE_COUNT_MAX);
    const char *source = config_source(reading->config, path, err);
    if (!source)
        return -1;
    TRACE(reading->ctx->trace, "config", "reading %s", path);
    if (outer)
        reader_init_inner(&reader, outer, source);
    else
        reader_init(&reader, reading, source);
    reader.exposed = file->exposed;
    return take_lines(&reader, file);
}

/* `outer` NULL: nobody includes it. */
static int read_file(struct reading *reading, const struct reader *outer, const char *path,
                     bool may_be_missing)
{
    struct err *err = reading->ctx->err;
    struct file_text file;
    int got = file_read(&file, path, FILE_BYTES_MAX, err);

    if (got == 0 && may_be_missing && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (got == 0)
        return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    if (got == 1)
        got = read_opened(reading, outer, path, &file);
    file_release(&file);
    return got;
}

/* In fresh memory; NULL: no memory. No absolute path where nobody knows the home. */
static char *path_of_user(void)
{
    const char *folder = getenv("XDG_CONFIG_HOME");

    if (folder && *folder == '/')
        return text_join(folder, "/" FILE_OF_USER, (char *)NULL);
    return path_expand("~/.config/" FILE_OF_USER);
}

int file_load(struct config *config, const char *path, const struct query *query, struct ctx *ctx)
{
    struct reading reading;
    int done = 0;

    if (path && text_same(path, "none"))
        return 0;
    char *expanded = path ? path_expand(path) : path_of_user();
    if (!expanded)
        return err_no_memory(ctx->err);
    reading_init(&reading, config, query, ctx);
    if (path || *expanded == '/')
        done = read_file(&reading, NULL, expanded, !path);
    if (done == 0 && !path)
        done = read_file(&reading, NULL, FILE_OF_MACHINE, true);
    reading_release(&reading);
    free(expanded);
    return done;
}
