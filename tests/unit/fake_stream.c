/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

static struct fake_stream *fake_of(struct stream *stream)
{
    return (struct fake_stream *)stream;
}

static void broken(struct fake_stream *fake, const char *what)
{
    if (!fake->broken[0])
        (void)snprintf(fake->broken, sizeof(fake->broken), "%s", what);
}

/* How much of `size` this call moves; 0 = AGAIN. */
static size_t piece(struct fake_stream *fake, size_t size)
{
    if (fake->seed == 0)
        return size;
    switch (unit_below(&fake->seed, 8)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return 1;
    case 3:
        return size;
    default:
        return 1 + unit_below(&fake->seed, (uint32_t)(size < 9000 ? size : 9000));
    }
}

static ssize_t fake_read(struct stream *stream, void *data, size_t size)
{
    struct fake_stream *fake = fake_of(stream);
    size_t left = fake->give_size - fake->given;

    if (size == 0)
        broken(fake, "read of no bytes");
    if (left == 0) {
        if (fake->stays_open)
            return STREAM_AGAIN;
        fake->saw_end = true;
        errno = fake->give_error;
        return fake->give_error ? STREAM_FAIL : 0;
    }
    if (size > left)
        size = left;
    size_t n = piece(fake, size);
    if (n == 0 && fake->decoded)
        n = 1;
    if (n == 0)
        return STREAM_AGAIN;
    memcpy(data, fake->give + fake->given, n);
    fake->given += n;
    return (ssize_t)n;
}

static ssize_t fake_write(struct stream *stream, const void *data, size_t size)
{
    struct fake_stream *fake = fake_of(stream);

    if (size == 0)
        broken(fake, "write of no bytes");
    if (fake->shut)
        broken(fake, "write after shut_wr");
    if (fake->got_size == fake->take_size) {
        errno = fake->take_error;
        return STREAM_FAIL;
    }
    if (size > fake->take_size - fake->got_size)
        size = fake->take_size - fake->got_size;
    if (fake->windowed && size > fake->given - fake->got_size)
        size = fake->given - fake->got_size;
    size_t n = size ? piece(fake, size) : 0;
    if (n == 0)
        return STREAM_AGAIN;
    fake->got = realloc(fake->got, fake->got_size + n);
    if (!fake->got)
        abort();
    memcpy(fake->got + fake->got_size, data, n);
    fake->got_size += n;
    return (ssize_t)n;
}

static int fake_shut_wr(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);

    if (fake->shut)
        return 0;
    if (fake->shut_agains > 0) {
        fake->shut_agains--;
        return STREAM_AGAIN;
    }
    if (fake->shut_error) {
        errno = fake->shut_error;
        return STREAM_FAIL;
    }
    fake->shut = true;
    return 0;
}

static int fake_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    struct fake_stream *fake = fake_of(stream);
    bool can_read = fake->given < fake->give_size || !fake->stays_open;

    if (want != POLLIN && want != POLLOUT)
        broken(fake, "wait for neither POLLIN nor POLLOUT");
    if (want == POLLOUT && fake->windowed) {
        pfd->fd = -1;
        return fake->given > fake->got_size;
    }
    pfd->fd = can_read && !fake->decoded ? fake->busy[0] : fake->quiet[0];
    pfd->events = want;
    return want == POLLIN && can_read && fake->decoded;
}

/* Dead or alive, it wants no tick after the last one. */
static int64_t fake_tick(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);

    if (fake->tick_ns == 0 || fake->ticks == fake->tick_end)
        return CLOCK_NEVER;
    if (clock_ns() < fake->due_ns)
        return fake->due_ns;
    fake->ticks++;
    fake->due_ns = clock_ns() + fake->tick_ns;
    if (fake->ticks < fake->tick_end)
        return fake->due_ns;
    if (fake->dies) {
        fake->give_size = fake->given;
        fake->stays_open = false;
    }
    return CLOCK_NEVER;
}

static void fake_close(struct stream *stream)
{
    broken(fake_of(stream), "close of a stream that is the caller's");
}

static const struct stream_ops fake_ops = {
    .name = "fake",
    .read = fake_read,
    .write = fake_write,
    .shut_wr = fake_shut_wr,
    .wait = fake_wait,
    .tick = fake_tick,
    .close = fake_close,
};

void fake_stream_init(struct fake_stream *fake)
{
    *fake = (struct fake_stream){
        .base = {.ops = &fake_ops, .rfd = -1, .wfd = -1},
        .take_size = SIZE_MAX,
    };
    fd_socketpair(fake->busy);
    fd_put(fake->busy[1], "x", 1);
    fd_socketpair(fake->quiet);
}

void fake_stream_release(struct fake_stream *fake)
{
    free(fake->got);
    fake->got = NULL;
    for (int i = 0; i < 2; i++) {
        fd_close(&fake->busy[i]);
        fd_close(&fake->quiet[i]);
    }
}
