/* SPDX-License-Identifier: MIT */
/*
 * A layered stream out of thin air: what it gives, what it takes, how it stutters and how it ends
 * are fields. It notes what its user does against the contract of stream.h.
 */
#ifndef STILE_TESTS_UNIT_FAKE_STREAM_H
#define STILE_TESTS_UNIT_FAKE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stream.h"

struct fake_stream {
    struct stream base; /* rfd = wfd = -1: nothing to splice */

    /* Set by the test after fake_stream_init. */
    const uint8_t *give; /* what a reader gets */
    size_t give_size;
    int give_error;   /* after that: 0 = the end, else STREAM_FAIL with this errno */
    bool stays_open;  /* after that: neither, it is just silent */
    size_t take_size; /* what it takes before take_error; SIZE_MAX = everything */
    int take_error;
    int shut_agains; /* shut_wr says AGAIN that often before it is done */
    int shut_error;  /* then STREAM_FAIL with this errno; 0 = done */
    bool decoded;    /* bytes lie decoded: wait says 1, and the descriptor tells nothing of them */
    bool windowed;   /* takes no more than it has given: reading makes the room, as wait says */
    uint32_t seed;   /* 0 = as much as fits in each call; else pieces and AGAINs at random */

    int64_t tick_ns;   /* from one tick to the next; 0 = it wants none */
    unsigned tick_end; /* it wants that many, and then no more */
    bool dies;         /* the last one finds it dead: what it has given by then was all */

    /* What happened. */
    size_t given;
    uint8_t *got; /* what was written */
    size_t got_size;
    bool saw_end; /* read has returned 0 or STREAM_FAIL */
    bool shut;
    unsigned ticks;   /* that were due */
    int64_t due_ns;   /* the next one */
    char broken[120]; /* the first offence against the contract; "" = none */

    int busy[2];  /* [0] is always readable and writable */
    int quiet[2]; /* [0] is always writable, never readable */
};

void fake_stream_init(struct fake_stream *fake);

/* Frees what was written and what poll(2) saw. */
void fake_stream_release(struct fake_stream *fake);

#endif
