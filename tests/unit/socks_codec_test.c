/* SPDX-License-Identifier: MIT */
#include "transports/socks_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/unit/fake_unit.h"

/* `length` times a letter. The caller frees it. */
static char *word(size_t length, char letter)
{
    char *text = malloc(length + 1);

    assert_non_null(text);
    memset(text, letter, length);
    text[length] = '\0';
    return text;
}

/* Filled with what must not be sent, so that a byte too many shows. */
static void message_init(struct socks_message *message)
{
    memset(message, 0xa5, sizeof(*message));
}

static void message_is(const struct socks_message *message, const void *bytes, size_t size)
{
    if (message->size != size)
        unit_fail("%zu bytes instead of %zu", message->size, size);
    assert_memory_equal(message->bytes, bytes, size);
}

/* --- SOCKS5: what we say --- */

static const struct greeting_row {
    const char *name;
    enum socks_method methods[2];
    size_t count;
    const char *bytes;
    size_t size;
} greeting_rows[] = {
    {"nothing to offer but nothing", {SOCKS_METHOD_NONE}, 1, "\5\1\0", 3},
    {"a password", {SOCKS_METHOD_PASSWORD}, 1, "\5\1\2", 3},
    {"both", {SOCKS_METHOD_NONE, SOCKS_METHOD_PASSWORD}, 2, "\5\2\0\2", 4},
    {"both, the other way round", {SOCKS_METHOD_PASSWORD, SOCKS_METHOD_NONE}, 2, "\5\2\2\0", 4},
};

static void greeting(void **state)
{
    const struct greeting_row *row = *state;
    struct socks_message message;

    message_init(&message);
    socks5_greeting(&message, row->methods, row->count);
    message_is(&message, row->bytes, row->size);
}

static void greeting_with_every_method(void **state)
{
    (void)state;
    enum socks_method methods[255];
    uint8_t wanted[257] = {5, 255};
    struct socks_message message;

    for (size_t i = 0; i < 255; i++) {
        methods[i] = i % 2 ? SOCKS_METHOD_PASSWORD : SOCKS_METHOD_NONE;
        wanted[2 + i] = (uint8_t)methods[i];
    }
    message_init(&message);
    socks5_greeting(&message, methods, 255);
    message_is(&message, wanted, sizeof(wanted));
}

static const struct login_row {
    const char *name;
    const char *user;
    const char *password;
    const char *bytes;
    size_t size;
} login_rows[] = {
    {"both", "alice", "secret", "\1\5alice\6secret", 14},
    {"an empty password", "alice", "", "\1\5alice\0", 8},
    {"an empty user", "", "secret", "\1\0\6secret", 9},
    {"nothing", "", "", "\1\0\0", 3},
    {"bytes as they are", "a:b@\303\274", " \t\\%\"", "\1\6a:b@\303\274\5 \t\\%\"", 14},
};

static void login(void **state)
{
    const struct login_row *row = *state;
    struct socks_message message;
    struct err err = ERR_INIT;

    message_init(&message);
    assert_int_equal(socks5_login(&message, row->user, row->password, &err), 0);
    assert_err_unset(&err);
    message_is(&message, row->bytes, row->size);
}

/* Lengths of user and password; a message of CVE-2025-34451 and its kin is 1 byte too long. */
static const struct {
    size_t user;
    size_t password;
} login_bounds[] = {{254, 254}, {255, 1},   {1, 255},    {255, 255},  {256, 1},     {1, 256},
                    {256, 256}, {257, 257}, {65535, 1},  {1, 65535},  {65536, 1},   {1, 65536},
                    {255, 256}, {256, 255}, {65791, 10}, {10, 65791}, {1 << 20, 0}, {0, 1 << 20}};

static void login_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(login_bounds) / sizeof(login_bounds[0]); i++) {
        size_t user_size = login_bounds[i].user;
        size_t password_size = login_bounds[i].password;
        char *user = word(user_size, 'u');
        char *password = word(password_size, 'p');
        struct socks_message message;
        struct err err = ERR_INIT;

        message_init(&message);
        int result = socks5_login(&message, user, password, &err);
        if (user_size > 255 || password_size > 255) {
            assert_int_equal(result, -1);
            /* Neither of them is for the eyes of others. */
            assert_null(strstr(err_text(&err), "ppp"));
            assert_err(&err, ERR_AUTH, user_size > 255 ? "user" : "password");
        } else {
            assert_int_equal(result, 0);
            assert_int_equal(message.size, 3 + user_size + password_size);
            assert_int_equal(message.bytes[1], user_size);
            assert_memory_equal(message.bytes + 2, user, user_size);
            assert_int_equal(message.bytes[2 + user_size], password_size);
            assert_memory_equal(message.bytes + 3 + user_size, password, password_size);
        }
        free(user);
        free(password);
    }
}

