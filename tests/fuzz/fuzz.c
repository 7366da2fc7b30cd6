/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/hop.h"
#include "core/stream.h"

void fuzz_fail(const char *fact, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, fact);
    abort();
}

void fuzz_check_err(struct err *err, enum err_code code)
{
    FUZZ_CHECK(err->code == code);
    FUZZ_CHECK(err->text && err->text[0]);
    err_release(err);
}

/* --- pieces of the input --- */

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

char *fuzz_string(struct fuzz_input *input)
{
    const uint8_t *end = input->size ? memchr(input->data, '\0', input->size) : NULL;
    size_t length = end ? (size_t)(end - input->data) : input->size;
    char *text = fuzz_alloc(length + 1);

    if (length > 0)
        memcpy(text, input->data, length);
    text[length] = '\0';
    input->data += length + (end != NULL);
    input->size -= length + (end != NULL);
    return text;
}

char *fuzz_copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(fuzz_alloc(size), text, size);
}

void *fuzz_alloc(size_t size)
{
    void *memory = malloc(size ? size : 1);

    FUZZ_CHECK(memory);
    return memory;
}

bool fuzz_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* --- a peer --- */

struct peer_stream {
    struct stream stream;
    struct fuzz_peer *peer;
};

static ssize_t peer_read(struct stream *stream, void *data, size_t size)
{
    struct fuzz_peer *peer = ((struct peer_stream *)stream)->peer;
    size_t left = peer->size - peer->taken;

    FUZZ_CHECK(size > 0);
    if (size > left)
        size = left;
    if (peer->piece && size > peer->piece)
        size = peer->piece;
    if (size > 0)
        memcpy(data, peer->says + peer->taken, size);
    peer->taken += size;
    return (ssize_t)size;
}

static ssize_t peer_write(struct stream *stream, const void *data, size_t size)
{
    (void)stream;
    FUZZ_CHECK(data && size > 0);
    return (ssize_t)size;
}

static int peer_shut_wr(struct stream *stream)
{
    (void)stream;
    return 0;
}

static int peer_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    (void)stream;
    (void)want;
    *pfd = (struct pollfd){.fd = -1};
    return 1;
}

static void peer_close(struct stream *stream)
{
    free(stream);
}

static const struct stream_ops peer_ops = {
    .name = "fuzz",
    .read = peer_read,
    .write = peer_write,
    .shut_wr = peer_shut_wr,
    .wait = peer_wait,
    .close = peer_close,
};

static struct stream *peer_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    struct fuzz_peer *peer = (struct fuzz_peer *)(uintptr_t)below;

    FUZZ_CHECK(!hop && to->text && ctx == &peer->ctx);
    FUZZ_CHECK(peer->err.code == ERR_NONE);
    FUZZ_CHECK(peer->dials < FUZZ_DIALS_MAX);
    peer->dials++;
    struct peer_stream *stream = fuzz_alloc(sizeof(*stream));
    *stream = (struct peer_stream){{&peer_ops, -1, -1}, peer};
    return &stream->stream;
}

static const struct transport peer_transport = {.name = "fuzz", .dial = peer_dial};

void fuzz_peer_init(struct fuzz_peer *peer, const struct fuzz_input *says, size_t piece)
{
    memset(peer, 0, sizeof(*peer));
    peer->dialer = (struct dialer){.transport = &peer_transport, .below = &peer->dialer};
    peer->trace = (struct trace){.level = 3, .start_ns = clock_ns(), .fd = -1};
    config_init(&peer->config);
    peer->ctx = (struct ctx){.deadline_ns = CLOCK_NEVER,
                             .timeout_ns = CLOCK_S,
                             .cancel_fd = -1,
                             .lost_fd = -1,
                             .err = &peer->err,
                             .trace = &peer->trace,
                             .config = &peer->config};
    peer->says = says->data;
    peer->size = says->size;
    peer->piece = piece;
}

/* What the peer says itself may well come back. */
static bool says(const struct fuzz_peer *peer, const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i + length <= peer->size; i++)
        if (memcmp(peer->says + i, word, length) == 0)
            return true;
    return false;
}

bool fuzz_peer_dial(struct fuzz_peer *peer, const struct transport *transport, const char *url,
                    const char *hidden)
{
    struct endpoint to = ENDPOINT_INIT;
    struct hops hops = HOPS_INIT;

    FUZZ_CHECK(hops_parse(&hops, url, HOP_FROM_ARGV, &peer->err) == 0);
    FUZZ_CHECK(hop_default_port(&hops.hop[0], transport->default_port, &peer->err) == 0);
    FUZZ_CHECK(endpoint_parse(&to, "db:22", 0, &peer->err) == 0);
    struct stream *stream = transport->dial(&hops.hop[0], &peer->dialer, &to, &peer->ctx);
    endpoint_release(&to);
    hops_release(&hops);
    if (stream) {
        FUZZ_CHECK(peer->err.code == ERR_NONE && !peer->err.text);
        stream_close(stream);
        return true;
    }
    FUZZ_CHECK(peer->err.code == ERR_REFUSED || peer->err.code == ERR_AUTH);
    FUZZ_CHECK(!hidden || says(peer, hidden) || !strstr(err_text(&peer->err), hidden));
    fuzz_check_err(&peer->err, peer->err.code);
    return false;
}
