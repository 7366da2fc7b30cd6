/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "tests/unit/fake_unit.h"
#include "transports/address.h"

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

static void add(struct names *names, const struct address *address)
{
    names_add(names, &address->sa.any, address->len);
}

static void add_text(struct names *names, const char *text)
{
    struct address address = make(text, 22, 0);
    add(names, &address);
}

static void found_is(const struct names *names, enum name_family family, size_t index,
                     const char *text)
{
    char got[ADDRESS_TEXT_MAX];
    assert_true(index < names->count[family]);
    assert_string_equal(address_text(&names->found[family][index], got), text);
}

static void init_is_empty(void **state)
{
    (void)state;
    static struct names names;

    memset(&names, 0xff, sizeof(names));
    names_init(&names);
    for (int family = 0; family < NAMES_FAMILIES; family++) {
        assert_int_equal(names.count[family], 0);
        assert_false(names.pending[family]);
    }
}

static void families_go_apart_in_order(void **state)
{
    (void)state;
    static struct names names;

    names_init(&names);
    add_text(&names, "192.0.2.9");
    add_text(&names, "2001:db8::2");
    add_text(&names, "192.0.2.1");
    add_text(&names, "2001:db8::1");
    assert_int_equal(names.count[NAMES_V4], 2);
    assert_int_equal(names.count[NAMES_V6], 2);
    found_is(&names, NAMES_V4, 0, "192.0.2.9:22");
    found_is(&names, NAMES_V4, 1, "192.0.2.1:22");
    found_is(&names, NAMES_V6, 0, "[2001:db8::2]:22");
    found_is(&names, NAMES_V6, 1, "[2001:db8::1]:22");
    assert_false(names.pending[NAMES_V4]);
    assert_false(names.pending[NAMES_V6]);
}

static void the_same_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"};
    static struct names names;

    names_init(&names);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            add_text(&names, texts[i]);
    }
    assert_int_equal(names.count[NAMES_V4], 2);
    assert_int_equal(names.count[NAMES_V6], 2);
}

static void other_zone_is_another_address(void **state)
{
    (void)state;
    static struct names names;

    names_init(&names);
    for (uint32_t scope = 1; scope <= 2; scope++) {
        struct address address = make("fe80::1", 22, scope);
        add(&names, &address);
        add(&names, &address);
    }
    assert_int_equal(names.count[NAMES_V6], 2);
}

/* What resolvers leave in the fields that are no part of an address makes no other address. */
static void padding_and_flow_do_not_count(void **state)
{
    (void)state;
    static struct names names;
    struct address v4 = make("192.0.2.1", 22, 0);
    struct address v6 = make("2001:db8::1", 22, 0);

    names_init(&names);
    add(&names, &v4);
    add(&names, &v6);
    memset(v4.sa.v4.sin_zero, 0x55, sizeof(v4.sa.v4.sin_zero));
    add(&names, &v4);
    assert_int_equal(names.count[NAMES_V4], 1);
    assert_int_equal(names.count[NAMES_V6], 1);
}

static void no_more_than_the_bound(void **state)
{
    (void)state;
    static struct names names;

    names_init(&names);
    for (int family = 0; family < NAMES_FAMILIES; family++) {
        for (unsigned i = 1; i <= NAMES_MAX + 5; i++) {
            char text[40];
            (void)snprintf(text, sizeof(text), family == NAMES_V6 ? "2001:db8::%x" : "192.0.2.%u",
                           i);
            add_text(&names, text);
        }
        assert_int_equal(names.count[family], NAMES_MAX);
    }
    found_is(&names, NAMES_V4, 0, "192.0.2.1:22");
    found_is(&names, NAMES_V4, NAMES_MAX - 1, "192.0.2.32:22");
    found_is(&names, NAMES_V6, NAMES_MAX - 1, "[2001:db8::20]:22");
}

static void strangers_are_left_out(void **state)
{
    (void)state;
    static struct names names;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in v4;
    } sa;

    names_init(&names);
    memset(&sa, 0, sizeof(sa));
    sa.local.sun_family = AF_UNIX;
    names_add(&names, &sa.any, sizeof(sa.local));
    sa.any.sa_family = AF_UNSPEC;
    names_add(&names, &sa.any, sizeof(sa.v4));
    assert_int_equal(names.count[NAMES_V4], 0);
    assert_int_equal(names.count[NAMES_V6], 0);
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

static void set_port(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"192.0.2.1", "192.0.2.1:65535"},
        {"2001:db8::1", "[2001:db8::1]:65535"},
    };
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    const struct sockaddr_un before = local;
    char out[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address = make(texts[i][0], 0, 0);
        address_set_port(&address.sa.any, 65535);
        assert_string_equal(address_text(&address, out), texts[i][1]);
    }
    address_set_port((struct sockaddr *)&local, 65535);
    assert_memory_equal(&local, &before, sizeof(local));
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
    UNIT_TEST(&unit, strangers_are_left_out);
    UNIT_ROWS(&unit, text, text_rows);
    UNIT_TEST(&unit, text_of_a_zone);
    UNIT_TEST(&unit, text_of_a_zone_without_name);
    UNIT_TEST(&unit, set_port);
    return unit_run(&unit, "names");
}
