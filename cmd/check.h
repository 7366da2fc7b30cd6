/* SPDX-License-Identifier: MIT */
/*
 * --check: dials every route, one after the other in the order in which they were written, each with
 * the whole Timeout, up to the target's first line. A person may be asked. A route is told of as soon
 * as it is known what comes of it.
 *
 * A target that says nothing is fine, but not one that hangs up without a word (ERR_STREAM).
 *
 * With --json one object; names are stable, and more may be added:
 *
 *     target      { host, port }
 *     routes      in the order in which they were written, each
 *         number      from 1
 *         route       its hops, nearest first, with commas between; "direct"
 *         place       who says it, as in explain.h
 *         reason      what `env` came to; or null
 *         ok          does it work?
 *         code        0, or what the exit status would be
 *         total_ms    until it was up, or has failed
 *         banner      the target's first line; null: it said nothing
 *         failure     in words; or null
 *         hint        what to try; or null
 *         hops        nearest first; the target where it is direct; each
 *             hop         "http://proxy:3128"
 *             up          did it open the way?
 *             ms          { name, tcp, tls, handshake, auth }: how long it took; null: not taken
 *     ok          does any route work?
 *     code        0, or that of the route which got furthest
 */
#ifndef STILE_CMD_CHECK_H
#define STILE_CMD_CHECK_H

#include "cmd/explain.h"
#include "core/clock.h"
#include "core/ctx.h"

#define CHECK_BANNER_NS (3 * CLOCK_S) /* for the target's first line */

struct check {
    struct explain explain; /* what there is */
    struct ctx *ctx;        /* its deadline is not heeded: each route has its own */
};

/* Prints it on stdout. 0 if any route works; else -1 with err set, silent, and the code of the one
 * that got furthest; with a message when stdout cannot be written. */
int check_run(const struct check *check, struct err *err);

#endif
