/* SPDX-License-Identifier: MIT */
/*
 * The tools, and one run of one of them: started as ssh starts a ProxyCommand, on two pipes of the
 * size that pipe(2) gives, but without the shell, whose time is not the tool's.
 */
#ifndef STILE_BENCH_SESSION_H
#define STILE_BENCH_SESSION_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "servers.h"

#define SESSION_PATIENCE_MS 20000 /* for a single event: a tool that needs longer has failed */
#define TOOL_WORDS 8
#define TOOL_PROGRAMS 2

extern char **environ;

struct tool {
    const char *name;
    const char *programs[TOOL_PROGRAMS]; /* the first that is in $PATH is taken */
    const char *words[TOOL_WORDS];       /* its arguments, see struct goal */
    char path[PATH_MAX];                 /* empty = not installed */
};

/* What the marks in the words of a tool stand for. */
struct goal {
    const char *host; /* %h: of the target and of the proxy, and always an address */
    uint16_t port;    /* %p */
    uint16_t proxy;   /* %x: the proxy's port, where there is one */
};

struct session {
    pid_t pid;
    int to;
    int from;
    int64_t first_byte_ns; /* from before the spawn to the greeting */
};

/* --- programs -----------------------------------------------------------------------------------
 */

/* Looks the program up once, so that no run pays for a search of $PATH. */
static bool tool_look_up(struct tool *tool, const char *program)
{
    const char *dir = getenv("PATH");

    while (dir && *dir) {
        size_t size = strcspn(dir, ":");

        (void)snprintf(tool->path, sizeof(tool->path), "%.*s/%s", (int)size, dir, program);
        if (access(tool->path, X_OK) == 0)
            return true;
        dir += size + (dir[size] == ':');
    }
    tool->path[0] = '\0';
    return false;
}

static bool tool_find(struct tool *tool)
{
    for (size_t i = 0; i < TOOL_PROGRAMS && tool->programs[i]; i++) {
        if (tool_look_up(tool, tool->programs[i]))
            return true;
    }
    return tool->path[0] != '\0';
}

#define WORD_MAX 128

static void tool_expand(const char *word, const struct goal *goal, char out[WORD_MAX])
{
    size_t used = 0;

    while (*word && used < WORD_MAX - 1) {
        size_t left = WORD_MAX - used;
        int put = 1;

        switch (*word == '%' ? word[1] : '\0') {
        case 'h':
            put = snprintf(out + used, left, "%s", goal->host);
            break;
        case 'p':
            put = snprintf(out + used, left, "%u", goal->port);
            break;
        case 'x':
            put = snprintf(out + used, left, "%u", goal->proxy);
            break;
        default:
            out[used] = *word--;
        }
        word += 2;
        used += (size_t)put;
    }
    out[used < WORD_MAX ? used : WORD_MAX - 1] = '\0';
}

static pid_t tool_spawn(const struct tool *tool, const struct goal *goal, int in, int out)
{
    char words[TOOL_WORDS][WORD_MAX];
    char *argv[TOOL_WORDS + 2] = {(char *)(uintptr_t)tool->path};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t reset;
    pid_t pid = -1;

    for (size_t i = 0; i < TOOL_WORDS && tool->words[i]; i++) {
        tool_expand(tool->words[i], goal, words[i]);
        argv[i + 1] = words[i];
    }
    /* ssh too gives its helper a SIGPIPE that kills. */
    (void)sigemptyset(&reset);
    (void)sigaddset(&reset, SIGPIPE);
    if (posix_spawn_file_actions_init(&files) != 0)
        return -1;
    if (posix_spawnattr_init(&attributes) != 0)
        goto out_files;
    if (posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO) != 0 ||
        posix_spawnattr_setsigdefault(&attributes, &reset) != 0 ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF) != 0 ||
        posix_spawn(&pid, tool->path, &files, &attributes, argv, environ) != 0)
        pid = -1;
    (void)posix_spawnattr_destroy(&attributes);
out_files:
    (void)posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* --- bytes --------------------------------------------------------------------------------------
 */

static bool session_wait(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    int ready;

    do {
        ready = poll(&pfd, 1, SESSION_PATIENCE_MS);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Was the call in vain, and is it worth repeating, now that `fd` has had an event? */
static bool session_again(ssize_t result, int fd, short events)
{
    return result < 0 && errno == EAGAIN && session_wait(fd, events);
}

static bool session_read(const struct session *session, char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(session->from, data + done, size - done);

        if (got > 0)
            done += (size_t)got;
        else if (!session_again(got, session->from, POLLIN))
            return false;
    }
    return true;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void session_kill(const struct session *session)
{
    (void)kill(session->pid, SIGKILL);
}

/*
 * Ends the input of the tool, waits until it has gone and says what it used. Some tools do not end
 * by themselves, so they are killed. `used` may be NULL.
 */
static bool session_close(struct session *session, struct rusage *used)
{
    char rest[512];
    int status;

    (void)close(session->to);
    while (session_wait(session->from, POLLIN) && read(session->from, rest, sizeof(rest)) > 0)
        continue;
    (void)close(session->from);
    session_kill(session);
    return wait4(session->pid, &status, 0, used) == session->pid;
}

/* Starts the tool and waits until the server's greeting has come through it. */
static bool session_open(struct session *session, const struct tool *tool, const struct goal *goal)
{
    int64_t start = clock_ns();
    int down[2];
    int up[2];
    char greeting;

    if (pipe2(up, O_CLOEXEC) < 0)
        return false;
    if (pipe2(down, O_CLOEXEC) < 0) {
        (void)close(up[0]);
        (void)close(up[1]);
        return false;
    }
    session->pid = tool_spawn(tool, goal, up[0], down[1]);
    (void)close(up[0]);
    (void)close(down[1]);
    session->to = up[1];
    session->from = down[0];
    /* Only our ends: the tool must meet the blocking pipes that ssh gives it. */
    (void)fcntl(session->to, F_SETFL, O_WRONLY | O_NONBLOCK);
    (void)fcntl(session->from, F_SETFL, O_RDONLY | O_NONBLOCK);
    if (session->pid > 0 && session_read(session, &greeting, 1)) {
        session->first_byte_ns = clock_ns() - start;
        return true;
    }
    if (session->pid > 0)
        (void)session_close(session, NULL);
    return false;
}

#endif
