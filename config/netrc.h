/* SPDX-License-Identifier: MIT */
/*
 * netrc(5): `machine NAME login USER password SECRET`, with any blanks and line ends between the
 * words, which are taken as they are. A word in "…" ends in its line, and a backslash in it takes
 * the next byte, where \n, \r and \t are what they are in C. A # where a keyword could stand begins
 * a comment. The bodies of `macdef` are skipped up to the empty line.
 *
 * `default` is not heeded: a secret must not go to a proxy that it was not written for.
 */
#ifndef STILE_CONFIG_NETRC_H
#define STILE_CONFIG_NETRC_H

#include <stdbool.h>

#include "core/err.h"

struct netrc_entry {
    char *login;    /* NULL: the entry has none */
    char *password; /* NULL: the entry has none */
    bool is_broken; /* nothing was found, for an entry of this machine is broken */
};

#define NETRC_ENTRY_INIT ((struct netrc_entry){0, 0, false})

/*
 * Finds the first entry for `machine` (letters in either case) whose login is `login` (NULL: any,
 * or none). 1 = found, and the caller releases it; 0 = there is none; -1 with err set: ERR_USAGE
 * "line 3: a quote is not closed", or memory is lacking. What follows the entry is not looked at.
 * No network, no files.
 */
int netrc_find(const char *text, const char *machine, const char *login, struct netrc_entry *entry,
               struct err *err);

/* Wipes and frees; may be called on NETRC_ENTRY_INIT and twice. */
void netrc_release(struct netrc_entry *entry);

#endif
