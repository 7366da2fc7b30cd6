/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/text.h"

#define TIMEOUT_DEFAULT_S 60

void config_init(struct config *config)
{
    *config = (struct config){.family = AF_UNSPEC, .timeout_ns = TIMEOUT_DEFAULT_S * CLOCK_S};
}

void config_release(struct config *config)
{
    hops_release(&config->hops);
}

int config_option(struct config *config, const char *text, struct err *err)
{
    static const char blanks[] = " \t";
    size_t length = text_until(text, " \t=");
    const char *value = text + length + text_span(text + length, blanks);

    if (*value == '=')
        value += 1 + text_span(value + 1, blanks);
    if (length == 0 || !*value)
        return err_set(err, ERR_USAGE, "want Name=value");
    if (length == strlen("password") && text_same_start(text, "password", length))
        return err_set(err, ERR_USAGE, HOP_NO_PASSWORD);
    if (config->hops.count == 0)
        return err_set(err, ERR_USAGE, "%.*s: is for a hop, and there is none (-x)", (int)length,
                       text);
    if (config->hops.count > 1)
        return err_set(err, ERR_USAGE,
                       "%.*s: there are %zu hops; write it into the URL of one: ?%.*s=...",
                       (int)length, text, config->hops.count, (int)length, text);

    char *name = strndup(text, length);
    int done =
        name ? hop_add_setting(&config->hops.hop[0], name, value, 0, err) : err_no_memory(err);
    free(name);
    return done;
}
