/* SPDX-License-Identifier: MIT */
#include "config/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/hop.h"
#include "tests/unit/fake_unit.h"

/* --- what an entry of $no_proxy covers --- */

static const struct covers_row {
    const char *name; /* the entry */
    const char *host;
    uint16_t port;
    bool covers;
} covers_rows[] = {
    {"*", "db", 22, true},
    {"*", "192.0.2.1", 22, true},
    {"*:22", "db", 22, true},
    {"*:23", "db", 22, false},

    {"corp.example", "corp.example", 22, true},
    {"corp.example", "db.corp.example", 22, true},
    {"corp.example", "a.b.corp.example", 22, true},
    {"corp.example", "notcorp.example", 22, false},
    {"corp.example", "corp.example.org", 22, false},
    {"corp.example", "example", 22, false},
    {".corp.example", "corp.example", 22, true},
    {".corp.example", "db.corp.example", 22, true},
    {".corp.example", "notcorp.example", 22, false},
    {"*.corp.example", "corp.example", 22, true},
    {"*.corp.example", "db.corp.example", 22, true},
    {"*.corp.example", "notcorp.example", 22, false},
    {"Corp.EXAMPLE", "DB.corp.Example", 22, true},
    {"corp.example.", "db.corp.example", 22, true},
    {"corp.example", "db.corp.example.", 22, true},
    {".corp.example.", "corp.example.", 22, true},
    {"db", "db", 22, true},
    {"db", "db.corp.example", 22, false},
    {"example", "db.corp.example", 22, true},

    {"corp.example:22", "db.corp.example", 22, true},
    {"corp.example:22", "db.corp.example", 2222, false},
    {"corp.example:2222", "db.corp.example", 22, false},
    {".corp.example:22", "db.corp.example", 22, true},
    {"*.corp.example:22", "db.corp.example", 22, true},
    {"corp.example.:65535", "corp.example", 65535, true},
    {"corp.example:", "corp.example", 22, false},
    {"corp.example:022", "corp.example", 22, false},
    {"corp.example:+22", "corp.example", 22, false},
    {"corp.example:22x", "corp.example", 22, false},
    {"corp.example:65558", "corp.example", 22, false},
    {"corp.example:ssh", "corp.example", 22, false},
    {"corp.example:22:22", "corp.example", 22, false},

    {"192.0.2.1", "192.0.2.1", 22, true},
    {"192.0.2.1", "192.0.2.10", 22, false},
    {"192.0.2.1", "::ffff:192.0.2.1", 22, true},
    {"192.0.2.1:22", "192.0.2.1", 22, true},
    {"192.0.2.1:23", "192.0.2.1", 22, false},
    {"192.0.2.1", "3221225985", 22, true},
    {"10.0.0.1", "10.1", 22, true},
    {"10.1", "10.0.0.1", 22, true},
    {"10.1", "10.1", 22, true},
    {"0xa.1", "10.0.0.1", 22, true},
    {"10.1:22", "10.0.0.1", 22, true},
    {"0.1", "10.0.0.1", 22, false},
    {".0.0.1", "10.0.0.1", 22, false},
    {"*.0.0.1", "10.0.0.1", 22, false},
    {"10.0.0.1.", "10.0.0.1", 22, false},
    {"10.*", "10.0.0.1", 22, false},
    {"10.", "10.0.0.1", 22, false},
    {"2001:db8::1", "2001:db8::1", 22, true},
    {"2001:db8::1", "2001:db8::2", 22, false},
    {"2001:db8::1", "2001:0DB8:0:0::1", 22, true},
    {"[2001:db8::1]", "2001:db8::1", 22, true},
    {"[2001:db8::1]:22", "2001:db8::1", 22, true},
    {"[2001:db8::1]:23", "2001:db8::1", 22, false},
    {"[::ffff:192.0.2.1]", "192.0.2.1", 22, true},
    {"::ffff:c000:201", "192.0.2.1", 22, true},
    {"[2001:db8::1", "2001:db8::1", 22, false},
    {"2001:db8::1]", "2001:db8::1", 22, false},
    {"[2001:db8::1]22", "2001:db8::1", 22, false},
    {"[2001:db8::1]x:22", "2001:db8::1", 22, false},

    {"fe80::1", "fe80::1%lo", 22, true},
    {"fe80::1", "fe80::1%no-such-interface", 22, true},
    {"fe80::1%lo", "fe80::1%lo", 22, true},
    {"[fe80::1%lo]:22", "fe80::1%lo", 22, true},
    {"fe80::1%lo", "fe80::1%eth0", 22, false},
    {"fe80::1%lo", "fe80::1%lo0", 22, false},
    {"fe80::1%lo0", "fe80::1%lo", 22, false},
    {"fe80::1%lo", "fe80::1", 22, false},
    {"fe80::%lo/10", "fe80::1%lo", 22, true},
    {"fe80::/10", "fe80::1%lo", 22, true},

    {"10.0.0.0/8", "10.255.0.1", 22, true},
    {"10.0.0.0/8", "11.0.0.1", 22, false},
    {"10.0.0.0/8:22", "10.255.0.1", 22, true},
    {"10.0.0.0/8:23", "10.255.0.1", 22, false},
    {"10.0.0.0/8", "::ffff:10.1.1.1", 22, true},
    {"::ffff:10.0.0.0/104", "10.1.1.1", 22, true},
    {"10.0.0.0/8", "10.0.0.1.corp.example", 22, false},
    {"10.0.0.0/8", "db", 22, false},
    {"0.0.0.0/0", "2001:db8::1", 22, false},
    {"2001:db8::/32", "2001:db8:ffff::1", 22, true},
    {"2001:db8::/32", "2001:db9::1", 22, false},
    {"[2001:db8::]/32", "2001:db8::1", 22, true},
    {"[2001:db8::]/32:22", "2001:db8::1", 22, true},
    {"[2001:db8::]/32:23", "2001:db8::1", 22, false},
    {"[2001:db8::/32]:22", "2001:db8::1", 22, false},
    {"10/8", "10.0.0.1", 22, false},
    {"10.0.0.0/33", "10.0.0.1", 22, false},
    {"10.0.0.0/", "10.0.0.0", 22, false},
    {"10.0.0.1/8x", "10.0.0.1", 22, false},

    {"", "db", 22, false},
    {"", ".", 22, false},
    {".", "db", 22, false},
    {".", "db.", 22, false},
    {"*.", "db.", 22, false},
    {"..", "db", 22, false},
    {"..db", "db", 22, false},
    {"*..db", "db", 22, false},
    {"**", "db", 22, false},
    {"*b", "db", 22, false},
    {"d*", "db", 22, false},
    {"?b", "db", 22, false},
    {"*.*", "db.example", 22, false},
    {"!db", "db", 22, false},
    {":22", "db", 22, false},
    {"http://db", "db", 22, false},
    {"db/", "db", 22, false},
    {"alice@db", "db", 22, false},
    {"[db]", "db", 22, false},
    {"%", "db", 22, false},
    {"%%%", "fe80::1%lo", 22, false},
    {"]", "::1", 22, false},
    {"[", "::1", 22, false},
    {"/", "::1", 22, false},
    {"d\xc3\xa4tenbank", "D\xc3\xa4TENBANK", 22, true},
};

