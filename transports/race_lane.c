/* SPDX-License-Identifier: MIT */
#include "transports/race_lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/thread.h"

/* --- what a lane may ask --- */

static struct lane *lane_of(struct asker *asker)
{
    return (struct lane *)asker;
}

/* The lanes that have started before it and have not failed, to be polled. Returns how many. */
static nfds_t lanes_before(const struct lane *lane, struct pollfd fds[RACE_MAX])
{
    const struct race *race = lane->race;
    nfds_t count = 0;

    for (size_t i = 0; race->order[i] != lane; i++)
        fds[count++] = (struct pollfd){.fd = race->order[i]->failed[PIPE_READ]};
    if (poll(fds, count, 0) == -1)
        return count;
    nfds_t open = 0;
    for (nfds_t i = 0; i < count; i++)
        if (!fds[i].revents)
            fds[open++] = fds[i];
    return open;
}

static bool lane_is_turn(struct asker *asker)
{
    struct pollfd fds[RACE_MAX];

    return lanes_before(lane_of(asker), fds) == 0;
}

static int lane_await_turn(struct asker *asker, struct ctx *ctx)
{
    struct pollfd fds[RACE_MAX];
    nfds_t count;
    bool told = false;

    while ((count = lanes_before(lane_of(asker), fds)) > 0) {
        if (!told)
            TRACE(ctx->trace, "race", "a person would be asked, so the routes before come first");
        told = true;
        if (ctx_wait(ctx, fds, count, CLOCK_NEVER) == -1)
            return -1;
    }
    return 0;
}

/* Takes the answer, and how it was refused. */
static char *take_answer(struct lane *lane, struct err *err)
{
    (void)pthread_mutex_lock(&lane->race->lock);
    char *answer = lane->answer;
    lane->answer = NULL;
    if (!answer)
        (void)err_append(err, &lane->refusal);
    (void)pthread_mutex_unlock(&lane->race->lock);
    if (!answer)
        (void)err_set(err, ERR_AUTH, "the question was not answered");
    return answer;
}

static char *lane_ask(struct asker *asker, const char *question, bool is_secret, struct ctx *ctx)
{
    struct lane *lane = lane_of(asker);
    struct pollfd pfd = {.fd = lane->answered[PIPE_READ], .events = POLLIN};
    char byte;

    if (lane_await_turn(asker, ctx) == -1)
        return NULL;
    (void)pthread_mutex_lock(&lane->race->lock);
    lane->question = strdup(question);
    lane->is_secret = is_secret;
    bool asked = lane->question;
    (void)pthread_mutex_unlock(&lane->race->lock);
    if (!asked) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    (void)!write(lane->race->questions[PIPE_WRITE], "", 1);
    if (ctx_wait(ctx, &pfd, 1, CLOCK_NEVER) == -1)
        return NULL;
    (void)!read(lane->answered[PIPE_READ], &byte, 1);
    return take_answer(lane, ctx->err);
}

/* --- the thread --- */

static void await_hangup(int fd)
{
    struct pollfd pfd = {.fd = fd};

    while (fd != -1 && poll(&pfd, 1, -1) == -1 && errno == EINTR)
        continue;
}

void lane_join(struct lane *lane)
{
    if (lane->runs)
        (void)pthread_join(lane->thread, NULL);
    lane->runs = false;
}

void lanes_close(struct race *race)
{
    for (size_t i = 0; i < race->count; i++) {
        pipe_close(race->lane[i].failed);
        pipe_close(race->lane[i].answered);
    }
    pipe_close(race->won);
    pipe_close(race->questions);
    pipe_end_close(&race->taken[PIPE_READ]);
}

/*
 * The winner's thread clears up behind the others, which may take them a moment, while the caller
 * uses the stream. Then it stays where that has commands behind it: what a thread has started must
 * not outlive it (os_die_with_parent).
 */
