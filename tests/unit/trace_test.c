/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* What one trace_line wrote, which has to be one write: a socket of records keeps them apart. */
struct sink {
    int ends[2];
    struct trace trace;
    char line[8192];
};

static void sink_init(struct sink *sink, int level)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sink->ends), 0);
    sink->trace = (struct trace){.level = level, .start_ns = clock_ns(), .fd = sink->ends[1]};
}

/* The next record; "" when there is none. */
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

static void line_has_time_layer_and_text(void **state)
{
    (void)state;
    struct sink sink;
    long seconds;
    long micros;
    int end = -1;

    sink_init(&sink, 1);
    sink.trace.start_ns -= 12 * CLOCK_S;
    trace_line(&sink.trace, 1, "tcp", "connecting to %s:%d", "127.0.0.1", 22);
    (void)sscanf(sink_take(&sink), "stile: +%ld.%6ld tcp: connecting to 127.0.0.1:22%n", &seconds,
                 &micros, &end);
    assert_true(end > 0);
    assert_string_equal(sink.line + end, "\n");
    assert_int_equal(strcspn(strchr(sink.line, '.') + 1, " "), 6);
    assert_true(seconds >= 12 && seconds < 12 + UNIT_LIMIT_S);
    assert_string_equal(sink_take(&sink), "");
    sink_release(&sink);
}

static void text_is_escaped(void **state)
{
    (void)state;
    struct sink sink;

    sink_init(&sink, 1);
    trace_line(&sink.trace, 1, "ssh", "banner %s", "a\n\033[2Jb\tc");
    (void)sink_take(&sink);
    assert_contains(sink.line, "ssh: banner a\\n");
    assert_contains(sink.line, "[2Jb\\tc\n");
    assert_ptr_equal(strchr(sink.line, '\n'), sink.line + strlen(sink.line) - 1);
    assert_null(strchr(sink.line, '\033'));
    sink_release(&sink);
}

static void long_line_is_one_line(void **state)
{
    (void)state;
    static char word[3001];
    struct sink sink;

    memset(word, 'x', sizeof(word) - 1);
    sink_init(&sink, 1);
    trace_line(&sink.trace, 1, "tcp", "%s", word);
    (void)sink_take(&sink);
    assert_ptr_equal(strchr(sink.line, '\n'), sink.line + strlen(sink.line) - 1);
    assert_string_equal(sink_take(&sink), "");
    sink_release(&sink);
}

static int counted(int *calls)
{
    return ++*calls;
}

static void levels(void **state)
{
    (void)state;
    for (int level = 0; level <= 2; level++) {
        struct sink sink;
        int calls = 0;

        sink_init(&sink, level);
        TRACE(&sink.trace, "a", "one %d", counted(&calls));
        TRACE_LEVEL(2, &sink.trace, "a", "two %d", counted(&calls));
        assert_int_equal(calls, level);
        for (int i = 0; i < level; i++)
            assert_contains(sink_take(&sink), i == 0 ? "a: one 1\n" : "a: two 2\n");
        assert_string_equal(sink_take(&sink), "");
        sink_release(&sink);
    }
}

/* A trace that cannot be written neither blocks nor ends the program. */
static void errors_lose_the_line(void **state)
{
    (void)state;
    struct trace nowhere = {.level = 1, .start_ns = 0, .fd = -1};

    trace_line(&nowhere, 1, "tcp", "lost");
    nowhere.fd = fd_file("", 0);
    trace_line(&nowhere, 1, "tcp", "found");
    assert_true(lseek(nowhere.fd, 0, SEEK_CUR) > 0);
    fd_close(&nowhere.fd);
}

/* --- routes and the log --- */

static void route_stands_in_front_of_the_layer(void **state)
{
    (void)state;
    struct sink sink;
    int end = -1;

    sink_init(&sink, 1);
    sink.trace.route = 2;
    trace_line(&sink.trace, 1, "tcp", "connecting\tto %s", "db");
    (void)sscanf(sink_take(&sink), "stile: +%*d.%*6d %n", &end);
    assert_true(end > 0);
    assert_string_equal(sink.line + end, "[2] tcp: connecting\\tto db\n");
    sink_release(&sink);
}

/* A sink for the trace, and one that takes what goes to the log. */
struct logged {
    struct sink shown, kept;
    struct log log;
};

static void logged_init(struct logged *logged, int level, enum log_level log_level)
{
    static char about[] = "db:22";

    sink_init(&logged->shown, level);
    sink_init(&logged->kept, 0);
    logged->log =
        (struct log){.fd = logged->kept.ends[1], .level = log_level, .about = about, .tell = -1};
    logged->shown.trace.log = &logged->log;
    logged->shown.trace.log_level = (int)log_level - LOG_LEVEL_ERROR;
}

static void logged_release(struct logged *logged)
{
    sink_release(&logged->shown);
    sink_release(&logged->kept);
}