static void covers(void **state)
{
    const struct covers_row *row = *state;
    char *host = strdup(row->host);
    struct endpoint target = {host, row->port, NULL, host};
    size_t length = strlen(row->name);
    /* What stands behind it isn't looked at, and nothing behind the end of that is. */
    char *entry = malloc(length + 1);

    assert_non_null(host);
    assert_non_null(entry);
    memcpy(entry, row->name, length);
    entry[length] = 'x';
    assert_int_equal(env_covers(entry, length, &target), row->covers);
    free(entry);
    free(host);
}

static void odd_sizes(void **state)
{
    char host[ENDPOINT_HOST_MAX + 1], entry[5000];
    struct endpoint target = {host, 22, NULL, NULL};

    (void)state;
    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    (void)snprintf(entry, sizeof(entry), "*.%s.:22", host);
    assert_true(env_covers(entry, strlen(entry), &target));
    entry[2] = 'b';
    assert_false(env_covers(entry, strlen(entry), &target));

    memset(entry, 'a', sizeof(entry));
    assert_false(env_covers(entry, sizeof(entry), &target));
    memset(entry, '1', sizeof(entry));
    assert_false(env_covers(entry, sizeof(entry), &target));
    memset(host, '1', sizeof(host) - 1);
    assert_false(env_covers(entry, sizeof(entry), &target));

    (void)memcpy(host, "db", 3);
    assert_false(env_covers("db\0x", 4, &target));
    assert_false(env_covers("db\0", 3, &target));
    assert_true(env_covers("db\0x", 2, &target));
}

