/* SPDX-License-Identifier: MIT */
/*
 * A stream on top of another one, which it owns. As a layered stream it has no descriptor and
 * decodes ahead; as a bare one it keeps the descriptor and is only slow.
 */
#ifndef STILE_TESTS_UNIT_FAKE_LAYER_H
#define STILE_TESTS_UNIT_FAKE_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/stream.h"

struct layer_setup {
    bool bare;    /* rfd and wfd are those below */
    size_t piece; /* most bytes of one read or write; 0 = any */
    size_t ahead; /* bytes that it takes from below before anybody reads them; a bare one: 0 */
    bool shy;     /* says AGAIN before everything that it does */
};

/* Takes `below` over and closes it with itself. Fails the test when memory is lacking. */
struct stream *layer_new(struct stream *below, const struct layer_setup *setup);

#endif
