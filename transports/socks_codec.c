/* SPDX-License-Identifier: MIT */
#include "transports/socks_codec.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define VERSION_5 0x05
#define VERSION_4 0x04
#define VERSION_LOGIN 0x01
#define CMD_CONNECT 0x01

enum {
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
    PORT_BYTES = 2
};

enum atyp {
    ATYP_IPV4 = 0x01,
    ATYP_NAME = 0x03,
    ATYP_IPV6 = 0x04
};

/* --- what we say --- */

static void put(struct socks_message *out, const void *data, size_t size)
{
    memcpy(out->bytes + out->size, data, size);
    out->size += size;
}

static void put_byte(struct socks_message *out, uint8_t byte)
{
    out->bytes[out->size++] = byte;
}

static void put_port(struct socks_message *out, uint16_t port)
{
    put_byte(out, (uint8_t)(port >> 8));
    put_byte(out, (uint8_t)port);
}

/* A length byte and as many bytes. */
static void put_field(struct socks_message *out, const char *text)
{
    put_byte(out, (uint8_t)strlen(text));
    put(out, text, strlen(text));
}

/* fe80::1%eth0: which eth0 the proxy would not know. */
static int check_zone(const struct address *address, struct err *err)
{
    if (address->sa.any.sa_family == AF_INET6 && address->sa.v6.sin6_scope_id)
        return err_set(err, ERR_USAGE, "an address with a zone leads nowhere from a proxy");
    return 0;
}

static int check_name(const char *host, struct err *err)
{
    size_t length = strlen(host);

    if (length == 0 || length > SOCKS_FIELD_MAX)
        return err_set(err, ERR_USAGE, "a host name has 1 to %d bytes in SOCKS, this one %zu",
                       SOCKS_FIELD_MAX, length);
    return 0;
}

void socks5_greeting(struct socks_message *out, const enum socks_method *methods, size_t count)
{
    out->size = 0;
    put_byte(out, VERSION_5);
    put_byte(out, (uint8_t)count);
    for (size_t i = 0; i < count; i++)
        put_byte(out, (uint8_t)methods[i]);
}

int socks5_login(struct socks_message *out, const char *user, const char *password, struct err *err)
{
    out->size = 0;
    if (strlen(user) > SOCKS_FIELD_MAX || strlen(password) > SOCKS_FIELD_MAX)
        return err_set(err, ERR_AUTH, "SOCKS5 takes no %s longer than %d bytes",
                       strlen(user) > SOCKS_FIELD_MAX ? "user" : "password", SOCKS_FIELD_MAX);
    put_byte(out, VERSION_LOGIN);
    put_field(out, user);
    put_field(out, password);
    return 0;
}

int socks5_request(struct socks_message *out, const struct socks_target *target, struct err *err)
{
    const struct address *address = target->address;

    if ((address ? check_zone(address, err) : check_name(target->host, err)) == -1)
        return -1;
    out->size = 0;
    put_byte(out, VERSION_5);
    put_byte(out, CMD_CONNECT);
    put_byte(out, 0);
    if (!address) {
        put_byte(out, ATYP_NAME);
        put_field(out, target->host);
    } else if (address->sa.any.sa_family == AF_INET6) {
        put_byte(out, ATYP_IPV6);
        put(out, &address->sa.v6.sin6_addr, sizeof(address->sa.v6.sin6_addr));
    } else {
        put_byte(out, ATYP_IPV4);
        put(out, &address->sa.v4.sin_addr, sizeof(address->sa.v4.sin_addr));
    }
    put_port(out, target->port);
    return 0;
}

int socks4_request(struct socks_message *out, const struct socks_target *target, const char *user,
                   struct err *err)
{
    /* 4a: an address that can't be one says that a name follows the user. */
    static const uint8_t no_address[4] = {0, 0, 0, 1};
    const struct address *address = target->address;

