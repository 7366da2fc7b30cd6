/* SPDX-License-Identifier: MIT */
/* Paths as people write them in settings. */
#ifndef STILE_CONFIG_PATH_H
#define STILE_CONFIG_PATH_H

/*
 * `~` alone or `~/` in front is the home: $HOME, else what the user database says. Everything else
 * stays as it is, `~alice/` too. Fresh memory that the caller frees; NULL when there is none.
 */
char *path_expand(const char *path);

#endif
