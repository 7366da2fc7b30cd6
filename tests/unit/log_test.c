/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

/* Opens FOLDER/name as the log of db:22, which must go well. */
static void log_opens(struct log *log, const struct folder *folder, const char *name,
                      enum log_level level)
{
    char path[FOLDER_PATH_MAX], *why = NULL;

    log_open(log, folder_path(folder, name, path), false, level, "db:22", &why);
    if (why)
        unit_fail("%s", why);
    assert_true(log->fd > STDERR_FILENO);
}

static mode_t mode_of(const struct folder *folder, const char *name)
{
    char path[FOLDER_PATH_MAX];
    struct stat status;

    assert_int_equal(stat(folder_path(folder, name, path), &status), 0);
    return status.st_mode;
}

static bool exists(const struct folder *folder, const char *name)
{
    char path[FOLDER_PATH_MAX];
    struct stat status;

    return lstat(folder_path(folder, name, path), &status) == 0;
}

/* --- lines --- */

/* A log whose writes can be told apart. */
struct sink {
    int ends[2];
    struct log log;
    char line[TEXT_SHOWN_MAX * 4 + 200];
};

static void sink_init(struct sink *sink, enum log_level level)
{
    static char about[] = "db:22";

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sink->ends), 0);
    sink->log = (struct log){.fd = sink->ends[1], .level = level, .about = about, .tell = -1};
}

/* What one write(2) brought; "" when there was none. */
static const char *sink_take(struct sink *sink)
{
    ssize_t n = recv(sink->ends[0], sink->line, sizeof(sink->line) - 1, MSG_DONTWAIT);

    sink->line[n > 0 ? n : 0] = '\0';
    return sink->line;
}

static void sink_release(struct sink *sink)
{
    fd_close(&sink->ends[0]);
    fd_close(&sink->ends[1]);
}

/* Where the words begin, behind "2026-11-21T21:50:01Z stile[123] "; *when is the time. */
static const char *words_of(const char *line, time_t *when)
{
    struct tm utc = {.tm_isdst = 0};
    long pid = 0;
    int at = -1,
        count = sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2dZ stile[%ld] %n", &utc.tm_year, &utc.tm_mon,
                       &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &pid, &at);

    if (count != 7 || at == -1)
        unit_fail("no line of a log: %s", line);
    assert_true(pid > 1);
    assert_int_equal(strcspn(line, " "), strlen("2026-11-21T21:50:01Z"));
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    *when = timegm(&utc);
    return line + at;
}

static void line_has_time_process_target_and_text(void **state)
{
    (void)state;
    struct sink sink;
    time_t before = time(NULL), when = 0;
    char process[40];

    sink_init(&sink, LOG_LEVEL_ERROR);
    assert_int_equal(setenv("TZ", "XXX+7", 1), 0);
    tzset();
    log_line(&sink.log, LOG_LEVEL_ERROR, "connect to db:22: refused");
    assert_int_equal(unsetenv("TZ"), 0);
    (void)snprintf(process, sizeof(process), "Z stile[%ld] db", (long)getpid());
    assert_string_equal(words_of(sink_take(&sink), &when), "db:22: connect to db:22: refused\n");
    assert_contains(sink.line, process);
    assert_true(when >= before && when <= time(NULL));
    assert_string_equal(sink_take(&sink), "");
    sink_release(&sink);
}

static void text_is_escaped(void **state)
{
    (void)state;
    struct sink sink;
    time_t when = 0;

    sink_init(&sink, LOG_LEVEL_ERROR);
    log_line(&sink.log, LOG_LEVEL_ERROR, "a\n2026-11-21T21:50:01Z stile[1] b\033[2J\\%s%n\x80");
    assert_string_equal(words_of(sink_take(&sink), &when),
                        "db:22: a\\n2026-11-21T21:50:01Z stile[1] b\\x1b[2J\\\\%s%n\\x80\n");
    sink_release(&sink);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    static char text[100001];
    struct sink sink;
    time_t when = 0;

    memset(text, '\1', sizeof(text) - 1);
    sink_init(&sink, LOG_LEVEL_ERROR);
    log_line(&sink.log, LOG_LEVEL_ERROR, text);
    const char *words = words_of(sink_take(&sink), &when);
    assert_int_equal(strlen(words), strlen("db:22: ...\n") + (TEXT_SHOWN_MAX - 3) * 4);
    assert_contains(words, "db:22: \\x01\\x01");
    assert_string_equal(words + strlen(words) - 8, "\\x01...\n");
    assert_string_equal(sink_take(&sink), "");
    sink_release(&sink);
}

