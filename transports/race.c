/* SPDX-License-Identifier: MIT */
#include "transports/race.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/clock.h"
#include "core/secret.h"
#include "transports/race_lane.h"

/* The lanes have the deadline themselves, and may need a moment to say so. */
#define GRACE_NS CLOCK_S

/* --- the race --- */

int race_rank(enum err_code code)
{
    static const int ranks[] = {
        [ERR_STREAM] = 1,  [ERR_USAGE] = 2, [ERR_MODULE] = 3,  [ERR_NAME] = 4,
        [ERR_CONNECT] = 5, [ERR_TIME] = 6,  [ERR_REFUSED] = 7, [ERR_AUTH] = 8,
    };

    return ranks[code];
}

int64_t race_wait_ns(size_t count, size_t position, int64_t delay_ns)
{
    size_t last = count - 1;

    if (position == 0)
        return 0;
    if (position >= last)
        return delay_ns;
    return delay_ns / 5 * 4 + delay_ns / 5 * (int64_t)(position - 1) / (int64_t)(last - 1);
}

struct race *race_new(struct ways *ways, const struct trace *trace, struct err *err)
{
    struct race *race = calloc(1, sizeof(*race));

    if (!race || pthread_mutex_init(&race->lock, NULL) != 0) {
        free(race);
        (void)err_no_memory(err);
        return NULL;
    }
    race->ways = ways;
    race->won[0] = race->won[1] = race->questions[0] = race->questions[1] = -1;
    race->taken[0] = race->taken[1] = race->over[0] = race->over[1] = -1;
    race->lane = calloc(ways->count, sizeof(*race->lane));
    race->order = calloc(ways->count, sizeof(struct lane *));
    if (!race->lane || !race->order) {
        (void)err_no_memory(err);
        goto fail;
    }
    if (ways->count > RACE_MAX) {
        (void)err_set(err, ERR_USAGE, "there are %zu routes; want %d at most", ways->count,
                      RACE_MAX);
        (void)way_blame(&ways->way[RACE_MAX], err);
        goto fail;
    }
    for (; race->count < ways->count; race->count++) {
        struct lane *lane = &race->lane[race->count];
        race->order[race->count] = lane;
        if (lane_init(lane, race, race->count, trace, err) == -1) {
            if (!err->placed)
                (void)way_blame(&ways->way[race->count], err);
            goto fail;
        }
    }
    return race;
fail:
    race_free(race);
    return NULL;
}

void race_prefer(struct race *race, size_t index)
{
    struct lane *first = &race->lane[index];

    for (size_t i = index; i > 0; i--)
        race->order[i] = race->order[i - 1];
    race->order[0] = first;
}

size_t race_starter(const struct race *race, size_t position)
{
    return race->order[position]->index;
}

struct route *race_route(struct race *race, size_t index)
{
    return race->lane[index].route;
}

bool race_layered(const struct race *race)
{
    for (size_t i = 0; i < race->count; i++)
        if (route_layered(race->lane[i].route))
            return true;
    return false;
}

/* Calls off whoever still runs, and waits for their end. */
static void race_decide(struct race *race)
{
    (void)pthread_mutex_lock(&race->lock);
    race->is_over = true;
    struct lane *winner = race->winner;
    (void)pthread_mutex_unlock(&race->lock);
    if (!winner)
        pipe_end_close(&race->won[PIPE_WRITE]);
    pipe_end_close(&race->taken[PIPE_WRITE]);
    pipe_end_close(&race->over[PIPE_WRITE]);
    if (winner)
        lane_join(winner);
    for (size_t i = 0; i < race->count; i++)
        lane_join(&race->lane[i]);
}

void race_free(struct race *race)
{
    if (!race)
        return;
    race_decide(race);
    stream_close(race->stream);
    for (size_t i = 0; i < race->count; i++)
        lane_release(&race->lane[i]);
    lanes_close(race);
    pipe_close(race->over);
    (void)pthread_mutex_destroy(&race->lock);
    free(race->lane);
    free(race->order);
    free(race);
}

/* --- running it --- */

/* What the caller's thread knows. */
struct run {
    struct race *race;
    struct ctx *ctx;
    size_t started; /* so many of race->order */
    size_t failed;
    int64_t start_ns;
    int64_t next_ns; /* when the next one starts */
};

static bool is_sequential(const struct run *run)
{
    return run->ctx->config->attempt_delay_ns == CLOCK_NEVER;
}

static void start_next(struct run *run)
{
    struct race *race = run->race;
    int64_t delay_ns = run->ctx->config->attempt_delay_ns;

    if (run->started == race->count)
        return;
    lane_start(race->order[run->started], race->count - run->started, run->ctx);
    run->started++;
    run->next_ns = is_sequential(run)
                       ? CLOCK_NEVER
                       : run->start_ns + race_wait_ns(run->race->count, run->started, delay_ns);
}

/* Asks in the lane's place. The person may take long, so nobody is to wait behind that. */
static void answer(struct run *run, struct lane *lane)
{
    struct race *race = run->race;
    struct err err = ERR_INIT;
    struct ctx ctx = *run->ctx;

    (void)pthread_mutex_lock(&race->lock);
    char *question = lane->question;
    lane->question = NULL;
    (void)pthread_mutex_unlock(&race->lock);
    if (!question)
        return;
    while (!is_sequential(run) && run->started < race->count)
        start_next(run);
    ctx.err = &err;
    ctx.lost_fd = race->won[PIPE_READ];
    ctx.deadline_ns = lane->ctx.deadline_ns;
    ctx.timeout_ns = lane->ctx.timeout_ns;
    ctx.trace = &lane->trace;
    char *text = lane->is_secret ? prompt_secret(question, &ctx) : prompt_line(question, &ctx);
    free(question);
    (void)pthread_mutex_lock(&race->lock);
    secret_free(lane->answer);
    lane->answer = text;
    err_release(&lane->refusal);
    (void)err_append(&lane->refusal, &err);
    (void)pthread_mutex_unlock(&race->lock);
    (void)!write(lane->answered[PIPE_WRITE], "", 1);
}

