/* SPDX-License-Identifier: MIT */
/*
 * What an HTTP proxy answers. However it is split, the parser says the same; what it takes ends
 * where a second, much simpler parser sees the end of the head; and a dial takes exactly that.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transports/http.h"
#include "transports/http_codec.h"

#define PASSWORD "hunter2"

/* Feeds it until it is done; `seed` = 0: all at once, else in pieces of its making. How many bytes
 * it took. */
static size_t feed(struct http_reply *reply, const uint8_t *data, size_t size, uint32_t seed)
{
    size_t at = 0;

    while (at < size && !reply->sink.done) {
        size_t n = size - at;
        if (seed) {
            seed = seed * 1664525 + 1013904223;
            size_t piece = (seed >> 24) % 4 == 0 ? 1 + (seed >> 16) % 64 : 1;
            n = piece < n ? piece : n;
        }
        /* In memory of its own, so that a byte too far is seen. */
        char *exact = fuzz_alloc(n);
        memcpy(exact, data + at, n);
        size_t taken = reply->sink.take(&reply->sink, exact, n);
        free(exact);
        FUZZ_CHECK(taken <= n && (taken == n || reply->sink.done));
        at += taken;
    }
    return at;
}

static struct http_reply *reply_new(void)
{
    struct http_reply *reply = fuzz_alloc(sizeof(*reply));

    http_reply_init(reply);
    return reply;
}

static void reply_free(struct http_reply *reply)
{
    http_reply_release(reply);
    free(reply);
}

static void check_same(const struct http_reply *a, const struct http_reply *b)
{
    FUZZ_CHECK(a->sink.done == b->sink.done);
    FUZZ_CHECK(fuzz_same(a->fault, b->fault));
    if (a->fault)
        return;
    FUZZ_CHECK(a->status == b->status);
    FUZZ_CHECK(a->keep_alive == b->keep_alive);
    FUZZ_CHECK(a->chunked == b->chunked);
    FUZZ_CHECK(a->body_bytes == b->body_bytes);
    FUZZ_CHECK(a->offered == b->offered);
    FUZZ_CHECK(fuzz_same(a->status_line, b->status_line));
    FUZZ_CHECK(fuzz_same(a->challenges, b->challenges));
}

/* Where the final head ends that begins here, by looking for empty lines and nothing else. */
static size_t head_size(const uint8_t *data, size_t size)
{
    bool first = true, interim = false;

    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        if (!end)
            break;
        size_t line = (size_t)(end - data) - at;
        bool empty = line == 0 || (line == 1 && data[at] == '\r');
        /* "HTTP/1.1 1xx", but for 101. */
        if (first)
            interim =
                line > 11 && data[at + 9] == '1' && !(data[at + 10] == '0' && data[at + 11] == '1');
        first = empty;
        at += line + 1;
        if (empty && !interim)
            return at;
    }
    return 0;
}

static void check_good(const struct http_reply *reply, const uint8_t *data, size_t size,
                       size_t taken)
{
    FUZZ_CHECK(taken == head_size(data, size));
    FUZZ_CHECK(taken <= HTTP_TOTAL_MAX);
    FUZZ_CHECK(reply->status >= 101 && reply->status <= 999);
    FUZZ_CHECK(reply->status / 100 != 1 || reply->status == 101);
    FUZZ_CHECK(reply->status_line && strlen(reply->status_line) < HTTP_LINE_MAX);
    FUZZ_CHECK(strncmp(reply->status_line, "HTTP/1.", 7) == 0);
    FUZZ_CHECK(!strpbrk(reply->status_line, "\n"));
    FUZZ_CHECK((reply->offered & ~(unsigned)HTTP_AUTH_ALL) == 0);
    FUZZ_CHECK(!reply->offered || reply->challenges);
    FUZZ_CHECK(reply->body_bytes >= -1);

    /* With a byte less it is not done. */
    struct http_reply *cut = reply_new();
    FUZZ_CHECK(feed(cut, data, taken - 1, 0) == taken - 1);
    FUZZ_CHECK(!cut->sink.done && !cut->fault);
    reply_free(cut);
}

/* How much of it is a reply; 0 = it is none, or not complete. */
static size_t check_parser(const uint8_t *data, size_t size, uint32_t seed, int *status)
{
    struct http_reply *whole = reply_new();
    size_t taken = feed(whole, data, size, 0);

    for (uint32_t i = 1; i <= 2; i++) {
        struct http_reply *split = reply_new();
        FUZZ_CHECK(feed(split, data, size, seed * 2 + i) == taken);
        check_same(whole, split);
        reply_free(split);
    }
    bool good = whole->sink.done && !whole->fault;
    *status = good ? whole->status : 0;
    if (good)
        check_good(whole, data, size, taken);
    else if (!whole->sink.done)
        FUZZ_CHECK(taken == size && taken <= HTTP_TOTAL_MAX);
    reply_free(whole);
    return good ? taken : 0;
}

/* With nobody known, and with Basic that goes along at once: one connection, one answer. */
static void check_dial(const struct fuzz_input *says, size_t head, int status)
{
    static const char *const urls[] = {
        "http://gw?auth=basic",
        "http://alice@gw?auth=basic&passwordenv=STILE_FUZZ_PASSWORD",
    };

    for (size_t i = 0; i < 2; i++) {
        struct fuzz_peer peer;
        fuzz_peer_init(&peer, says, i);
        bool up = fuzz_peer_dial(&peer, &http_transport, urls[i], PASSWORD);
        FUZZ_CHECK(peer.dials == 1);
        FUZZ_CHECK(up == (status / 100 == 2));
        FUZZ_CHECK(!up || peer.taken == head);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t seed = fuzz_byte(&input);
    int status = 0;

    (void)setenv("NETRC", "/dev/null", 1);
    (void)setenv("STILE_FUZZ_PASSWORD", PASSWORD, 1);
    size_t head = check_parser(input.data, input.size, seed, &status);
    check_dial(&input, head, status);
    return 0;
}
