/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

void folder_init(struct folder *folder)
{
    *folder = (struct folder){"/tmp/stile-unit-XXXXXX"};
    assert_non_null(mkdtemp(folder->path));
}

void folder_release(struct folder *folder)
{
    char path[FOLDER_PATH_MAX];
    DIR *listing = opendir(folder->path);
    const struct dirent *entry;

    assert_non_null(listing);
    while ((entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            assert_int_equal(remove(folder_path(folder, entry->d_name, path)), 0);
    }
    assert_int_equal(closedir(listing), 0);
    assert_int_equal(rmdir(folder->path), 0);
}

const char *folder_path(const struct folder *folder, const char *name, char path[FOLDER_PATH_MAX])
{
    int length = snprintf(path, FOLDER_PATH_MAX, "%s/%s", folder->path, name);
    assert_in_range(length, 1, FOLDER_PATH_MAX - 1);
    return path;
}

void folder_write(const struct folder *folder, const char *name, const void *data, size_t size,
                  mode_t mode)
{
    char path[FOLDER_PATH_MAX];
    (void)unlink(folder_path(folder, name, path));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (size > 0)
        fd_put(fd, data, size);
    assert_int_equal(fchmod(fd, mode), 0);
    fd_close(&fd);
}

void folder_put(const struct folder *folder, const char *name, const char *text, mode_t mode)
{
    folder_write(folder, name, text, strlen(text), mode);
}

const char *folder_get(const struct folder *folder, const char *name, char text[FOLDER_TEXT_MAX])
{
    char path[FOLDER_PATH_MAX];
    int fd = open(folder_path(folder, name, path), O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, FOLDER_TEXT_MAX - 1) : 0;
    assert_true(size >= 0);
    text[size] = '\0';
    fd_close(&fd);
    return text;
}
