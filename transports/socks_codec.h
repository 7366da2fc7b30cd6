/* SPDX-License-Identifier: MIT */
/*
 * SOCKS on the wire: bytes in, bytes out, no network. RFC 1928 (5), RFC 1929 (user and password);
 * SOCKS4 and 4a have no RFC: "SOCKS: A protocol for TCP proxy across firewalls", Ying-Da Lee.
 */
#ifndef STILE_TRANSPORTS_SOCKS_CODEC_H
#define STILE_TRANSPORTS_SOCKS_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/err.h"

#define SOCKS_FIELD_MAX 255 /* of a user, a password, a name: its length is one byte */

enum socks_method {
    SOCKS_METHOD_NONE = 0x00,
    SOCKS_METHOD_PASSWORD = 0x02,
    SOCKS_METHOD_REFUSED = 0xff,
};

/* Where the request leads to: an address where one is given, else a name. */
struct socks_target {
    const char *host;
    const struct address *address; /* NULL: the proxy looks the name up */
    uint16_t port;
};

/* The longest message that we send: SOCKS4a with a user and a name. */
#define SOCKS_MESSAGE_MAX (8 + 2 * (SOCKS_FIELD_MAX + 1))

struct socks_message {
    uint8_t bytes[SOCKS_MESSAGE_MAX];
    size_t size;
};

/* RFC 1928 section 3: the greeting that offers these methods, 1 to 255 of them. */
void socks5_greeting(struct socks_message *out, const enum socks_method *methods, size_t count);

/* RFC 1929 section 2. 0, or -1 with err set (ERR_AUTH): one of them is longer than a byte can say.
 * An empty one is sent: some servers want that. `out` holds a secret afterwards. */
int socks5_login(struct socks_message *out, const char *user, const char *password,
                 struct err *err);

/* RFC 1928 section 4, CONNECT. 0, or -1 with err set (ERR_USAGE): the name is too long, or
 * empty. */
int socks5_request(struct socks_message *out, const struct socks_target *target, struct err *err);

/* SOCKS4, or 4a when the target has no address. `user` may be "", never NULL. 0, or -1 with err set
 * (ERR_USAGE): not an IPv4 address, a field that is too long. */
int socks4_request(struct socks_message *out, const struct socks_target *target, const char *user,
                   struct err *err);

/* The two bytes that answer a greeting: the method, or -1 with err set (ERR_REFUSED: that is not
 * SOCKS5). SOCKS_METHOD_REFUSED is an answer. */
int socks5_parse_method(const uint8_t reply[2], struct err *err);

/* The two bytes that answer a login. 0; or -1 with err set: ERR_AUTH when it was turned down,
 * ERR_REFUSED when it is no such answer. */
int socks5_parse_login(const uint8_t reply[2], struct err *err);

/*
 * The reply to a request is as long as the address in it says. Its first SOCKS5_REPLY_HEAD bytes
 * tell how many are still to come, and those say nothing that we need.
 */
#define SOCKS5_REPLY_CODE 2 /* up to the code: where that is not 0, what follows is moot */
#define SOCKS5_REPLY_HEAD 5
#define SOCKS5_REPLY_REST_MAX (SOCKS_FIELD_MAX + 2)

/* How many bytes follow the head, or -1 with err set (ERR_REFUSED): the reply code in words, or
 * that it is no reply of SOCKS5. *code gets the reply code where there is one. */
int socks5_parse_reply(const uint8_t head[SOCKS5_REPLY_HEAD], uint8_t *code, struct err *err);

#define SOCKS4_REPLY_SIZE 8

/* 0, or -1 with err set: ERR_REFUSED, or ERR_AUTH where it is about the user. */
int socks4_parse_reply(const uint8_t reply[SOCKS4_REPLY_SIZE], struct err *err);

#endif
