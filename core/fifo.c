/* SPDX-License-Identifier: MIT */
#include "core/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

#define NAME "/log"

/* A new folder and the path of a pipe in it, in fresh memory. NULL with errno. */
static char *folder_new(void)
{
    const char *parent = getenv("TMPDIR");
    char *path =
        text_join(parent && *parent == '/' ? parent : "/tmp", "/stile.XXXXXX", NAME, (char *)NULL);

    if (!path)
        return NULL;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (!mkdtemp(path)) {
        int why = errno;
        free(path);
        errno = why;
        return NULL;
    }
    *slash = '/';
    return path;
}

int fifo_open(struct fifo *fifo)
{
    int why, fd = -1;

    *fifo = (struct fifo){folder_new(), -1};
    if (!fifo->path)
        return -1;
    if (mkfifo(fifo->path, S_IRUSR | S_IWUSR) == 0)
        fd = open(fifo->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd != -1)
        fifo->hold = open(fifo->path, O_WRONLY | O_CLOEXEC);
    if (fifo->hold != -1 && fcntl(fd, F_SETFL, 0) == 0)
        return fd;
    why = errno;
    if (fd != -1)
        (void)close(fd);
    fifo_remove(fifo);
    errno = why;
    return -1;
}

void fifo_remove(struct fifo *fifo)
{
    if (fifo->hold != -1)
        (void)close(fifo->hold);
    if (fifo->path) {
        (void)unlink(fifo->path);
        *strrchr(fifo->path, '/') = '\0';
        (void)rmdir(fifo->path);
    }
    free(fifo->path);
    *fifo = FIFO_NONE;
}
