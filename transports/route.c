/* SPDX-License-Identifier: MIT */
#include "transports/route.h"

#include "transports/ground.h"

/* One step of the fold. Owns nothing. */
struct dialer {
    const struct transport *transport;
    const struct hop *hop;
    const struct dialer *below;
};

struct stream *dialer_dial(const struct dialer *dialer, const struct endpoint *to, struct ctx *ctx)
{
    return dialer->transport->dial(dialer->hop, dialer->below, to, ctx);
}

struct stream *route_dial(const struct endpoint *target, struct ctx *ctx)
{
    static const struct dialer ground = {.transport = &ground_transport};

    return dialer_dial(&ground, target, ctx);
}
