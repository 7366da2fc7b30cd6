/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
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

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, line_has_time_layer_and_text);
    UNIT_TEST(&unit, text_is_escaped);
    UNIT_TEST(&unit, long_line_is_one_line);
    UNIT_TEST(&unit, levels);
    UNIT_TEST(&unit, errors_lose_the_line);
    return unit_run(&unit, "trace");
}