static const struct level_row {
    const char *name;
    enum log_level level;
    const char *kept; /* of a notice, and lines of each level */
} level_rows[] = {
    {"quiet", LOG_LEVEL_QUIET, ""},
    {"error", LOG_LEVEL_ERROR, "notice error "},
    {"verbose", LOG_LEVEL_VERBOSE, "notice error verbose "},
    {"debug", LOG_LEVEL_DEBUG, "notice error verbose debug "},
};

static void levels(void **state)
{
    const struct level_row *row = *state;
    char kept[100] = "";
    struct sink sink;
    time_t when = 0;

    sink_init(&sink, row->level);
    log_line(&sink.log, LOG_LEVEL_QUIET, "quiet");
    log_notice(&sink.log, "notice");
    log_line(&sink.log, LOG_LEVEL_ERROR, "error");
    log_line(&sink.log, LOG_LEVEL_VERBOSE, "verbose");
    log_line(&sink.log, LOG_LEVEL_DEBUG, "debug");
    while (*sink_take(&sink)) {
        char *words = strdup(words_of(sink.line, &when) + strlen("db:22: "));
        assert_non_null(words);
        words[strcspn(words, "\n")] = ' ';
        (void)strncat(kept, words, sizeof(kept) - strlen(kept) - 1);
        free(words);
    }
    assert_string_equal(kept, row->kept);
    sink_release(&sink);
}

static void no_log_is_fine(void **state)
{
    (void)state;
    struct log none = LOG_INIT;

    log_line(NULL, LOG_LEVEL_ERROR, "lost");
    log_notice(NULL, "lost");
    log_line(&none, LOG_LEVEL_ERROR, "lost");
    log_notice(&none, "lost");
    log_close(&none);
    assert_int_equal(none.fd, -1);
}

/* --- the file --- */

static void new_file_is_ours_alone(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;
    mode_t mask = umask(0);
    char text[FOLDER_TEXT_MAX];

    folder_init(&folder);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    (void)umask(mask);
    assert_int_equal(mode_of(&folder, "log") & 07777, 0600);
    assert_int_equal(fcntl(log.fd, F_GETFD), FD_CLOEXEC);
    log_line(&log, LOG_LEVEL_ERROR, "one");
    log_close(&log);
    assert_int_equal(log.fd, -1);
    log_line(&log, LOG_LEVEL_ERROR, "two");
    log_close(&log);
    assert_contains(folder_get(&folder, "log", text), " db:22: one\n");
    assert_null(strstr(text, "two"));
    folder_release(&folder);
}

static void old_file_is_appended_to(void **state)
{
    (void)state;
    struct folder folder;
    struct log log, other;
    char text[FOLDER_TEXT_MAX];

    folder_init(&folder);
    folder_put(&folder, "log", "old\n", 0644);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    log_opens(&other, &folder, "log", LOG_LEVEL_ERROR);
    log_line(&log, LOG_LEVEL_ERROR, "one");
    log_line(&other, LOG_LEVEL_ERROR, "two");
    log_line(&log, LOG_LEVEL_ERROR, "three");
    log_close(&log);
    log_close(&other);
    (void)folder_get(&folder, "log", text);
    assert_int_equal(strncmp(text, "old\n2", 5), 0);
    assert_true(strstr(text, " one\n") < strstr(text, " two\n"));
    assert_true(strstr(text, " two\n") < strstr(text, " three\n"));
    assert_string_equal(strstr(text, " three\n"), " three\n");
    assert_int_equal(mode_of(&folder, "log") & 07777, 0644);
    folder_release(&folder);
}

static void link_to_a_file_will_do(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;
    char path[FOLDER_PATH_MAX], text[FOLDER_TEXT_MAX];

    folder_init(&folder);
    assert_int_equal(symlink("there", folder_path(&folder, "log", path)), 0);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    log_line(&log, LOG_LEVEL_ERROR, "one");
    log_close(&log);
    assert_contains(folder_get(&folder, "there", text), " one\n");
    folder_release(&folder);
}

/* Nobody asks for lines, so there is no file for them, and no message that it can't be had. */
static void quiet_opens_nothing(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;
    char path[FOLDER_PATH_MAX], *why = NULL;

    folder_init(&folder);
    log_open(&log, folder_path(&folder, "log", path), true, LOG_LEVEL_QUIET, "db:22", &why);
    assert_null(why);
    assert_int_equal(log.fd, -1);
    log_line(&log, LOG_LEVEL_ERROR, "lost");
    log_close(&log);
    log_open(&log, "/nowhere/at/all", false, LOG_LEVEL_QUIET, "db:22", &why);
    assert_null(why);
    log_close(&log);
    log_open(&log, NULL, false, LOG_LEVEL_DEBUG, "db:22", &why);
    assert_null(why);
    assert_int_equal(log.fd, -1);
    log_close(&log);
    assert_false(exists(&folder, "log"));
    folder_release(&folder);
}

