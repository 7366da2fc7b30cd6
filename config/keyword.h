/* SPDX-License-Identifier: MIT */
/*
 * The keywords of a config file, in one table: it drives the reader, `-o`, --explain, the shell's
 * completion (--list), and a test compares the manual with it.
 */
#ifndef STILE_CONFIG_KEYWORD_H
#define STILE_CONFIG_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum keyword_kind {
    KEYWORD_VALUE, /* one value, the first one counts */
    KEYWORD_VIA,   /* a route; all of the first block that has any count */
    KEYWORD_HOST,  /* these begin a block… */
    KEYWORD_MATCH,
    KEYWORD_HOP,
    KEYWORD_INCLUDE, /* …and this one reads other files here */
};

struct keyword {
    const char *name; /* "AttemptDelay" */
    enum keyword_kind kind;
    const char *value;    /* what it takes, for people: "time|none" */
    const char *fallback; /* its default, for people; NULL: there is none */
    const char *help;     /* one line */

    /* Of KEYWORD_VALUE: parses `text` into the field. 0, or -1 with err set (ERR_USAGE) "want …". */
    int (*parse)(const char *text, void *field, struct err *err);
    void (*print)(const void *field, char **text); /* the same back, in fresh memory */
    size_t field; /* its offset in struct config; the place is config->said[its index] */
};

extern const struct keyword keywords[];
extern const size_t keyword_count; /* = KEYWORDS_MAX at most, config.h */

/* Case is ignored. NULL: there is none of this name. */
const struct keyword *keyword_find(const char *name, size_t length);

/* The one that somebody may have meant by a name that is none; NULL: nothing is near. */
const struct keyword *keyword_nearest(const char *name, size_t length);

#endif
