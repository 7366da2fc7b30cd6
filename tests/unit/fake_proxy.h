/* SPDX-License-Identifier: MIT */
/*
 * What a transport under test stands on: a dialer whose every dial is a connection to the next
 * script, and everything that a dial needs. Nothing else of the network is there.
 */
#ifndef STILE_TESTS_UNIT_FAKE_PROXY_H
#define STILE_TESTS_UNIT_FAKE_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/hop.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_layer.h"
#include "tests/unit/fake_player.h"
#include "transports/dialer.h"

#define PROXY_SCRIPTS_MAX 8

/* What the streams of the dialer are. */
struct proxy_below {
    const char *name;
    bool tcp;     /* else a Unix socket pair */
    bool layered; /* with this on top */
    struct layer_setup layer;
};

enum {
    PROXY_UNIX,
    PROXY_TCP,
    PROXY_AHEAD,  /* layered, decodes all that is there */
    PROXY_SLOWLY, /* layered, a byte at a time, and shy */
    PROXY_BELOWS,
};

extern const struct proxy_below proxy_belows[PROXY_BELOWS];

struct fake_proxy {
    struct dialer dialer; /* goes to the transport as what is below */
    struct fake_ctx fake;
    int trace; /* what -vvv shows goes here */

    const struct proxy_below *below;
    const struct player_script *scripts;
    size_t script_count;

    size_t dials;
    char dialed[PROXY_SCRIPTS_MAX][300]; /* where to */
    struct player *players[PROXY_SCRIPTS_MAX];
    struct stream *last; /* the stream of the last dial */
};

/* As many scripts as dials will be answered; what comes behind is refused: "nobody is there". */
void fake_proxy_init(struct fake_proxy *proxy, const struct proxy_below *below,
                     const struct player_script *scripts, size_t count, int64_t limit_ms);

/* Dials `target` through the hop that `url` is, by its transport. */
struct stream *fake_proxy_dial(struct fake_proxy *proxy, const struct transport *transport,
                               const char *url, const char *target);

/* The far end's last words must be BANNER, in the segment of its reply or not, and then TALK. */
#define BANNER "SSH-2.0-banner\r\n"
#define TALK GETS("ping"), PUTS("pong")

/* Fails the test unless the stream is the very one from below, and carries the bytes of BANNER and
 * TALK and nothing before them. Closes it. */
void fake_proxy_talk(struct fake_proxy *proxy, struct stream *stream);

/* Waits for all players, and fails the test unless each script was played to its end and every dial
 * led to the hop. `hidden` must not be in the trace; NULL = nothing. */
void fake_proxy_finish(struct fake_proxy *proxy, const char *hidden);

#endif
