/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_layer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

#define AHEAD_MAX 65536

struct layer {
    struct stream base;
    struct stream *below;
    struct layer_setup setup;
    bool said_again;
    char decoded[AHEAD_MAX];
    size_t start;
    size_t end;
};

static struct layer *layer_of(struct stream *stream)
{
    return (struct layer *)stream;
}

/* Every second call has to wait for nothing. */
static bool shies(struct layer *layer)
{
    layer->said_again = layer->setup.shy && !layer->said_again;
    return layer->said_again;
}

static size_t at_most(const struct layer *layer, size_t size)
{
    return layer->setup.piece && size > layer->setup.piece ? layer->setup.piece : size;
}

static ssize_t layer_read(struct stream *stream, void *data, size_t size)
{
    struct layer *layer = layer_of(stream);

    size = at_most(layer, size);
    if (shies(layer))
        return STREAM_AGAIN;
    if (layer->setup.ahead == 0)
        return stream_read(layer->below, data, size);
    if (layer->start == layer->end) {
        ssize_t got = stream_read(layer->below, layer->decoded, layer->setup.ahead);
        if (got <= 0)
            return got;
        layer->start = 0;
        layer->end = (size_t)got;
    }
    if (size > layer->end - layer->start)
        size = layer->end - layer->start;
    memcpy(data, layer->decoded + layer->start, size);
    layer->start += size;
    return (ssize_t)size;
}

static ssize_t layer_write(struct stream *stream, const void *data, size_t size)
{
    struct layer *layer = layer_of(stream);

    return shies(layer) ? STREAM_AGAIN : stream_write(layer->below, data, at_most(layer, size));
}

static int layer_shut_wr(struct stream *stream)
{
    return stream_shut_wr(layer_of(stream)->below);
}

static int layer_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    struct layer *layer = layer_of(stream);

    if (layer->said_again || (want == POLLIN && layer->start < layer->end)) {
        *pfd = (struct pollfd){.fd = -1};
        return 1;
    }
    return stream_wait(layer->below, want, pfd);
}

static void layer_close(struct stream *stream)
{
    stream_close(layer_of(stream)->below);
    free(stream);
}

static const struct stream_ops layer_ops = {
    .name = "layer",
    .read = layer_read,
    .write = layer_write,
    .shut_wr = layer_shut_wr,
    .wait = layer_wait,
    .close = layer_close,
};

struct stream *layer_new(struct stream *below, const struct layer_setup *setup)
{
    struct layer *layer = malloc(sizeof(*layer));

    assert_non_null(layer);
    assert_true(setup->ahead <= AHEAD_MAX);
    assert_true(!setup->bare || setup->ahead == 0);
    *layer = (struct layer){
        .base = {.ops = &layer_ops,
                 .rfd = setup->bare ? below->rfd : -1,
                 .wfd = setup->bare ? below->wfd : -1},
        .below = below,
        .setup = *setup,
    };
    return &layer->base;
}
