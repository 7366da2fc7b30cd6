/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, and what it puts there. */
#ifndef STILE_TESTS_UNIT_FAKE_FOLDER_H
#define STILE_TESTS_UNIT_FAKE_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

#define FOLDER_PATH_MAX 200

struct folder {
    char path[FOLDER_PATH_MAX];
};

/* All of these fail the test rather than return an error. */
void folder_init(struct folder *folder);
void folder_release(struct folder *folder); /* with all that is in it, but no folders in folders */

/* FOLDER/name, into `path`, which is returned. */
const char *folder_path(const struct folder *folder, const char *name, char path[FOLDER_PATH_MAX]);

/* Writes a file with exactly this mode; replaces one that is there. */
void folder_write(const struct folder *folder, const char *name, const void *data, size_t size,
                  mode_t mode);
void folder_put(const struct folder *folder, const char *name, const char *text, mode_t mode);

/* What is in a file, "" when it isn't there, into `text`, which is returned. */
#define FOLDER_TEXT_MAX 1000
const char *folder_get(const struct folder *folder, const char *name, char text[FOLDER_TEXT_MAX]);

#endif
