/* SPDX-License-Identifier: MIT */
/*
 * A relay at work in a thread of its own, between two streams of real descriptors; the test plays
 * both far ends: ssh on the local side, the server on the remote side.
 */
#ifndef STILE_TESTS_UNIT_FAKE_RELAY_H
#define STILE_TESTS_UNIT_FAKE_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/relay.h"
#include "tests/unit/fake_ends.h"

enum {
    LOCAL,
    REMOTE,
    SIDES,
};

/* One far end: what it sends, what it got. */
struct peer {
    struct ends ends;
    struct stream *stream; /* the near end */

    const uint8_t *data;
    size_t size;
    size_t sent;
    size_t chunk;   /* most bytes of one write or read; 0 = any */
    uint32_t seed;  /* 0 = always `chunk`, else 1 .. chunk */
    bool keep_open; /* does not send its end */
    bool waits;     /* sends its end only when it got the other's */
    bool ended;
    bool refused; /* a write said EPIPE or ECONNRESET */

    bool deaf; /* does not read */
    uint8_t *got;
    size_t got_size;
    size_t got_room;
    bool got_end;
    bool got_reset;
};

struct rig {
    struct peer peer[SIDES];
    int64_t patience_ns; /* 0 = none; set before rig_start */
    struct relay_stats stats;
    struct err err;
    struct trace trace;
    enum relay_end end;
    pthread_t thread;
    atomic_bool over;
};

/* Two streams with their peers. Not started, so that descriptors can be filled or broken before. */
struct rig *rig_open(const struct ends_kind *local, const struct ends_kind *remote);

/* The same with a stream of another sort as the remote one, which stays the caller's. */
struct rig *rig_open_layered(const struct ends_kind *local, struct stream *remote);

void rig_start(struct rig *rig);

/* Plays the peers until both have sent and got everything with its end, or the relay is over. Fails
 * the test when that takes too long. */
void rig_pump(struct rig *rig);

/* Plays the peers of several relays until nothing has moved for a while. */
void rig_pump_until_stuck(struct rig *const rigs[], size_t count);

/* Plays the peers until `side` has got the end. Fails the test when that takes too long. */
void rig_pump_to_end(struct rig *rig, int side);

/* Waits for the end of relay_run; what it returned. Fails the test when it does not end. */
enum relay_end rig_end(struct rig *rig);

/* Did `side` get exactly what the other one sent? A prefix of it, at least `least` bytes? */
void rig_check_all(const struct rig *rig, int side);
void rig_check_prefix(const struct rig *rig, int side, size_t least);

/* Closes and frees everything. */
void rig_close(struct rig *rig);

#endif
