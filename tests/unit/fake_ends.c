/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_ends.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

static void one_socket(struct ends *ends, void (*make)(int pair[2]))
{
    int pair[2];
    make(pair);
    *ends = (struct ends){{pair[0], pair[0]}, pair[1], pair[1], true};
}

static void make_unix(struct ends *ends)
{
    one_socket(ends, fd_socketpair);
}

static void make_tcp(struct ends *ends)
{
    one_socket(ends, fd_tcp_pair);
}

static void make_pipes(struct ends *ends)
{
    int in[2];
    int out[2];
    fd_pipe(in);
    fd_pipe(out);
    *ends = (struct ends){{in[0], out[1]}, in[1], out[0], false};
}

static void make_same_twice(struct ends *ends)
{
    make_unix(ends);
    ends->inner[1] = dup(ends->inner[0]);
    assert_true(ends->inner[1] >= 0);
}

static void make_socket_and_pipe(struct ends *ends)
{
    int out[2];
    make_unix(ends);
    fd_pipe(out);
    ends->inner[1] = out[1];
    ends->sink = out[0];
    ends->one = false;
}

const struct ends_kind ends_kinds[ENDS_KINDS] = {
    [ENDS_UNIX] = {"unix socket", make_unix},
    [ENDS_TCP] = {"TCP socket", make_tcp},
    [ENDS_PIPES] = {"pipes", make_pipes},
    [ENDS_SAME_TWICE] = {"the same socket twice", make_same_twice},
    [ENDS_SOCKET_AND_PIPE] = {"socket to read, pipe to write", make_socket_and_pipe},
};

struct stream *ends_open(const struct ends_kind *kind, struct ends *ends)
{
    kind->make(ends);
    struct stream *stream = stream_fd_new(ends->inner[0], ends->inner[1]);
    assert_non_null(stream);
    return stream;
}

void ends_end_source(struct ends *ends)
{
    if (ends->one)
        assert_int_equal(shutdown(ends->source, SHUT_WR), 0);
    else
        fd_close(&ends->source);
}

void ends_drop_sink(struct ends *ends)
{
    if (ends->one)
        ends->source = -1;
    fd_close(&ends->sink);
}

void ends_close(struct stream *stream, struct ends *ends)
{
    stream_close(stream);
    if (!ends->one)
        fd_close(&ends->sink);
    fd_close(&ends->source);
    ends->sink = -1;
}
