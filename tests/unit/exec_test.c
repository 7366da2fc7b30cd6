/* SPDX-License-Identifier: MIT */
#include "transports/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/relay.h"
#include "core/text.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* A command as a hop, and all that it is given. What it says on stderr comes in records, one for
 * each write. */
struct local {
    struct fake_ctx fake;
    struct endpoint to;
    char command[512];
    struct hop hop;
    int said[2];
    char line[4 * TEXT_SHOWN_MAX];
};

static void local_init(struct local *local, const char *command)
{
    *local = (struct local){.to = ENDPOINT_INIT};
    (void)snprintf(local->command, sizeof(local->command), "%s", command);
    local->hop = (struct hop){.command = local->command, .column = 4};
    fake_ctx_init(&local->fake, UNIT_WAIT_MS);
    assert_int_equal(endpoint_set(&local->to, "db", "22", &local->fake.err), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, local->said), 0);
    local->fake.trace.fd = local->said[1];
}

static void local_release(struct local *local)
{
    assert_err_unset(&local->fake.err);
    endpoint_release(&local->to);
    fd_close(&local->said[0]);
    fd_close(&local->said[1]);
}

static struct stream *local_dial(struct local *local)
{
    return exec_transport.dial(&local->hop, NULL, &local->to, &local->fake.ctx);
}

static struct stream *local_open(struct local *local, const char *command)
{
    local_init(local, command);
    struct stream *stream = local_dial(local);
    assert_err_unset(&local->fake.err);
    assert_non_null(stream);
    return stream;
}

/* The next record that is there already; "" when there is none. */
static const char *local_take(struct local *local)
{
    ssize_t size = recv(local->said[0], local->line, sizeof(local->line) - 1, MSG_DONTWAIT);

    local->line[size > 0 ? size : 0] = '\0';
    return local->line;
}

/* Waits for a record. */
static const char *local_hear(struct local *local)
{
    (void)fd_await(local->said[0], POLLIN);
    return local_take(local);
}

static void await(struct stream *stream, short want)
{
    struct pollfd pfd = {.fd = -2};

    assert_int_equal(stream_wait(stream, want, &pfd), 0);
    assert_true(pfd.fd >= 0);
    (void)fd_await(pfd.fd, pfd.events);
}

static void put(struct stream *stream, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = stream_write(stream, text, left);
        if (n == STREAM_AGAIN) {
            await(stream, POLLOUT);
            continue;
        }
        assert_true(n > 0);
        text += n;
        left -= (size_t)n;
    }
}

/* Reads until there are `size` bytes, or the end. */
static size_t get(struct stream *stream, char *data, size_t size)
{
    size_t total = 0;

    while (total < size) {
        ssize_t n = stream_read(stream, data + total, size - total);
        if (n == STREAM_AGAIN) {
            await(stream, POLLIN);
            continue;
        }
        assert_true(n >= 0);
        if (n == 0)
            break;
        total += (size_t)n;
    }
    return total;
}

static void expect(struct stream *stream, const char *text)
{
    char data[256];
    size_t size = get(stream, data, strlen(text));

    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
}

static void expect_end(struct stream *stream)
{
    char byte;

    assert_int_equal(get(stream, &byte, 1), 0);
}

/* An orderly end of both directions, and what is said about it. */
static int finish(struct stream *stream, struct err *err)
{
    assert_int_equal(stream_shut_wr(stream), 0);
    expect_end(stream);
    return stream_finish(stream, err);
}

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* --- the stream --- */

static void echo_through_cat(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "cat");
    char byte;

    assert_int_equal(stream_read(stream, &byte, 1), STREAM_AGAIN);
    put(stream, "hello ");
    expect(stream, "hello ");
    put(stream, "world");
    expect(stream, "world");
    assert_int_equal(finish(stream, &local.fake.err), 0);
    stream_close(stream);
    no_child_is_left();
    assert_string_equal(local_take(&local), "");
    local_release(&local);
}

