/* SPDX-License-Identifier: MIT */
/* What there is to be said, line by line with tabs between, for a shell's completion and for whoever
 * compares a manual with the program. */
#ifndef STILE_CMD_LIST_H
#define STILE_CMD_LIST_H

#include <stdio.h>

#include "cmd/options.h"

/*
 * `options`: "-x", the value or "-", help. `keywords` of stile_config(5): name, value, default or
 * "-", help. `settings` of hops: scheme, name. 0, or -1 with err set (ERR_USAGE): another word.
 */
int list_print(const char *what, const struct option_row *rows, size_t count, FILE *out,
               struct err *err);

#endif
