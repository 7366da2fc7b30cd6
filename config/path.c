/* SPDX-License-Identifier: MIT */
#include "config/path.h"

#include <stdlib.h>
#include <string.h>

#include "core/person.h"
#include "core/text.h"

char *path_expand(const char *path)
{
    const char *home = getenv("HOME");
    struct person person = {.home = NULL};

    if (path[0] != '~' || (path[1] && path[1] != '/'))
        return strdup(path);
    if ((!home || !*home) && person_find(&person, NULL))
        home = person.home;
    char *expanded = home && *home ? text_join(home, path + 1, (char *)NULL) : strdup(path);
    person_release(&person);
    return expanded;
}
