/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

#define PIECE_MAX ((size_t)256 * 1024)
#define STUCK_MS 60 /* longer than TCP holds back an acknowledgement */

static struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    if (!rig)
        abort();
    rig->trace = (struct trace){.level = 0, .start_ns = clock_ns(), .fd = 2};
    for (int side = 0; side < SIDES; side++)
        rig->peer[side].ends = (struct ends){{-1, -1}, -1, -1, false};
    return rig;
}

static void peer_open(struct peer *peer, const struct ends_kind *kind)
{
    peer->stream = ends_open(kind, &peer->ends);
    fd_set_nonblocking(peer->ends.source, true);
    fd_set_nonblocking(peer->ends.sink, true);
}

struct rig *rig_open(const struct ends_kind *local, const struct ends_kind *remote)
{
    struct rig *rig = rig_new();
    peer_open(&rig->peer[LOCAL], local);
    peer_open(&rig->peer[REMOTE], remote);
    /* What a transport dialed is its own and does not block; stdin and stdout may. */
    for (int i = 0; i < 2; i++)
        fd_set_nonblocking(rig->peer[REMOTE].ends.inner[i], true);
    return rig;
}

struct rig *rig_open_layered(const struct ends_kind *local, struct stream *remote)
{
    struct rig *rig = rig_new();
    peer_open(&rig->peer[LOCAL], local);
    rig->peer[REMOTE].stream = remote;
    return rig;
}

static void *run_relay(void *arg)
{
    struct rig *rig = arg;
    rig->end = relay_run_patiently(rig->peer[LOCAL].stream, rig->peer[REMOTE].stream,
                                   rig->patience_ns, &rig->stats, &rig->trace, &rig->err);
    atomic_store(&rig->over, true);
    return NULL;
}

void rig_start(struct rig *rig)
{
    assert_int_equal(pthread_create(&rig->thread, NULL, run_relay, rig), 0);
}

static size_t piece(struct peer *peer, size_t most)
{
    size_t chunk = peer->chunk ? peer->chunk : PIECE_MAX;
    if (peer->seed)
        chunk = 1 + unit_below(&peer->seed, (uint32_t)chunk);
    return chunk < most ? chunk : most;
}

static bool wants_to_send(const struct peer *peer)
{
    return !peer->ended && !peer->refused && peer->ends.source >= 0 && peer->sent < peer->size;
}

static bool wants_to_get(const struct peer *peer)
{
    return !peer->deaf && !peer->got_end && !peer->got_reset && peer->ends.sink >= 0;
}

static bool send_some(struct peer *peer)
{
    size_t size = piece(peer, peer->size - peer->sent);
    ssize_t n = write(peer->ends.source, peer->data + peer->sent, size);

    if (n > 0)
        peer->sent += (size_t)n;
    else if (errno == EPIPE || errno == ECONNRESET)
        peer->refused = true;
    return n > 0;
}

static bool get_some(struct peer *peer)
{
    size_t size = piece(peer, PIECE_MAX);

    if (peer->got_room < peer->got_size + size) {
        peer->got_room = 2 * (peer->got_size + PIECE_MAX);
        peer->got = realloc(peer->got, peer->got_room);
        if (!peer->got)
            abort();
    }
    ssize_t n = read(peer->ends.sink, peer->got + peer->got_size, size);
    if (n > 0)
        peer->got_size += (size_t)n;
    else if (n == 0)
        peer->got_end = true;
    else if (errno != EAGAIN)
        peer->got_reset = true;
    return n >= 0;
}

/* Sends the end where its time has come. */
static bool end_source(struct peer *peer)
{
    if (peer->ended || peer->refused || peer->keep_open || peer->sent < peer->size ||
        peer->ends.source < 0 || (peer->waits && !peer->got_end))
        return false;
    ends_end_source(&peer->ends);
    peer->ended = true;
    return true;
}

