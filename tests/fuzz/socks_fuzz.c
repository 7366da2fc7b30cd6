/* SPDX-License-Identifier: MIT */
/*
 * SOCKS. The first byte picks what is tried with the rest: a handshake, where the bytes that it
 * takes are counted by a second parser that is nothing but the RFC, or the messages that we send,
 * which are taken apart again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transports/socks.h"
#include "transports/socks_codec.h"

#define PASSWORD "hunter2"
#define LOGIN "alice@"
#define FROM_ENV "?passwordenv=STILE_FUZZ_PASSWORD"

/* --- handshakes --- */

#define NOT_UP SIZE_MAX

/* Both return how many bytes of `data` are the handshake of a proxy that lets us through. */

static size_t five_size(const uint8_t *data, size_t size, uint8_t methods)
{
    size_t at = 2;

    if (size < 2 || data[0] != 5 || !(data[1] == 0 ? methods & 1 : data[1] == 2 && methods & 2))
        return NOT_UP;
    if (data[1] == 2) {
        /* Version 5 is what some say for 1. */
        if (size < 4 || (data[2] != 1 && data[2] != 5) || data[3] != 0)
            return NOT_UP;
        at = 4;
    }
    if (size < at + 5 || data[at] != 5 || data[at + 1] != 0)
        return NOT_UP;
    size_t address = data[at + 3] == 1   ? 4
                     : data[at + 3] == 3 ? 1 + (size_t)data[at + 4]
                     : data[at + 3] == 4 ? 16
                                         : NOT_UP;
    if (address == NOT_UP || size < at + 4 + address + 2)
        return NOT_UP;
    return at + 4 + address + 2;
}

static size_t four_size(const uint8_t *data, size_t size, uint8_t methods)
{
    (void)methods;
    return size >= 8 && data[0] == 0 && data[1] == 0x5a ? 8 : NOT_UP;
}

static const struct way {
    const struct transport *transport;
    const char *url;
    size_t (*size)(const uint8_t *data, size_t size, uint8_t methods);
    uint8_t methods; /* that we offer: 1 = none, 2 = a password */
} ways[] = {
    {&socks5_transport, "socks5://gw", five_size, 1},
    {&socks5_transport, "socks5://" LOGIN "gw" FROM_ENV, five_size, 1 | 2},
    {&socks5_transport, "socks5://gw?pipeline=yes", five_size, 1},
    {&socks5_transport, "socks5://" LOGIN "gw" FROM_ENV "&pipeline=yes", five_size, 2},
    {&socks4_transport, "socks4a://gw", four_size, 0},
    {&socks4_transport, "socks4a://" LOGIN "gw", four_size, 0},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void check_handshake(const struct way *way, const struct fuzz_input *says)
{
    size_t wanted = way->size(says->data, says->size, way->methods);

    for (size_t piece = 0; piece <= 2; piece++) {
        struct fuzz_peer peer;
        fuzz_peer_init(&peer, says, piece);
        bool up = fuzz_peer_dial(&peer, way->transport, way->url, PASSWORD);
        FUZZ_CHECK(peer.dials == 1);
        FUZZ_CHECK(up == (wanted != NOT_UP));
        /* Not one byte of the tunnel, and none less. */
        FUZZ_CHECK(!up || peer.taken == wanted);
    }
}

/* --- what we send --- */

static const uint8_t *take_field(const uint8_t *at, const char *field)
{
    FUZZ_CHECK(*at == strlen(field));
    FUZZ_CHECK(memcmp(at + 1, field, *at) == 0);
    return at + 1 + *at;
}

static void check_login(const char *user, const char *password)
{
    struct socks_message message;
    struct err err = ERR_INIT;

    if (socks5_login(&message, user, password, &err) == -1) {
        FUZZ_CHECK(strlen(user) > SOCKS_FIELD_MAX || strlen(password) > SOCKS_FIELD_MAX);
        fuzz_check_err(&err, ERR_AUTH);
        return;
    }
    FUZZ_CHECK(message.bytes[0] == 1);
    const uint8_t *end = take_field(take_field(message.bytes + 1, user), password);
    FUZZ_CHECK(end == message.bytes + message.size);
}

static void check_five(const struct socks_target *target)
{
    size_t length = strlen(target->host);
    struct socks_message message;
    struct err err = ERR_INIT;

    if (socks5_request(&message, target, &err) == -1) {
        FUZZ_CHECK(target->address || length == 0 || length > SOCKS_FIELD_MAX);
        fuzz_check_err(&err, ERR_USAGE);
        return;
    }
    const uint8_t *end = message.bytes + message.size - 2;
    FUZZ_CHECK(memcmp(message.bytes, "\5\1\0", 3) == 0);
    FUZZ_CHECK((end[0] << 8 | end[1]) == target->port);
    if (!target->address)
        FUZZ_CHECK(message.bytes[3] == 3 && take_field(message.bytes + 4, target->host) == end);
    else
        FUZZ_CHECK(end - message.bytes == (message.bytes[3] == 1 ? 8 : 20));
}

static void check_four(const struct socks_target *target, const char *user)
{
    struct socks_message message;
    struct err err = ERR_INIT;

    if (socks4_request(&message, target, user, &err) == -1) {
        fuzz_check_err(&err, ERR_USAGE);
        return;
    }
    const uint8_t *at = message.bytes + 8;
    FUZZ_CHECK(message.bytes[0] == 4 && message.bytes[1] == 1);
    FUZZ_CHECK((message.bytes[2] << 8 | message.bytes[3]) == target->port);
    /* 0.0.0.x says that a name follows, and nothing else says it. */
    bool named = memcmp(message.bytes + 4, "\0\0\0", 3) == 0 && message.bytes[7];
    FUZZ_CHECK(named == !target->address);
    FUZZ_CHECK(strcmp((const char *)at, user) == 0);
    at += strlen(user) + 1;
    if (named) {
        FUZZ_CHECK(strcmp((const char *)at, target->host) == 0);
        at += strlen(target->host) + 1;
    }
    FUZZ_CHECK(at == message.bytes + message.size);
}

static void check_messages(struct fuzz_input *input)
{
    uint16_t port = fuzz_byte(input);
    struct address address;
    port = (uint16_t)(port << 8 | fuzz_byte(input));
    char *host = fuzz_string(input);
    char *user = fuzz_string(input);
    char *password = fuzz_string(input);
    struct socks_target target = {host, address_parse(&address, host) ? &address : NULL, port};

    check_login(user, password);
    for (int named = 0; named < 2; named++) {
        check_five(&target);
        check_four(&target, user);
        target.address = NULL;
    }
    free(host);
    free(user);
    free(password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t what = fuzz_byte(&input);

    (void)setenv("NETRC", "/dev/null", 1);
    (void)setenv("STILE_FUZZ_PASSWORD", PASSWORD, 1);
    if (what % (WAYS + 1) == WAYS)
        check_messages(&input);
    else
        check_handshake(&ways[what % (WAYS + 1)], &input);
    return 0;
}
