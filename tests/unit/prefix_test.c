/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare(2) */
#include "core/prefix.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* --- text --- */

static const struct parse_row {
    const char *name;
    int family; /* AF_UNSPEC: it is none */
    unsigned bits;
} parse_rows[] = {
    {"192.168.7.0/24", AF_INET, 24},
    {"192.168.7.9/24", AF_INET, 24},
    {"192.168.7.9", AF_INET, 32},
    {"0.0.0.0/0", AF_INET, 0},
    {"255.255.255.255/32", AF_INET, 32},
    {"10.0.0.0/8", AF_INET, 8},
    {"10.0.0.0/1", AF_INET, 1},
    {"2001:db8::/32", AF_INET6, 32},
    {"[2001:db8::]/32", AF_INET6, 32},
    {"[2001:db8::]", AF_INET6, 128},
    {"2001:DB8::A", AF_INET6, 128},
    {"::/0", AF_INET6, 0},
    {"::1", AF_INET6, 128},
    {"::1/128", AF_INET6, 128},
    {"::ffff:192.0.2.1/120", AF_INET6, 120},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", AF_INET6, 128},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]/128", AF_INET6, 128},

    {"", AF_UNSPEC, 0},
    {"/", AF_UNSPEC, 0},
    {"/24", AF_UNSPEC, 0},
    {"10", AF_UNSPEC, 0},
    {"10/8", AF_UNSPEC, 0},
    {"10.0.0/8", AF_UNSPEC, 0},
    {"10.0.0.0.0/8", AF_UNSPEC, 0},
    {"10.0.0./8", AF_UNSPEC, 0},
    {"010.0.0.0/8", AF_UNSPEC, 0},
    {"0x0a.0.0.0/8", AF_UNSPEC, 0},
    {"256.0.0.0/8", AF_UNSPEC, 0},
    {"127.1", AF_UNSPEC, 0},
    {"10.0.0.0/33", AF_UNSPEC, 0},
    {"10.0.0.0/", AF_UNSPEC, 0},
    {"10.0.0.0/08", AF_UNSPEC, 0},
    {"10.0.0.0/00", AF_UNSPEC, 0},
    {"10.0.0.0/-1", AF_UNSPEC, 0},
    {"10.0.0.0/+8", AF_UNSPEC, 0},
    {"10.0.0.0/ 8", AF_UNSPEC, 0},
    {"10.0.0.0/8 ", AF_UNSPEC, 0},
    {" 10.0.0.0/8", AF_UNSPEC, 0},
    {"10.0.0.0/8/8", AF_UNSPEC, 0},
    {"10.0.0.0/8x", AF_UNSPEC, 0},
    {"10.0.0.0/255.0.0.0", AF_UNSPEC, 0},
    {"10.0.0.0/4294967304", AF_UNSPEC, 0},
    {"10.0.0.0/99999999999999999999999999999999999", AF_UNSPEC, 0},
    {"[10.0.0.0]/8", AF_UNSPEC, 0},
    {"2001:db8::/129", AF_UNSPEC, 0},
    {"2001:db8::/1000", AF_UNSPEC, 0},
    {"2001:db8:/32", AF_UNSPEC, 0},
    {"2001:::/32", AF_UNSPEC, 0},
    {"[2001:db8::/32", AF_UNSPEC, 0},
    {"2001:db8::]/32", AF_UNSPEC, 0},
    {"[2001:db8::/32]", AF_UNSPEC, 0},
    {"[[2001:db8::]]/32", AF_UNSPEC, 0},
    {"[]", AF_UNSPEC, 0},
    {"[", AF_UNSPEC, 0},
    {"[]/0", AF_UNSPEC, 0},
    {"fe80::1%lo", AF_UNSPEC, 0},
    {"fe80::1%1/64", AF_UNSPEC, 0},
    {"localhost", AF_UNSPEC, 0},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", AF_UNSPEC, 0},
};

static void parse(void **state)
{
    const struct parse_row *row = *state;
    size_t length = strlen(row->name);
    struct prefix prefix = {.bits = 4711};
    /* What stands behind it isn't looked at. */
    char *text = malloc(length + 1);

    assert_non_null(text);
    memcpy(text, row->name, length);
    text[length] = '1';
    assert_int_equal(prefix_parse(&prefix, text, length), row->family != AF_UNSPEC);
    free(text);
    if (row->family == AF_UNSPEC) {
        assert_int_equal(prefix.bits, 4711);
    } else {
        assert_int_equal(prefix.address.sa.any.sa_family, row->family);
        assert_int_equal(prefix.bits, row->bits);
    }
}

static void parse_up_to_a_nul(void **state)
{
    struct prefix prefix;

    (void)state;
    assert_false(prefix_parse(&prefix, "10.0.0.0\0/8", 11));
    assert_false(prefix_parse(&prefix, "10.0.0.0/8\0", 11));
    assert_true(prefix_parse(&prefix, "10.0.0.0/8\0", 10));
}

