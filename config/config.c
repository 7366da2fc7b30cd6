/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <sys/socket.h>

#include "core/clock.h"

#define TIMEOUT_DEFAULT_S 60

void config_init(struct config *config)
{
    *config = (struct config){.family = AF_UNSPEC, .timeout_ns = TIMEOUT_DEFAULT_S * CLOCK_S};
}
