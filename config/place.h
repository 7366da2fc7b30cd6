/* SPDX-License-Identifier: MIT */
/* Where something was said: for messages, and for --explain. */
#ifndef STILE_CONFIG_PLACE_H
#define STILE_CONFIG_PLACE_H

#include "core/err.h"

struct place {
    const char *source; /* "-o", "-x", "/etc/stile/config"; NULL: nowhere. Not owned */
    unsigned line;      /* from 1; 0: the source has none */
};

#define PLACE_NONE ((struct place){0, 0})

/* "/etc/stile/config:12" or "-o", in fresh memory that the caller frees; "default" for PLACE_NONE.
 * NULL when there is none. */
char *place_text(const struct place *place);

/* Puts the place in front of the text of an err that is set. Always returns -1. */
int place_wrap(const struct place *place, struct err *err);

#endif
