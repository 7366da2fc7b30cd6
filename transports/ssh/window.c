/* SPDX-License-Identifier: MIT */
#include "transports/ssh/window.h"

#include "core/clock.h"

/* Where the round trip is not known, or too short to measure by. */
#define ROUND_MIN_NS CLOCK_MS

static int64_t round_of(const struct session *session)
{
    return session->trip_ns > ROUND_MIN_NS ? session->trip_ns : ROUND_MIN_NS;
}

void window_init(struct window *window, const struct session *session)
{
    *window = (struct window){.size = WINDOW_FIRST, .round_ns = session->heard_ns};
}

void window_take(struct window *window, LIBSSH2_CHANNEL *channel, size_t size,
                 const struct session *session)
{
    window->round_bytes += size;
    if (session->heard_ns - window->round_ns >= round_of(session)) {
        /* Twice what came in a round: one half is under way while the other half is read. */
        if (2 * window->round_bytes > window->size && window->size < WINDOW_MAX) {
            uint64_t larger = 2 * window->round_bytes;
            window->size = larger < WINDOW_MAX ? (uint32_t)larger : WINDOW_MAX;
            TRACE_LEVEL(2, session->trace, "ssh", "%s: the window is %u KiB",
                        session->gateway->name, (unsigned)(window->size / 1024));
        }
        window->round_ns = session->heard_ns;
        window->round_bytes = 0;
    }
    /* libssh2 looks after the first size by itself. */
    if (window->size == WINDOW_FIRST)
        return;
    unsigned long left = libssh2_channel_window_read_ex(channel, NULL, NULL);
    if (left < window->size - window->size / 4)
        (void)libssh2_channel_receive_window_adjust2(channel, window->size - left, 1, NULL);
}
