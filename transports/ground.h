/* SPDX-License-Identifier: MIT */
/* The ground of every route, and the only transport that touches the network: TCP, or a Unix
 * socket. */
#ifndef STILE_TRANSPORTS_GROUND_H
#define STILE_TRANSPORTS_GROUND_H

#include "transports/transport.h"

extern const struct transport ground_transport;

#endif
