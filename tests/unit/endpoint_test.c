/* SPDX-License-Identifier: MIT */
#include "core/endpoint.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "tests/unit/fake_unit.h"

static void string_is(const char *got, const char *wanted)
{
    if (wanted) {
        assert_non_null(got);
        assert_string_equal(got, wanted);
    } else {
        assert_null(got);
    }
}

static void endpoint_is(const struct endpoint *endpoint, const char *host, uint16_t port,
                        const char *path, const char *text)
{
    string_is(endpoint->host, host);
    string_is(endpoint->path, path);
    string_is(endpoint->text, text);
    if (host)
        assert_int_equal(endpoint->port, port);
}

/* What was in the endpoint before; an error leaves the very same there. */
struct before {
    struct endpoint endpoint;
    struct endpoint copy;
};

static void before_init(struct before *before)
{
    struct err err = ERR_INIT;

    before->endpoint = ENDPOINT_INIT;
    assert_int_equal(endpoint_set(&before->endpoint, "old.example", "4711", &err), 0);
    before->copy = before->endpoint;
}

static void before_check(struct before *before)
{
    const struct endpoint *now = &before->endpoint;

    assert_ptr_equal(now->host, before->copy.host);
    assert_ptr_equal(now->text, before->copy.text);
    assert_ptr_equal(now->path, before->copy.path);
    endpoint_is(now, "old.example", 4711, NULL, "old.example:4711");
    endpoint_release(&before->endpoint);
}

static const struct set_row {
    const char *name;
    const char *host;
    const char *port;
    const char *wanted_host;
    uint16_t wanted_port;
    const char *wanted_text;
} set_rows[] = {
    {"name", "db", "22", "db", 22, "db:22"},
    {"name with dots", "db.example.org", "443", "db.example.org", 443, "db.example.org:443"},
    {"name with a dot behind", "db.example.", "22", "db.example.", 22, "db.example.:22"},
    {"one letter", "a", "1", "a", 1, "a:1"},
    {"a dash inside", "a-b", "22", "a-b", 22, "a-b:22"},
    {"underscore", "_x_", "22", "_x_", 22, "_x_:22"},
    {"UTF-8", "b\303\274ro", "22", "b\303\274ro", 22, "b\303\274ro:22"},
    {"a host named like a command", "check", "22", "check", 22, "check:22"},
    {"IPv4", "192.0.2.1", "22", "192.0.2.1", 22, "192.0.2.1:22"},
    {"IPv6 bare", "::1", "22", "::1", 22, "[::1]:22"},
    {"IPv6 any", "::", "22", "::", 22, "[::]:22"},
    {"IPv6 in full", "1:2:3:4:5:6:7:8", "22", "1:2:3:4:5:6:7:8", 22, "[1:2:3:4:5:6:7:8]:22"},
    {"IPv6 in brackets", "[::1]", "22", "::1", 22, "[::1]:22"},
    {"IPv6 with a zone", "fe80::1%eth0", "22", "fe80::1%eth0", 22, "[fe80::1%eth0]:22"},
    {"IPv6 with a zone in brackets", "[fe80::1%eth0]", "22", "fe80::1%eth0", 22,
     "[fe80::1%eth0]:22"},
    {"IPv4 in IPv6", "::ffff:192.0.2.1", "22", "::ffff:192.0.2.1", 22, "[::ffff:192.0.2.1]:22"},
    {"lowest port", "db", "1", "db", 1, "db:1"},
    {"highest port", "db", "65535", "db", 65535, "db:65535"},
    {"zeros before the port", "db", "00022", "db", 22, "db:22"},
    {"service", "db", "ssh", "db", 22, "db:22"},
    {"service with a dash", "db", "http-alt", "db", 8080, "db:8080"},
};

static void set_good(void **state)
{
    const struct set_row *row = *state;
    struct endpoint endpoint = ENDPOINT_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(endpoint_set(&endpoint, row->host, row->port, &err), 0);
    endpoint_is(&endpoint, row->wanted_host, row->wanted_port, NULL, row->wanted_text);
    assert_err_unset(&err);
    endpoint_release(&endpoint);
}