static void clear_up(struct race *race, const struct lane *winner)
{
    await_hangup(race->taken[PIPE_READ]);
    (void)pthread_mutex_lock(&race->lock);
    int over = race->over[PIPE_READ];
    (void)pthread_mutex_unlock(&race->lock);
    for (size_t i = 0; i < race->count; i++)
        if (&race->lane[i] != winner)
            lane_join(&race->lane[i]);
    lanes_close(race);
    await_hangup(over);
}

/* True when it has won, and the stream is the race's now. */
static bool finish(struct race *race, struct lane *lane, struct stream *stream)
{
    (void)pthread_mutex_lock(&race->lock);
    bool won = stream && !race->winner && !race->is_over;
    if (won) {
        race->winner = lane;
        race->stream = stream;
        pipe_end_close(&race->won[PIPE_WRITE]);
    }
    (void)pthread_mutex_unlock(&race->lock);
    return won;
}

static void *lane_run(void *arg)
{
    struct lane *lane = arg;
    struct race *race = lane->race;

    TRACE(&lane->trace, "race", "%s", race->ways->way[lane->index].text);
    struct stream *stream = route_dial(lane->route, race->target, &lane->ctx);
    if (finish(race, lane, stream)) {
        clear_up(race, lane);
        return NULL;
    }
    stream_close(stream);
    pipe_end_close(&lane->failed[PIPE_WRITE]);
    return NULL;
}

/* For people. */
static int64_t rounded_ns(int64_t time_ns)
{
    int64_t step_ns = time_ns < CLOCK_S ? CLOCK_MS : 100 * CLOCK_MS;

    return (time_ns + step_ns / 2) / step_ns * step_ns;
}

/* What of the time that is left is for one of `lanes`. */
static int64_t share_ns(const struct ctx *ctx, size_t lanes)
{
    return (ctx->deadline_ns - clock_ns()) / (int64_t)lanes;
}

void lane_start(struct lane *lane, size_t left, const struct ctx *ctx)
{
    struct race *race = lane->race;

    lane->trace = *ctx->trace;
    lane->trace.route = (unsigned)lane->index + 1;
    lane->ctx = *ctx;
    lane->ctx.trace = &lane->trace;
    lane->ctx.err = &lane->err;
    lane->ctx.lost_fd = race->won[PIPE_READ];
    lane->ctx.asker = &lane->asker;
    if (ctx->config->attempt_delay_ns == CLOCK_NEVER) {
        lane->ctx.deadline_ns = clock_ns() + share_ns(ctx, left);
        lane->ctx.timeout_ns = rounded_ns(share_ns(ctx, left));
    }
    if (lane->ctx.deadline_ns <= clock_ns()) {
        (void)err_set(&lane->err, ERR_TIME, "not tried: no time was left");
        pipe_end_close(&lane->failed[PIPE_WRITE]);
        return;
    }
    int why = thread_start(&lane->thread, lane_run, lane);
    lane->runs = why == 0;
    if (why != 0) {
        (void)err_set(&lane->err, ERR_CONNECT, "a thread: %s", strerror(why));
        pipe_end_close(&lane->failed[PIPE_WRITE]);
    }
}

/* --- its life --- */

int lane_init(struct lane *lane, struct race *race, size_t index, const struct trace *trace,
              struct err *err)
{
    struct way *way = &race->ways->way[index];

    lane->asker = (struct asker){lane_is_turn, lane_await_turn, lane_ask};
    lane->race = race;
    lane->index = index;
    lane->err = lane->refusal = ERR_INIT;
    lane->failed[PIPE_READ] = lane->failed[PIPE_WRITE] = -1;
    lane->answered[PIPE_READ] = lane->answered[PIPE_WRITE] = -1;
    lane->route = route_new(&way->hops, trace, err);
    return lane->route ? 0 : -1;
}

void lane_release(struct lane *lane)
{
    free(lane->question);
    secret_free(lane->answer);
    err_release(&lane->err);
    err_release(&lane->refusal);
    route_free(lane->route);
}
