/* SPDX-License-Identifier: MIT */
#include "transports/ssh/window.h"

#include "core/clock.h"

/* Where the round trip is not known, or too short to measure by. */
#define ROUND_MIN_NS CLOCK_MS

static int64_t round_of(const struct session *session)
{
    return session->trip_ns > ROUND_MIN_NS ? session->trip_ns : ROUND_MIN_NS;
}

/* Twice what came in a round: one half is under way while the other half is read. */
static void grow(struct window *window, const struct session *session)
{
    uint64_t wanted = 2 * window->round_bytes;

    if (wanted <= window->size || window->size == WINDOW_MAX)
        return;
    window->size = wanted < WINDOW_MAX ? (uint32_t)wanted : WINDOW_MAX;
    TRACE_LEVEL(2, session->trace, "ssh", "%s: the window is %u KiB", session->gateway->name,
                (unsigned)(window->size / 1024));
}

/* Brings the peer up to the size, once it has used a quarter of it. */
static void adjust(struct window *window, LIBSSH2_CHANNEL *channel)
{
    unsigned long left = libssh2_channel_window_read_ex(channel, NULL, NULL);

    if (!window->pending && left < window->size - window->size / 4)
        window->pending = window->size - (uint32_t)left;
    /* During a key exchange it must be tried again, with the same number. */
    if (window->pending && libssh2_channel_receive_window_adjust2(channel, window->pending, 1,
                                                                  NULL) != LIBSSH2_ERROR_EAGAIN)
        window->pending = 0;
}

void window_init(struct window *window, LIBSSH2_CHANNEL *channel, const struct session *session)
{
    *window = (struct window){.size = WINDOW_FIRST, .round_ns = session->heard_ns};
    adjust(window, channel);
}

void window_take(struct window *window, LIBSSH2_CHANNEL *channel, size_t size,
                 const struct session *session)
{
    window->round_bytes += size;
    if (session->heard_ns - window->round_ns >= round_of(session)) {
        grow(window, session);
        window->round_ns = session->heard_ns;
        window->round_bytes = 0;
    }
    adjust(window, channel);
}