static const struct set_bad_row {
    const char *name;
    const char *host;
    const char *port;
    const char *word; /* that the message names */
} set_bad_rows[] = {
    {"host: empty", "", "22", ""},
    {"host: a dash in front", "-oProxyCommand=x", "22", "-oProxyCommand=x"},
    {"host: a dash alone", "-", "22", "-"},
    {"host: a dash in brackets", "[-x]", "22", "[-x]"},
    {"host: slash", "a/b", "22", "a/b"},
    {"host: at sign", "user@db", "22", "user@db"},
    {"host: blank", "a b", "22", "a b"},
    {"host: blank in front", " db", "22", " db"},
    {"host: blank behind", "db ", "22", "db "},
    {"host: tab", "a\tb", "22", "a\tb"},
    {"host: new line behind", "db\n", "22", "db\n"},
    {"host: escape sequence", "\033[2J", "22", "\033[2J"},
    {"host: bracket opened", "[::1", "22", "[::1"},
    {"host: bracket closed", "::1]", "22", "::1]"},
    {"host: empty brackets", "[]", "22", "[]"},
    {"host: name in brackets", "[db]", "22", "[db]"},
    {"host: IPv4 in brackets", "[192.0.2.1]", "22", "[192.0.2.1]"},
    {"host: brackets twice", "[[::1]]", "22", "[[::1]]"},
    {"host: brackets turned round", "]::1[", "22", "]::1["},
    {"host: something behind brackets", "[::1]x", "22", "[::1]x"},
    {"host: something before brackets", "x[::1]", "22", "x[::1]"},
    {"host: port behind brackets", "[::1]:22", "22", "[::1]:22"},
    {"host: bracket in a name", "a[b", "22", "a[b"},
    {"host: brackets behind a name", "a[1]", "22", "a[1]"},
    {"host: colon", "a:b", "22", "a:b"},
    {"host: two colons", "a:b:c", "22", "a:b:c"},
    {"host: with its port", "db:22", "22", "db:22"},
    {"host: a colon alone", ":", "22", ":"},
    {"host: three colons", ":::", "22", ":::"},
    {"host: IPv6 too long", "1:2:3:4:5:6:7:8:9", "22", "1:2:3:4:5:6:7:8:9"},
    {"host: IPv6 too short", "1:2:3", "22", "1:2:3"},
    {"host: IPv6 compressed twice", "1::2::3", "22", "1::2::3"},
    {"host: IPv6 group too long", "12345::", "22", "12345::"},
    {"host: IPv6 not hex", "::g", "22", "::g"},
    {"host: zone with a blank", "fe80::1%e 0", "22", "fe80::1%e 0"},
    {"host: zone with a slash", "fe80::1%e/0", "22", "fe80::1%e/0"},
    {"host: zone with an at sign", "fe80::1%e@0", "22", "fe80::1%e@0"},
    {"port: empty", "db", "", ""},
    {"port: zero", "db", "0", "0"},
    {"port: zeros", "db", "000", "000"},
    {"port: too high", "db", "65536", "65536"},
    {"port: 2^16 + 22", "db", "65558", "65558"},
    {"port: 2^32 + 22", "db", "4294967318", "4294967318"},
    {"port: 2^64 + 22", "db", "18446744073709551638", "18446744073709551638"},
    {"port: past every integer", "db", "99999999999999999999999999", "99999999999999999999999999"},
    {"port: plus", "db", "+22", "+22"},
    {"port: minus", "db", "-1", "-1"},
    {"port: minus 65514", "db", "-65514", "-65514"},
    {"port: blank in front", "db", " 22", " 22"},
    {"port: blank behind", "db", "22 ", "22 "},
    {"port: new line behind", "db", "22\n", "22\n"},
    {"port: letter behind", "db", "22x", "22x"},
    {"port: hex", "db", "0x16", "0x16"},
    {"port: fraction", "db", "22.0", "22.0"},
    {"port: range", "db", "22-23", "22-23"},
    {"port: exponent", "db", "1e3", "1e3"},
    {"port: unknown service", "db", "no-such-service", "no-such-service"},
    {"port: service of UDP only", "db", "tftp", "tftp"},
};

