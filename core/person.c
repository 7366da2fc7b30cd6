/* SPDX-License-Identifier: MIT */
#include "core/person.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one entry; a larger one is none. */
#define ENTRY_BYTES_MAX ((size_t)1 << 20)

/* 0 or an errno; *entry is NULL when there is none. */
static int look_up(const char *name, struct passwd *room, char *data, size_t size,
                   struct passwd **entry)
{
    return name ? getpwnam_r(name, room, data, size, entry)
                : getpwuid_r(getuid(), room, data, size, entry);
}

bool person_find(struct person *person, const char *name)
{
    struct passwd room, *entry = NULL;
    char *data = NULL;
    int why = ERANGE;

    *person = (struct person){.name = NULL};
    for (size_t size = 1024; why == ERANGE && size <= ENTRY_BYTES_MAX; size *= 2) {
        free(data);
        data = malloc(size);
        why = data ? look_up(name, &room, data, size, &entry) : ENOMEM;
    }
    if (why == 0 && entry) {
        person->name = strdup(entry->pw_name);
        person->home = strdup(entry->pw_dir);
    }
    free(data);
    if (person->name && person->home)
        return true;
    person_release(person);
    return false;
}

void person_release(struct person *person)
{
    free(person->name);
    free(person->home);
    *person = (struct person){.name = NULL};
}
