/* SPDX-License-Identifier: MIT */
/*
 * Command lines. Words can be quoted again in either way, and are the same words then; what is
 * expanded has the host and the port where they were asked for, and nothing else has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "config/words.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

static char **split(const char *text)
{
    struct err err = ERR_INIT;
    char **words = words_split(text, &err);

    if (words)
        FUZZ_CHECK(err.code == ERR_NONE && words[0] && words[0][0]);
    else
        fuzz_check_err(&err, ERR_USAGE);
    return words;
}

static size_t count(char *const *words)
{
    size_t n = 0;

    while (words[n])
        n++;
    return n;
}

/* Room for all words, each byte of them as four, with quotes and a blank. */
static char *room_for(char *const *words)
{
    size_t size = 1;

    for (; *words; words++)
        size += 4 * strlen(*words) + 3;
    return fuzz_alloc(size);
}

enum quoting {
    SINGLE,
    DOUBLE,
    BACKSLASH,
    QUOTINGS,
};

static char *quote_word(char *out, const char *word, enum quoting quoting)
{
    static const char marks[] = {[SINGLE] = '\'', [DOUBLE] = '"', [BACKSLASH] = '\0'};
    /* Nothing but quotes can say an empty word. */
    char mark = marks[quoting == BACKSLASH && !*word ? SINGLE : quoting];

    if (mark)
        *out++ = mark;
    for (; *word; word++) {
        /* Only outside of them can a backslash save a single quote. */
        bool leave = mark == '\'' && *word == '\'';
        if (leave)
            *out++ = mark;
        if (leave || !mark || (mark == '"' && (*word == '"' || *word == '\\')))
            *out++ = '\\';
        *out++ = *word;
        if (leave)
            *out++ = mark;
    }
    if (mark)
        *out++ = mark;
    *out++ = ' ';
    return out;
}

static void check_quoted(char *const *words, enum quoting quoting)
{
    char *text = room_for(words);
    char *out = text;

    for (char *const *word = words; *word; word++)
        out = quote_word(out, *word, quoting);
    *out = '\0';
    char **again = split(text);
    FUZZ_CHECK(again && count(again) == count(words));
    for (size_t i = 0; words[i]; i++)
        FUZZ_CHECK(strcmp(words[i], again[i]) == 0);
    words_free(again);
    free(text);
}

/* The length of a word expanded, by counting; -1 = it cannot be. */
static long expanded_length(const char *word, size_t host, size_t port)
{
    long length = 0;

    for (; *word; word++) {
        int letter = *word == '%' ? *++word : '%';
        if (!letter || !strchr("%hp", letter))
            return -1;
        length += (long)(letter == 'h' ? host : letter == 'p' ? port : 1);
    }
    return length;
}

static void check_expanded(char **words, const char *host, const char *port)
{
    size_t n = count(words);
    long *lengths = fuzz_alloc(n * sizeof(*lengths));
    bool good = true;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < n; i++) {
        lengths[i] = expanded_length(words[i], strlen(host), strlen(port));
        good = good && lengths[i] >= 0;
    }
    if (words_expand(words, host, port, &err) == 0) {
        FUZZ_CHECK(good && count(words) == n);
        for (size_t i = 0; i < n; i++)
            FUZZ_CHECK((size_t)lengths[i] == strlen(words[i]));
    } else {
        FUZZ_CHECK(!good);
        fuzz_check_err(&err, ERR_USAGE);
    }
    free(lengths);
}

/* A percent sign is what two of them become. */
static void check_doubled(char **words)
{
    struct err err = ERR_INIT;

    for (char **word = words; *word; word++) {
        char *doubled = fuzz_alloc(2 * strlen(*word) + 1);
        char *plain = fuzz_copy(*word);
        char *one[] = {NULL, NULL};
        char *out = doubled;
        for (const char *at = plain; *at; at++) {
            *out++ = *at;
            if (*at == '%')
                *out++ = *at;
        }
        *out = '\0';
        one[0] = doubled;
        FUZZ_CHECK(words_expand(one, "HOST", "22", &err) == 0);
        FUZZ_CHECK(strcmp(one[0], plain) == 0);
        free(one[0]);
        free(plain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_string(&input);
    char *host = fuzz_string(&input);
    char *port = fuzz_string(&input);
    char **words = split(text);

    if (words) {
        for (int quoting = SINGLE; quoting < QUOTINGS; quoting++)
            check_quoted(words, (enum quoting)quoting);
        check_doubled(words);
        check_expanded(words, host, port);
    }
    words_free(words);
    free(text);
    free(host);
    free(port);
    return 0;
}
