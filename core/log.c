/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/os.h"
#include "core/say.h"
#include "core/text.h"

#ifndef _PATH_LOG
#define _PATH_LOG "/dev/log"
#endif

/* A descriptor with which one can send to the system's log without waiting; -1 with errno. */
static int reach_daemon(void)
{
    const struct sockaddr_un daemon = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
    int sock = os_socket(AF_UNIX, SOCK_DGRAM, 0);

    if (sock == -1 || connect(sock, (const struct sockaddr *)&daemon, sizeof(daemon)) == 0)
        return sock;
    int saved = errno;
    (void)close(sock);
    errno = saved;
    return -1;
}

/* A descriptor above stderr in its stead; -1 with errno. */
static int above_standard(int fd)
{
    if (fd > STDERR_FILENO || fd == -1)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return higher;
}

/* The descriptor, or -1 and *why. */
static int open_file(const char *path, const char **why)
{
    static const char irregular[] = "not a regular file";
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, S_IRUSR | S_IWUSR);
    struct stat status;

    if (fd == -1 && errno == ENOENT) {
        file_make_folders(path, 0);
        fd = open(path, flags, S_IRUSR | S_IWUSR);
    }
    fd = above_standard(fd);

    /* ENXIO: a FIFO that nobody reads, or a socket. */
    if (fd == -1 || fstat(fd, &status) == -1)
        *why = errno == ENXIO ? irregular : strerror(errno);
    else if (S_ISREG(status.st_mode))
        return fd;
    else
        *why = irregular;
    if (fd != -1)
        (void)close(fd);
    return -1;
}

/* Adds "name: reason" to *why. */
static void complain(char **why, const char *name, const char *reason)
{
    char *before = *why;

    *why = text_join(before ? before : "", before ? "; " : "", name, ": ", reason, (char *)NULL);
    free(before);
}

void log_open(struct log *log, const char *path, bool to_system, enum log_level level,
              const char *about, char **why)
{
    const char *reason = NULL;

    *why = NULL;
    *log = LOG_INIT;
    log->level = level;
    if (level == LOG_LEVEL_QUIET || (!path && !to_system))
        return;
    log->about = text_join(about, (char *)NULL);
    log->to_system = to_system;
    if (path) {
        log->fd = open_file(path, &reason);
        (void)signal(SIGXFSZ, SIG_IGN);
    }
    if (reason)
        complain(why, path, reason);

    /* Another one for each line: a daemon may come and go. */
    int probe = to_system ? reach_daemon() : -1;
    if (to_system && probe == -1)
        complain(why, _PATH_LOG, strerror(errno));
    if (probe != -1)
        (void)close(probe);
}

/* Once, for there is more where that came from. */
static void tell_loss(struct log *log, const char *why)
{
    char *line = NULL;

    if (!atomic_exchange(&log->is_told, true))
        line = text_join("stile: log: lines of LogFile are lost: ", why, "\n", (char *)NULL);
    if (line)
        (void)say(log->tell, line, SAY_PATIENCE_NS);
    free(line);
}

static void to_file(struct log *log, const char *words)
{
    char now[sizeof("-2147483648-01-01T00:00:00Z ")] = "", digits[TEXT_DIGITS_MAX];
    time_t seconds = time(NULL);
    struct tm utc;

    if (gmtime_r(&seconds, &utc))
        (void)strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ ", &utc);
    char *line = text_join(now, "stile[", text_digits((unsigned)getpid(), digits), "] ", words,
                           "\n", (char *)NULL);
    if (line && write(log->fd, line, strlen(line)) != (ssize_t)strlen(line))
        tell_loss(log, strerror(errno));
    free(line);
}

static void to_daemon(int priority, const char *words)
{
    char kind[TEXT_DIGITS_MAX], digits[TEXT_DIGITS_MAX];
    char *line = text_join("<", text_digits((unsigned)(LOG_USER | priority), kind), ">stile[",
                           text_digits((unsigned)getpid(), digits), "]: ", words, (char *)NULL);
    int sock = line ? reach_daemon() : -1;

    if (sock != -1) {
        (void)send(sock, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)close(sock);
    }
    free(line);
}

static void put(struct log *log, int priority, const char *text)
{
    const char *about = log->about ? log->about : "?";
    char *shown = text_join(text, (char *)NULL);

    text_cut(shown);
    char *whole = shown ? text_join(about, ": ", shown, (char *)NULL) : NULL;
    char *words = whole ? text_escape(whole) : NULL;
    if (words && log->fd != -1)
        to_file(log, words);
    if (words && log->to_system)
        to_daemon(priority, words);
    free(words);
    free(whole);
    free(shown);
}

/* Is there somebody who wants to read lines of this level? */
static bool is_wanted(const struct log *log, enum log_level level)
{
    return log && level != LOG_LEVEL_QUIET && log->level >= level &&
           (log->fd != -1 || log->to_system);
}

void log_line(struct log *log, enum log_level level, const char *text)
{
    static const int priority[] = {
        [LOG_LEVEL_ERROR] = LOG_ERR,
        [LOG_LEVEL_VERBOSE] = LOG_INFO,
        [LOG_LEVEL_DEBUG] = LOG_DEBUG,
    };

    if (is_wanted(log, level))
        put(log, priority[level], text);
}

void log_notice(struct log *log, const char *text)
{
    if (is_wanted(log, LOG_LEVEL_ERROR))
        put(log, LOG_NOTICE, text);
}

void log_close(struct log *log)
{
    if (log->fd != -1)
        (void)close(log->fd);
    free(log->about);
    *log = LOG_INIT;
}