/* One round of both peers. Did anything move? */
static bool play(struct rig *rig, int timeout_ms)
{
    struct pollfd fds[SIDES * 2];
    bool moved = false;

    for (int side = 0; side < SIDES; side++) {
        struct peer *peer = &rig->peer[side];
        moved |= end_source(peer);
        fds[2 * side] = (struct pollfd){
            .fd = wants_to_send(peer) ? peer->ends.source : -1,
            .events = POLLOUT,
        };
        fds[2 * side + 1] = (struct pollfd){
            .fd = wants_to_get(peer) ? peer->ends.sink : -1,
            .events = POLLIN,
        };
    }
    if (moved || poll(fds, SIDES * 2, timeout_ms) <= 0)
        return moved;
    for (int side = 0; side < SIDES; side++) {
        if (fds[2 * side].revents)
            moved |= send_some(&rig->peer[side]);
        if (fds[2 * side + 1].revents)
            moved |= get_some(&rig->peer[side]);
    }
    return moved;
}

static bool finished(const struct rig *rig)
{
    for (int side = 0; side < SIDES; side++) {
        const struct peer *peer = &rig->peer[side];
        if (wants_to_send(peer) || wants_to_get(peer) || (!peer->ended && !peer->refused))
            return false;
    }
    return true;
}

void rig_pump(struct rig *rig)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (!finished(rig) && !atomic_load(&rig->over)) {
        if (play(rig, 5))
            until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;
        else if (clock_ns() > until)
            unit_fail("the relay stands still: %zu of %zu bytes up, %zu of %zu down",
                      rig->peer[REMOTE].got_size, rig->peer[LOCAL].size, rig->peer[LOCAL].got_size,
                      rig->peer[REMOTE].size);
    }
    /* What it delivered last may still be on the way. */
    while (!finished(rig) && play(rig, STUCK_MS))
        continue;
}

void rig_pump_until_stuck(struct rig *const rigs[], size_t count)
{
    int64_t since = clock_ns();

    while (clock_ns() - since < STUCK_MS * CLOCK_MS) {
        bool moved = false;
        for (size_t i = 0; i < count; i++)
            moved |= play(rigs[i], 0);
        if (moved)
            since = clock_ns();
        else
            (void)poll(NULL, 0, 1);
    }
}

void rig_pump_to_end(struct rig *rig, int side)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (!rig->peer[side].got_end) {
        (void)play(rig, 1);
        if (clock_ns() > until)
            unit_fail("%s does not get the end", side == LOCAL ? "local" : "remote");
    }
}

enum relay_end rig_end(struct rig *rig)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (!atomic_load(&rig->over)) {
        if (clock_ns() > until)
            unit_fail("the relay does not end");
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(pthread_join(rig->thread, NULL), 0);
    return rig->end;
}

void rig_check_prefix(const struct rig *rig, int side, size_t least)
{
    const struct peer *to = &rig->peer[side];
    const struct peer *from = &rig->peer[!side];

    if (to->got_size < least || to->got_size > from->sent)
        unit_fail("%s got %zu bytes, the other sent %zu", side == LOCAL ? "local" : "remote",
                  to->got_size, from->sent);
    if (to->got_size == 0)
        return;
    for (size_t i = 0; i < to->got_size; i++) {
        if (to->got[i] != from->data[i])
            unit_fail("%s: byte %zu of %zu is another", side == LOCAL ? "local" : "remote", i,
                      to->got_size);
    }
}

void rig_check_all(const struct rig *rig, int side)
{
    rig_check_prefix(rig, side, rig->peer[!side].size);
    assert_true(rig->peer[side].got_end);
}

void rig_close(struct rig *rig)
{
    for (int side = 0; side < SIDES; side++) {
        struct peer *peer = &rig->peer[side];
        if (peer->ends.inner[0] >= 0)
            ends_close(peer->stream, &peer->ends);
        free(peer->got);
    }
    err_release(&rig->err);
    free(rig);
}
