/* SPDX-License-Identifier: MIT */
/* Users of this machine, from the user database; fit for several threads, unlike getpwuid(3). */
#ifndef STILE_CORE_PERSON_H
#define STILE_CORE_PERSON_H

#include <stdbool.h>

struct person {
    char *name;
    char *home;
};

/* The user of this name, or where that is NULL who runs us. False when there is none, or no memory;
 * else the caller releases it. */
bool person_find(struct person *person, const char *name);

/* May be called twice. */
void person_release(struct person *person);

#endif
