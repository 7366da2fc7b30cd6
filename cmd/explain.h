/* SPDX-License-Identifier: MIT */
/*
 * --explain: what would be tried, and who says so. Nothing is connected, looked up or asked. No file
 * is read but those of the configuration and the memory, and only the commands of `Match exec` run.
 *
 * With --json one object; names are stable, and more may be added:
 *
 *     target      { host, port }
 *     config      the files that were read
 *     memory      { number: the route that won last here, age_s } or null
 *     routes      in the order in which they start, each
 *         number      from 1, in the order in which they were written
 *         route       its hops, nearest first, with commas between; "direct"
 *         place       who says it: "/etc/stile/config:12", "-x", "default"
 *         reason      what `env` came to: "$no_proxy has .corp.example"; or null
 *         is_preferred    it starts first, for it won last here
 *         is_socket   what comes through is a bare socket: --fdpass leaves no process behind
 *         hops        nearest first, each
 *             hop         "http://proxy:3128"
 *             engine      who serves it: "built in", "module curl (libcurl)"
 *             command     of exec:, or null
 *             settings    each { name, value, place }; value is null where it may be a secret; the
 *                         place is as that of a route, or "the URL"
 *             user        { name, place }, name null: nobody is known yet; or null: there is no login
 *             secret      where it would come from, "PasswordCommand (/etc/stile/config:14)"; or null:
 *                         there is no login
 *     keywords    of stile_config(5), each { name, value, place }
 */
#ifndef STILE_CMD_EXPLAIN_H
#define STILE_CMD_EXPLAIN_H

#include <stdbool.h>

#include "config/config.h"
#include "config/memory.h"
#include "config/ways.h"
#include "core/endpoint.h"
#include "core/err.h"
#include "transports/race.h"

struct explain {
    const struct config *config;
    const struct ways *ways;
    struct race *race;
    const struct memory *memory; /* NULL: there is none */
    const struct endpoint *target;
    bool json;
};

/* Prints it on stdout. 0, or -1 with err set: stdout cannot be written, no memory. */
int explain_run(const struct explain *explain, struct err *err);

#endif
