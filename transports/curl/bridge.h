/* SPDX-License-Identifier: MIT */
/* core/bridge.h where it is libcurl that needs the descriptor, one that it connects by itself. */
#ifndef STILE_TRANSPORTS_CURL_BRIDGE_H
#define STILE_TRANSPORTS_CURL_BRIDGE_H

#include "core/ctx.h"
#include "core/stream.h"
#include "transports/curl/gate.h"

struct gate_bridge;

/* Writes an address to `address` where connect(2) leads to `below`, which the bridge owns from now
 * on, and gives the socket to connect in *fd. NULL with ctx->err set, and `below` closed. */
struct gate_bridge *gate_bridge_new(struct stream *below, struct curl_sockaddr *address,
                                    curl_socket_t *fd, struct ctx *ctx);

/* Is the stream below one of descriptors, so that closing one direction does no harm to the other?
 * There are proxies that drop what is under way in one when the other ends. */
bool gate_bridge_is_bare(const struct gate_bridge *bridge);

/* After both directions have ended: waits until what is under way has gone on, a second at most,
 * and asks the stream below. `fd` is the connected socket. Returns as stream_finish. */
int gate_bridge_finish(struct gate_bridge *bridge, int fd, struct err *err);

/* Ends it. The connected socket must be closed already, so that this does not take long. NULL is
 * allowed. */
void gate_bridge_free(struct gate_bridge *bridge);

#endif
