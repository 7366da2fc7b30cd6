/* SPDX-License-Identifier: MIT */
/*
 * Which route won last, in this network: a small text file in $XDG_STATE_HOME/stile (or
 * ~/.local/state/stile) that may vanish at any time. Whatever is wrong with it, the connection goes
 * on, and the trace says so.
 *
 * What is kept is known by a hash alone: the file tells nobody where its owner goes.
 */
#ifndef STILE_CONFIG_MEMORY_H
#define STILE_CONFIG_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/ways.h"
#include "core/trace.h"

struct memory {
    char *path;      /* NULL: there is nothing to remember, or no place for it */
    size_t base;     /* bytes of it that name a folder which has to be there */
    uint64_t key;    /* of the routes and the network */
    uint64_t winner; /* the hash of the route that won; 0: none is known */
    int64_t age_s;   /* since then */
};

/*
 * Looks it up. A memory that is older than `remember_ns`, or from the future, is none. Nothing is
 * looked up where that is 0 or there is only one route. A file that others can read or write is as
 * if it weren't there. Always succeeds; the caller releases it.
 */
void memory_recall(struct memory *memory, const struct ways *ways, int64_t remember_ns,
                   const struct trace *trace);

/* The index of the route that won last; ways->count when none is known. Of two that are the same
 * it is the first. */
size_t memory_first(const struct memory *memory, const struct ways *ways);

/*
 * Keeps that way `index` won, unless `remember_ns` is 0. The first one needs no memory: an old one
 * is forgotten then. Nor is a memory renewed that is right, so that a better route gets its chance
 * when it has aged. Replaces the file at once or not at all (rename(2)), whatever it was; of two
 * who do that at the same time one may be forgotten. Makes its folders, for nobody else to enter:
 * $XDG_STATE_HOME/stile, or all of ~/.local/state/stile. At most MEMORY_ENTRIES_MAX are kept, the
 * youngest.
 */
#define MEMORY_ENTRIES_MAX 200
void memory_keep(const struct memory *memory, const struct ways *ways, size_t index,
                 int64_t remember_ns, const struct trace *trace);

void memory_release(struct memory *memory);

/* --- what is in the file --- */

struct memory_entry {
    uint64_t key;
    uint64_t winner;
    int64_t time_s; /* of the epoch */
};

struct memory_table {
    struct memory_entry entry[MEMORY_ENTRIES_MAX]; /* the youngest first */
    size_t count;
};

#define MEMORY_HEAD "stile routes 1\n"
#define MEMORY_LINE (sizeof("0123456789abcdef 0123456789abcdef 0123456789abcdef\n") - 1)
#define MEMORY_TEXT_MAX (sizeof(MEMORY_HEAD) + MEMORY_ENTRIES_MAX * MEMORY_LINE)

/* False when there is a byte in it that memory_write wouldn't have written; the table is empty
 * then. */
bool memory_read(struct memory_table *table, const char *text);

/* Returns how long the text is. */
size_t memory_write(const struct memory_table *table, char text[MEMORY_TEXT_MAX]);

#endif