/* --- what lies in it --- */

static const struct holds_row {
    const char *name; /* the prefix */
    const char *address;
    bool holds;
} holds_rows[] = {
    {"192.168.7.0/24", "192.168.7.0", true},
    {"192.168.7.0/24", "192.168.7.255", true},
    {"192.168.7.0/24", "192.168.8.0", false},
    {"192.168.7.0/24", "192.168.6.255", false},
    {"192.168.7.200/24", "192.168.7.1", true},
    {"192.168.7.1", "192.168.7.1", true},
    {"192.168.7.1", "192.168.7.2", false},
    {"10.0.0.0/9", "10.127.255.255", true},
    {"10.0.0.0/9", "10.128.0.0", false},
    {"10.0.0.2/31", "10.0.0.3", true},
    {"10.0.0.2/31", "10.0.0.1", false},
    {"128.0.0.0/1", "255.1.1.1", true},
    {"128.0.0.0/1", "127.1.1.1", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"2001:db8::1/128", "2001:db8::1", true},
    {"2001:db8::1/127", "2001:db8::2", false},
    {"::/0", "2001:db8::1", true},

    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "192.0.2.1", false},
    {"192.0.2.0/24", "::ffff:192.0.2.9", true},
    {"192.0.2.0/24", "::ffff:192.0.3.9", false},
    {"192.0.2.0/24", "::192.0.2.9", false},
    {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "::ffff:192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "192.0.3.9", false},
    {"::ffff:0:0/96", "203.0.113.9", true},
    {"::ffff:0:0/96", "::ffff:203.0.113.9", true},
    {"::ffff:0:0/96", "2001:db8::1", false},
    {"::ffff:0:0/95", "203.0.113.9", false},
    {"::ffff:0:0/95", "::fffe:203.0.113.9", true},
    {"::/0", "::ffff:203.0.113.9", false},

    {"127.0.0.0/8", "127.1", true},
    {"fe80::/10", "fe80::1%1", true},
};

static void holds(void **state)
{
    const struct holds_row *row = *state;
    struct prefix prefix;
    struct address address;

    assert_true(prefix_parse(&prefix, row->name, strlen(row->name)));
    assert_true(address_parse(&address, row->address));
    assert_int_equal(prefix_holds(&prefix, &address), row->holds);
}

/* A bit that differs counts in front of the end of the prefix, and not behind. */
static void every_bit_of(const char *text, unsigned length)
{
    struct prefix prefix;

    assert_true(prefix_parse(&prefix, text, strlen(text)));
    for (unsigned bits = 0; bits <= length; bits++) {
        for (unsigned bit = 0; bit < length; bit++) {
            struct address address = prefix.address;
            uint8_t *bytes =
                length == 32 ? (uint8_t *)&address.sa.v4.sin_addr : address.sa.v6.sin6_addr.s6_addr;
            bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            prefix.bits = bits;
            if (prefix_holds(&prefix, &address) != (bit >= bits))
                unit_fail("%s/%u and bit %u", text, bits, bit);
        }
    }
}

static void every_bit(void **state)
{
    (void)state;
    every_bit_of("192.0.2.85", 32);
    every_bit_of("2001:db8:5555:aaaa:1234:5678:9abc:def0", 128);
}

/* --- this machine --- */

#define NO_NAMESPACE 77

