/* SPDX-License-Identifier: MIT */
/*
 * One route of a race, in a thread of its own; race.c's business alone.
 *
 * What happens is told by hang-ups, which stay and need no reader to be awake: a lane that has failed
 * closes its `failed`, the one that wins closes the race's `won`.
 */
#ifndef STILE_TRANSPORTS_RACE_LANE_H
#define STILE_TRANSPORTS_RACE_LANE_H

#include <pthread.h>

#include "core/pipe.h"
#include "core/prompt.h"
#include "core/text.h"
#include "transports/race.h"

struct lane {
    struct asker asker;
    struct race *race;
    size_t index; /* of its way */
    struct route *route;
    struct trace trace;
    struct ctx ctx;
    struct err err;
    pthread_t thread;
    bool runs;  /* the thread is to be joined */
    bool ended; /* it has failed, and that was seen */
    int failed[PIPE_ENDS];
    int answered[PIPE_ENDS]; /* a byte for each answer */

    /* Of race->lock. */
    char *question; /* to be asked; NULL: none */
    bool is_secret;
    char *answer;
    struct err refusal; /* of the question */
};

/* What they share. */
struct race {
    struct ways *ways;
    struct lane *lane;   /* in the order of the ways */
    struct lane **order; /* in which they start */
    size_t count;
    const struct endpoint *target;

    pthread_mutex_t lock; /* of the next three, and of what the lanes say */
    struct lane *winner;
    struct stream *stream; /* the winner's, until the caller has it */
    bool is_over;

    int won[PIPE_ENDS];       /* hangs up when the race is decided */
    int taken[PIPE_ENDS];     /* hangs up when the caller has the winner's stream */
    int over[PIPE_ENDS];      /* hangs up when the winner's thread may end; none: at once */
    int questions[PIPE_ENDS]; /* a byte for each one */
};

/* Checks the route of way `index`. 0, or -1 with err set; either way lane_release. */
int lane_init(struct lane *lane, struct race *race, size_t index, const struct trace *trace,
              struct err *err);

/* Starts the thread; `left` lanes have not been started, this one among them. Where there is no thread
 * or no time to be had, the lane has failed. */
void lane_start(struct lane *lane, size_t left, const struct ctx *ctx);

/* Waits for the end of the thread, if there is one. */
void lane_join(struct lane *lane);

/* Frees what is in it, but for its pipes. */
void lane_release(struct lane *lane);

/* Closes what only a race needs that goes on. */
void lanes_close(struct race *race);

#endif
