/* SPDX-License-Identifier: MIT */
/* A folder with config files, and a target that asks them. */
#ifndef STILE_TESTS_UNIT_FAKE_FILES_H
#define STILE_TESTS_UNIT_FAKE_FILES_H

#include "config/file.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_folder.h"

#define FILES_SHOWN_MAX 16384

struct fake_files {
    struct folder folder;
    struct fake_ctx fake; /* its config is the one that is filled */
    struct endpoint target;
    struct query query; /* Db.example:22 */
};

void files_init(struct fake_files *files);
void files_release(struct fake_files *files);

/* As file_load. */
int files_load(struct fake_files *files, const char *name);

/*
 * What a config has, into `shown`, which is returned: a line for each value that was said, each
 * route, each Hop block and each line of it, with its place: "Timeout 5s @config:3".
 */
const char *files_show(const struct config *config, char shown[FILES_SHOWN_MAX]);

/* Loads it, and fails unless all of it is this. */
void files_are(struct fake_files *files, const char *name, const char *shown);

/* Loads it, and fails unless it is refused with this message; the folder's path is taken away. */
void files_refused(struct fake_files *files, const char *name, const char *message);

#endif
