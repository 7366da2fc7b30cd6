/* SPDX-License-Identifier: MIT */
#include "core/ctx.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

static void until_comes(void **state)
{
    (void)state;
    struct fake_ctx fake;
    fake_ctx_init(&fake, UNIT_WAIT_MS);

    int64_t until = clock_ns() + 30 * CLOCK_MS;
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, until), 0);
    assert_true(clock_ns() >= until);
    assert_err_unset(&fake.err);

    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, clock_ns() - CLOCK_S), 0);
    assert_err_unset(&fake.err);
}

static const struct deadline_row {
    const char *name;
    int64_t timeout_ns;
    const char *text;
} deadline_rows[] = {
    {"seconds", 5 * CLOCK_S, "no answer within 5 s"},
    {"a minute", 60 * CLOCK_S, "no answer within 60 s"},
    {"a fraction", 3 * CLOCK_S / 2, "no answer within 1.5 s"},
    {"less than a second", 300 * CLOCK_MS, "no answer within "},
};

static void deadline_text(void **state)
{
    const struct deadline_row *row = *state;
    struct fake_ctx fake;

    fake_ctx_init(&fake, 0);
    fake.ctx.timeout_ns = row->timeout_ns;
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
    assert_err(&fake.err, ERR_TIME, row->text);
}

static void deadline_ends_a_wait_without_until(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];

    fd_pipe(ends);
    struct pollfd pfd = {.fd = ends[0], .events = POLLIN};
    fake_ctx_init(&fake, 40);
    assert_int_equal(ctx_wait(&fake.ctx, &pfd, 1, CLOCK_NEVER), -1);
    assert_true(clock_ns() >= fake.ctx.deadline_ns);
    assert_err(&fake.err, ERR_TIME, "no answer within");
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void deadline_before_until(void **state)
{
    (void)state;
    struct fake_ctx fake;

    fake_ctx_init(&fake, 30);
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, clock_ns() + UNIT_WAIT_MS * CLOCK_MS), -1);
    assert_err(&fake.err, ERR_TIME, NULL);
    assert_true(clock_ns() < fake.ctx.deadline_ns + UNIT_WAIT_MS / 2 * CLOCK_MS);
}

static void past_deadline_wins_over_events(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];

    fd_pipe(ends);
    struct pollfd pfd = {.fd = ends[1], .events = POLLOUT};
    fake_ctx_init(&fake, -1);
    assert_int_equal(ctx_wait(&fake.ctx, &pfd, 1, CLOCK_NEVER), -1);
    assert_err(&fake.err, ERR_TIME, NULL);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void event_is_told(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];

    fd_pipe(ends);
    fd_put(ends[1], "x", 1);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    struct pollfd fds[] = {
        {.fd = -1, .events = POLLIN, .revents = POLLNVAL},
        {.fd = ends[0], .events = POLLIN, .revents = 0},
        {.fd = ends[1], .events = 0, .revents = POLLOUT},
    };
    assert_int_equal(ctx_wait(&fake.ctx, fds, 3, CLOCK_NEVER), 1);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLIN);
    assert_int_equal(fds[2].revents, 0);

    fds[2].events = POLLOUT;
    assert_int_equal(ctx_wait(&fake.ctx, fds, 3, CLOCK_NEVER), 2);
    assert_int_equal(fds[2].revents, POLLOUT);
    assert_int_equal(fds[2].fd, ends[1]);
    assert_err_unset(&fake.err);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void takes_as_many_as_it_says(void **state)
{
    (void)state;
    static struct pollfd fds[CTX_WAIT_FDS];
    struct fake_ctx fake;
    int quiet[2];
    int ready[2];

    fd_pipe(quiet);
    fd_pipe(ready);
    fd_put(ready[1], "x", 1);
    for (size_t i = 0; i < CTX_WAIT_FDS; i++)
        fds[i] = (struct pollfd){.fd = quiet[0], .events = POLLIN};
    fds[CTX_WAIT_FDS - 1].fd = ready[0];
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake.ctx.cancel_fd = quiet[1];
    fake.ctx.lost_fd = quiet[1];
    assert_int_equal(ctx_wait(&fake.ctx, fds, CTX_WAIT_FDS, CLOCK_NEVER), 1);
    assert_int_equal(fds[CTX_WAIT_FDS - 1].revents, POLLIN);
    assert_int_equal(fds[0].revents, 0);
    fd_close(&quiet[0]);
    fd_close(&quiet[1]);
    fd_close(&ready[0]);
    fd_close(&ready[1]);
}

static const struct cancel_row {
    const char *name;
    void (*make)(int ends[2]);
    int kept;  /* the end that is watched; the other one closes */
    bool lost; /* it is lost_fd instead of cancel_fd */
} cancel_rows[] = {
    {"the reader of a pipe goes", fd_pipe, 1, false},
    {"the writer of a pipe goes", fd_pipe, 0, false},
    {"the other end of a socket pair goes", fd_socketpair, 0, false},
    {"the race is lost", fd_pipe, 0, true},
    {"the race is lost, by a socket", fd_socketpair, 1, true},
};

static void watch(struct ctx *ctx, int fd, bool lost)
{
    ctx->cancel_fd = lost ? -1 : fd;
    ctx->lost_fd = lost ? fd : -1;
}

