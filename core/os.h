/* SPDX-License-Identifier: MIT */
/*
 * What not every POSIX system has, each behind one small function.
 *
 * os_linux.c has the real ones; os_portable.c (make PORTABLE=1) has twins that are made of POSIX
 * alone or say no. Callers work with either, without asking which.
 */
#ifndef STILE_CORE_OS_H
#define STILE_CORE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* socket(2), non-blocking and close-on-exec. The descriptor, or -1 with errno. */
int os_socket(int domain, int type, int protocol);

/* socketpair(2) of Unix stream sockets, both ends non-blocking and close-on-exec. 0, or -1 with
 * errno. */
int os_socketpair(int ends[2]);

enum pipe_end {
    PIPE_READ,
    PIPE_WRITE,
    PIPE_ENDS,
};

/* pipe(2), close-on-exec. 0, or -1 with errno. */
int os_pipe(int ends[PIPE_ENDS]);

/*
 * Moves up to `size` bytes between two descriptors of which at least one is a pipe, without waiting
 * (splice(2), SPLICE_F_NONBLOCK). Bytes moved; 0 at the end of `from`; -1 with errno: EAGAIN means
 * that `from` is empty or `to` is full, and does not say which; EINVAL that this pair cannot be
 * spliced.
 */
ssize_t os_splice(int from, int to, size_t size);

/*
 * Acknowledges what arrived on a TCP socket now instead of up to 40 ms later (TCP_QUICKACK). Not
 * sticky: the kernel goes back to delaying, so it is repeated after reads. 0, or -1 where that does
 * not exist.
 */
int os_tcp_quickack(int fd);

/* Makes room for `size` bytes in a pipe (F_SETPIPE_SZ). Fails harmlessly: there is a limit per
 * user. */
void os_pipe_grow(int fd, size_t size);

/* The calling process gets `signal` when the thread that made it ends (PR_SET_PDEATHSIG); 0 = no
 * more. Fails harmlessly; for a child after fork(2). */
void os_die_with_parent(int signal);

/* The absolute path of the running executable (/proc/self/exe), in fresh memory that the caller
 * frees; NULL when the system doesn't say. */
char *os_executable(void);

/*
 * A Unix socket that listens, non-blocking and close-on-exec, for a connection from this very
 * process: an abstract name that the kernel chose, or a path in a folder that nobody else may
 * enter. Its address goes to *address. The descriptor, or -1 with errno. Ask os_is_own_peer of what
 * was accepted; os_listener_close takes the path away.
 */
int os_listener_new(struct sockaddr_un *address, socklen_t *size);
bool os_is_own_peer(int fd);

/* The same question where the peer may be another process: does it run as the user we are? */
bool os_is_own_user(int fd);
void os_listener_close(int fd, const struct sockaddr_un *address);

/*
 * Gives `fd`, a pipe opened for `flags` (O_RDONLY or O_WRONLY), a non-blocking open file
 * description of its own under the same number, so that the others who hold the pipe do not see
 * O_NONBLOCK. 0, or -1 when the system cannot; the descriptor is then as it was.
 */
int os_reopen_nonblock(int fd, int flags);

#endif
