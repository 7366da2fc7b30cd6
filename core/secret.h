/* SPDX-License-Identifier: MIT */
/* Memory that held a password. */
#ifndef STILE_CORE_SECRET_H
#define STILE_CORE_SECRET_H

#include <stddef.h>

/* Most bytes of a secret, the NUL included; a longer one is refused, never cut. */
#define SECRET_MAX 4096

/* Overwrites it, also where the compiler sees no reader. */
void secret_wipe(void *data, size_t size);

/* Wipes and frees a string; NULL is allowed. */
void secret_free(char *secret);

#endif
