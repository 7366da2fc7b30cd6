/* SPDX-License-Identifier: MIT */
/* The names in the lines of known_hosts.h. No files. */
#ifndef STILE_TRANSPORTS_SSH_KNOWN_NAME_H
#define STILE_TRANSPORTS_SSH_KNOWN_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define KNOWN_SALT_SIZE 20 /* of SHA-1 */

/* Puts the letters A-Z into lower case, and returns the text. NULL is allowed. */
char *known_name_lower(char *text);

/* Does a line that begins with `names` tell of `name`? It may be a list with `*`, `?` and `!`, or
 * hashed, which is for this one name only. 1, 0, or -1 with err set: no memory, or no SHA-1. */
int known_name_matches(const char *names, const char *name, struct err *err);

/* "|1|salt|hash", in fresh memory that the caller frees. NULL when there is none, or no SHA-1. */
char *known_name_hashed(const char *name, const uint8_t salt[KNOWN_SALT_SIZE]);

/* Can a line be written for it? Not where it would be read as a list, a pattern, a marker, a
 * comment or two words. */
bool known_name_is_fit(const char *name);

#endif
