/* SPDX-License-Identifier: MIT */
#include "config/jump.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define SCHEME "ssh://"

static bool is_url(const char *from)
{
    return text_same_start(from, SCHEME, strlen(SCHEME));
}

/* What is wrong with a destination that a URL could have; NULL: nothing. */
static const char *find_fault(const char *from, size_t length)
{
    if (length == 0)
        return "a destination is missing";
    if (from[is_url(from) ? strlen(SCHEME) : 0] == '-')
        return "a destination can't start with '-'";
    for (size_t i = 0; i < length; i++)
        if (text_is_control(from[i]))
            return "a destination holds a control byte";
    if (memchr(from, '?', length))
        return "no settings here; use -o, or -x " SCHEME "...?name=value";
    if (!is_url(from) && memchr(from, '/', length))
        return "want [user@]host[:port] or " SCHEME "[user@]host[:port]";
    return NULL;
}

/* The destination as a URL: what is none has no percent-encoding either. Fresh memory, or NULL. */
static char *url_of(const char *from, size_t length)
{
    if (is_url(from))
        return strndup(from, length);

    char *encoded = malloc(3 * length + 1), *to = encoded;
    if (!encoded)
        return NULL;
    for (const char *at = from; at < from + length; at++) {
        *to++ = *at;
        if (*at == '%') {
            *to++ = '2';
            *to++ = '5';
        }
    }
    *to = '\0';
    char *url = text_join(SCHEME, encoded, (char *)NULL);
    free(encoded);
    return url;
}

/* A text without the "column 7: " that counts in the URL, which nobody has written. */
static const char *without_column(const char *text)
{
    static const char column[] = "column ";
    const char *digits = text + strlen(column);
    size_t count;

    if (strncmp(text, column, strlen(column)) != 0)
        return text;
    count = text_span(digits, "0123456789");
    return strncmp(digits + count, ": ", 2) == 0 ? digits + count + 2 : text;
}

/* Adds the one hop of `url`. 0, or -1 with err set. */
static int add_hop(struct hops *hops, const char *url, unsigned column, struct err *err)
{
    struct hops one = HOPS_INIT;
    struct err why = ERR_INIT;

    if (hops_parse(&one, url, HOP_FROM_ARGV, &why) == -1) {
        (void)err_set(err, why.code, "column %u: %s", column, without_column(err_text(&why)));
        err_release(&why);
        return -1;
    }
    struct hop *longer = realloc(hops->hop, (hops->count + 1) * sizeof(*longer));
    if (!longer) {
        hops_release(&one);
        return err_no_memory(err);
    }
    hops->hop = longer;
    hops->hop[hops->count] = one.hop[0];
    hops->hop[hops->count++].column = column;
    free(one.hop);
    return 0;
}

/* 0, or -1 with err set. */
static int add_destination(struct hops *hops, const char *from, size_t length, unsigned column,
                           struct err *err)
{
    const char *fault = find_fault(from, length);

    if (fault)
        return err_set(err, ERR_USAGE, "column %u: %s", column, fault);
    char *url = url_of(from, length);
    if (!url)
        return err_no_memory(err);
    int done = add_hop(hops, url, column, err);
    free(url);
    return done;
}

int jump_parse(struct hops *hops, const char *text, struct err *err)
{
    struct hops made = HOPS_INIT;

    for (const char *from = text;; from++) {
        size_t length = text_until(from, ",");
        if (add_destination(&made, from, length, (unsigned)(from - text) + 1, err) == -1) {
            hops_release(&made);
            return -1;
        }
        from += length;
        if (!*from)
            break;
    }
    *hops = made;
    return 0;
}