static void make_fifo(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(strlen(path) < sizeof(address.sun_path));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof(address)), 0);
    fd_close(&sock);
}

static void make_link_to_device(const char *path)
{
    assert_int_equal(symlink("/dev/null", path), 0);
}

static void make_link_to_itself(const char *path)
{
    assert_int_equal(symlink("log", path), 0);
}

static void make_link_to_nowhere(const char *path)
{
    assert_int_equal(symlink("no/such/folder", path), 0);
}

static const struct refusal_row {
    const char *name;
    void (*make)(const char *path);
    const char *why;
} refusal_rows[] = {
    {"a FIFO that nobody reads", make_fifo, "not a regular file"},
    {"a folder", make_folder, "Is a directory"},
    {"a socket", make_socket, "not a regular file"},
    {"a device", make_link_to_device, "not a regular file"},
    {"a link to itself", make_link_to_itself, "Too many levels of symbolic links"},
    {"a link to a folder that isn't there", make_link_to_nowhere, "No such file or directory"},
};

static void no_file(void **state)
{
    const struct refusal_row *row = *state;
    char path[FOLDER_PATH_MAX], message[FOLDER_PATH_MAX + 100], *why = NULL;
    struct folder folder;
    struct fd_set_seen seen;
    struct log log;

    folder_init(&folder);
    row->make(folder_path(&folder, "log", path));
    fd_see(&seen);
    log_open(&log, path, false, LOG_LEVEL_DEBUG, "db:22", &why);
    (void)snprintf(message, sizeof(message), "%s: %s", path, row->why);
    assert_non_null(why);
    assert_string_equal(why, message);
    assert_int_equal(log.fd, -1);
    assert_int_equal(fd_new_since(&seen), -1);
    log_line(&log, LOG_LEVEL_ERROR, "lost");
    log_close(&log);
    free(why);
    if (row->make == make_folder)
        assert_int_equal(rmdir(path), 0);
    folder_release(&folder);
}

/* It can be opened, and must not be written to. */
static void fifo_with_a_reader_is_refused(void **state)
{
    (void)state;
    char path[FOLDER_PATH_MAX], byte, *why = NULL;
    struct folder folder;
    struct log log;

    folder_init(&folder);
    make_fifo(folder_path(&folder, "log", path));
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    log_open(&log, path, false, LOG_LEVEL_DEBUG, "db:22", &why);
    assert_non_null(why);
    assert_contains(why, "log: not a regular file");
    assert_int_equal(log.fd, -1);
    log_line(&log, LOG_LEVEL_ERROR, "lost");
    assert_int_equal(read(reader, &byte, 1), 0);
    log_close(&log);
    free(why);
    fd_close(&reader);
    folder_release(&folder);
}

/* What is written to stdout is what the user's program reads. */
static void descriptor_is_none_of_the_standard_ones(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;

    folder_init(&folder);
    int kept = dup(STDIN_FILENO);
    assert_true(kept > STDERR_FILENO);
    assert_int_equal(close(STDIN_FILENO), 0);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    bool was_taken = fd_is_open(STDIN_FILENO);
    assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    assert_false(was_taken);
    assert_int_equal(fcntl(log.fd, F_GETFD), FD_CLOEXEC);
    log_close(&log);
    fd_close(&kept);
    folder_release(&folder);
}

/* --- what goes wrong later --- */

static void lost_lines_harm_nobody(void **state)
{
    (void)state;
    char about[] = "db:22";
    struct log log = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC),
                      .level = LOG_LEVEL_DEBUG,
                      .about = about,
                      .tell = -1};

    assert_true(log.fd >= 0);
    log_line(&log, LOG_LEVEL_ERROR, "no space");
    fd_close(&log.fd);
    log.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_line(&log, LOG_LEVEL_ERROR, "not for writing");
    fd_close(&log.fd);
}

static void lost_lines_are_told_once(void **state)
{
    (void)state;
    char about[] = "db:22", text[200];
    int ends[2];
    struct log log = {
        .fd = open("/dev/full", O_WRONLY | O_CLOEXEC), .level = LOG_LEVEL_ERROR, .about = about};

    assert_true(log.fd >= 0);
    fd_pipe(ends);
    log.tell = ends[1];
    for (int i = 0; i < 3; i++)
        log_line(&log, LOG_LEVEL_ERROR, "no space");
    ssize_t size = read(ends[0], text, sizeof(text) - 1);
    assert_true(size > 0);
    text[size] = '\0';
    assert_string_equal(text, "stile: log: lines of LogFile are lost: No space left on device\n");
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    fd_close(&log.fd);
}