/* An event that is there at the same time does not hide the cancellation. */
static void cancel(void **state)
{
    const struct cancel_row *row = *state;
    struct fake_ctx fake;
    int ends[2];
    int ready[2];

    row->make(ends);
    fd_pipe(ready);
    struct pollfd pfd = {.fd = ready[1], .events = POLLOUT};
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    watch(&fake.ctx, ends[row->kept], row->lost);
    assert_int_equal(ctx_wait(&fake.ctx, &pfd, 1, CLOCK_NEVER), 1);
    assert_err_unset(&fake.err);

    fd_close(&ends[!row->kept]);
    assert_int_equal(ctx_wait(&fake.ctx, &pfd, 1, CLOCK_NEVER), -1);
    assert_err_silent(&fake.err);
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
    assert_err_silent(&fake.err);
    fd_close(&ends[row->kept]);
    fd_close(&ready[0]);
    fd_close(&ready[1]);
}

/* ssh may write before the stream is up, and a pipe may be full: neither calls anything off. */
static void only_a_hang_up_cancels(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];

    fd_pipe(ends);
    (void)fd_fill(ends[1]);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    for (int i = 0; i < 4; i++) {
        int64_t until = clock_ns() + 20 * CLOCK_MS;
        watch(&fake.ctx, ends[i % 2], i >= 2);
        assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, until), 0);
        assert_true(clock_ns() >= until);
        assert_err_unset(&fake.err);
    }
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

struct delayed_close {
    int fd;
    int64_t at_ns;
};

static void *close_later(void *arg)
{
    struct delayed_close *delayed = arg;
    (void)poll(NULL, 0, clock_poll_ms(delayed->at_ns));
    (void)close(delayed->fd);
    return NULL;
}

static void cancel_wakes_a_sleeper(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];
    pthread_t thread;

    fd_pipe(ends);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake.ctx.cancel_fd = ends[1];
    struct delayed_close delayed = {ends[0], clock_ns() + 20 * CLOCK_MS};
    assert_int_equal(pthread_create(&thread, NULL, close_later, &delayed), 0);
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_err_silent(&fake.err);
    fd_close(&ends[1]);
}

/* Each ends the wait while the other one has nothing to say, and the trace says which it was. */
static void called_off_by_either(void **state)
{
    (void)state;
    static const char *const said[] = {"nobody waits for the result", "another route is up"};

    for (int i = 0; i < 2; i++) {
        struct fake_ctx fake;
        int ends[2][2], log[2];
        char line[200] = "";

        fd_pipe(ends[0]);
        fd_pipe(ends[1]);
        fd_pipe(log);
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        fake.ctx.cancel_fd = ends[0][0];
        fake.ctx.lost_fd = ends[1][0];
        fake.trace.level = 1;
        fake.trace.fd = log[1];
        assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, clock_ns()), 0);
        fd_close(&ends[i][1]);
        assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
        assert_err_silent(&fake.err);
        assert_true(read(log[0], line, sizeof(line) - 1) > 0);
        assert_contains(line, said[i]);
        fd_close(&log[0]);
        fd_close(&log[1]);
        for (int j = 0; j < 4; j++)
            fd_close(&ends[j / 2][j % 2]);
    }
}

static void lost_race_wakes_a_sleeper(void **state)
{
    (void)state;
    struct fake_ctx fake;
    int ends[2];
    pthread_t thread;

    fd_pipe(ends);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    fake.ctx.lost_fd = ends[0];
    struct delayed_close delayed = {ends[1], clock_ns() + 20 * CLOCK_MS};
    assert_int_equal(pthread_create(&thread, NULL, close_later, &delayed), 0);
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_err_silent(&fake.err);
    fd_close(&ends[0]);
}

static void first_error_stays(void **state)
{
    (void)state;
    struct fake_ctx fake;

    fake_ctx_init(&fake, -1);
    (void)err_set(&fake.err, ERR_REFUSED, "first");
    assert_int_equal(ctx_wait(&fake.ctx, NULL, 0, CLOCK_NEVER), -1);
    assert_err(&fake.err, ERR_REFUSED, "first");
}

struct pest {
    pthread_t victim;
    atomic_bool stop;
};

static void on_signal(int number)
{
    (void)number;
}

static void *send_signals(void *arg)
{
    struct pest *pest = arg;
    while (!atomic_load(&pest->stop)) {
        (void)pthread_kill(pest->victim, SIGUSR1);
        (void)poll(NULL, 0, 1);
    }
    return NULL;
}

static void signals_do_not_end_a_wait(void **state)
{
    (void)state;
    struct fake_ctx fake;
    struct sigaction action = {.sa_handler = on_signal};
    struct pest pest = {.victim = pthread_self()};
    pthread_t thread;

    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &pest), 0);
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    int64_t until = clock_ns() + 50 * CLOCK_MS;
    int rc = ctx_wait(&fake.ctx, NULL, 0, until);
    int64_t after = clock_ns();
    atomic_store(&pest.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rc, 0);
    assert_true(after >= until);
    assert_err_unset(&fake.err);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, until_comes);
    UNIT_ROWS(&unit, deadline_text, deadline_rows);
    UNIT_TEST(&unit, deadline_ends_a_wait_without_until);
    UNIT_TEST(&unit, deadline_before_until);
    UNIT_TEST(&unit, past_deadline_wins_over_events);
    UNIT_TEST(&unit, event_is_told);
    UNIT_TEST(&unit, takes_as_many_as_it_says);
    UNIT_ROWS(&unit, cancel, cancel_rows);
    UNIT_TEST(&unit, only_a_hang_up_cancels);
    UNIT_TEST(&unit, cancel_wakes_a_sleeper);
    UNIT_TEST(&unit, called_off_by_either);
    UNIT_TEST(&unit, lost_race_wakes_a_sleeper);
    UNIT_TEST(&unit, first_error_stays);
    UNIT_TEST(&unit, signals_do_not_end_a_wait);
    return unit_run(&unit, "ctx");
}
