/* SPDX-License-Identifier: MIT */
/*
 * netrc(5): `machine NAME login USER password SECRET`, any blanks between the words, values may be
 * in "…" with backslashes. `macdef` bodies are skipped up to the empty line. `default` is not
 * heeded: a secret must not go to a proxy that it was not written for.
 */
#ifndef STILE_CONFIG_NETRC_H
#define STILE_CONFIG_NETRC_H

#include "core/err.h"

struct netrc_entry {
    char *login;    /* NULL: the entry has none */
    char *password; /* NULL: the entry has none */
};

/*
 * Finds the first entry for `machine` (letters in either case) whose login is `login` (NULL: any).
 * 1 = found, and the caller releases it; 0 = there is none; -1 = memory is lacking, or the text is
 * cut within a quote. No network, no files.
 */
int netrc_find(const char *text, const char *machine, const char *login, struct netrc_entry *entry);

/* Wipes and frees. */
void netrc_release(struct netrc_entry *entry);

#endif