static void set_bad(void **state)
{
    const struct set_bad_row *row = *state;
    struct before before;
    struct err err = ERR_INIT;

    before_init(&before);
    assert_int_equal(endpoint_set(&before.endpoint, row->host, row->port, &err), -1);
    assert_err(&err, ERR_USAGE, row->word);
    before_check(&before);
}

static void every_control_byte_is_refused(void **state)
{
    (void)state;
    for (int byte = 1; byte <= 0x7f; byte++) {
        const char host[] = {'a', (char)byte, 'b', '\0'};
        struct before before;
        struct err err = ERR_INIT;

        if (byte > ' ' && byte < 0x7f)
            continue;
        before_init(&before);
        if (endpoint_set(&before.endpoint, host, "22", &err) == 0)
            unit_fail("byte 0x%02x was taken", (unsigned)byte);
        assert_err(&err, ERR_USAGE, host);
        before_check(&before);
    }
}

/* `length` bytes of a name, in labels as DNS has them. The caller frees it. */
static char *long_name(size_t length, const char *tail)
{
    char *name = malloc(length + strlen(tail) + 1);
    assert_non_null(name);
    for (size_t i = 0; i < length; i++)
        name[i] = i % 60 == 59 && i + 1 < length ? '.' : 'a';
    memcpy(name + length, tail, strlen(tail) + 1);
    return name;
}

static void host_length_bound(void **state)
{
    (void)state;
    for (size_t length = ENDPOINT_HOST_MAX - 1; length <= ENDPOINT_HOST_MAX + 2; length++) {
        char *name = long_name(length, "");
        char *word = long_name(length, ":22");
        struct endpoint endpoint = ENDPOINT_INIT;
        struct endpoint parsed = ENDPOINT_INIT;
        struct err err = ERR_INIT;
        int wanted = length <= ENDPOINT_HOST_MAX ? 0 : -1;

        assert_int_equal(endpoint_set(&endpoint, name, "22", &err), wanted);
        if (wanted)
            assert_err(&err, ERR_USAGE, "aaaaaaaaaa");
        else
            endpoint_is(&endpoint, name, 22, NULL, word);

        assert_int_equal(endpoint_parse(&parsed, word, 0, &err), wanted);
        if (wanted)
            assert_err(&err, ERR_USAGE, "aaaaaaaaaa");
        else
            endpoint_is(&parsed, name, 22, NULL, word);
        endpoint_release(&endpoint);
        endpoint_release(&parsed);
        free(name);
        free(word);
    }
}

/* A megabyte on the command line is refused like 256 bytes, with no more work. */
static void host_much_too_long(void **state)
{
    (void)state;
    char *name = long_name(1 << 20, "");
    struct before before;
    struct err err = ERR_INIT;

    before_init(&before);
    assert_int_equal(endpoint_set(&before.endpoint, name, "22", &err), -1);
    assert_err(&err, ERR_USAGE, NULL);
    assert_int_equal(endpoint_set(&before.endpoint, "db", name, &err), -1);
    assert_err(&err, ERR_USAGE, NULL);
    assert_int_equal(endpoint_parse(&before.endpoint, name, 22, &err), -1);
    assert_err(&err, ERR_USAGE, NULL);
    before_check(&before);
    free(name);
}

