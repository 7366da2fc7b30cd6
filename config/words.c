/* SPDX-License-Identifier: MIT */
#include "config/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "core/text.h"

#define BLANKS " \t\r\n"

/* Moves one word, unquoted, from *text to `word`, which has room for all of the text. NULL, or
 * what is wrong with it. */
static const char *take_word(const char **text, char *word)
{
    const char *at = *text;
    char quote = '\0';

    for (; *at && (quote || !strchr(BLANKS, *at)); at++) {
        if (*at == quote) {
            quote = '\0';
        } else if (!quote && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == '\\' && (!quote || (quote == '"' && at[1] && strchr("\\\"", at[1])))) {
            if (!*++at)
                return "a backslash at the end";
            *word++ = *at;
        } else {
            *word++ = *at;
        }
    }
    *word = '\0';
    *text = at;
    if (quote)
        return quote == '"' ? "a \" that is not closed" : "a ' that is not closed";
    return NULL;
}

/* Fills `words`, with `word` for a scratchpad; both have room for all that the text can give. */
static int split(const char *text, char **words, char *word, struct err *err)
{
    size_t count = 0;

    for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
        const char *fault = take_word(&text, word);
        if (fault)
            return err_set(err, ERR_USAGE, "%s", fault);
        words[count] = strdup(word);
        if (!words[count++])
            return err_no_memory(err);
    }
    if (count == 0 || !words[0][0])
        return err_set(err, ERR_USAGE, "a command is missing");
    return 0;
}

char **words_split(const char *text, struct err *err)
{
    size_t length = strlen(text);
    /* Each word has a byte of its own and a blank behind it. */
    char **words = calloc(length / 2 + 2, sizeof(*words));
    char *word = malloc(length + 1);
    int done = words && word ? split(text, words, word, err) : err_no_memory(err);

    free(word);
    if (done == 0)
        return words;
    words_free(words);
    return NULL;
}

void words_free(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

/* The length of `word` expanded, which goes to `out` unless that is NULL; -1 with err set. */
static ssize_t expand(const char *word, const char *host, const char *port, char *out,
                      struct err *err)
{
    size_t length = 0;

    for (; *word; word++) {
        const char *value = word;
        size_t size = 1;
        if (*word == '%') {
            word++;
            value = *word == 'h' ? host : *word == 'p' ? port : "%";
            size = strlen(value);
            if (!*word || !strchr("hp%", *word))
                return err_set(err, ERR_USAGE, "'%%%.1s' is unknown: want %%h, %%p or %%%%", word);
        }
        if (out)
            memcpy(out + length, value, size);
        length += size;
    }
    return (ssize_t)length;
}

int words_expand(char **words, const char *host, const char *port, struct err *err)
{
    for (; *words; words++) {
        ssize_t length = expand(*words, host, port, NULL, err);
        if (length == -1)
            return -1;
        char *expanded = malloc((size_t)length + 1);
        if (!expanded)
            return err_no_memory(err);
        (void)expand(*words, host, port, expanded, err);
        expanded[length] = '\0';
        free(*words);
        *words = expanded;
    }
    return 0;
}

bool words_is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._:%";

    return text[0] && text[0] != '-' && text[text_span(text, plain)] == '\0';
}

static char *put(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

/* Appends `word` to `out` as a shell reads it back; returns the end. */
static char *quote(char *out, const char *word)
{
    if (words_is_plain(word))
        return put(out, word);
    *out++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            out = put(out, "'\\'");
        *out++ = *word;
    }
    *out++ = '\'';
    return out;
}

char *words_quote(char *const *words)
{
    size_t room = 1;

    for (char *const *word = words; *word; word++)
        room += 4 * strlen(*word) + 3;
    char *text = malloc(room), *end = text;
    if (!text)
        return NULL;
    for (char *const *word = words; *word; word++) {
        if (word != words)
            *end++ = ' ';
        end = quote(end, *word);
    }
    *end = '\0';
    return text;
}