static void file_that_vanished_stays_away(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;
    char path[FOLDER_PATH_MAX];

    folder_init(&folder);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    assert_int_equal(unlink(folder_path(&folder, "log", path)), 0);
    log_line(&log, LOG_LEVEL_ERROR, "lost");
    assert_false(exists(&folder, "log"));
    log_close(&log);
    folder_release(&folder);
}

/* The signal of that would end a process that does not expect it. */
static void limit_of_size_loses_lines(void **state)
{
    (void)state;
    static const struct rlimit limit = {100, 100};
    struct folder folder;
    char text[FOLDER_TEXT_MAX];
    int status = 0;

    folder_init(&folder);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct log log;
        (void)signal(SIGXFSZ, SIG_DFL);
        log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
        if (setrlimit(RLIMIT_FSIZE, &limit) == -1)
            _exit(2);
        for (int i = 0; i < 10; i++)
            log_line(&log, LOG_LEVEL_ERROR, "one more line of the log");
        _exit(7);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(strlen(folder_get(&folder, "log", text)), 100);
    folder_release(&folder);
}

/* --- several at once --- */

#define WRITERS 4
#define LINES 250

static void write_lines(struct log *log, int writer)
{
    static const char dots[] = "........................................";

    for (int i = 0; i < LINES; i++) {
        char text[100];
        (void)snprintf(text, sizeof(text), "<%d %d %.*s>", writer, i, i % 40, dots);
        log_line(log, LOG_LEVEL_ERROR, text);
    }
}

/* Every line of every writer is there, whole, and in its order. */
static void lines_are_whole(const struct folder *folder)
{
    int next[WRITERS] = {0}, count = 0;
    char path[FOLDER_PATH_MAX], line[300];
    FILE *file = fopen(folder_path(folder, "log", path), "re");

    assert_non_null(file);
    for (; fgets(line, sizeof(line), file); count++) {
        int writer = -1, number = -1;
        time_t when = 0;
        const char *words = words_of(line, &when);
        (void)sscanf(words, "db:22: <%d %d ", &writer, &number);
        assert_true(writer >= 0 && writer < WRITERS);
        assert_int_equal(number, next[writer]++);
        assert_string_equal(words + strcspn(words, ">"), ">\n");
        assert_int_equal(strlen(words), strcspn(words, ".>") + (size_t)(number % 40) + 2);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(count, WRITERS * LINES);
}

static void processes_keep_lines_whole(void **state)
{
    (void)state;
    struct folder folder;
    pid_t pids[WRITERS];
    int status = 0;

    folder_init(&folder);
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct log log;
            log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
            write_lines(&log, i);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    lines_are_whole(&folder);
    folder_release(&folder);
}

struct writer {
    pthread_t thread;
    struct log *log;
    int number;
};

static void *run_writer(void *arg)
{
    const struct writer *writer = arg;

    write_lines(writer->log, writer->number);
    return NULL;
}

static void threads_keep_lines_whole(void **state)
{
    (void)state;
    struct folder folder;
    struct log log;
    struct writer writers[WRITERS];

    folder_init(&folder);
    log_opens(&log, &folder, "log", LOG_LEVEL_ERROR);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.log = &log, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
    log_close(&log);
    lines_are_whole(&folder);
    folder_release(&folder);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, line_has_time_process_target_and_text);
    UNIT_TEST(&unit, text_is_escaped);
    UNIT_TEST(&unit, long_text_is_cut);
    UNIT_ROWS(&unit, levels, level_rows);
    UNIT_TEST(&unit, no_log_is_fine);
    UNIT_TEST(&unit, new_file_is_ours_alone);
    UNIT_TEST(&unit, old_file_is_appended_to);
    UNIT_TEST(&unit, link_to_a_file_will_do);
    UNIT_TEST(&unit, quiet_opens_nothing);
    UNIT_ROWS(&unit, no_file, refusal_rows);
    UNIT_TEST(&unit, fifo_with_a_reader_is_refused);
    UNIT_TEST(&unit, descriptor_is_none_of_the_standard_ones);
    UNIT_TEST(&unit, lost_lines_harm_nobody);
    UNIT_TEST(&unit, lost_lines_are_told_once);
    UNIT_TEST(&unit, file_that_vanished_stays_away);
    UNIT_TEST(&unit, limit_of_size_loses_lines);
    UNIT_TEST(&unit, processes_keep_lines_whole);
    UNIT_TEST(&unit, threads_keep_lines_whole);
    return unit_run(&unit, "log");
}
