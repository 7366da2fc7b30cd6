/* SPDX-License-Identifier: MIT */
/* Small text files, read as a whole: those that hold secrets, above all. */
#ifndef STILE_CORE_FILE_H
#define STILE_CORE_FILE_H

#include <stddef.h>

#include "core/err.h"

struct file_text {
    char *text; /* ends with the only NUL in it */
    size_t size;

    /* Why it is no place for a secret, as in "others can read it; chmod 600". NULL: it is one: it
     * belongs to us or to root, and nobody else has a permission. */
    const char *exposed;

    /* Why it is not to be believed, as in "others can write it; chmod go-w". NULL: it is: it belongs
     * to us or to root, and nobody else may write it. */
    const char *foreign;
};

/*
 * Reads a regular file of at most `max` bytes; a symbolic link to one will do. Never waits for the
 * other end of a FIFO. What it says about the file is true of the very file that was read.
 *
 * 1, and the caller releases it; 0 when it cannot be opened, errno says why; -1 with err set
 * (ERR_USAGE) "PATH: not a regular file". Nothing is to be released then.
 */
int file_read(struct file_text *file, const char *path, size_t max, struct err *err);

/* Wipes and frees; may be called twice. */
void file_release(struct file_text *file);

/* Makes the folders of a path that are missing, for nobody else to enter, but for those within its first
 * `base` bytes. Whoever opens the file sees whether it was of use. */
void file_make_folders(const char *path, size_t base);

#endif
