/* SPDX-License-Identifier: MIT */
/* Streams of bare descriptors of every kind, with the outer ends in the hands of the test. */
#ifndef STILE_TESTS_UNIT_FAKE_ENDS_H
#define STILE_TESTS_UNIT_FAKE_ENDS_H

#include <stdbool.h>

#include "core/stream.h"

struct ends {
    int inner[2]; /* the stream reads [0] and writes [1] */
    int source;   /* what is written here, the stream reads */
    int sink;     /* what the stream writes arrives here */
    bool one;     /* one socket: source == sink */
};

struct ends_kind {
    const char *name;
    void (*make)(struct ends *);
};

enum {
    ENDS_UNIX,
    ENDS_TCP,
    ENDS_PIPES,
    ENDS_SAME_TWICE,      /* one socket as stdin and stdout, as ssh does for ProxyUseFdpass */
    ENDS_SOCKET_AND_PIPE, /* a socket to read, a pipe to write */
    ENDS_KINDS,
};

extern const struct ends_kind ends_kinds[ENDS_KINDS];

/* The stream owns the inner ends from here on. */
struct stream *ends_open(const struct ends_kind *kind, struct ends *ends);

/* The stream comes to its end: a half-close of a socket, the close of a pipe. */
void ends_end_source(struct ends *ends);

/* Nobody reads any more what the stream writes. Of a socket that takes the source along. */
void ends_drop_sink(struct ends *ends);

/* Closes the stream (NULL is allowed) and what is left of the outer ends. */
void ends_close(struct stream *stream, struct ends *ends);

#endif