static const struct here_row {
    const char *name;
    const char *script; /* sets the network up */
    const char *list;
    const char *here[4];
    const char *elsewhere[4];
} here_rows[] = {
    {"nothing is up",
     "ip address add 192.0.2.1/24 dev near",
     "",
     {0},
     {"192.0.2.0/24", "127.0.0.0/8"}},
    {"loopback",
     "ip link set lo up; ip address add 192.0.2.1/24 dev lo",
     "",
     {"127.0.0.1", "::1", "192.0.2.0/24"},
     {"10.0.0.0/8"}},
    {"both families",
     "ip link set near up; ip address add 192.0.2.1/24 dev near;"
     "ip address add 2001:db8:0:1::5/64 dev near nodad",
     "192.0.2.0/24 2001:db8:0:1::/64",
     {"192.0.2.1", "192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"},
     {"192.0.2.2", "192.0.2.128/25", "2001:db8:0:2::/64", "10.0.0.0/8"}},
    {"link-local",
     "ip link set near up; ip address add 169.254.3.4/16 dev near",
     "",
     {"169.254.0.0/16"},
     {"192.0.2.0/24"}},
    {"one of two is up",
     "ip link set near up; ip address add 192.0.2.1/24 dev near; ip address add 10.0.0.1/8 dev far",
     "192.0.2.0/24",
     {"192.0.2.0/24"},
     {"10.0.0.0/8"}},
    {"several addresses of one network",
     "ip link set near up; ip link set far up; ip address add 192.0.2.9/24 dev near;"
     "ip address add 192.0.2.1/24 dev near; ip address add 192.0.2.3/24 dev far;"
     "ip address add 2001:db8::1/64 dev near nodad;"
     "ip address add 2001:db8::aaaa:bbbb:cccc:dddd/64 dev near nodad",
     "192.0.2.0/24 2001:db8::/64",
     {"192.0.2.9", "192.0.2.3", "2001:db8::aaaa:bbbb:cccc:dddd"},
     {"192.0.2.4"}},
    {"in order",
     "ip link set near up; ip link set far up; ip address add 192.0.2.1/24 dev near;"
     "ip address add 10.1.2.3/9 dev near; ip address add 198.51.100.1/31 dev far",
     "10.0.0.0/9 192.0.2.0/24 198.51.100.0/31",
     {"10.1.0.0/16"},
     {"10.2.0.0/16"}},
    {"an address alone",
     "ip link set near up; ip address add 192.0.2.1 peer 198.51.100.7/32 dev near;"
     "ip address add 2001:db8:0:1::5/128 dev near nodad",
     "192.0.2.1/32 2001:db8:0:1:0:0:0:5/128",
     {"192.0.2.1"},
     {"198.51.100.7"}},
    {"zeros of an IPv6 network",
     "ip link set near up; ip address add 2001:db8:a:b:c:d:e:f/112 dev near nodad;"
     "ip address add 2001:db8:a:b:c:1:2:f/96 dev near nodad;"
     "ip address add fd00::1/8 dev near nodad",
     "2001:db8:a:b:c:1::/96 2001:db8:a:b:c:d:e:0/112 fd00::/8",
     {"fd00::/16"},
     {"fd01::/16"}},
};

/* A network of the child's own; only ever called there. */
static void set_up(const char *script)
{
    int status;

    if (unshare(CLONE_NEWNET) == -1)
        _exit(NO_NAMESPACE);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        _exit(NO_NAMESPACE);
}

static char says(const char *text)
{
    struct prefix prefix;

    if (!prefix_parse(&prefix, text, strlen(text)))
        return '?';
    return prefix_is_here(&prefix) ? '+' : '-';
}

static _Noreturn void child(const struct here_row *row, int out)
{
    char script[1000], answers[9] = "";
    size_t count = 0;

    (void)snprintf(script, sizeof(script), "ip link add near type veth peer name far; %s",
                   row->script);
    set_up(script);
    for (size_t i = 0; i < 4 && row->here[i]; i++)
        answers[count++] = says(row->here[i]);
    for (size_t i = 0; i < 4 && row->elsewhere[i]; i++)
        answers[count++] = says(row->elsewhere[i]);
    char *list = prefix_list_here();
    if (list)
        (void)dprintf(out, "%s|%s", list, answers);
    free(list);
    _exit(0);
}

static void here(void **state)
{
    const struct here_row *row = *state;
    char wanted[200];
    int ends[2], status;

    fd_pipe(ends);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(row, ends[1]);
    fd_close(&ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status == NO_NAMESPACE << 8) {
        fd_close(&ends[0]);
        unit_skip("cannot make a network of its own");
    }
    assert_int_equal(status, 0);

    int length = snprintf(wanted, sizeof(wanted), "%s|", row->list);
    for (size_t i = 0; i < 4 && row->here[i]; i++)
        wanted[length++] = '+';
    for (size_t i = 0; i < 4 && row->elsewhere[i]; i++)
        wanted[length++] = '-';
    fd_expect(ends[0], wanted, (size_t)length);
    fd_close(&ends[0]);
}

/* Whatever there is: each word is a network that this machine is in, and they are in order. */
static void list_of_this_machine(void **state)
{
    struct prefix prefix;
    char *list = prefix_list_here(), *again = prefix_list_here();
    const char *before = "";

    (void)state;
    assert_non_null(list);
    assert_string_equal(list, again);
    for (char *word = list, *end; *word; word = end) {
        end = word + strcspn(word, " ");
        if (*end)
            *end++ = '\0';
        assert_true(prefix_parse(&prefix, word, strlen(word)));
        assert_true(prefix_is_here(&prefix));
        assert_true(strcmp(before, word) < 0);
        before = word;
    }
    free(list);
    free(again);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, parse, parse_rows);
    UNIT_TEST(&unit, parse_up_to_a_nul);
    UNIT_ROWS(&unit, holds, holds_rows);
    UNIT_TEST(&unit, every_bit);
    UNIT_ROWS(&unit, here, here_rows);
    UNIT_TEST(&unit, list_of_this_machine);
    return unit_run(&unit, "prefix");
}
