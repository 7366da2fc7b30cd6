/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/known_hosts.h"
#include "transports/ssh/known_name.h"

#define LOCK_NS CLOCK_S /* longest that another's lock is waited for */
#define LOCK_PAUSE_MS 10

/* "name type key\n", in fresh memory that the caller frees; NULL when there is none. */
static char *new_line(const char *name, const char *type, const uint8_t *blob, size_t size,
                      bool hash)
{
    uint8_t salt[KNOWN_SALT_SIZE];
    char *lower = known_name_lower(strdup(name)), *hashed = NULL, *line = NULL;
    char *coded = base64_encode(blob, size);

    if (lower && hash && RAND_bytes(salt, sizeof(salt)) == 1)
        hashed = known_name_hashed(lower, salt);
    if (coded && (hash ? hashed : lower))
        line = text_join(hash ? hashed : lower, " ", type, " ", coded, "\n", (char *)NULL);
    free(lower);
    free(hashed);
    free(coded);
    return line;
}

/* With the folder that it is in, if need be. The descriptor, or -1 with errno. */
static int open_append(const char *path)
{
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0600);
    const char *slash = strrchr(path, '/');

    if (fd != -1 || errno != ENOENT || !slash)
        return fd;
    char *folder = strndup(path, (size_t)(slash - path));
    if (!folder)
        return -1;
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        fd = open(path, flags, 0600);
    free(folder);
    return fd;
}

/* Whoever holds it for long is no reason to fail: a line in one write is whole in any case. */
static void lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int64_t until_ns = clock_ns() + LOCK_NS;

    while (fcntl(fd, F_SETLK, &whole) == -1 && (errno == EAGAIN || errno == EACCES) &&
           clock_ns() < until_ns)
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
}

/* Is there a last line without an end? */
static bool is_open_ended(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    char last = '\n';

    return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

/* 0, or -1 with errno. */
static int put(int fd, const char *text)
{
    while (*text) {
        ssize_t size = write(fd, text, strlen(text));
        if (size >= 0)
            text += size;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

/* 0, or -1 with errno. `line` begins with a line end, which may be left out. */
static int append(const char *path, const char *line)
{
    int fd = open_append(path);

    if (fd == -1)
        return -1;
    lock(fd);
    int done = put(fd, is_open_ended(fd) ? line : line + 1);
    int why = errno;
    if (close(fd) == -1 && done == 0)
        return -1;
    errno = why;
    return done;
}

int known_hosts_append(const char *path, const char *name, const char *type, const uint8_t *blob,
                       size_t size, bool hash, struct err *err)
{
    struct key_blob key;

    if (!known_name_is_fit(name))
        return err_set(err, ERR_AUTH, "%s: no line can be for the name '%s'", path, name);
    if (key_blob_read(&key, blob, size) == -1 || strcmp(key.type, type) != 0)
        return err_set(err, ERR_AUTH, "%s: no line can have a key of the type '%s'", path, type);
    char *line = new_line(name, type, blob, size, hash);
    char *whole = line ? text_join("\n", line, (char *)NULL) : NULL;
    int done = whole ? append(path, whole) : err_no_memory(err);
    if (done == -1)
        (void)err_set(err, ERR_AUTH, "%s: %s", path, strerror(errno));
    free(line);
    free(whole);
    return done;
}
