/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "core/address.h"
#include "tests/unit/fake_unit.h"

/* An address from its text; the family follows from the colon. */
static struct address make(const char *text, uint16_t port, uint32_t scope)
{
    struct address address;

    memset(&address, 0, sizeof(address));
    if (strchr(text, ':')) {
        address.len = sizeof(address.sa.v6);
        address.sa.v6.sin6_family = AF_INET6;
        address.sa.v6.sin6_port = htons(port);
        address.sa.v6.sin6_scope_id = scope;
        assert_int_equal(inet_pton(AF_INET6, text, &address.sa.v6.sin6_addr), 1);
    } else {
        address.len = sizeof(address.sa.v4);
        address.sa.v4.sin_family = AF_INET;
        address.sa.v4.sin_port = htons(port);
        assert_int_equal(inet_pton(AF_INET, text, &address.sa.v4.sin_addr), 1);
    }
    return address;
}

static void add_text(struct addresses *addresses, const char *text)
{
    struct address address = make(text, 22, 0);
    addresses_add(addresses, &address);
}

static void found_is(const struct addresses *addresses, enum family family, size_t index,
                     const char *text)
{
    char got[ADDRESS_TEXT_MAX];
    assert_true(index < addresses->count[family]);
    assert_string_equal(address_text(&addresses->found[family][index], got), text);
}

static void init_is_empty(void **state)
{
    (void)state;
    static struct addresses addresses;

    memset(&addresses, 0xff, sizeof(addresses));
    addresses_init(&addresses);
    for (int family = 0; family < FAMILIES; family++) {
        assert_int_equal(addresses.count[family], 0);
        assert_false(addresses.pending[family]);
    }
}

static void families_go_apart_in_order(void **state)
{
    (void)state;
    static struct addresses addresses;

    addresses_init(&addresses);
    add_text(&addresses, "192.0.2.9");
    add_text(&addresses, "2001:db8::2");
    add_text(&addresses, "192.0.2.1");
    add_text(&addresses, "2001:db8::1");
    assert_int_equal(addresses.count[FAMILY_V4], 2);
    assert_int_equal(addresses.count[FAMILY_V6], 2);
    found_is(&addresses, FAMILY_V4, 0, "192.0.2.9:22");
    found_is(&addresses, FAMILY_V4, 1, "192.0.2.1:22");
    found_is(&addresses, FAMILY_V6, 0, "[2001:db8::2]:22");
    found_is(&addresses, FAMILY_V6, 1, "[2001:db8::1]:22");
    assert_false(addresses.pending[FAMILY_V4]);
    assert_false(addresses.pending[FAMILY_V6]);
}

static void the_same_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"};
    static struct addresses addresses;

    addresses_init(&addresses);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            add_text(&addresses, texts[i]);
    }
    assert_int_equal(addresses.count[FAMILY_V4], 2);
    assert_int_equal(addresses.count[FAMILY_V6], 2);
}

static void other_zone_is_another_address(void **state)
{
    (void)state;
    static struct addresses addresses;

    addresses_init(&addresses);
    for (uint32_t scope = 1; scope <= 2; scope++) {
        struct address address = make("fe80::1", 22, scope);
        addresses_add(&addresses, &address);
        addresses_add(&addresses, &address);
    }
    assert_int_equal(addresses.count[FAMILY_V6], 2);
}

/* What resolvers leave in the fields that are no part of an address makes no other address. */
static void padding_and_flow_do_not_count(void **state)
{
    (void)state;
    static struct addresses addresses;
    struct address v4 = make("192.0.2.1", 22, 0);
    struct address v6 = make("2001:db8::1", 22, 0);

    addresses_init(&addresses);
    addresses_add(&addresses, &v4);
    addresses_add(&addresses, &v6);
    memset(v4.sa.v4.sin_zero, 0x55, sizeof(v4.sa.v4.sin_zero));
    addresses_add(&addresses, &v4);
    assert_int_equal(addresses.count[FAMILY_V4], 1);
    assert_int_equal(addresses.count[FAMILY_V6], 1);
}

static void no_more_than_the_bound(void **state)
{
    (void)state;
    static struct addresses addresses;

    addresses_init(&addresses);
    for (int family = 0; family < FAMILIES; family++) {
        for (unsigned i = 1; i <= ADDRESSES_MAX + 5; i++) {
            char text[40];
            (void)snprintf(text, sizeof(text), family == FAMILY_V6 ? "2001:db8::%x" : "192.0.2.%u",
                           i);
            add_text(&addresses, text);
        }
        assert_int_equal(addresses.count[family], ADDRESSES_MAX);
    }
    found_is(&addresses, FAMILY_V4, 0, "192.0.2.1:22");
    found_is(&addresses, FAMILY_V4, ADDRESSES_MAX - 1, "192.0.2.32:22");
    found_is(&addresses, FAMILY_V6, ADDRESSES_MAX - 1, "[2001:db8::20]:22");
}

