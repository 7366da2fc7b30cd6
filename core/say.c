/* SPDX-License-Identifier: MIT */
#include "core/say.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

bool say(int fd, const char *line, int64_t patience_ns)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int64_t until_ns = clock_ns() + patience_ns;
    int ready;

    if (fd == -1)
        return true;
    while ((ready = poll(&pfd, 1, clock_poll_ms(until_ns))) == -1 && errno == EINTR)
        continue;
    return ready == 1 && write(fd, line, strlen(line)) > 0;
}