static void answer_all(struct run *run)
{
    char bytes[RACE_MAX];

    (void)!read(run->race->questions[PIPE_READ], bytes, sizeof(bytes));
    for (size_t i = 0; i < run->race->count; i++)
        answer(run, &run->race->lane[i]);
}

enum {
    WON,
    QUESTIONS,
    LANES, /* the first of them */
};

/* What to poll; returns how many. */
static nfds_t fill(const struct run *run, struct pollfd fds[LANES + RACE_MAX])
{
    const struct race *race = run->race;

    fds[WON] = (struct pollfd){.fd = race->won[PIPE_READ]};
    fds[QUESTIONS] = (struct pollfd){.fd = race->questions[PIPE_READ], .events = POLLIN};
    for (size_t i = 0; i < run->started; i++)
        fds[LANES + i] =
            (struct pollfd){.fd = race->order[i]->ended ? -1 : race->order[i]->failed[PIPE_READ]};
    return LANES + run->started;
}

/* True when one has failed since. */
static bool take_failures(struct run *run, const struct pollfd *fds)
{
    size_t before = run->failed;

    for (size_t i = 0; i < run->started; i++)
        if (fds[LANES + i].revents) {
            run->race->order[i]->ended = true;
            run->failed++;
        }
    return run->failed != before;
}

/* 0 when somebody has won; -1 when all have failed, or it was called off, which ctx->err says. */
static int run_lanes(struct run *run)
{
    struct pollfd fds[LANES + RACE_MAX];
    struct ctx patient = *run->ctx;
    size_t started;

    patient.deadline_ns += GRACE_NS;
    run->start_ns = clock_ns();
    start_next(run);
    while (run->failed < run->race->count) {
        started = run->started;
        nfds_t count = fill(run, fds);
        int ready =
            ctx_wait(&patient, fds, count, started < run->race->count ? run->next_ns : CLOCK_NEVER);
        if (ready == -1)
            return -1;
        if (fds[WON].revents)
            return 0;
        if (ready == 0 || take_failures(run, fds))
            start_next(run);
        if (fds[QUESTIONS].revents & POLLIN)
            answer_all(run);
    }
    return -1;
}

/* One line for each route, and the code of the one that got furthest. -1. */
static int explain(struct race *race, const struct ctx *ctx)
{
    struct err *err = ctx->err;
    enum err_code code = ERR_STREAM;

    for (size_t i = 0; i < race->count; i++) {
        struct err *one = &race->lane[i].err;
        /* It was called off, for it did not heed the time. */
        if (one->silent || one->code == ERR_NONE) {
            err_release(one);
            (void)err_set(one, ERR_TIME, "no answer within %g s",
                          (double)ctx->timeout_ns / CLOCK_S);
        }
        if (race_rank(one->code) > race_rank(code))
            code = one->code;
        /* It begins with a hop, which says which route it is. */
        if (one->placed)
            (void)err_wrap(one, "route %zu of %zu", i + 1, race->count);
        else
            (void)err_wrap(one, "route %zu of %zu (%s)", i + 1, race->count,
                           race->ways->way[i].text);
        (void)err_append(err, one);
    }
    err->code = code;
    return -1;
}

/* 0, or -1 with err set. */
static int open_pipes(struct race *race, struct err *err)
{
    bool open = os_pipe(race->won) == 0 && os_pipe(race->taken) == 0 && os_pipe(race->over) == 0 &&
                os_pipe(race->questions) == 0;

    for (size_t i = 0; open && i < race->count; i++)
        open = os_pipe(race->lane[i].failed) == 0 && os_pipe(race->lane[i].answered) == 0;
    return open ? 0 : err_set(err, ERR_CONNECT, "a pipe: %s", strerror(errno));
}

/* NULL where there is none. */
static struct stream *take_winner(struct race *race, size_t *winner, const struct trace *trace)
{
    (void)pthread_mutex_lock(&race->lock);
    const struct lane *lane = race->winner;
    struct stream *stream = race->stream;
    race->is_over = true;
    race->stream = NULL;
    /* A bare socket has no commands behind it. */
    if (stream && stream_socket(stream) != -1)
        pipe_close(race->over);
    (void)pthread_mutex_unlock(&race->lock);
    pipe_end_close(&race->taken[PIPE_WRITE]);
    if (!lane)
        return NULL;
    *winner = lane->index;
    TRACE(trace, "race", "route %zu of %zu (%s) is up", *winner + 1, race->count,
          race->ways->way[*winner].text);
    return stream;
}

struct stream *race_dial(struct race *race, const struct endpoint *target, size_t *winner,
                         struct ctx *ctx)
{
    struct run run = {.race = race, .ctx = ctx};

    *winner = 0;
    if (race->count == 1)
        return route_dial(race->lane[0].route, target, ctx);
    if (open_pipes(race, ctx->err) == -1)
        return NULL;
    race->target = target;
    if (run_lanes(&run) == -1) {
        if (ctx->err->silent)
            return NULL;
        race_decide(race);
        if (!race->stream) {
            err_release(ctx->err);
            (void)explain(race, ctx);
            return NULL;
        }
        /* In the last moment. */
        err_release(ctx->err);
    }
    return take_winner(race, winner, ctx->trace);
}