static void strangers_are_refused(void **state)
{
    (void)state;
    struct address address = make("192.0.2.1", 22, 0);
    const struct address before = address;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;

    memset(&sa, 0, sizeof(sa));
    sa.local.sun_family = AF_UNIX;
    assert_false(address_set(&address, &sa.any, sizeof(sa.local), 22));
    sa.any.sa_family = AF_UNSPEC;
    assert_false(address_set(&address, &sa.any, sizeof(sa.v4), 22));
    sa.any.sa_family = AF_INET;
    assert_false(address_set(&address, &sa.any, sizeof(sa.v4) - 1, 22));
    sa.any.sa_family = AF_INET6;
    assert_false(address_set(&address, &sa.any, sizeof(sa.v6) - 1, 22));
    assert_memory_equal(&address, &before, sizeof(address));
}

static const struct text_row {
    const char *name;
    const char *address;
    uint16_t port;
    const char *text;
} text_rows[] = {
    {"IPv4", "192.0.2.1", 22, "192.0.2.1:22"},
    {"IPv4, longest", "255.255.255.255", 65535, "255.255.255.255:65535"},
    {"IPv4, lowest port", "127.0.0.1", 1, "127.0.0.1:1"},
    {"IPv6", "2001:db8::1", 22, "[2001:db8::1]:22"},
    {"IPv6 loopback", "::1", 443, "[::1]:443"},
    {"IPv6 in full", "1111:2222:3333:4444:5555:6666:7777:8888", 65535,
     "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
    {"IPv4 in IPv6", "::ffff:192.0.2.1", 22, "[::ffff:192.0.2.1]:22"},
};

static void text(void **state)
{
    const struct text_row *row = *state;
    struct address address = make(row->address, row->port, 0);
    char out[ADDRESS_TEXT_MAX];

    memset(out, 'x', sizeof(out));
    assert_ptr_equal(address_text(&address, out), out);
    assert_string_equal(out, row->text);
}

static void text_of_a_zone(void **state)
{
    (void)state;
    struct address address = make("fe80::1", 22, if_nametoindex("lo"));
    char out[ADDRESS_TEXT_MAX];

    assert_true(address.sa.v6.sin6_scope_id > 0);
    assert_string_equal(address_text(&address, out), "[fe80::1%lo]:22");
}

/* An interface that has gone in the meantime has a number only. */
static void text_of_a_zone_without_name(void **state)
{
    (void)state;
    struct address address = make("fe80::1111:2222:3333:4444", 65535, 4294967295U);
    char out[ADDRESS_TEXT_MAX];

    assert_string_equal(address_text(&address, out),
                        "[fe80::1111:2222:3333:4444%4294967295]:65535");
}

static void set_takes_another_port(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"192.0.2.1", "192.0.2.1:65535"},
        {"2001:db8::1", "[2001:db8::1]:65535"},
    };
    char out[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address from = make(texts[i][0], 1, 0), address;
        assert_true(address_set(&address, &from.sa.any, from.len, 65535));
        assert_string_equal(address_text(&address, out), texts[i][1]);
    }
}

static const struct parse_row {
    const char *name;
    const char *host;
    const char *text; /* NULL: it is no address */
} parse_rows[] = {
    {"IPv4", "192.0.2.1", "192.0.2.1:0"},
    {"IPv6", "2001:db8::1", "[2001:db8::1]:0"},
    {"IPv4 in IPv6", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:0"},
    {"a zone that exists", "fe80::1%lo", "[fe80::1%lo]:0"},
    {"a zone that does not exist", "fe80::1%no-such-zone", NULL},
    {"two parts", "127.1", "127.0.0.1:0"},
    {"one number", "2130706433", "127.0.0.1:0"},
    {"hexadecimal", "0x7f.1", "127.0.0.1:0"},
    {"a name", "db.example", NULL},
    {"a name of digits", "1.2.3.4.5", NULL},
    {"brackets", "[::1]", NULL},
    {"a port", "192.0.2.1:22", NULL},
    {"empty", "", NULL},
};

static void parse(void **state)
{
    const struct parse_row *row = *state;
    struct address address;
    char out[ADDRESS_TEXT_MAX];

    assert_int_equal(address_parse(&address, row->host), row->text != NULL);
    if (row->text)
        assert_string_equal(address_text(&address, out), row->text);
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, init_is_empty);
    UNIT_TEST(&unit, families_go_apart_in_order);
    UNIT_TEST(&unit, the_same_is_left_out);
    UNIT_TEST(&unit, other_zone_is_another_address);
    UNIT_TEST(&unit, padding_and_flow_do_not_count);
    UNIT_TEST(&unit, no_more_than_the_bound);
    UNIT_TEST(&unit, strangers_are_refused);
    UNIT_ROWS(&unit, text, text_rows);
    UNIT_TEST(&unit, text_of_a_zone);
    UNIT_TEST(&unit, text_of_a_zone_without_name);
    UNIT_TEST(&unit, set_takes_another_port);
    UNIT_ROWS(&unit, parse, parse_rows);
    return unit_run(&unit, "address");
}