static const struct parse_row {
    const char *name;
    const char *text;
    uint16_t default_port;
    const char *host;
    uint16_t port;
    const char *path;
    const char *wanted_text;
} parse_rows[] = {
    {"name and port", "db:22", 0, "db", 22, NULL, "db:22"},
    {"the port that is there wins", "db:22", 1080, "db", 22, NULL, "db:22"},
    {"name and service", "db:ssh", 1080, "db", 22, NULL, "db:22"},
    {"name, default port", "db", 1080, "db", 1080, NULL, "db:1080"},
    {"IPv4 and port", "192.0.2.1:65535", 0, "192.0.2.1", 65535, NULL, "192.0.2.1:65535"},
    {"IPv4, default port", "192.0.2.1", 80, "192.0.2.1", 80, NULL, "192.0.2.1:80"},
    {"IPv6 and port", "[::1]:22", 0, "::1", 22, NULL, "[::1]:22"},
    {"IPv6 bare, default port", "::1", 1080, "::1", 1080, NULL, "[::1]:1080"},
    {"IPv6 bare that looks like v6 and port", "2001:db8::1:22", 1080, "2001:db8::1:22", 1080, NULL,
     "[2001:db8::1:22]:1080"},
    {"IPv6 in brackets, default port", "[::1]", 1080, "::1", 1080, NULL, "[::1]:1080"},
    {"zone and port", "[fe80::1%eth0]:22", 0, "fe80::1%eth0", 22, NULL, "[fe80::1%eth0]:22"},
    {"zone, default port", "fe80::1%eth0", 22, "fe80::1%eth0", 22, NULL, "[fe80::1%eth0]:22"},
    {"unix", "unix:/run/x.sock", 0, NULL, 0, "/run/x.sock", "unix:/run/x.sock"},
    {"unix, default port is for others", "unix:/run/x", 22, NULL, 0, "/run/x", "unix:/run/x"},
    {"unix, colons in the path", "unix:/run/a:b", 0, NULL, 0, "/run/a:b", "unix:/run/a:b"},
    {"unix, short", "unix:/x", 0, NULL, 0, "/x", "unix:/x"},
};

static void parse_good(void **state)
{
    const struct parse_row *row = *state;
    struct endpoint endpoint = ENDPOINT_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(endpoint_parse(&endpoint, row->text, row->default_port, &err), 0);
    endpoint_is(&endpoint, row->host, row->port, row->path, row->wanted_text);
    assert_err_unset(&err);
    endpoint_release(&endpoint);
}

static const struct parse_bad_row {
    const char *name;
    const char *text;
    uint16_t default_port;
    const char *word;
} parse_bad_rows[] = {
    {"empty", "", 22, ""},
    {"no port at all", "db", 0, "db"},
    {"no port, IPv6 in brackets", "[::1]", 0, "[::1]"},
    {"no port, IPv6 bare", "::1", 0, "::1"},
    {"nothing behind the colon", "db:", 22, ""},
    {"nothing before the colon", ":22", 22, ""},
    {"a colon alone", ":", 22, ":"},
    {"nothing behind the colon of IPv6", "[::1]:", 22, ""},
    {"too many colons", "a:b:c", 22, "a:b:c"},
    {"port twice", "db:22:22", 22, "db:22:22"},
    {"digits behind brackets", "[::1]22", 22, "[::1]22"},
    {"bracket not closed", "[::1:22", 22, "[::1:22"},
    {"bracket not opened", "::1]:22", 22, "::1]:22"},
    {"name in brackets", "[db]:22", 22, "[db]"},
    {"empty brackets", "[]:22", 22, "[]"},
    {"port zero", "db:0", 22, "0"},
    {"port too high", "db:65536", 22, "65536"},
    {"port with a sign", "db:+22", 22, "+22"},
    {"port with a blank", "db: 22", 22, " 22"},
    {"port with a letter", "db:22x", 22, "22x"},
    {"port of IPv6 too high", "[::1]:65536", 22, "65536"},
    {"unknown service", "db:no-such-service", 22, "no-such-service"},
    {"dash in front", "-x:22", 22, "-x"},
    {"at sign", "user@db:22", 22, "user@db"},
    {"slash", "a/b:22", 22, "a/b"},
    {"blank", "a b:22", 22, "a b"},
    {"new line", "db:22\n", 22, "22\n"},
    {"unix, relative", "unix:run/x", 22, "run/x"},
    {"unix, empty", "unix:", 22, "unix:"},
};

