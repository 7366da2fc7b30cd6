/* SPDX-License-Identifier: MIT */
#include "config/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "core/text.h"

#define BLANKS " \t"
#define ESCAPABLE "\"'\\"

static bool is_escape(const char *at)
{
    return at[0] == '\\' && at[1] && strchr(ESCAPABLE, at[1]);
}

static int check_bytes(const char *text, size_t size, struct err *err)
{
    if (size >= LINE_BYTES_MAX)
        return err_set(err, ERR_USAGE, "a line of more than %d bytes", LINE_BYTES_MAX - 1);
    for (size_t i = 0; i < size; i++)
        if (text_is_control(text[i]) && text[i] != '\t')
            return err_set(err, ERR_USAGE, "column %zu: a control byte", i + 1);
    return 0;
}

/* Moves an argument, unquoted, from *text to `word`, which has room for all of the text. 0, or -1
 * with err set. */
static int take_argument(const char **text, char *word, struct err *err)
{
    const char *at = *text;
    char quote = '\0';

    for (; *at && (quote || !strchr(BLANKS, *at)); at++) {
        if (is_escape(at))
            *word++ = *++at;
        else if (quote && *at == quote)
            quote = '\0';
        else if (!quote && (*at == '"' || *at == '\''))
            quote = *at;
        else
            *word++ = *at;
    }
    *word = '\0';
    *text = at;
    return quote ? err_set(err, ERR_USAGE, "a %c that is not closed", quote) : 0;
}

/* Fills in the arguments and the rest, with `word` for a scratchpad. */
static int take_arguments(struct line *line, const char *text, char *word, struct err *err)
{
    const char *at = text;
    const char *end = text;

    /* Each has a byte of its own and a blank behind it. */
    line->argument = calloc(strlen(text) / 2 + 2, sizeof(*line->argument));
    if (!line->argument)
        return err_no_memory(err);
    while (*at && *at != '#') {
        if (take_argument(&at, word, err) == -1)
            return -1;
        end = at;
        line->argument[line->count] = strdup(word);
        if (!line->argument[line->count++])
            return err_no_memory(err);
        at += text_span(at, BLANKS);
    }
    line->rest = strndup(text, (size_t)(end - text));
    return line->rest ? 0 : err_no_memory(err);
}

static int parse(struct line *line, const char *text, char *word, struct err *err)
{
    size_t length;

    text += text_span(text, BLANKS);
    if (!*text || *text == '#')
        return 0;
    length = text_until(text, BLANKS "=");
    if (length == 0)
        return err_set(err, ERR_USAGE, "a keyword is missing");
    line->keyword = strndup(text, length);
    if (!line->keyword)
        return err_no_memory(err);
    text += length;
    text += text_span(text, BLANKS);
    if (*text == '=')
        text += 1 + text_span(text + 1, BLANKS);
    return take_arguments(line, text, word, err);
}

int line_parse(struct line *line, const char *text, size_t size, struct err *err)
{
    *line = (struct line){.keyword = NULL};
    if (check_bytes(text, size, err) == -1)
        return -1;
    char *copy = strndup(text, size);
    char *word = malloc(size + 1);
    int done = -1;
    if (copy && word) {
        *word = '\0';
        done = parse(line, copy, word, err);
        secret_wipe(word, size + 1);
    } else {
        (void)err_no_memory(err);
    }
    free(word);
    secret_free(copy);
    if (done == -1)
        line_release(line);
    return done;
}

/* Do the quotes in front and at the end belong together? */
static bool is_quoted(const char *text)
{
    const char *at = text + 1;

    if (*text != '"' && *text != '\'')
        return false;
    while (*at && *at != *text)
        at += is_escape(at) ? 2 : 1;
    return *at && !at[1];
}

const char *line_value(const struct line *line)
{
    if (line->count == 0)
        return NULL;
    return is_quoted(line->rest) ? line->argument[0] : line->rest;
}

void line_release(struct line *line)
{
    for (size_t i = 0; i < line->count; i++)
        secret_free(line->argument[i]);
    free(line->argument);
    secret_free(line->keyword);
    secret_free(line->rest);
    *line = (struct line){.keyword = NULL};
}
