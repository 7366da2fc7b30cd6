/* SPDX-License-Identifier: MIT */
/*
 * A network that does not exist, for happy_dial: a row says when addresses arrive and what becomes
 * of each address; the clock is virtual, so start times come out exact and no test waits.
 *
 * It also plays the strict operating system: whoever asks for the result of an attempt too early,
 * forgets to close one, closes one twice, leaves one out of a wait or spins is found out.
 */
#ifndef STILE_TESTS_UNIT_FAKE_NET_H
#define STILE_TESTS_UNIT_FAKE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transports/happy.h"

#define NET_ANSWERS 2 /* of one family */
#define NET_FATES 8   /* addresses of one family that a row describes; the others are black holes */

/* When an answer comes and what it brings. The last one of a family ends its `pending`. */
struct net_answer {
    int at_ms; /* 0 = there before the start (/etc/hosts) */
    int count; /* addresses; 0 = there are none */
};

/* What becomes of a connect to an address. All zero: a black hole. */
struct net_fate {
    enum {
        NET_BLACK_HOLE,
        NET_CONNECTS, /* after_ms later */
        NET_FAILS,    /* after_ms later, with error */
        NET_REFUSES,  /* connect(2) itself returns -1 with error */
    } what;
    int after_ms;
    int error;
};

#define CONNECTS(ms)                                                                               \
    {                                                                                              \
        NET_CONNECTS, (ms), 0                                                                      \
    }
#define FAILS(ms, error)                                                                           \
    {                                                                                              \
        NET_FAILS, (ms), (error)                                                                   \
    }
#define FAILS_AT_ONCE(error)                                                                       \
    {                                                                                              \
        NET_REFUSES, 0, (error)                                                                    \
    }
#define BLACK_HOLE                                                                                 \
    {                                                                                              \
        NET_BLACK_HOLE, 0, 0                                                                       \
    }

struct net_family {
    bool asked;  /* pending from the start */
    bool silent; /* no answer is the last one: stays pending for ever */
    int answers; /* how many of the next are meant; asked, but not one = stays pending for ever */
    struct net_answer answer[NET_ANSWERS];
    struct net_fate fate[NET_FATES];
};

struct net_setup {
    struct net_family family[FAMILIES];
    int give_up_ms; /* ops->wait says -1 then; 0 = never */
};

struct net_attempt {
    int64_t begun_ns;
    int64_t event_ns; /* INT64_MAX = none comes */
    int error;
    bool open;
    bool abandoned;
    bool shown; /* wait has reported its event */
};

struct fake_net {
    const struct net_setup *setup;
    struct addresses addresses;
    int64_t now_ns;
    int64_t noise_ms; /* a wait ends for nothing after that long; 0 = never */
    int next_answer[FAMILIES];
    struct net_attempt attempts[HAPPY_TRIES_MAX];
    size_t begun;
    int64_t tried_ns[HAPPY_TRIES_MAX]; /* of each call of connect, failed ones too */
    size_t tried;
    size_t waits;
    bool gave_up;
    char broken[200]; /* the first rule of the contract that the caller broke; "" = none */
};

#define NET_START_NS INT64_C(7777777777777) /* no test may depend on the clock's zero */

extern const struct happy_ops fake_net_ops;

/* Answers with at_ms 0 are in net->addresses already. */
void fake_net_init(struct fake_net *net, const struct net_setup *setup, int64_t noise_ms);

/* Checks what must hold after every happy_dial that returned `handle`; net->broken says what did
 * not. */
void fake_net_finish(struct fake_net *net, int handle, const struct happy_report *report);

/*
 * What happened, as a line: "6a@0 open, 4a@250 won; 280 ms". `a` is the first address of its
 * family, the number the virtual time of its connect in ms; then what the report says: won, open,
 * or the errno.
 */
void fake_net_story(const struct fake_net *net, const struct happy_report *report, char *out,
                    size_t size);

#endif
