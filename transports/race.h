/* SPDX-License-Identifier: MIT */
/*
 * Several routes to one target: they start one after the other, and the first that is up wins. The
 * others are called off.
 *
 * Within AttemptDelay all of them have started, so that finding the one that works costs no more. The
 * first has at least four fifths of that for itself, the others follow in even steps; where one fails
 * the next one starts at once.
 *
 * Where there are several, each dials in a thread of its own. A person is asked by the thread of the
 * caller, and only when every route before the one that asks has failed.
 */
#ifndef STILE_TRANSPORTS_RACE_H
#define STILE_TRANSPORTS_RACE_H

#include "config/ways.h"
#include "transports/route.h"

#define RACE_MAX 32 /* routes */

/* Which of two failures got further: the higher one. */
int race_rank(enum err_code code);

/* How long after the first of `count` routes the one at `position` of their order starts, if none has
 * failed. */
int64_t race_wait_ns(size_t count, size_t position, int64_t delay_ns);

/* Checks all routes: everything that can be said without the network. The ways stay the caller's and
 * outlive the race. NULL with err set (ERR_USAGE, ERR_MODULE), and where it was said in front. */
struct race *race_new(struct ways *ways, const struct trace *trace, struct err *err);

/* Route `index` starts first; the others follow in their order. */
void race_prefer(struct race *race, size_t index);

/* Which route starts at this position of their order. */
size_t race_starter(const struct race *race, size_t position);

/* Route `index` of the ways, for those who look at it: --explain and --check. */
struct route *race_route(struct race *race, size_t index);

/* Is there a route whose streams can't be passed as a socket? */
bool race_layered(const struct race *race);

/*
 * Dials the target by all of them (ctx->config->attempt_delay_ns; CLOCK_NEVER: strictly one after the
 * other, and each has its share of the time that is left). Blocks, never past the ctx but for what
 * doesn't heed it. A stream that the caller closes before race_free; *winner says by which. NULL with
 * ctx->err set: where there are several, one line for each route, and the code of the one that got furthest.
 */
struct stream *race_dial(struct race *race, const struct endpoint *target, size_t *winner,
                         struct ctx *ctx);

/* Waits for what was called off, a moment at most. NULL is allowed. */
void race_free(struct race *race);

#endif
