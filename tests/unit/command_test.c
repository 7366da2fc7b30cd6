/* SPDX-License-Identifier: MIT */
/* Who listens to a command. Its stream is tested as exec:'s, exec_test.c. */
#include "transports/command.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

#define HEARD_MAX 8

/* Somebody who listens, and what was heard. It outlives both users. */
struct listener {
    struct command_ear ear;
    pthread_mutex_t lock;
    char heard[HEARD_MAX][64];
    size_t count;
    unsigned ended, closed, finished;
    bool closed_heard;
    int status;
};

static void listener_hear(struct label_ear *ear, const char *line, struct label *label)
{
    struct listener *listener = (struct listener *)ear;

    (void)pthread_mutex_lock(&listener->lock);
    if (listener->count < HEARD_MAX)
        (void)snprintf(listener->heard[listener->count++], sizeof(listener->heard[0]), "%s", line);
    (void)pthread_mutex_unlock(&listener->lock);
    if (strncmp(line, "show ", 5) == 0)
        label_say(label, line + 5);
}

static void listener_end(struct label_ear *ear)
{
    struct listener *listener = (struct listener *)ear;

    (void)pthread_mutex_lock(&listener->lock);
    listener->ended++;
    (void)pthread_mutex_unlock(&listener->lock);
}

static int listener_finish(struct command_ear *ear, int status, struct err *err)
{
    struct listener *listener = (struct listener *)ear;

    (void)pthread_mutex_lock(&listener->lock);
    unsigned count = (unsigned)listener->count;
    (void)pthread_mutex_unlock(&listener->lock);
    listener->finished++;
    listener->status = status;
    return err_set(err, ERR_STREAM, "%u lines", count);
}

static void listener_close(struct command_ear *ear, bool heard)
{
    struct listener *listener = (struct listener *)ear;

    listener->closed++;
    listener->closed_heard = heard;
}

/* A command with a listener, and all that it is given. */
struct site {
    struct fake_ctx fake;
    struct listener listener;
    int said[2];
    char line[256];
    struct stream *stream;
};

static struct stream *start(struct site *place, const char *script, bool apart)
{
    char sh[] = "sh", option[] = "-c", text[512];
    char *argv[] = {sh, option, text, NULL};
    struct command command = {.argv = argv,
                              .layer = "layer",
                              .label = "a label",
                              .ear = &place->listener.ear,
                              .apart = apart};

    (void)snprintf(text, sizeof(text), "%s", script);
    return command_start(&command, &place->fake.ctx);
}

static void place_init(struct site *place)
{
    *place = (struct site){.stream = NULL};
    place->listener.ear = (struct command_ear){
        {.hear = listener_hear, .end = listener_end}, listener_finish, listener_close};
    assert_int_equal(pthread_mutex_init(&place->listener.lock, NULL), 0);
    fake_ctx_init(&place->fake, UNIT_WAIT_MS);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, place->said), 0);
    place->fake.trace.fd = place->said[1];
}

static void place_open(struct site *place, const char *script, bool apart)
{
    place_init(place);
    place->stream = start(place, script, apart);
    assert_err_unset(&place->fake.err);
    assert_non_null(place->stream);
}

/* What was shown, record by record; "" when there is no more. */
static const char *shown(struct site *place)
{
    ssize_t size = recv(place->said[0], place->line, sizeof(place->line) - 1, MSG_DONTWAIT);

    place->line[size > 0 ? size : 0] = '\0';
    return place->line;
}