static const struct log_row {
    const char *name;
    int level; /* how many -v */
    enum log_level log_level;
    int shown, kept; /* how many of the two lines */
} log_rows[] = {
    {"neither", 0, LOG_LEVEL_ERROR, 0, 0},
    {"no log", 2, LOG_LEVEL_QUIET, 2, 0},
    {"a log of failures", 2, LOG_LEVEL_ERROR, 2, 0},
    {"the log alone", 0, LOG_LEVEL_VERBOSE, 0, 1},
    {"all of it in the log alone", 0, LOG_LEVEL_DEBUG, 0, 2},
    {"more in the log", 1, LOG_LEVEL_DEBUG, 1, 2},
    {"less in the log", 2, LOG_LEVEL_VERBOSE, 2, 1},
};

static void lines_go_where_they_are_wanted(void **state)
{
    static const char *const ends[] = {"a: one 1\n", "a: two 2\n", ""};
    const struct log_row *row = *state;
    struct logged logged;
    int calls = 0;

    logged_init(&logged, row->level, row->log_level);
    TRACE(&logged.shown.trace, "a", "one %d", counted(&calls));
    TRACE_LEVEL(2, &logged.shown.trace, "a", "two %d", counted(&calls));
    assert_int_equal(calls, row->shown > row->kept ? row->shown : row->kept);
    for (int i = 0; i < 3; i++) {
        assert_contains(sink_take(&logged.shown), i < row->shown ? ends[i] : "");
        assert_int_equal(*logged.shown.line != '\0', i < row->shown);
        assert_contains(sink_take(&logged.kept), i < row->kept ? ends[i] : "");
        assert_int_equal(*logged.kept.line != '\0', i < row->kept);
    }
    logged_release(&logged);
}

/* It is the log that knows the time of day; and it escapes, so nothing is escaped twice. */
static void log_has_route_layer_and_text(void **state)
{
    (void)state;
    struct logged logged;

    logged_init(&logged, 0, LOG_LEVEL_VERBOSE);
    logged.shown.trace.route = 3;
    trace_line(&logged.shown.trace, 1, "ssh", "banner %s", "a\nb\\");
    assert_contains(sink_take(&logged.kept), "] db:22: [3] ssh: banner a\\nb\\\\\n");
    assert_null(strstr(logged.kept.line, "stile: +"));
    logged_release(&logged);
}

static void log_does_not_need_stderr(void **state)
{
    (void)state;
    struct logged logged;

    logged_init(&logged, 2, LOG_LEVEL_DEBUG);
    logged.shown.trace.fd = -1;
    TRACE_LEVEL(2, &logged.shown.trace, "tcp", "kept");
    assert_contains(sink_take(&logged.kept), " db:22: tcp: kept\n");
    trace_notice(&logged.shown.trace, "kept, too");
    assert_contains(sink_take(&logged.kept), " db:22: kept, too\n");
    logged_release(&logged);
}

static const struct notice_row {
    const char *name;
    enum log_level log_level;
    bool kept;
} notice_rows[] = {
    {"quiet", LOG_LEVEL_QUIET, false},
    {"error", LOG_LEVEL_ERROR, true},
    {"debug", LOG_LEVEL_DEBUG, true},
};

static void notice_is_shown_at_any_level(void **state)
{
    const struct notice_row *row = *state;
    struct logged logged;

    logged_init(&logged, 0, row->log_level);
    trace_notice(&logged.shown.trace, "gw: %s", "not\rkept");
    assert_string_equal(sink_take(&logged.shown), "stile: gw: not\\rkept\n");
    if (row->kept)
        assert_contains(sink_take(&logged.kept), " db:22: gw: not\\rkept\n");
    assert_string_equal(sink_take(&logged.kept), "");
    logged_release(&logged);
}

static void notice_without_a_place_is_lost(void **state)
{
    (void)state;
    struct trace nowhere = {.level = 2, .fd = -1};

    trace_notice(&nowhere, "lost");
    trace_line(&nowhere, 1, "tcp", "lost");
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, line_has_time_layer_and_text);
    UNIT_TEST(&unit, text_is_escaped);
    UNIT_TEST(&unit, long_line_is_one_line);
    UNIT_TEST(&unit, levels);
    UNIT_TEST(&unit, errors_lose_the_line);
    UNIT_TEST(&unit, route_stands_in_front_of_the_layer);
    UNIT_ROWS(&unit, lines_go_where_they_are_wanted, log_rows);
    UNIT_TEST(&unit, log_has_route_layer_and_text);
    UNIT_TEST(&unit, log_does_not_need_stderr);
    UNIT_ROWS(&unit, notice_is_shown_at_any_level, notice_rows);
    UNIT_TEST(&unit, notice_without_a_place_is_lost);
    return unit_run(&unit, "trace");
}