static const struct request_row {
    const char *name;
    const char *host;
    const char *address; /* NULL: the name goes out */
    uint16_t port;
    const char *bytes;
    size_t size;
} request_rows[] = {
    {"a name", "db", NULL, 22, "\5\1\0\3\2db\0\26", 9},
    {"a name of one letter", "a", NULL, 1, "\5\1\0\3\1a\0\1", 8},
    {"the highest port", "db", NULL, 65535, "\5\1\0\3\2db\377\377", 9},
    {"a port of two bytes", "db", NULL, 0x1234, "\5\1\0\3\2db\x12\x34", 9},
    {"a name in UTF-8", "b\303\274ro", NULL, 22, "\5\1\0\3\5b\303\274ro\0\26", 12},
    {"digits as a name", "192.0.2.1", NULL, 22, "\5\1\0\3\011192.0.2.1\0\26", 16},
    {"IPv4", "db", "192.0.2.1", 22, "\5\1\0\1\300\0\2\1\0\26", 10},
    {"IPv4, all ones", "db", "255.255.255.255", 256, "\5\1\0\1\377\377\377\377\1\0", 10},
    {"IPv6", "db", "2001:db8::1", 22, "\5\1\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\26", 22},
    {"IPv4 in IPv6", "db", "::ffff:192.0.2.1", 22,
     "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\1\0\26", 22},
    {"no name is needed beside an address", "", "192.0.2.1", 22, "\5\1\0\1\300\0\2\1\0\26", 10},
};

/* The target of a row; its address lives in *address. */
static struct socks_target target_of(const char *host, const char *text, uint16_t port,
                                     struct address *address)
{
    if (text)
        assert_true(address_parse(address, text));
    return (struct socks_target){host, text ? address : NULL, port};
}

static void request(void **state)
{
    const struct request_row *row = *state;
    struct address address;
    struct socks_target target = target_of(row->host, row->address, row->port, &address);
    struct socks_message message;
    struct err err = ERR_INIT;

    message_init(&message);
    assert_int_equal(socks5_request(&message, &target, &err), 0);
    assert_err_unset(&err);
    message_is(&message, row->bytes, row->size);
}

/* Which interface that is, this machine knows alone. */
static void a_zone_leads_nowhere(void **state)
{
    (void)state;
    struct address address;
    struct socks_target target = target_of("db", "fe80::1%1", 22, &address);
    struct socks_message message;
    struct err err = ERR_INIT;

    message_init(&message);
    assert_int_equal(socks5_request(&message, &target, &err), -1);
    assert_err(&err, ERR_USAGE, "zone");
}

/* CVE-2023-38545: a name that is too long is an error, not another way of asking. */
static void name_bound(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 254, 255, 256, 257, 511, 512, 65535, 65536, 65537};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char *host = word(lengths[i], 'h');
        struct socks_target target = {host, NULL, 22};
        bool fits = lengths[i] >= 1 && lengths[i] <= 255;

        for (int version = 4; version <= 5; version++) {
            struct socks_message message;
            struct err err = ERR_INIT;
            message_init(&message);
            int result = version == 5 ? socks5_request(&message, &target, &err)
                                      : socks4_request(&message, &target, "", &err);
            assert_int_equal(result, fits ? 0 : -1);
            if (!fits) {
                assert_err(&err, ERR_USAGE, "name");
                continue;
            }
            assert_err_unset(&err);
            assert_int_equal(message.size, version == 5 ? 7 + lengths[i] : 10 + lengths[i]);
            assert_memory_equal(message.bytes + (version == 5 ? 5 : 9), host, lengths[i]);
        }
        free(host);
    }
}

/* --- SOCKS5: what we hear --- */

static void every_method(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        for (unsigned method = 0; method < 256; method++) {
            uint8_t reply[2] = {(uint8_t)version, (uint8_t)method};
            struct err err = ERR_INIT;
            int result = socks5_parse_method(reply, &err);
            if (version == 5) {
                assert_err_unset(&err);
                assert_int_equal(result, method);
            } else {
                assert_int_equal(result, -1);
                assert_err(&err, ERR_REFUSED, "SOCKS5");
            }
        }
    }
}

