/* SPDX-License-Identifier: MIT */
/* Descriptors for tests: pairs of every kind, what is open, what is in them, and waiting with a
 * limit. */
#ifndef STILE_TESTS_UNIT_FAKE_FD_H
#define STILE_TESTS_UNIT_FAKE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define FD_SEEN_MAX 512

struct fd_set_seen {
    bool open[FD_SEEN_MAX];
};

/* Notes which descriptors are open now. */
void fd_see(struct fd_set_seen *seen);

/* A descriptor that is open now and was not then; -1 = none. */
int fd_new_since(const struct fd_set_seen *seen);

bool fd_is_open(int fd);
bool fd_is_nonblocking(int fd);
void fd_set_nonblocking(int fd, bool on);
void fd_close(int *fd); /* close, if it is open, and -1 */

/* All of these fail the test rather than return an error. [0] is read and [1] written in a pipe. */
void fd_pipe(int ends[2]);
void fd_socketpair(int ends[2]);
void fd_tcp_pair(int ends[2]);

/* A file that has no name any more, with these bytes in it, at its start. */
int fd_file(const void *data, size_t size);

/* A folder of its own for sockets; `path` becomes FOLDER/name. */
#define FD_PATH_MAX 100
void fd_temp_path(char path[FD_PATH_MAX], const char *name);
void fd_temp_remove(const char *path); /* the file and its folder */

/* A listening socket of AF_INET or AF_INET6 on loopback, port chosen by the system; -1 when this
 * machine has no such family. */
int fd_listen(int family, int backlog, uint16_t *port);

/* A port of 127.0.0.1 where nobody listens: bound, and kept so in *holder. */
uint16_t fd_dead_port(int *holder);

/* Waits for `events` with the limit of tests; fails the test when they do not come. Returns
 * revents. */
short fd_await(int fd, short events);

/* Are `events` there now? */
bool fd_ready(int fd, short events);

/* Writes everything; fails the test when it can't. */
void fd_put(int fd, const void *data, size_t size);

/* Reads exactly `size` bytes with the limit of tests; fails the test when the end comes first. */
void fd_get(int fd, void *data, size_t size);

/* Reads to the end; fails the test unless exactly these bytes and then the end come. */
void fd_expect(int fd, const void *data, size_t size);

/* Writes until no more goes in, without blocking and with no lasting change of flags. How many
 * bytes. */
size_t fd_fill(int fd);

#endif