static void unix_sockets(void **state)
{
    static char path[] = "/run/db";
    struct endpoint target = {NULL, 0, path, path};

    (void)state;
    assert_false(env_covers("*", 1, &target));
    assert_false(env_covers("/run/db", 7, &target));
}

static const struct loopback_row {
    const char *name;
    bool is;
} loopback_rows[] = {
    {"localhost", true},
    {"LocalHost", true},
    {"localhost.", true},
    {"db.localhost", true},
    {"a.b.LOCALHOST.", true},
    {"127.0.0.1", true},
    {"127.255.255.255", true},
    {"127.1", true},
    {"0x7f.1", true},
    {"0177.0.0.1", true},
    {"2130706433", true},
    {"::1", true},
    {"0:0::1", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:7f00:2", true},

    {"localhost.example", false},
    {"notlocalhost", false},
    {"localhos", false},
    {"128.0.0.1", false},
    {"126.255.255.255", false},
    {"127.0.0.1.example", false},
    {"127", false},
    {"0.0.0.0", false},
    {"::", false},
    {"::2", false},
    {"::127.0.0.1", false},
    {"fe80::1%lo", false},
    {"db", false},
};

static void loopback(void **state)
{
    const struct loopback_row *row = *state;

    assert_int_equal(env_is_loopback(row->name), row->is);
}

/* --- what the variables say --- */

#define VARIABLES_MAX 5

static const struct way_row {
    const char *name;
    const char *variables[VARIABLES_MAX];
    const char *host;
    const char *hops;
    const char *reason;
    const char *variable;
} way_rows[] = {
    {"nothing", {0}, "db", "direct", "no proxy variable is set", NULL},
    {"nothing, for loopback", {0}, "localhost", "direct", "no proxy variable is set", NULL},
    {"nothing but exceptions", {"no_proxy=db"}, "db", "direct", "no proxy variable is set", NULL},

    {"stile_proxy", {"stile_proxy=http://p:1"}, "db", "http://p:1", "$stile_proxy", "$stile_proxy"},
    {"STILE_PROXY", {"STILE_PROXY=http://p:1"}, "db", "http://p:1", "$STILE_PROXY", "$STILE_PROXY"},
    {"ssh_proxy", {"ssh_proxy=http://p:1"}, "db", "http://p:1", "$ssh_proxy", "$ssh_proxy"},
    {"SSH_PROXY", {"SSH_PROXY=http://p:1"}, "db", "http://p:1", "$SSH_PROXY", "$SSH_PROXY"},
    {"all_proxy", {"all_proxy=http://p:1"}, "db", "http://p:1", "$all_proxy", "$all_proxy"},
    {"ALL_PROXY", {"ALL_PROXY=http://p:1"}, "db", "http://p:1", "$ALL_PROXY", "$ALL_PROXY"},
    {"https_proxy", {"https_proxy=http://p:1"}, "db", "http://p:1", "$https_proxy", "$https_proxy"},
    {"HTTPS_PROXY", {"HTTPS_PROXY=http://p:1"}, "db", "http://p:1", "$HTTPS_PROXY", "$HTTPS_PROXY"},
    {"never http_proxy",
     {"http_proxy=http://p:1", "HTTP_PROXY=http://q:1"},
     "db",
     "direct",
     "no proxy variable is set",
     NULL},

    {"stile before ssh",
     {"ssh_proxy=b:1", "STILE_PROXY=a:1"},
     "db",
     "http://a:1",
     "$STILE_PROXY",
     "$STILE_PROXY"},
    {"ssh before all",
     {"all_proxy=b:1", "SSH_PROXY=a:1"},
     "db",
     "http://a:1",
     "$SSH_PROXY",
     "$SSH_PROXY"},
    {"all before https",
     {"https_proxy=b:1", "ALL_PROXY=a:1"},
     "db",
     "http://a:1",
     "$ALL_PROXY",
     "$ALL_PROXY"},
    {"lower case before upper case",
     {"HTTPS_PROXY=b:1", "https_proxy=a:1"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"empty is not set",
     {"stile_proxy=", "STILE_PROXY=", "https_proxy=a:1"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},

    {"CGI, upper case",
     {"REQUEST_METHOD=GET", "HTTPS_PROXY=evil:1", "ALL_PROXY=evil:1"},
     "db",
     "direct",
     "no proxy variable is set",
     NULL},
    {"CGI, lower case",
     {"REQUEST_METHOD=GET", "ALL_PROXY=evil:1", "https_proxy=a:1"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"CGI, method empty",
     {"REQUEST_METHOD=", "HTTPS_PROXY=evil:1"},
     "db",
     "direct",
     "no proxy variable is set",
     NULL},
    {"CGI, exceptions in upper case",
     {"REQUEST_METHOD=GET", "https_proxy=a:1", "NO_PROXY=*"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"CGI, exceptions in lower case",
     {"REQUEST_METHOD=GET", "https_proxy=a:1", "no_proxy=*"},
     "db",
     "direct",
     "$no_proxy has *",
     "$no_proxy"},

    {"no scheme",
     {"https_proxy=proxy:3128"},
     "db",
     "http://proxy:3128",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, no port",
     {"https_proxy=proxy"},
     "db",
     "http://proxy",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, a slash",
     {"https_proxy=proxy:3128/"},
     "db",
     "http://proxy:3128/",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, IPv6",
     {"https_proxy=[2001:db8::1]:3128"},
     "db",
     "http://[2001:db8::1]:3128",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, a login",
     {"https_proxy=alice:p%40ss@proxy:3128"},
     "db",
     "http://alice:p%40ss@proxy:3128",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, a password like a URL",
     {"https_proxy=alice:http://@proxy:3128"},
     "db",
     "http://alice:http://@proxy:3128",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, a Unix socket",
     {"https_proxy=unix:/run/proxy"},
     "db",
     "http://unix:/run/proxy",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme, settings",
     {"https_proxy=proxy:1?a=b://c"},
     "db",
     "http://proxy:1?a=b://c",
     "$https_proxy",
     "$https_proxy"},
    {"no scheme in a list",
     {"stile_proxy=a:1,b:2"},
     "db",
     "a:1,b:2",
     "$stile_proxy",
     "$stile_proxy"},
    {"an empty scheme", {"https_proxy=://a:1"}, "db", "://a:1", "$https_proxy", "$https_proxy"},
    {"a login",
     {"https_proxy=http://alice:p%40ss@proxy:3128"},
     "db",
     "http://alice:p%40ss@proxy:3128",
     "$https_proxy",
     "$https_proxy"},
    {"https", {"https_proxy=HTTPS://proxy"}, "db", "HTTPS://proxy", "$https_proxy", "$https_proxy"},
    {"socks", {"all_proxy=socks://p:1"}, "db", "socks5://p:1", "$all_proxy", "$all_proxy"},
    {"SOCKS",
     {"all_proxy=SOCKS://alice@p:1/"},
     "db",
     "socks5://alice@p:1/",
     "$all_proxy",
     "$all_proxy"},
    {"socks4", {"all_proxy=socks4://p:1"}, "db", "socks4://p:1", "$all_proxy", "$all_proxy"},
    {"socks5h", {"all_proxy=socks5h://p:1"}, "db", "socks5h://p:1", "$all_proxy", "$all_proxy"},
    {"socks as a host", {"all_proxy=socks:1"}, "db", "http://socks:1", "$all_proxy", "$all_proxy"},

    {"a list",
     {"stile_proxy=http://a:1,ssh://b"},
     "db",
     "http://a:1,ssh://b",
     "$stile_proxy",
     "$stile_proxy"},
    {"socks in a list",
     {"ssh_proxy=socks://a,http://b,socks://c,socks5://d,socks://e"},
     "db",
     "socks5://a,http://b,socks5://c,socks5://d,socks5://e",
     "$ssh_proxy",
     "$ssh_proxy"},
    {"a list with a hop missing",
     {"ssh_proxy=socks://a,"},
     "db",
     "socks5://a,",
     "$ssh_proxy",
     "$ssh_proxy"},
    {"direct",
     {"stile_proxy=direct", "https_proxy=a:1"},
     "db",
     "direct",
     "$stile_proxy",
     "$stile_proxy"},
    {"Direct", {"all_proxy=Direct"}, "db", "Direct", "$all_proxy", "$all_proxy"},
    {"a command",
     {"stile_proxy=exec:nc %h %p"},
     "db",
     "exec:nc %h %p",
     "$stile_proxy",
     "$stile_proxy"},
    {"a command with socks://",
     {"stile_proxy=exec:run a\\,socks://b socks://c,socks://d"},
     "db",
     "exec:run a\\,socks://b socks://c,socks5://d",
     "$stile_proxy",
     "$stile_proxy"},

    {"loopback", {"https_proxy=a:1"}, "127.0.0.1", "direct", "loopback", NULL},
    {"loopback and a chain", {"stile_proxy=ssh://gw"}, "localhost", "direct", "loopback", NULL},
    {"loopback and an exception",
     {"https_proxy=a:1", "no_proxy=*"},
     "::1",
     "direct",
     "loopback",
     NULL},

    {"an exception",
     {"https_proxy=a:1", "no_proxy=db"},
     "db",
     "direct",
     "$no_proxy has db",
     "$no_proxy"},
    {"an exception in upper case",
     {"https_proxy=a:1", "NO_PROXY=db"},
     "db",
     "direct",
     "$NO_PROXY has db",
     "$NO_PROXY"},
    {"an exception in lower case counts",
     {"https_proxy=a:1", "NO_PROXY=db", "no_proxy=x"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"no exceptions in lower case",
     {"https_proxy=a:1", "NO_PROXY=db", "no_proxy="},
     "db",
     "direct",
     "$NO_PROXY has db",
     "$NO_PROXY"},
    {"an exception from stile_proxy",
     {"stile_proxy=ssh://gw", "no_proxy=db"},
     "db",
     "direct",
     "$no_proxy has db",
     "$no_proxy"},
    {"the first that covers it",
     {"https_proxy=a:1", "no_proxy=localhost,192.0.2.0/24 , .example ,\tdb.example,*"},
     "db.example",
     "direct",
     "$no_proxy has .example",
     "$no_proxy"},
    {"* among others",
     {"https_proxy=a:1", "no_proxy=localhost, *"},
     "db",
     "direct",
     "$no_proxy has *",
     "$no_proxy"},
    {"another port",
     {"https_proxy=a:1", "no_proxy=db:2222"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"this port",
     {"https_proxy=a:1", "no_proxy=db:2222,db:22"},
     "db",
     "direct",
     "$no_proxy has db:22",
     "$no_proxy"},
    {"nothing between commas",
     {"https_proxy=a:1", "no_proxy= ,,  , "},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
    {"nothing that covers it",
     {"https_proxy=a:1", "no_proxy=,x,b,db.example,[,10.0.0.0/8,d b,"},
     "db",
     "http://a:1",
     "$https_proxy",
     "$https_proxy"},
};

/* The lookup is told nothing but a name. */
static const struct way_row *variables_of;

static const char *lookup(const char *name)
{
    size_t length = strlen(name);

    assert_true(strcasecmp(name, "http_proxy") != 0);
    for (size_t i = 0; i < VARIABLES_MAX && variables_of->variables[i]; i++) {
        const char *variable = variables_of->variables[i];
        if (strncmp(variable, name, length) == 0 && variable[length] == '=')
            return variable + length + 1;
    }
    return NULL;
}

static void releases(struct env_way *way)
{
    env_way_release(way);
    assert_null(way->hops);
    assert_null(way->reason);
    assert_null(way->variable);
    env_way_release(way);
}

static void way(void **state)
{
    const struct way_row *row = *state;
    struct endpoint target = ENDPOINT_INIT;
    struct env_way way;
    struct err err = ERR_INIT;

    variables_of = row;
    assert_int_equal(endpoint_set(&target, row->host, "22", &err), 0);
    assert_int_equal(env_way(&way, &target, lookup, &err), 0);
    assert_err_unset(&err);
    assert_string_equal(way.hops, row->hops);
    assert_string_equal(way.reason, row->reason);
    if (row->variable)
        assert_string_equal(way.variable, row->variable);
    else
        assert_null(way.variable);
    releases(&way);
    endpoint_release(&target);
}

static void way_to_a_unix_socket(void **state)
{
    static const struct way_row row = {.variables = {"https_proxy=a:1", "no_proxy=*"}};
    static char path[] = "/run/db";
    struct endpoint target = {NULL, 0, path, path};
    struct env_way way;
    struct err err = ERR_INIT;

    (void)state;
    variables_of = &row;
    assert_int_equal(env_way(&way, &target, lookup, &err), 0);
    assert_string_equal(way.hops, "direct");
    releases(&way);
}

/* As hop.h takes them. */
static const struct hops_row {
    const char *name; /* the value */
    size_t count;
    const char *last;
    const char *fault;
} hops_rows[] = {
    {"proxy:3128", 1, "http://proxy:3128", NULL},
    {"proxy:3128/", 1, "http://proxy:3128", NULL},
    {"http://proxy:3128/", 1, "http://proxy:3128", NULL},
    {"socks://alice:hunter2@gw:1080/", 1, "socks5://gw:1080", NULL},
    {"alice:hunter2@proxy:3128", 1, "http://proxy:3128", NULL},
    {"http://a:1,ssh://alice@b", 2, "ssh://b", NULL},
    {"direct", 0, NULL, NULL},
    {"DIRECT", 0, NULL, NULL},
    {"proxy:99999", 0, NULL, "column 8: bad address"},
    {"a:1,b:2", 0, NULL, "column 1: want scheme"},
    {"http://a:1,b:2", 0, NULL, "column 12: want scheme"},
    {"http://proxy:3128/path", 0, NULL, "column 8: a proxy has no path"},
    {"direct,http://a:1", 0, NULL, "column 1: want scheme"},
    {"http://alice:hunter2 @proxy:x", 0, NULL, "column 23: the port of a proxy"},
};

static void hops(void **state)
{
    const struct hops_row *row = *state;
    char value[100] = "stile_proxy=", host[] = "db";
    const struct way_row variables = {.variables = {strncat(value, row->name, 80)}};
    struct endpoint target = {host, 22, NULL, host};
    struct env_way way;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    variables_of = &variables;
    assert_int_equal(env_way(&way, &target, lookup, &err), 0);
    assert_int_equal(hops_parse(&hops, way.hops, HOP_FROM_FILE, &err), row->fault ? -1 : 0);
    if (row->fault)
        assert_err(&err, ERR_USAGE, row->fault);
    assert_int_equal(hops.count, row->count);
    if (row->last)
        assert_string_equal(hops.hop[hops.count - 1].name, row->last);
    hops_release(&hops);
    releases(&way);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, covers, covers_rows);
    UNIT_TEST(&unit, odd_sizes);
    UNIT_TEST(&unit, unix_sockets);
    UNIT_ROWS(&unit, loopback, loopback_rows);
    UNIT_ROWS(&unit, way, way_rows);
    UNIT_TEST(&unit, way_to_a_unix_socket);
    UNIT_ROWS(&unit, hops, hops_rows);
    return unit_run(&unit, "env");
}
