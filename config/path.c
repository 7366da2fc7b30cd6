/* SPDX-License-Identifier: MIT */
#include "config/path.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

static const char *home(void)
{
    const char *home = getenv("HOME");
    const struct passwd *user = home && *home ? NULL : getpwuid(getuid());

    return user ? user->pw_dir : home;
}

char *path_expand(const char *path)
{
    const char *folder = path[0] == '~' && (!path[1] || path[1] == '/') ? home() : NULL;

    return folder && *folder ? text_join(folder, path + 1, (char *)NULL) : strdup(path);
}