static void parse_bad(void **state)
{
    const struct parse_bad_row *row = *state;
    struct before before;
    struct err err = ERR_INIT;

    before_init(&before);
    assert_int_equal(endpoint_parse(&before.endpoint, row->text, row->default_port, &err), -1);
    assert_err(&err, ERR_USAGE, row->word);
    before_check(&before);
}

/* With its NUL a path fits up to sizeof(sun_path) - 1; one byte more is the system's business. */
static void unix_path_bound(void **state)
{
    (void)state;
    const size_t fits = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    static const struct {
        int over;
        int wanted;
    } rows[] = {{-1, 0}, {0, 0}, {2, -1}, {100, -1}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512] = "unix:/";
        size_t size = strlen("unix:") + fits + (size_t)rows[i].over;
        struct before before;
        struct endpoint endpoint = ENDPOINT_INIT;
        struct err err = ERR_INIT;

        memset(text + strlen(text), 'p', size - strlen(text));
        before_init(&before);
        if (rows[i].wanted == 0) {
            assert_int_equal(endpoint_parse(&endpoint, text, 0, &err), 0);
            endpoint_is(&endpoint, NULL, 0, text + strlen("unix:"), text);
        } else {
            assert_int_equal(endpoint_parse(&before.endpoint, text, 0, &err), -1);
            assert_err(&err, ERR_USAGE, "/ppppp");
        }
        before_check(&before);
        endpoint_release(&endpoint);
    }
}

static void release_twice(void **state)
{
    (void)state;
    struct endpoint endpoint = ENDPOINT_INIT;
    struct err err = ERR_INIT;

    endpoint_release(&endpoint);
    assert_int_equal(endpoint_set(&endpoint, "db", "22", &err), 0);
    endpoint_release(&endpoint);
    assert_null(endpoint.host);
    assert_null(endpoint.text);
    endpoint_release(&endpoint);
    assert_int_equal(endpoint_parse(&endpoint, "unix:/x", 0, &err), 0);
    endpoint_release(&endpoint);
    assert_null(endpoint.path);
    endpoint_release(&endpoint);
}

static void localhost(void **state)
{
    static const char *const is[] = {"localhost", "LocalHost", "localhost.", "db.localhost",
                                     "a.b.LOCALHOST."};
    static const char *const is_not[] = {"",           ".",         "localhos",   "localhost..",
                                         "xlocalhost", "127.0.0.1", "localhost.a"};

    (void)state;
    for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++)
        assert_true(endpoint_is_localhost(is[i]));
    for (size_t i = 0; i < sizeof(is_not) / sizeof(is_not[0]); i++)
        assert_false(endpoint_is_localhost(is_not[i]));
}

/* The rows with services mean something only where services(5) has them. */
static void services_file_is_there(void **state)
{
    (void)state;
    assert_non_null(getservbyname("ssh", "tcp"));
    assert_non_null(getservbyname("tftp", "udp"));
    assert_null(getservbyname("tftp", "tcp"));
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, services_file_is_there);
    UNIT_ROWS(&unit, set_good, set_rows);
    UNIT_ROWS(&unit, set_bad, set_bad_rows);
    UNIT_TEST(&unit, every_control_byte_is_refused);
    UNIT_TEST(&unit, host_length_bound);
    UNIT_TEST(&unit, host_much_too_long);
    UNIT_ROWS(&unit, parse_good, parse_rows);
    UNIT_ROWS(&unit, parse_bad, parse_bad_rows);
    UNIT_TEST(&unit, unix_path_bound);
    UNIT_TEST(&unit, release_twice);
    UNIT_TEST(&unit, localhost);
    return unit_run(&unit, "endpoint");
}
