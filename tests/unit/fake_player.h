/* SPDX-License-Identifier: MIT */
/*
 * The far end of a connection, in a thread of its own: plays a script, and notes where what it got
 * differs from it by a single byte.
 */
#ifndef STILE_TESTS_UNIT_FAKE_PLAYER_H
#define STILE_TESTS_UNIT_FAKE_PLAYER_H

#include <stddef.h>

#define PLAYER_STEPS_MAX 24

struct player_step {
    enum {
        PLAYER_OVER, /* behind the last step: the other side must say no more, and close */
        PLAYER_GETS, /* exactly these bytes */
        PLAYER_PUTS,
        PLAYER_TRICKLES, /* puts them, each in a segment of its own */
        PLAYER_ENDS,     /* half-closes */
        PLAYER_HANGS_UP, /* closes, even if there is more to read */
        PLAYER_GETS_ALL, /* whatever comes, up to the other's end */
    } what;
    const void *data;
    size_t size;
};

/* Steps with a string literal, whose NULs count. */
#define GETS(text)                                                                                 \
    {                                                                                              \
        PLAYER_GETS, (text), sizeof(text) - 1                                                      \
    }
#define PUTS(text)                                                                                 \
    {                                                                                              \
        PLAYER_PUTS, (text), sizeof(text) - 1                                                      \
    }
#define TRICKLES(text)                                                                             \
    {                                                                                              \
        PLAYER_TRICKLES, (text), sizeof(text) - 1                                                  \
    }
#define ENDS                                                                                       \
    {                                                                                              \
        PLAYER_ENDS, NULL, 0                                                                       \
    }
#define HANGS_UP                                                                                   \
    {                                                                                              \
        PLAYER_HANGS_UP, NULL, 0                                                                   \
    }
#define GETS_ALL                                                                                   \
    {                                                                                              \
        PLAYER_GETS_ALL, NULL, 0                                                                   \
    }

struct player_script {
    struct player_step steps[PLAYER_STEPS_MAX];
};

struct player;

/* Plays a copy of the script on `fd`, which it closes in the end. What a test leaves behind that
 * fails is only memory, and a thread that ends by itself. */
struct player *player_start(int fd, const struct player_script *script);

/* Accepts one connection first. The listener stays the caller's. */
struct player *player_start_listening(int listener, const struct player_script *script);

/* Waits for its end, frees it, and fails the test unless everything was as in the script. */
void player_finish(struct player *player);

#endif
