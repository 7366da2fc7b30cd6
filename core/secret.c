/* SPDX-License-Identifier: MIT */
#include "core/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_wipe(void *data, size_t size)
{
    /* A store that nobody reads may be left out, a volatile one may not. */
    for (volatile unsigned char *at = data; size > 0; size--)
        *at++ = 0;
}

void secret_free(char *secret)
{
    if (secret)
        secret_wipe(secret, strlen(secret));
    free(secret);
}