/* RFC 1929 says 1; servers that say 5 are let through by everybody. */
static void every_login_reply(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        for (unsigned status = 0; status < 256; status++) {
            uint8_t reply[2] = {(uint8_t)version, (uint8_t)status};
            struct err err = ERR_INIT;
            int result = socks5_parse_login(reply, &err);
            if (version != 1 && version != 5) {
                assert_int_equal(result, -1);
                assert_err(&err, ERR_REFUSED, NULL);
            } else if (status) {
                assert_int_equal(result, -1);
                assert_err(&err, ERR_AUTH, NULL);
            } else {
                assert_int_equal(result, 0);
                assert_err_unset(&err);
            }
        }
    }
}

/* A good reply with every type of address, and every length of a name: as unsigned as it comes
 * (CVE-2026-56123). */
static void every_address_of_a_reply(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned length = 0; length < 256; length++) {
            uint8_t head[SOCKS5_REPLY_HEAD] = {5, 0, 0, (uint8_t)type, (uint8_t)length};
            uint8_t code = 0xee;
            struct err err = ERR_INIT;
            int rest = socks5_parse_reply(head, &code, &err);
            int wanted = type == 1 ? 5 : type == 4 ? 17 : type == 3 ? (int)length + 2 : -1;
            assert_int_equal(rest, wanted);
            assert_int_equal(code, 0);
            assert_true(rest <= SOCKS5_REPLY_REST_MAX);
            if (wanted == -1)
                assert_err(&err, ERR_REFUSED, "address");
            else
                assert_err_unset(&err);
        }
    }
}

/* In words, RFC 1928 section 6. */
static const char *const reply_words[] = {NULL,      "general", "ruleset", "network", "host",
                                          "refused", "TTL",     "CONNECT", "address"};

static void every_reply_code(void **state)
{
    (void)state;
    for (unsigned code = 1; code < 256; code++) {
        for (unsigned type = 0; type < 6; type++) {
            uint8_t head[SOCKS5_REPLY_HEAD] = {5, (uint8_t)code, 0, (uint8_t)type, 0xff};
            char number[8];
            uint8_t told = 0;
            struct err err = ERR_INIT;
            (void)snprintf(number, sizeof(number), "0x%02x", code);
            assert_int_equal(socks5_parse_reply(head, &told, &err), -1);
            assert_int_equal(told, code);
            assert_err(&err, ERR_REFUSED, code <= 8 ? reply_words[code] : number);
        }
    }
}

static void reply_of_something_else(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        for (unsigned code = 0; code < 2; code++) {
            uint8_t head[SOCKS5_REPLY_HEAD] = {(uint8_t)version, (uint8_t)code, 0, 1, 0};
            uint8_t told;
            struct err err = ERR_INIT;
            if (version == 5)
                continue;
            assert_int_equal(socks5_parse_reply(head, &told, &err), -1);
            assert_err(&err, ERR_REFUSED, "SOCKS5");
        }
    }
}

/* What is reserved is not ours to judge. */
static void reserved_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t head[SOCKS5_REPLY_HEAD] = {5, 0, (uint8_t)byte, 1, 0};
        uint8_t code = 0xee;
        struct err err = ERR_INIT;
        assert_int_equal(socks5_parse_reply(head, &code, &err), 5);
        assert_int_equal(code, 0);
        assert_err_unset(&err);
    }
}

/* --- SOCKS4 and 4a --- */

static const struct four_row {
    const char *name;
    const char *host;
    const char *address;
    uint16_t port;
    const char *user;
    const char *bytes;
    size_t size;
} four_rows[] = {
    {"4", "db", "192.0.2.1", 22, "", "\4\1\0\26\300\0\2\1\0", 9},
    {"4 with a user", "db", "192.0.2.1", 22, "alice", "\4\1\0\26\300\0\2\1alice\0", 14},
    {"4, the highest port", "db", "127.0.0.1", 65535, "", "\4\1\377\377\177\0\0\1\0", 9},
    {"4 needs no name", "", "127.0.0.1", 22, "", "\4\1\0\26\177\0\0\1\0", 9},
    {"4a", "db", NULL, 22, "", "\4\1\0\26\0\0\0\1\0db\0", 12},
    {"4a with a user", "db.example", NULL, 0x1234, "alice",
     "\4\1\x12\x34\0\0\0\1alice\0db.example\0", 25},
};

