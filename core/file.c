/* SPDX-License-Identifier: MIT */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"

static const char *stranger(const struct stat *status)
{
    bool is_known = status->st_uid == geteuid() || status->st_uid == 0;

    return is_known ? NULL : "it belongs to another user";
}

static const char *foreignness(const struct stat *status)
{
    if (stranger(status))
        return stranger(status);
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return "others can write it; chmod go-w";
    return NULL;
}

static const char *exposure(const struct stat *status)
{
    if (stranger(status))
        return stranger(status);
    if (status->st_mode & (S_IRGRP | S_IROTH))
        return "others can read it; chmod 600";
    if (status->st_mode & (S_IRWXG | S_IRWXO))
        return "others have access to it; chmod 600";
    return NULL;
}

/* Up to `max` bytes more. 0, or -1 with errno. */
static int read_up_to(struct file_text *file, int fd, size_t max)
{
    while (file->size < max) {
        ssize_t n = read(fd, file->text + file->size, max - file->size);
        if (n == 0)
            break;
        if (n > 0)
            file->size += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

/* Into memory of the final size at once: growing it would leave copies behind. */
static int read_text(struct file_text *file, int fd, const char *path, size_t max, struct err *err)
{
    file->text = malloc(max + 1);
    if (!file->text)
        return err_no_memory(err);
    if (read_up_to(file, fd, max + 1) == -1)
        return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    if (file->size > max)
        return err_set(err, ERR_USAGE, "%s: larger than %zu bytes", path, max);
    if (memchr(file->text, '\0', file->size))
        return err_set(err, ERR_USAGE, "%s: not a text file", path);
    file->text[file->size] = '\0';
    return 1;
}

int file_read(struct file_text *file, const char *path, size_t max, struct err *err)
{
    /* Not blocking, or the open of a FIFO would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    int done;

    *file = (struct file_text){0};
    if (fd == -1)
        return 0;
    if (fstat(fd, &status) == -1)
        done = err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        done = err_set(err, ERR_USAGE, "%s: not a regular file", path);
    else
        done = read_text(file, fd, path, max, err);
    (void)close(fd);
    if (done == 1) {
        file->exposed = exposure(&status);
        file->foreign = foreignness(&status);
    } else {
        file_release(file);
    }
    return done;
}

void file_release(struct file_text *file)
{
    if (file->text)
        secret_wipe(file->text, file->size);
    free(file->text);
    *file = (struct file_text){0};
}

void file_make_folders(const char *path, size_t base)
{
    char *folder = strdup(path);

    if (!folder)
        return;
    for (char *slash = folder + base; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        (void)mkdir(folder, S_IRWXU);
        *slash = '/';
    }
    free(folder);
}
