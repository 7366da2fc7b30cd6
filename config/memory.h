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

#include <stdint.h>

#include "config/ways.h"
#include "core/trace.h"

struct memory {
    char *path;      /* NULL: there is no place for it */
    uint64_t key;    /* of the routes and the network */
    uint64_t winner; /* the hash of the route that won; 0: none is known */
    int64_t age_s;   /* since then */
};

/* Looks it up. A memory that is older than `remember_ns`, or from the future, is none. No route of
 * `ways` need have won. Always succeeds; the caller releases it. */
void memory_recall(struct memory *memory, const struct ways *ways, int64_t remember_ns,
                   const struct trace *trace);

/* The index of the route that won last; ways->count when none is known. */
size_t memory_first(const struct memory *memory, const struct ways *ways);

/*
 * Keeps that way `index` won. The first one needs no memory: an old one is forgotten then. Nor is a memory
 * renewed that is right, so that a better route gets its chance when it has aged. Replaces the file
 * at once or not at all (rename(2)); makes its folders, for nobody else to enter. At most
 * MEMORY_ENTRIES_MAX are kept, the youngest.
 */
#define MEMORY_ENTRIES_MAX 200
void memory_keep(const struct memory *memory, const struct ways *ways, size_t index,
                 int64_t remember_ns, const struct trace *trace);

void memory_release(struct memory *memory);

#endif