static void four(void **state)
{
    const struct four_row *row = *state;
    struct address address;
    struct socks_target target = target_of(row->host, row->address, row->port, &address);
    struct socks_message message;
    struct err err = ERR_INIT;

    message_init(&message);
    assert_int_equal(socks4_request(&message, &target, row->user, &err), 0);
    assert_err_unset(&err);
    message_is(&message, row->bytes, row->size);
}

static void four_has_no_ipv6(void **state)
{
    (void)state;
    static const char *const addresses[] = {"::1", "2001:db8::1", "::"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct address address;
        struct socks_target target = target_of("db", addresses[i], 22, &address);
        struct socks_message message;
        struct err err = ERR_INIT;
        message_init(&message);
        assert_int_equal(socks4_request(&message, &target, "", &err), -1);
        assert_err(&err, ERR_USAGE, "IPv4");
    }
}

/* 0.0.0.1 to 0.0.0.255 mean to a server of 4a that a name follows, for which it would wait. */
static void four_has_no_address_that_means_a_name(void **state)
{
    (void)state;
    static const char *const addresses[] = {"0.0.0.1", "0.0.0.7", "0.0.0.255"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct address address;
        struct socks_target target = target_of("db", addresses[i], 22, &address);
        struct socks_message message;
        struct err err = ERR_INIT;
        message_init(&message);
        assert_int_equal(socks4_request(&message, &target, "", &err), -1);
        assert_err(&err, ERR_USAGE, NULL);
    }
}

static void four_user_bound(void **state)
{
    (void)state;
    static const size_t lengths[] = {254, 255, 256, 257, 511, 65536};

    for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t length = lengths[i / 2];
        char *user = word(length, 'u');
        char *host = word(255, 'h');
        struct address address;
        struct socks_target target = target_of(host, i % 2 ? "192.0.2.1" : NULL, 22, &address);
        struct socks_message message;
        struct err err = ERR_INIT;

        message_init(&message);
        int result = socks4_request(&message, &target, user, &err);
        assert_int_equal(result, length <= 255 ? 0 : -1);
        if (result) {
            assert_err(&err, ERR_USAGE, "user");
        } else {
            assert_int_equal(message.size, 9 + length + (i % 2 ? 0 : 256));
            assert_true(message.size <= SOCKS_MESSAGE_MAX);
            assert_memory_equal(message.bytes + 8, user, length + 1);
            if (i % 2 == 0)
                assert_memory_equal(message.bytes + 9 + length, host, 256);
        }
        free(user);
        free(host);
    }
}

static void every_reply_of_four(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        for (unsigned code = 0; code < 256; code++) {
            uint8_t reply[SOCKS4_REPLY_SIZE] = {(uint8_t)version, (uint8_t)code, 1, 2, 3, 4, 5, 6};
            char number[8];
            struct err err = ERR_INIT;
            int result = socks4_parse_reply(reply, &err);
            (void)snprintf(number, sizeof(number), "0x%02x", code);
            if (version == 0 && code == 90) {
                assert_int_equal(result, 0);
                assert_err_unset(&err);
                continue;
            }
            assert_int_equal(result, -1);
            if (version)
                assert_err(&err, ERR_REFUSED, "SOCKS4");
            else if (code == 92 || code == 93)
                assert_err(&err, ERR_AUTH, "identd");
            else
                assert_err(&err, ERR_REFUSED, code == 91 ? "refused" : number);
        }
    }
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, greeting, greeting_rows);
    UNIT_TEST(&unit, greeting_with_every_method);
    UNIT_ROWS(&unit, login, login_rows);
    UNIT_TEST(&unit, login_bound);
    UNIT_ROWS(&unit, request, request_rows);
    UNIT_TEST(&unit, a_zone_leads_nowhere);
    UNIT_TEST(&unit, name_bound);
    UNIT_TEST(&unit, every_method);
    UNIT_TEST(&unit, every_login_reply);
    UNIT_TEST(&unit, every_address_of_a_reply);
    UNIT_TEST(&unit, every_reply_code);
    UNIT_TEST(&unit, reply_of_something_else);
    UNIT_TEST(&unit, reserved_byte);
    UNIT_ROWS(&unit, four, four_rows);
    UNIT_TEST(&unit, four_has_no_ipv6);
    UNIT_TEST(&unit, four_has_no_address_that_means_a_name);
    UNIT_TEST(&unit, four_user_bound);
    UNIT_TEST(&unit, every_reply_of_four);
    return unit_run(&unit, "socks_codec");
}
