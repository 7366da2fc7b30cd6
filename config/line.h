/* SPDX-License-Identifier: MIT */
/*
 * A line of a config file, as in ssh_config(5): `Keyword value…` or `Keyword = value…`. Blanks part
 * arguments; '…' and "…" keep them together, and \" \' \\ are those bytes within and without; `#`
 * at the beginning of an argument begins a comment. An empty line and one of nothing but a comment
 * have no keyword. Pure: no files, no environment.
 */
#ifndef STILE_CONFIG_LINE_H
#define STILE_CONFIG_LINE_H

#include <stddef.h>

#include "core/err.h"

#define LINE_BYTES_MAX 8192 /* a line has fewer */

struct line {
    char *keyword;   /* as it was written; NULL: there is nothing in the line */
    char **argument; /* ended by NULL */
    size_t count;    /* of arguments */

    /* All that stands behind the keyword, with its quotes, without the blanks and the comment around
     * it: for keywords that take a whole command line. */
    char *rest;
};

/* `text` has no line end. 0, and the caller releases it; -1 with err set (ERR_USAGE): no keyword, a
 * quote that is not closed, a control byte other than a tab, a line that is too long. The message
 * repeats nothing of the text. */
int line_parse(struct line *line, const char *text, size_t size, struct err *err);

/* The rest as one value: as it was written, quotes and all; but where it is quoted as a whole, what
 * the quotes hold. NULL when there is none. The line's. */
const char *line_value(const struct line *line);

/* Wipes and frees; may be called twice. */
void line_release(struct line *line);

#endif
