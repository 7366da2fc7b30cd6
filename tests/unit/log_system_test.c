/* SPDX-License-Identifier: MIT */
/* The system's log, played by a socket in a /dev that nobody else sees. */
#include "core/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#endif

#include "core/text.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

static const char daemon_path[] = "/dev/log";

/* Hides /dev behind an empty folder, once. 0, or an errno. */
static int have_own_dev(void)
{
#ifdef __linux__
    static int result = -1;

    if (result == -1) {
        result = syscall(SYS_unshare, CLONE_NEWNS) == 0 &&
                         mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                         mount("none", "/dev", "tmpfs", 0, "size=64k") == 0
                     ? 0
                     : errno;
    }
    return result;
#else
    return ENOSYS;
#endif
}

#define NEED_OWN_DEV()                                                                             \
    do {                                                                                           \
        if (have_own_dev() != 0)                                                                   \
            unit_skip("a /dev of our own: %s", strerror(have_own_dev()));                          \
    } while (0)

static int daemon_start(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, type, 0);

    assert_true(sock >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon_path);
    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(sock, 1), 0);
    return sock;
}

static void daemon_stop(int *sock)
{
    fd_close(sock);
    assert_int_equal(unlink(daemon_path), 0);
}

/* The next message; "" when there is none. */
static const char *daemon_take(int sock, char *text, size_t size)
{
    ssize_t n = recv(sock, text, size - 1, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* The next message is this one, behind our number. */
static void daemon_hears(int sock, int priority, const char *text)
{
    char got[TEXT_SHOWN_MAX * 4 + 200], wanted[sizeof(got)];

    (void)snprintf(wanted, sizeof(wanted), "<%d>stile[%ld]: %s", LOG_USER | priority,
                   (long)getpid(), text);
    assert_string_equal(daemon_take(sock, got, sizeof(got)), wanted);
}

/* A log for db:22 that must go well. */
static void log_opens(struct log *log, enum log_level level)
{
    char *why = NULL;

    log_open(log, NULL, true, level, "db:22", &why);
    if (why)
        unit_fail("%s", why);
    assert_int_equal(log->fd, -1);
}

static void messages_have_a_priority(void **state)
{
    (void)state;
    struct log log;

    NEED_OWN_DEV();
    int sock = daemon_start(SOCK_DGRAM);
    log_opens(&log, LOG_LEVEL_DEBUG);
    log_line(&log, LOG_LEVEL_ERROR, "a failure");
    log_notice(&log, "a notice");
    log_line(&log, LOG_LEVEL_VERBOSE, "a step");
    log_line(&log, LOG_LEVEL_DEBUG, "a detail");
    log_line(&log, LOG_LEVEL_QUIET, "nothing");
    daemon_hears(sock, LOG_ERR, "db:22: a failure");
    daemon_hears(sock, LOG_NOTICE, "db:22: a notice");
    daemon_hears(sock, LOG_INFO, "db:22: a step");
    daemon_hears(sock, LOG_DEBUG, "db:22: a detail");
    assert_false(fd_ready(sock, POLLIN));
    log_close(&log);
    log_line(&log, LOG_LEVEL_ERROR, "closed");
    assert_false(fd_ready(sock, POLLIN));
    daemon_stop(&sock);
}

static void level_counts(void **state)
{
    (void)state;
    struct log log;

    NEED_OWN_DEV();
    int sock = daemon_start(SOCK_DGRAM);
    log_opens(&log, LOG_LEVEL_ERROR);
    log_line(&log, LOG_LEVEL_VERBOSE, "a step");
    log_line(&log, LOG_LEVEL_ERROR, "a failure");
    daemon_hears(sock, LOG_ERR, "db:22: a failure");
    log_close(&log);
    log_opens(&log, LOG_LEVEL_QUIET);
    log_line(&log, LOG_LEVEL_ERROR, "a failure");
    assert_false(fd_ready(sock, POLLIN));
    log_close(&log);
    daemon_stop(&sock);
}

/* Neither a format, nor a line or a priority of its own. */
static void text_is_escaped_and_cut(void **state)
{
    (void)state;
    static char text[100001];
    char got[TEXT_SHOWN_MAX * 4 + 200];
    struct log log;

    NEED_OWN_DEV();
    int sock = daemon_start(SOCK_DGRAM);
    log_opens(&log, LOG_LEVEL_ERROR);
    log_line(&log, LOG_LEVEL_ERROR, "%s%n%500$s\n<0>kernel: oops\\");
    daemon_hears(sock, LOG_ERR, "db:22: %s%n%500$s\\n<0>kernel: oops\\\\");
    memset(text, '\1', sizeof(text) - 1);
    log_line(&log, LOG_LEVEL_ERROR, text);
    (void)daemon_take(sock, got, sizeof(got));
    assert_true(strlen(got) < TEXT_SHOWN_MAX * 4 + 50);
    assert_string_equal(got + strlen(got) - 7, "\\x01...");
    log_close(&log);
    daemon_stop(&sock);
}

/* syslog(3) would wait. */
static void daemon_that_does_not_read_stops_nobody(void **state)
{
    (void)state;
    char got[TEXT_SHOWN_MAX * 4 + 200];
    struct log log;
    int count = 0;

    NEED_OWN_DEV();
    int sock = daemon_start(SOCK_DGRAM);
    log_opens(&log, LOG_LEVEL_DEBUG);
    for (int i = 0; i < 5000; i++)
        log_line(&log, LOG_LEVEL_DEBUG, "one more");
    while (*daemon_take(sock, got, sizeof(got)))
        count++;
    assert_in_range(count, 1, 4999);
    log_line(&log, LOG_LEVEL_DEBUG, "the next");
    daemon_hears(sock, LOG_DEBUG, "db:22: the next");
    log_close(&log);
    daemon_stop(&sock);
}

static void daemon_may_start_again(void **state)
{
    (void)state;
    struct log log;

    NEED_OWN_DEV();
    int sock = daemon_start(SOCK_DGRAM);
    log_opens(&log, LOG_LEVEL_ERROR);
    log_line(&log, LOG_LEVEL_ERROR, "one");
    daemon_hears(sock, LOG_ERR, "db:22: one");
    daemon_stop(&sock);
    log_line(&log, LOG_LEVEL_ERROR, "two");
    sock = daemon_start(SOCK_DGRAM);
    log_line(&log, LOG_LEVEL_ERROR, "three");
    daemon_hears(sock, LOG_ERR, "db:22: three");
    log_close(&log);
    daemon_stop(&sock);
}

static const struct absence_row {
    const char *name;
    int type; /* of a socket that is there; 0: none */
    const char *why;
} absence_rows[] = {
    {"there is none", 0, "/dev/log: No such file or directory"},
    {"of another kind", SOCK_STREAM, "/dev/log: Protocol wrong type for socket"},
};

/* What is wrong is said once, and the file has its lines all the same. */
static void no_daemon(void **state)
{
    const struct absence_row *row = *state;
    char path[FOLDER_PATH_MAX], text[FOLDER_TEXT_MAX], *why = NULL;
    struct fd_set_seen seen;
    struct folder folder;
    struct log log;

    NEED_OWN_DEV();
    folder_init(&folder);
    int sock = row->type ? daemon_start(row->type) : -1;
    log_open(&log, folder_path(&folder, "log", path), true, LOG_LEVEL_ERROR, "db:22", &why);
    assert_non_null(why);
    assert_string_equal(why, row->why);
    free(why);
    fd_see(&seen);
    log_line(&log, LOG_LEVEL_ERROR, "kept");
    assert_int_equal(fd_new_since(&seen), -1);
    assert_contains(folder_get(&folder, "log", text), "] db:22: kept\n");
    log_close(&log);

    log_open(&log, "/dev", true, LOG_LEVEL_ERROR, "db:22", &why);
    assert_non_null(why);
    assert_contains(why, "/dev: Is a directory; ");
    assert_contains(why, row->why);
    free(why);
    log_close(&log);
    if (sock != -1)
        daemon_stop(&sock);
    folder_release(&folder);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, messages_have_a_priority);
    UNIT_TEST(&unit, level_counts);
    UNIT_TEST(&unit, text_is_escaped_and_cut);
    UNIT_TEST(&unit, daemon_that_does_not_read_stops_nobody);
    UNIT_TEST(&unit, daemon_may_start_again);
    UNIT_ROWS(&unit, no_daemon, absence_rows);
    return unit_run(&unit, "log_system");
}
