/* SPDX-License-Identifier: MIT */
/*
 * The receive window of a channel, RFC 4254 section 5.2: what the peer may send before we let it
 * send more, so no more than that arrives in a round trip. It grows with what arrives in one, as the
 * TCP of most systems does; a short path keeps the small one, and a slow reader little memory.
 *
 * libssh2 keeps up the window that a channel was opened with by itself, and loses count when both
 * do: one adjustment that waits for the end of a key exchange is taken for the other. So it is told
 * of a window so small that it never sees a need.
 */
#ifndef STILE_TRANSPORTS_SSH_WINDOW_H
#define STILE_TRANSPORTS_SSH_WINDOW_H

#include <stdint.h>

#include "transports/ssh/session.h"

#define WINDOW_TOLD ((uint32_t)64 * 1024) /* to open a channel with */
#define WINDOW_FIRST ((uint32_t)2 * 1024 * 1024)
#define WINDOW_MAX ((uint32_t)16 * 1024 * 1024)

struct window {
    uint32_t size;        /* what the peer is to have, with what is not read yet */
    uint32_t pending;     /* an adjustment that is not sent yet; 0 = there is none */
    int64_t round_ns;     /* when this round began */
    uint64_t round_bytes; /* that were read in it */
};

/* Lets the peer of a channel that was just opened send WINDOW_FIRST. */
void window_init(struct window *window, LIBSSH2_CHANNEL *channel, const struct session *session);

/* `size` bytes were read. Lets the peer send more where it is time. */
void window_take(struct window *window, LIBSSH2_CHANNEL *channel, size_t size,
                 const struct session *session);

#endif
