/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_player.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_unit.h"

struct player {
    struct player_step steps[PLAYER_STEPS_MAX];
    int listener; /* -1 = there is a connection already */
    int fd;
    pthread_t thread;
    char broken[300]; /* the first thing that was not as in the script; "" = none */
};

/* cmocka's assertions jump, which no other thread may do: everything here notes and goes on. */

static bool broken(struct player *player, const char *what, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    size_t used = strlen(player->broken);

    if (used)
        return false;
    (void)snprintf(player->broken, sizeof(player->broken), "%s: ", what);
    for (size_t i = 0; i < size && i < 60; i++) {
        used = strlen(player->broken);
        bool plain = bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '\\';
        (void)snprintf(player->broken + used, sizeof(player->broken) - used,
                       plain ? "%c" : "\\x%02x", bytes[i]);
    }
    return false;
}

static bool await(struct player *player, int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    return poll(&pfd, 1, UNIT_WAIT_MS) > 0 || broken(player, "waited in vain", "", 0);
}

/* Reads up to `size` bytes; a reset is an end, too. */
static size_t get(struct player *player, char *data, size_t size)
{
    ssize_t n = await(player, player->fd, POLLIN) ? recv(player->fd, data, size, 0) : 0;

    return n > 0 ? (size_t)n : 0;
}

static bool step_gets(struct player *player, const struct player_step *step)
{
    const char *wanted = step->data;
    char got[4096];

    for (size_t at = 0; at < step->size;) {
        size_t want = step->size - at < sizeof(got) ? step->size - at : sizeof(got);
        size_t n = get(player, got, want);
        if (n == 0)
            return broken(player, "the other side closed instead of saying", wanted + at,
                          step->size - at);
        if (memcmp(got, wanted + at, n) != 0)
            return broken(player, "got", got, n);
        at += n;
    }
    return true;
}

static bool put(struct player *player, const char *data, size_t size)
{
    while (size > 0) {
        if (!await(player, player->fd, POLLOUT))
            return false;
        ssize_t n = send(player->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* A reader who had enough before the end of it is no fault. */
static bool step_puts(struct player *player, const struct player_step *step)
{
    return put(player, step->data, step->size);
}

static bool step_trickles(struct player *player, const struct player_step *step)
{
    const char *data = step->data;

    for (size_t i = 0; i < step->size; i++) {
        if (!put(player, data + i, 1))
            return false;
        (void)poll(NULL, 0, i % 16 == 0);
    }
    return true;
}

static bool step_ends(struct player *player, const struct player_step *step)
{
    (void)step;
    return shutdown(player->fd, SHUT_WR) == 0;
}

static bool step_hangs_up(struct player *player, const struct player_step *step)
{
    (void)player;
    (void)step;
    return false;
}

static bool step_gets_all(struct player *player, const struct player_step *step)
{
    char waste[4096];

    (void)step;
    while (get(player, waste, sizeof(waste)) > 0)
        continue;
    return true;
}

static bool step_over(struct player *player, const struct player_step *step)
{
    char more[60];
    size_t n = get(player, more, sizeof(more));

    (void)step;
    if (n > 0)
        (void)broken(player, "got more than the script has", more, n);
    return false;
}

/* False = that was the last one. */
static bool (*const players[])(struct player *player, const struct player_step *step) = {
    [PLAYER_OVER] = step_over,         [PLAYER_GETS] = step_gets, [PLAYER_PUTS] = step_puts,
    [PLAYER_TRICKLES] = step_trickles, [PLAYER_ENDS] = step_ends, [PLAYER_HANGS_UP] = step_hangs_up,
    [PLAYER_GETS_ALL] = step_gets_all,
};

static void *play(void *arg)
{
    static const struct player_step over = {PLAYER_OVER, NULL, 0};
    struct player *player = arg;
    const int on = 1;

    if (player->listener >= 0) {
        player->fd =
            await(player, player->listener, POLLIN) ? accept(player->listener, NULL, NULL) : -1;
        if (player->fd < 0)
            return NULL;
    }
    (void)setsockopt(player->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0;; i++) {
        const struct player_step *step = i < PLAYER_STEPS_MAX ? &player->steps[i] : &over;
        if (!players[step->what](player, step))
            break;
    }
    (void)close(player->fd);
    return NULL;
}

static struct player *start(int listener, int fd, const struct player_script *script)
{
    struct player *player = calloc(1, sizeof(*player));

    assert_non_null(player);
    player->listener = listener;
    player->fd = fd;
    for (size_t i = 0; i < PLAYER_STEPS_MAX; i++) {
        struct player_step *step = &player->steps[i];
        *step = script->steps[i];
        step->data = NULL;
        if (step->size == 0)
            continue;
        void *copy = malloc(step->size);
        assert_non_null(copy);
        step->data = memcpy(copy, script->steps[i].data, step->size);
    }
    assert_int_equal(pthread_create(&player->thread, NULL, play, player), 0);
    return player;
}

struct player *player_start(int fd, const struct player_script *script)
{
    return start(-1, fd, script);
}

struct player *player_start_listening(int listener, const struct player_script *script)
{
    return start(listener, -1, script);
}

void player_finish(struct player *player)
{
    char broken[sizeof(player->broken)];

    assert_int_equal(pthread_join(player->thread, NULL), 0);
    memcpy(broken, player->broken, sizeof(broken));
    for (size_t i = 0; i < PLAYER_STEPS_MAX; i++)
        free((void *)(uintptr_t)player->steps[i].data);
    free(player);
    if (broken[0])
        unit_fail("the far end: %s", broken);
}
