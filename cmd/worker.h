/* SPDX-License-Identifier: MIT */
/*
 * --fdpass where what comes through the route is no socket (race_layered): ssh gets one end of a
 * socket pair, and a process of our own carries bytes between the other end and the stream.
 *
 * This worker is forked before there is a thread or a connection. As long as it dials it is a helper
 * like any other: it may ask on the terminal, Ctrl-C reaches it, and it ends when its parent does,
 * for which ssh waits, or when ssh does. When the socket is handed over the parent ends; the worker
 * is in a session of its own by then, holds nothing that is ssh's or the terminal's, and ends with
 * either side, together with the commands that are its hops.
 */
#ifndef STILE_CMD_WORKER_H
#define STILE_CMD_WORKER_H

#include "cmd/connect.h"

/*
 * Dials, and hands the socket over on stdout. Returns in both processes. In the parent as soon as
 * that is done: 0, or -1 with ctx->err set, and the worker has ended; never past the ctx but for a
 * moment. In the worker when the relay is over, or there was nothing to relay: -1 with a silent err,
 * for the parent has said everything.
 */
int worker_serve(struct journey *journey, struct ctx *ctx);

#endif
