/* SPDX-License-Identifier: MIT */
#include "core/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/flow.h"

/* Reads of the login phase that are acknowledged at once: a login takes some 15, one with a full
 * agent twice that. */
#define RELAY_QUICKACKS 64

struct relay {
    struct flow up;
    struct flow down;

    /* Once the local side has gone: how long the remote may take nothing of what is left, until
     * when it may now, and how much it had taken when that was said. */
    int64_t patience_ns;
    int64_t until_ns;
    uint64_t taken;
};

/* Whether the local side has gone, and the remote still takes what was said before. */
static bool relay_lingers(struct relay *relay)
{
    const struct flow *up = &relay->up;
    uint64_t taken = up->bytes - (up->end - up->start);

    if (relay->patience_ns == 0 || !relay->down.sink_gone || up->state == FLOW_DONE)
        return false;
    int64_t now_ns = clock_ns();
    if (relay->until_ns == CLOCK_NEVER || taken != relay->taken) {
        relay->until_ns = now_ns + relay->patience_ns;
        relay->taken = taken;
    }
    return now_ns < relay->until_ns;
}

/* Whether there is nothing left to do. */
static bool relay_over(struct relay *relay)
{
    const struct flow *up = &relay->up, *down = &relay->down;

    if (down->state != FLOW_DONE || relay_lingers(relay))
        return false;
    /* An output that failed or has gone leaves nothing to do, nor does a remote that broke. */
    return up->state == FLOW_DONE || down->sink_gone || down->error[FLOW_SINK] ||
           down->error[FLOW_SOURCE];
}

/* Sleeps until a flow can go on, not at all when one can already, or a stream wants its next tick.
 * 0, or -1 with errno. */
static int relay_sleep(struct relay *relay)
{
    struct pollfd pfds[2 * FLOW_SIDES];
    int ready;

    /* Before the streams are asked what to wait for: that may be other things now. */
    int64_t local_ns = stream_tick(relay->up.source), remote_ns = stream_tick(relay->up.sink);
    flow_poll(&relay->up, pfds);
    flow_poll(&relay->down, pfds + FLOW_SIDES);
    /* A stream may have said that it is over. */
    bool runnable = flow_runnable(&relay->up) || flow_runnable(&relay->down) || relay_over(relay);
    int64_t wake_ns = local_ns < remote_ns ? local_ns : remote_ns;
    if (relay->until_ns < wake_ns)
        wake_ns = relay->until_ns;
    do
        ready = poll(pfds, 2 * FLOW_SIDES, runnable ? 0 : clock_poll_ms(wake_ns));
    while (ready == -1 && errno == EINTR);
    if (ready == -1)
        return -1;
    flow_polled(&relay->up, pfds);
    flow_polled(&relay->down, pfds + FLOW_SIDES);
    return 0;
}

/*
 * The error of a remote that went away before it had read everything, where no read or write has
 * reported one: the socket still holds it, or a splice that was under way has swallowed it together
 * with the bytes. Then the connection has no peer any more, which an orderly end leaves it.
 */
static int late_error(const struct flow *up)
{
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof(peer);
    int error = 0, fd = up->sink->wfd;
    socklen_t size = sizeof(error);

    if (!up->sink_gone || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
        return 0;
    if (!error && getpeername(fd, (struct sockaddr *)&peer, &peer_size) == -1 && errno == ENOTCONN)
        error = ECONNRESET;
    return error;
}

static enum relay_end relay_verdict(const struct relay *relay, struct err *err)
{
    /* In the order of what a person should hear of first. */
    const struct {
        int error;
        const char *doing;
    } failures[] = {
        {relay->down.error[FLOW_SOURCE], "receiving"},
        {relay->up.error[FLOW_SINK], "sending"},
        {late_error(&relay->up), "sending"},
        {relay->up.error[FLOW_SOURCE], "reading our input"},
        {relay->down.error[FLOW_SINK], "writing our output"},
    };

    if (relay->down.sink_gone)
        return RELAY_LOCAL_GONE;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].error) {
            (void)err_set(err, ERR_STREAM, "%s: %s", failures[i].doing,
                          strerror(failures[i].error));
            return RELAY_BROKEN;
        }
    }
    return RELAY_DONE;
}

enum relay_end relay_run(struct stream *local, struct stream *remote, struct relay_stats *stats,
                         const struct trace *trace, struct err *err)
{
    return relay_run_patiently(local, remote, 0, stats, trace, err);
}

enum relay_end relay_run_patiently(struct stream *local, struct stream *remote, int64_t patience_ns,
                                   struct relay_stats *stats, const struct trace *trace,
                                   struct err *err)
{
    struct relay relay = {.patience_ns = patience_ns, .until_ns = CLOCK_NEVER};
    uint64_t wakeups = 0;
    enum relay_end end;

    flow_init(&relay.up, local, remote, 0);
    flow_init(&relay.down, remote, local, RELAY_QUICKACKS);
    TRACE(trace, "relay", "started: %s up, %s down, %s to %s", relay.up.spliced ? "splice" : "copy",
          relay.down.spliced ? "splice" : "copy", local->ops->name, remote->ops->name);

    for (;;) {
        flow_run(&relay.up);
        /* Our input broke, so the remote is told no end and may never send its own: stop reading
         * it. */
        if (relay.up.error[FLOW_SOURCE])
            flow_cut(&relay.down);
        flow_run(&relay.down);
        if (relay_over(&relay)) {
            end = relay_verdict(&relay, err);
            break;
        }
        if (relay_sleep(&relay) == -1) {
            (void)err_set(err, ERR_STREAM, "poll: %s", strerror(errno));
            end = RELAY_BROKEN;
            break;
        }
        wakeups++;
    }

    TRACE(trace, "relay",
          "ended: %" PRIu64 " bytes up, %" PRIu64 " bytes down, %" PRIu64 " wake-ups",
          relay.up.bytes, relay.down.bytes, wakeups);
    if (stats)
        *stats = (struct relay_stats){relay.up.bytes, relay.down.bytes, wakeups};
    flow_release(&relay.up);
    flow_release(&relay.down);
    return end;
}
