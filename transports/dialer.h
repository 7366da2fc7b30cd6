/* SPDX-License-Identifier: MIT */
/* One step of the fold that a route is. */
#ifndef STILE_TRANSPORTS_DIALER_H
#define STILE_TRANSPORTS_DIALER_H

#include <stddef.h>

#include "transports/transport.h"

/* Owns nothing but what is `ready`. */
struct dialer {
    const struct transport *transport;
    const struct hop *hop; /* NULL for the ground */
    const struct dialer *below;
    size_t position; /* of the hop, from 1; 0 for the ground */
    size_t hops;     /* of the route */

    /* A stream to where the next dial is to lead, made ahead of time; taken by that dial. NULL
     * where there is none: usually. */
    struct stream **ready;
};

/* Closes what is ready: it has waited too long. */
static inline void dialer_drop_ready(const struct dialer *dialer)
{
    if (!dialer->ready)
        return;
    stream_close(*dialer->ready);
    *dialer->ready = NULL;
}

#endif