    if (address && address->sa.any.sa_family != AF_INET)
        return err_set(err, ERR_USAGE, "SOCKS4 knows IPv4 addresses only");
    /* 0.0.0.x says to a server of 4a that a name follows, for which it would wait. */
    if (address && ntohl(address->sa.v4.sin_addr.s_addr) <= UINT8_MAX)
        return err_set(err, ERR_USAGE, "SOCKS4 has no way to say this address");
    if (!address && check_name(target->host, err) == -1)
        return -1;
    if (strlen(user) > SOCKS_FIELD_MAX)
        return err_set(err, ERR_USAGE, "the user is longer than %d bytes", SOCKS_FIELD_MAX);
    out->size = 0;
    put_byte(out, VERSION_4);
    put_byte(out, CMD_CONNECT);
    put_port(out, target->port);
    put(out, address ? (const void *)&address->sa.v4.sin_addr : no_address, sizeof(no_address));
    put(out, user, strlen(user) + 1);
    if (!address)
        put(out, target->host, strlen(target->host) + 1);
    return 0;
}

/* --- what we hear --- */

static int not_socks5(uint8_t version, struct err *err)
{
    return err_set(err, ERR_REFUSED, "not a SOCKS5 server: its answer starts with 0x%02x", version);
}

int socks5_parse_method(const uint8_t reply[2], struct err *err)
{
    return reply[0] == VERSION_5 ? reply[1] : not_socks5(reply[0], err);
}

int socks5_parse_login(const uint8_t reply[2], struct err *err)
{
    /* Some servers say 5 here, where RFC 1929 wants 1. */
    if (reply[0] != VERSION_LOGIN && reply[0] != VERSION_5)
        return not_socks5(reply[0], err);
    if (reply[1] != 0)
        return err_set(err, ERR_AUTH, "the user or the password was turned down");
    return 0;
}

/* RFC 1928 section 6. */
static const char *const socks5_words[] = {
    [1] = "general failure of the proxy",
    [2] = "refused by the proxy's ruleset",
    [3] = "network unreachable from the proxy",
    [4] = "host unreachable from the proxy",
    [5] = "connection refused by the target",
    [6] = "the target did not answer the proxy (TTL expired)",
    [7] = "the proxy does not support CONNECT",
    [8] = "the proxy does not support this type of address",
};

static int socks5_refused(uint8_t code, struct err *err)
{
    if (code < sizeof(socks5_words) / sizeof(socks5_words[0]) && socks5_words[code])
        return err_set(err, ERR_REFUSED, "%s", socks5_words[code]);
    return err_set(err, ERR_REFUSED, "refused with the unknown code 0x%02x", code);
}

int socks5_parse_reply(const uint8_t head[SOCKS5_REPLY_HEAD], uint8_t *code, struct err *err)
{
    *code = 0;
    if (head[0] != VERSION_5)
        return not_socks5(head[0], err);
    *code = head[1];
    if (*code != 0)
        return socks5_refused(*code, err);
    /* The head ends with the first byte of the address, or the length of the name. */
    switch (head[3]) {
    case ATYP_IPV4:
        return IPV4_BYTES - 1 + PORT_BYTES;
    case ATYP_IPV6:
        return IPV6_BYTES - 1 + PORT_BYTES;
    case ATYP_NAME:
        return head[4] + PORT_BYTES;
    default:
        return err_set(err, ERR_REFUSED, "the answer has an address of the unknown type 0x%02x",
                       head[3]);
    }
}

int socks4_parse_reply(const uint8_t reply[SOCKS4_REPLY_SIZE], struct err *err)
{
    if (reply[0] != 0)
        return err_set(err, ERR_REFUSED, "not a SOCKS4 server: its answer starts with 0x%02x",
                       reply[0]);
    switch (reply[1]) {
    case 0x5a:
        return 0;
    case 0x5b:
        return err_set(err, ERR_REFUSED, "refused by the proxy, or it could not reach the target");
    case 0x5c:
        return err_set(err, ERR_AUTH, "the proxy can't ask this machine's identd who we are");
    case 0x5d:
        return err_set(err, ERR_AUTH, "this machine's identd says that we are somebody else");
    default:
        return err_set(err, ERR_REFUSED, "refused with the unknown code 0x%02x", reply[1]);
    }
}
