/* SPDX-License-Identifier: MIT */
/*
 * `ssh://`: a gateway that forwards, `ssh -W`. What ssh_config(5) says of the gateway holds; what the
 * hop says wins. See ssh_module.h for who does the work.
 */
#ifndef STILE_TRANSPORTS_SSH_H
#define STILE_TRANSPORTS_SSH_H

#include "transports/transport.h"

extern const struct transport ssh_transport;

#endif
