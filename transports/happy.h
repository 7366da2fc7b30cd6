/* SPDX-License-Identifier: MIT */
/*
 * Happy Eyeballs version 2, RFC 8305: connect to the first address of a name that answers, without
 * making a person wait for a broken family.
 *
 * The network and the clock are passed in, so that a test can play any network against it without
 * waiting for real time.
 */
#ifndef STILE_TRANSPORTS_HAPPY_H
#define STILE_TRANSPORTS_HAPPY_H

#include <poll.h>
#include <stdint.h>

#include "core/address.h"

#define HAPPY_RESOLUTION_DELAY_MS 50 /* section 3: how long IPv4 waits for the AAAA answer */
#define HAPPY_ATTEMPT_DELAY_MS 250   /* section 5: head start of one attempt over the next */
#define HAPPY_TRIES_MAX (FAMILIES * ADDRESSES_MAX)

/* One attempt and how it went: EINPROGRESS while it is open, 0 for the winner, else its errno. */
struct happy_try {
    const struct address *address;
    int handle;
    int error;
};

/* The network and the clock. */
struct happy_ops {
    /* The time, in nanoseconds. */
    int64_t (*now_ns)(void *net);

    /* Begins to connect, without waiting. A handle >= 0 (a descriptor), or -1 with errno. */
    int (*connect)(void *net, const struct address *to);

    /* What became of an attempt that had an event: 0 = connected, else an errno. */
    int (*result)(void *net, int handle);

    /* Hears of an attempt that has failed or won, for the trace. NULL: nobody listens. */
    void (*ended)(void *net, const struct happy_try *);

    /* Closes an attempt that failed or lost. */
    void (*abandon)(void *net, int handle);

    /*
     * Sleeps until one of the attempts has an event (POLLOUT; revents says so), `addresses` has
     * grown, or `until_ns` has come (CLOCK_NEVER: no such time). 0, or -1 to give the whole thing
     * up.
     */
    int (*wait)(void *net, struct pollfd *attempts, nfds_t count, int64_t until_ns);
};

struct happy_report {
    struct happy_try tries[HAPPY_TRIES_MAX]; /* in the order in which they were begun */
    size_t count;
    bool given_up; /* ops->wait said so; the open attempts have EINPROGRESS */
};

/*
 * Races the `addresses`, which ops->wait keeps filling. Returns the handle of the winner, all
 * others abandoned; or -1 when every address failed, none was found, or ops->wait gave up. `report`
 * says what was tried; its addresses point into `addresses`.
 */
int happy_dial(const struct happy_ops *ops, void *net, const struct addresses *addresses,
               struct happy_report *report);

#endif