static void place_close(struct site *place)
{
    stream_close(place->stream);
    assert_int_equal(place->listener.closed, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    fd_close(&place->said[0]);
    fd_close(&place->said[1]);
    (void)pthread_mutex_destroy(&place->listener.lock);
    assert_err_unset(&place->fake.err);
}

static void await_output_end(struct site *place)
{
    char byte;

    (void)fd_await(place->stream->rfd, POLLIN);
    assert_int_equal(stream_read(place->stream, &byte, 1), 0);
}

static void all_is_heard_before_the_end(void **state)
{
    (void)state;
    struct site place;

    place_open(&place, "echo one >&2; echo show two >&2; echo >&2; printf three >&2; exit 7",
               false);
    await_output_end(&place);
    assert_int_equal(stream_finish(place.stream, &place.fake.err), -1);
    assert_err(&place.fake.err, ERR_STREAM, "3 lines");
    assert_int_equal(WEXITSTATUS(place.listener.status), 7);
    assert_string_equal(place.listener.heard[0], "one");
    assert_string_equal(place.listener.heard[1], "show two");
    assert_string_equal(place.listener.heard[2], "three");
    assert_string_equal(shown(&place), "stile: a label: two\n");
    assert_string_equal(shown(&place), "");
    /* Once. */
    assert_int_equal(stream_finish(place.stream, &place.fake.err), 0);
    assert_int_equal(place.listener.finished, 1);
    place_close(&place);
    assert_true(place.listener.closed_heard);
    assert_int_equal(place.listener.ended, 1);
}

static void closed_before_the_end(void **state)
{
    (void)state;
    struct site place;

    place_open(&place, "echo up; exec sleep 1000", false);
    (void)fd_await(place.stream->rfd, POLLIN);
    place_close(&place);
    assert_int_equal(place.listener.finished, 0);
    assert_true(place.listener.closed_heard);
    assert_int_equal(place.listener.ended, 1);
}

/* It is heard all the same: it may say why it fails. */
static void quiet(void **state)
{
    (void)state;
    struct site place;

    place_init(&place);
    place.fake.config.quiet = true;
    place.stream = start(&place, "echo show one >&2", false);
    assert_non_null(place.stream);
    await_output_end(&place);
    assert_int_equal(stream_finish(place.stream, &place.fake.err), -1);
    assert_err(&place.fake.err, ERR_STREAM, "1 lines");
    assert_string_equal(shown(&place), "");
    place_close(&place);
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    struct site place;
    char name[] = "stile-no-such-program";
    char *argv[] = {name, NULL};

    place_init(&place);
    struct command command = {
        .argv = argv, .layer = "layer", .label = "a label", .ear = &place.listener.ear};
    assert_null(command_start(&command, &place.fake.ctx));
    assert_err(&place.fake.err, ERR_CONNECT, "layer: stile-no-such-program: No such file");
    place_close(&place);
    assert_false(place.listener.closed_heard);
    assert_int_equal(place.listener.ended, 0);
}

/* A daemon that has its stderr lives on; the listener is not let go before that has ended. */
static void a_daemon_holds_stderr(void **state)
{
    (void)state;
    struct site place;
    char pid[16];

    place_open(&place, "trap '' HUP; (exec sleep 1000) >/dev/null & echo $!", false);
    (void)fd_await(place.stream->rfd, POLLIN);
    ssize_t size = stream_read(place.stream, pid, sizeof(pid) - 1);
    assert_true(size > 0);
    pid[size] = '\0';
    await_output_end(&place);
    assert_int_equal(stream_finish(place.stream, &place.fake.err), -1);
    assert_err(&place.fake.err, ERR_STREAM, "0 lines");
    stream_close(place.stream);
    place.stream = NULL;
    assert_true(place.listener.closed_heard);

    (void)pthread_mutex_lock(&place.listener.lock);
    assert_int_equal(place.listener.ended, 0);
    (void)pthread_mutex_unlock(&place.listener.lock);
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
    for (unsigned ended = 0; !ended;) {
        (void)poll(NULL, 0, 1);
        (void)pthread_mutex_lock(&place.listener.lock);
        ended = place.listener.ended;
        (void)pthread_mutex_unlock(&place.listener.lock);
    }
    place_close(&place);
}

static const struct apart_row {
    const char *name;
    bool apart;
} apart_rows[] = {{"in our group", false}, {"apart", true}};

static void group(void **state)
{
    const struct apart_row *row = *state;
    struct site place;
    char text[32];

    place_open(&place, "echo $$; exec cat", row->apart);
    (void)fd_await(place.stream->rfd, POLLIN);
    ssize_t size = stream_read(place.stream, text, sizeof(text) - 1);
    assert_true(size > 0);
    text[size] = '\0';
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(getpgid(pid), row->apart ? pid : getpgrp());
    place_close(&place);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, all_is_heard_before_the_end);
    UNIT_TEST(&unit, closed_before_the_end);
    UNIT_TEST(&unit, quiet);
    UNIT_TEST(&unit, a_program_that_is_not_there);
    UNIT_TEST(&unit, a_daemon_holds_stderr);
    UNIT_ROWS(&unit, group, apart_rows);
    return unit_run(&unit, "command");
}
