/* SPDX-License-Identifier: MIT */
/* Base64, RFC 4648 section 4, as known_hosts has it. */
#ifndef STILE_TRANSPORTS_SSH_BASE64_H
#define STILE_TRANSPORTS_SSH_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for `size` bytes in base64, and a NUL. */
#define BASE64_ROOM(size) (((size) + 2) / 3 * 4 + 1)

/* Into `out`, which has room for as many bytes as the text has letters. Blanks and line ends may
 * stand anywhere in the text, as for b64_pton(3). How many bytes there were, -1 when it is no
 * base64. */
ssize_t base64_decode(const char *text, uint8_t *out);

/* Fresh memory that the caller frees; NULL when there is none. */
char *base64_encode(const uint8_t *data, size_t size);

#endif
