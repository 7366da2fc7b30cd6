/* SPDX-License-Identifier: MIT */
#include "config/netrc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"

#define BLANKS " \t\r\n\v\f"

struct reader {
    const char *text; /* all of it */
    const char *at;   /* what was not read yet */
    char *word;       /* room for the longest */
    struct err *err;
};

/* Reads what stands between quotes, from behind the first. 1, or -1 when the line ends before. */
static int read_quoted(struct reader *reader)
{
    static const char letters[] = "nrt", bytes[] = "\n\r\t";
    char *out = reader->word;
    const char *at = reader->at;

    for (; *at && *at != '\n' && *at != '"'; at++) {
        *out = *at;
        if (*at == '\\') {
            if (!at[1] || at[1] == '\n')
                break;
            *out = *++at;
            const char *letter = strchr(letters, *at);
            if (letter)
                *out = bytes[letter - letters];
        }
        out++;
    }
    *out = '\0';
    if (*at != '"') {
        unsigned line = 1;
        for (const char *seen = reader->text; seen < at; seen++)
            line += *seen == '\n';
        return err_set(reader->err, ERR_USAGE, "line %u: a quote is not closed", line);
    }
    reader->at = at + 1;
    return 1;
}

/* Reads the next word. 1; 0 at the end; -1 with err set. */
static int read_word(struct reader *reader)
{
    reader->at += strspn(reader->at, BLANKS);
    if (*reader->at == '"') {
        reader->at++;
        return read_quoted(reader);
    }

    size_t length = strcspn(reader->at, BLANKS);
    memcpy(reader->word, reader->at, length);
    reader->word[length] = '\0';
    reader->at += length;
    return length > 0;
}

static void skip_line(struct reader *reader)
{
    reader->at += strcspn(reader->at, "\n");
}

/* As read_word, where a comment may stand instead. A password may well begin with a #. */
static int read_keyword(struct reader *reader)
{
    for (;;) {
        reader->at += strspn(reader->at, BLANKS);
        if (*reader->at != '#')
            return read_word(reader);
        skip_line(reader);
    }
}

/* From behind the word macdef to the empty line that ends its body, or the end of the text. */
static void skip_macro(struct reader *reader)
{
    do {
        skip_line(reader);
        if (*reader->at)
            reader->at++;
    } while (*reader->at && *reader->at != '\n' && strncmp(reader->at, "\r\n", 2) != 0);
}

struct search {
    struct reader reader;
    const char *machine;
    const char *login;
    struct netrc_entry *entry;
    bool ours; /* the machine whose entry is being read */
};

/* An entry ends here. Is it the one? Forgets it when it isn't. */
static bool search_done(struct search *search)
{
    struct netrc_entry *entry = search->entry;

    if (search->ours &&
        (!search->login || (entry->login && strcmp(entry->login, search->login) == 0)))
        return true;
    search->ours = false;
    netrc_release(entry);
    return false;
}

/* Reads the value behind a keyword into `field`, where it replaces another. 1, or -1 with err set.
 * NULL, or the entry of another machine: it goes nowhere. */
static int search_value(struct search *search, char **field)
{
    int got = read_word(&search->reader);

    if (got <= 0 || !field || !search->ours)
        return got < 0 ? -1 : 1;
    secret_free(*field);
    *field = strdup(search->reader.word);
    return *field ? 1 : err_no_memory(search->reader.err);
}

static int search_machine(struct search *search)
{
    int got = read_word(&search->reader);

    search->ours = got == 1 && strcasecmp(search->reader.word, search->machine) == 0;
    return got < 0 ? -1 : 1;
}

/* 1 = found, 0 = there is none, -1 with err set. */
static int search_run(struct search *search)
{
    struct reader *reader = &search->reader;
    int got;

    while ((got = read_keyword(reader)) == 1) {
        bool machine = strcasecmp(reader->word, "machine") == 0;
        if ((machine || strcasecmp(reader->word, "default") == 0) && search_done(search))
            return 1;
        if (machine)
            got = search_machine(search);
        else if (strcasecmp(reader->word, "login") == 0)
            got = search_value(search, &search->entry->login);
        else if (strcasecmp(reader->word, "password") == 0)
            got = search_value(search, &search->entry->password);
        else if (strcasecmp(reader->word, "account") == 0)
            got = search_value(search, NULL);
        else if (strcasecmp(reader->word, "macdef") == 0)
            skip_macro(reader);
        if (got == -1)
            break;
    }
    return got == 0 ? search_done(search) : -1;
}

int netrc_find(const char *text, const char *machine, const char *login, struct netrc_entry *entry,
               struct err *err)
{
    size_t room = strlen(text) + 1;
    struct search search = {
        .reader = {.text = text, .at = text, .word = malloc(room), .err = err},
        .machine = machine,
        .login = login,
        .entry = entry,
    };

    *entry = NETRC_ENTRY_INIT;
    if (!search.reader.word)
        return err_no_memory(err);
    int found = search_run(&search);
    if (found != 1)
        netrc_release(entry);
    entry->is_broken = found == -1 && search.ours;
    secret_wipe(search.reader.word, room);
    free(search.reader.word);
    return found;
}

void netrc_release(struct netrc_entry *entry)
{
    secret_free(entry->login);
    secret_free(entry->password);
    *entry = NETRC_ENTRY_INIT;
}