/* Bare pipes, so the relay splices; they are not one socket, so they cannot be passed on. */
static void descriptors(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "cat");
    struct stat st;

    assert_int_equal(fstat(stream->rfd, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstat(stream->wfd, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(stream_socket(stream), -1);

    /* As the relay does: past the ops. */
    fd_put(stream->wfd, "hello", 5);
    (void)fd_await(stream->rfd, POLLIN);
    expect(stream, "hello");
    assert_int_equal(stream_shut_wr(stream), 0);
    assert_int_equal(stream->wfd, -1);
    assert_int_equal(stream_shut_wr(stream), 0);
    expect_end(stream);
    assert_true(stream->rfd >= 0);
    stream_close(stream);
    local_release(&local);
}

/* What arrives only after our end is delivered. */
static void half_close(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "sh -c 'wc -c; echo after the end'");

    put(stream, "12345");
    assert_int_equal(stream_shut_wr(stream), 0);
    expect(stream, "5\nafter the end\n");
    expect_end(stream);
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

/* The other half: the command takes bytes though it has ended its output. */
static void half_close_of_the_command(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "sh -c 'exec >&-; wc -c >&2'");

    expect_end(stream);
    put(stream, "123");
    assert_int_equal(stream_shut_wr(stream), 0);
    assert_string_equal(local_hear(&local), "stile: exec:sh: 3\n");
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

static void gone_before_it_is_written_to(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "true");

    expect_end(stream);
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
    while (stream_write(stream, "x", 1) >= 0 && clock_ns() < until)
        (void)poll(NULL, 0, 1);
    assert_int_equal(stream_write(stream, "x", 1), STREAM_FAIL);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

static void through_the_relay(void **state)
{
    (void)state;
    static uint8_t data[3000000];
    struct local local;
    struct relay_stats stats;
    struct stream *stream = local_open(&local, "cat");

    unit_pattern(data, sizeof(data), 3);
    int out = fd_file("", 0);
    int look = dup(out);
    assert_true(look >= 0);
    struct stream *ends = stream_fd_new(fd_file(data, sizeof(data)), out);
    assert_non_null(ends);
    assert_int_equal(relay_run(ends, stream, &stats, &local.fake.trace, &local.fake.err),
                     RELAY_DONE);
    assert_int_equal(stats.up_bytes, sizeof(data));
    assert_int_equal(stats.down_bytes, sizeof(data));
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    stream_close(ends);
    assert_int_equal(lseek(look, 0, SEEK_SET), 0);
    fd_expect(look, data, sizeof(data));
    fd_close(&look);
    local_release(&local);
}

/* --- the command --- */

static const struct word_row {
    const char *name;
    const char *command;
    const char *host;
    const char *port;
    const char *says;
} word_rows[] = {
    {"host and port", "echo %h %p 100%%", "db", "22", "db 22 100%\n"},
    {"in one word", "echo '[%h]:%p'", "::1", "65535", "[::1]:65535\n"},
    {"not twice", "echo %h", "fe80::1%p", "22", "fe80::1%p\n"},
    {"in a shell", "sh -c 'echo \"<%h>\" %p'", "a-b.c_d", "1", "<a-b.c_d> 1\n"},
    {"no shell", "echo $HOME `id` *", "db", "22", "$HOME `id` *\n"},
};

static void words(void **state)
{
    const struct word_row *row = *state;
    struct local local;

    local_init(&local, row->command);
    endpoint_release(&local.to);
    assert_int_equal(endpoint_set(&local.to, row->host, row->port, &local.fake.err), 0);
    struct stream *stream = local_dial(&local);
    assert_non_null(stream);
    expect(stream, row->says);
    assert_int_equal(finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

static const struct host_row {
    const char *name;
    const char *host;
} host_rows[] = {
    {"semicolon", "a;id"},
    {"command substitution", "$(id)"},
    {"backquotes", "`id`"},
    {"pipe", "a|id"},
    {"ampersand", "a&id"},
    {"quote", "a'b"},
    {"double quote", "a\"b"},
    {"backslash", "a\\b"},
    {"blank", "a b"},
    {"line end", "a\nid"},
    {"option", "-oProxyCommand"},
    {"glob", "a*"},
    {"home", "~root"},
    {"not ASCII", "b\303\274cher"},
    {"redirection", "a>b"},
    {"braces", "{a,b}"},
    {"assignment", "a=b"},
    {"at", "root@db"},
};

/* Some of them come no further than the command line; none may come through here. */
static void hosts_that_are_refused(void **state)
{
    const struct host_row *row = *state;
    struct local local;
    char path[FD_PATH_MAX];
    char host[64];
    char text[FD_PATH_MAX + 16];

    fd_temp_path(path, "ran");
    (void)snprintf(text, sizeof(text), "touch %s", path);
    local_init(&local, text);
    (void)snprintf(host, sizeof(host), "%s", row->host);
    (void)snprintf(text, sizeof(text), "%s:22", row->host);
    struct endpoint to = {.host = host, .port = 22, .text = text};
    assert_null(exec_transport.dial(&local.hop, NULL, &to, &local.fake.ctx));
    assert_err(&local.fake.err, ERR_USAGE, "exec: ");
    no_child_is_left();
    assert_int_equal(access(path, F_OK), -1);
    fd_temp_remove(path);
    local_release(&local);
}

static void unix_sockets_are_refused(void **state)
{
    (void)state;
    struct local local;

    local_init(&local, "cat");
    endpoint_release(&local.to);
    assert_int_equal(endpoint_parse(&local.to, "unix:/run/x.sock", 0, &local.fake.err), 0);
    assert_null(local_dial(&local));
    assert_err(&local.fake.err, ERR_USAGE, "unix:/run/x.sock");
    no_child_is_left();
    local_release(&local);
}

static const struct missing_row {
    const char *name;
    const char *command;
    const char *says;
} missing_rows[] = {
    {"in PATH", "stile-no-such-program %h",
     "exec: stile-no-such-program: No such file or directory"},
    {"a path", "/nowhere/tool", "exec: /nowhere/tool: No such file or directory"},
    {"not executable", "/etc/passwd", "exec: /etc/passwd: Permission denied"},
};

static void missing(void **state)
{
    const struct missing_row *row = *state;
    struct local local;

    local_init(&local, row->command);
    assert_null(local_dial(&local));
    assert_string_equal(err_text(&local.fake.err), row->says);
    assert_err(&local.fake.err, ERR_CONNECT, NULL);
    no_child_is_left();
    local_release(&local);
}

static const struct check_row {
    const char *name;
    const char *command;
    bool right;
} check_rows[] = {
    {"words", "ssh -W %h:%p gw", true},
    {"percent", "date +%%s", true},
    {"quotes", "sh -c 'cat'", true},
    {"open quote", "sh -c 'cat", false},
    {"backslash at the end", "a \\", false},
    {"unknown letter", "ssh %r", false},
    {"percent at the end", "a %", false},
    {"empty", "", false},
    {"blanks", "  ", false},
};

static void check(void **state)
{
    const struct check_row *row = *state;
    struct local local;

    local_init(&local, row->command);
    assert_int_equal(exec_transport.check(&local.hop, &local.fake.err), row->right ? 0 : -1);
    if (!row->right)
        assert_err(&local.fake.err, ERR_USAGE, "column 4: exec: ");
    local_release(&local);
}

/* --- the end --- */

static const struct status_row {
    const char *name;
    const char *command;
    const char *says; /* NULL: it is no failure */
} status_rows[] = {
    {"0", "sh -c 'exit 0'", NULL},
    {"3", "sh -c 'exit 3'", "exec: sh exited with 3"},
    {"by its path", "/bin/sh -c 'exit 255'", "exec: sh exited with 255"},
    {"killed", "sh -c 'kill -9 $$'", "exec: sh was killed by signal 9"},
    {"a little later", "sh -c 'exec >&-; sleep 0.1; exit 4'", "exec: sh exited with 4"},
};

static void exit_status(void **state)
{
    const struct status_row *row = *state;
    struct local local;
    struct stream *stream = local_open(&local, row->command);

    assert_int_equal(finish(stream, &local.fake.err), row->says ? -1 : 0);
    if (row->says) {
        assert_string_equal(err_text(&local.fake.err), row->says);
        assert_err(&local.fake.err, ERR_STREAM, NULL);
    }
    no_child_is_left();
    /* Asked again, there is nothing more to say. */
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

static void running_on_is_no_failure(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream = local_open(&local, "sh -c 'exec >&-; exec sleep 1000'");

    int64_t begin = clock_ns();
    assert_int_equal(finish(stream, &local.fake.err), 0);
    assert_true(clock_ns() - begin >= CLOCK_S);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
    stream_close(stream);
    no_child_is_left();
    local_release(&local);
}

static const struct close_row {
    const char *name;
    const char *command;
} close_rows[] = {
    {"waits for us", "sh -c 'echo up >&2; exec cat'"},
    {"never ends", "sh -c 'echo up >&2; exec sleep 1000'"},
    {"deaf to SIGTERM", "sh -c \"trap '' TERM; echo up >&2; exec sleep 1000\""},
    {"full pipe", "sh -c 'echo up >&2; exec yes'"},
    {"stopped", "sh -c 'echo up >&2; kill -STOP $$'"},
};

static void gone_after_close(void **state)
{
    const struct close_row *row = *state;
    struct local local;
    struct stream *stream = local_open(&local, row->command);

    assert_string_equal(local_hear(&local), "stile: exec:sh: up\n");
    stream_close(stream);
    no_child_is_left();
    local_release(&local);
}

/* --- stderr --- */

static const struct label_row {
    const char *name;
    const char *command;
    const char *lines[4];
} label_rows[] = {
    {"a line", "sh -c 'echo one >&2'", {"stile: exec:sh: one\n"}},
    {"by its path", "/bin/sh -c 'echo one >&2'", {"stile: exec:sh: one\n"}},
    {"lines in one write",
     "sh -c 'printf \"one\\ntwo\\n\" >&2'",
     {"stile: exec:sh: one\n", "stile: exec:sh: two\n"}},
    {"a line in pieces",
     "sh -c 'printf o >&2; sleep 0.02; printf n >&2; sleep 0.02; echo e >&2'",
     {"stile: exec:sh: one\n"}},
    {"no line end", "sh -c 'printf one >&2'", {"stile: exec:sh: one\n"}},
    {"empty lines",
     "sh -c 'printf \"\\n\\none\\n\\r\\ntwo\\n\\n\" >&2'",
     {"stile: exec:sh: one\n", "stile: exec:sh: two\n"}},
    {"carriage return", "sh -c 'printf \"one\\r\\n\" >&2'", {"stile: exec:sh: one\n"}},
    {"escapes",
     "sh -c 'printf \"\\033[2J\\t\\000\\377\\n\" >&2'",
     {"stile: exec:sh: \\x1b[2J\\t?\\xff\n"}},
};

static void labels(void **state)
{
    const struct label_row *row = *state;
    struct local local;
    struct stream *stream = local_open(&local, row->command);

    assert_int_equal(finish(stream, &local.fake.err), 0);
    stream_close(stream);
    for (size_t i = 0; row->lines[i]; i++)
        assert_string_equal(local_take(&local), row->lines[i]);
    assert_string_equal(local_take(&local), "");
    local_release(&local);
}

/* One record, whatever the length, with dots where something is missing. */
static void long_lines_are_cut(void **state)
{
    (void)state;
    static const int sizes[] = {TEXT_SHOWN_MAX - 1, TEXT_SHOWN_MAX, TEXT_SHOWN_MAX + 1, 100000};
    static const char label[] = "stile: exec:sh: ";

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct local local;
        char command[128];
        bool cut = sizes[i] > TEXT_SHOWN_MAX;

        (void)snprintf(command, sizeof(command),
                       "sh -c \"(yes | tr -d '\\\\n' | head -c %d; echo; echo next) >&2\"",
                       sizes[i]);
        struct stream *stream = local_open(&local, command);
        assert_int_equal(finish(stream, &local.fake.err), 0);
        stream_close(stream);
        const char *line = local_take(&local);
        assert_int_equal(strlen(line) - strlen(label) - 1, cut ? TEXT_SHOWN_MAX : sizes[i]);
        assert_string_equal(line + strlen(line) - 4, cut ? "...\n" : "yyy\n");
        assert_string_equal(local_take(&local), "stile: exec:sh: next\n");
        local_release(&local);
    }
}

/* They are out when the stream is closed, for then the process may end. */
static void last_words_are_heard(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        struct local local;
        struct stream *stream = local_open(&local, "sh -c 'cat; echo bye >&2; exit 1'");

        if (i % 2) {
            assert_int_equal(finish(stream, &local.fake.err), -1);
            assert_err(&local.fake.err, ERR_STREAM, "exec: sh exited with 1");
        } else {
            assert_int_equal(stream_shut_wr(stream), 0);
            expect_end(stream);
        }
        stream_close(stream);
        assert_string_equal(local_take(&local), "stile: exec:sh: bye\n");
        local_release(&local);
    }
}

static void quiet_says_nothing(void **state)
{
    (void)state;
    struct local local;

    /* Much more than a pipe holds: somebody must take it. */
    local_init(&local, "sh -c '(yes | head -c 300000) >&2; echo done'");
    local.fake.config.quiet = true;
    struct stream *stream = local_dial(&local);
    assert_non_null(stream);
    expect(stream, "done\n");
    assert_int_equal(finish(stream, &local.fake.err), 0);
    stream_close(stream);
    assert_string_equal(local_take(&local), "");
    local_release(&local);
}

/* Nobody reads our stderr any more: the command does not stand still for that. */
static void labels_that_nobody_reads(void **state)
{
    (void)state;
    struct local local;
    struct stream *stream =
        local_open(&local, "sh -c 'cat; (yes | head -c 300000) >&2; echo done'");

    fd_close(&local.said[0]);
    assert_int_equal(stream_shut_wr(stream), 0);
    expect(stream, "done\n");
    expect_end(stream);
    assert_int_equal(stream_finish(stream, &local.fake.err), 0);
    stream_close(stream);
    local_release(&local);
}

/* A daemon that the command left behind is neither waited for nor ended; the thread that listens to
 * it needs nothing of ours. */
static void grandchild_that_holds_stderr(void **state)
{
    (void)state;
    struct local local;
    struct fd_set_seen before;
    long daemon = 0;

    fd_see(&before);
    struct stream *stream = local_open(&local, "sh -c 'sleep 1000 >/dev/null & echo $! >&2'");
    assert_int_equal(sscanf(local_hear(&local), "stile: exec:sh: %ld", &daemon), 1);
    assert_true(daemon > 1);
    assert_int_equal(finish(stream, &local.fake.err), 0);
    int64_t begin = clock_ns();
    stream_close(stream);
    assert_true(clock_ns() - begin >= 100 * CLOCK_MS);
    no_child_is_left();
    local_release(&local);
    assert_true(fd_new_since(&before) >= 0);

    assert_int_equal(kill((pid_t)daemon, SIGKILL), 0);
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
    while (fd_new_since(&before) >= 0 && clock_ns() < until)
        (void)poll(NULL, 0, 1);
    assert_int_equal(fd_new_since(&before), -1);
}

/* --- our end --- */

static const struct orphan_row {
    const char *name;
    const char *command;
    bool portable;
} orphan_rows[] = {
    {"it reads", "cat", true},
    {"it does not", "sleep 1000", false},
    {"it is deaf", "sh -c \"trap '' TERM HUP PIPE; exec sleep 1000\"", false},
};

static void dies_with_us(void **state)
{
    const struct orphan_row *row = *state;
    char *executable = os_executable();
    struct local local;
    int lifeline[2];
    char byte;

    if (!executable && !row->portable)
        unit_skip("the portable build cannot ask for it");
    free(executable);
    fd_pipe(lifeline);
    local_init(&local, row->command);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!local_dial(&local))
            _exit(1);
        (void)!write(lifeline[1], "x", 1);
        for (;;)
            (void)pause();
    }
    fd_close(&lifeline[1]);
    fd_get(lifeline[0], &byte, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    /* It has inherited the other end. */
    fd_expect(lifeline[0], "", 0);
    fd_close(&lifeline[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    local_release(&local);
}

int main(void)
{
    static struct unit unit;

    (void)signal(SIGPIPE, SIG_IGN);
    UNIT_TEST(&unit, echo_through_cat);
    UNIT_TEST(&unit, descriptors);
    UNIT_TEST(&unit, half_close);
    UNIT_TEST(&unit, half_close_of_the_command);
    UNIT_TEST(&unit, gone_before_it_is_written_to);
    UNIT_TEST(&unit, through_the_relay);
    UNIT_ROWS(&unit, words, word_rows);
    UNIT_ROWS(&unit, hosts_that_are_refused, host_rows);
    UNIT_TEST(&unit, unix_sockets_are_refused);
    UNIT_ROWS(&unit, missing, missing_rows);
    UNIT_ROWS(&unit, check, check_rows);
    UNIT_ROWS(&unit, exit_status, status_rows);
    UNIT_TEST(&unit, running_on_is_no_failure);
    UNIT_ROWS(&unit, gone_after_close, close_rows);
    UNIT_ROWS(&unit, labels, label_rows);
    UNIT_TEST(&unit, long_lines_are_cut);
    UNIT_TEST(&unit, last_words_are_heard);
    UNIT_TEST(&unit, quiet_says_nothing);
    UNIT_TEST(&unit, labels_that_nobody_reads);
    UNIT_TEST(&unit, grandchild_that_holds_stderr);
    UNIT_ROWS(&unit, dies_with_us, orphan_rows);
    return unit_run(&unit, "exec");
}
