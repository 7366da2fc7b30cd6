/* SPDX-License-Identifier: MIT */
#include "config/hop.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "tests/unit/fake_ctx.h"
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

/* Parses what has to be right. */
static struct hops parsed(const char *text, enum hop_origin origin)
{
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    if (hops_parse(&hops, text, origin, &err))
        unit_fail("%s: %s", text, err_text(&err));
    assert_err_unset(&err);
    return hops;
}

/* Parses what has to be wrong; the message is the caller's. */
static struct err refused(const char *text, enum hop_origin origin)
{
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    if (hops_parse(&hops, text, origin, &err) != -1)
        unit_fail("%s was taken", text);
    if (err.code != ERR_USAGE || !err.text)
        unit_fail("%s: code %d, %s", text, (int)err.code, err_text(&err));
    hops_release(&hops);
    return err;
}

/* --- one hop --- */

static const struct good_row {
    const char *name; /* and what is parsed */
    const char *scheme;
    const char *host;
    uint16_t port; /* 0 = not said */
    const char *path;
    const char *user;
    const char *called; /* hop.name after the port 4711 was completed */
} good_rows[] = {
    {"socks5://gw:1080", "socks5", "gw", 1080, NULL, NULL, "socks5://gw:1080"},
    {"socks5://gw", "socks5", "gw", 0, NULL, NULL, "socks5://gw:4711"},
    {"socks5h://gw:9050", "socks5h", "gw", 9050, NULL, NULL, "socks5h://gw:9050"},
    {"socks4a://gw.example.org:1", "socks4a", "gw.example.org", 1, NULL, NULL,
     "socks4a://gw.example.org:1"},
    {"http://proxy:65535", "http", "proxy", 65535, NULL, NULL, "http://proxy:65535"},
    {"SOCKS5://GW:1080", "socks5", "GW", 1080, NULL, NULL, "socks5://GW:1080"},
    {"http://alice@proxy:3128", "http", "proxy", 3128, NULL, "alice", "http://proxy:3128"},
    {"http://alice@proxy", "http", "proxy", 0, NULL, "alice", "http://proxy:4711"},
    {"http://192.0.2.1:8080", "http", "192.0.2.1", 8080, NULL, NULL, "http://192.0.2.1:8080"},
    {"http://[::1]:8080", "http", "::1", 8080, NULL, NULL, "http://[::1]:8080"},
    {"http://[2001:db8::1]", "http", "2001:db8::1", 0, NULL, NULL, "http://[2001:db8::1]:4711"},
    {"http://bob@[::1]:80", "http", "::1", 80, NULL, "bob", "http://[::1]:80"},
    {"http://[fe80::1%25eth0]:80", "http", "fe80::1%eth0", 80, NULL, NULL,
     "http://[fe80::1%eth0]:80"},
    {"socks5://unix:/run/x.sock", "socks5", NULL, 0, "/run/x.sock", NULL,
     "socks5://unix:/run/x.sock"},
    {"http://alice@unix:/run/x.sock?header=A:b", "http", NULL, 0, "/run/x.sock", "alice",
     "http://unix:/run/x.sock"},
    {"http://unix:/run/a:b", "http", NULL, 0, "/run/a:b", NULL, "http://unix:/run/a:b"},
    {"http://unix:/run/a%2Cb%3Fc%40d", "http", NULL, 0, "/run/a,b?c@d", NULL,
     "http://unix:/run/a,b?c@d"},
    {"http://proxy:3128/", "http", "proxy", 3128, NULL, NULL, "http://proxy:3128"},
    {"http://proxy/", "http", "proxy", 0, NULL, NULL, "http://proxy:4711"},
    {"http://[::1]/", "http", "::1", 0, NULL, NULL, "http://[::1]:4711"},
    {"http://unix:/run/x/", "http", NULL, 0, "/run/x/", NULL, "http://unix:/run/x/"},
    {"http://%67w:3128", "http", "gw", 3128, NULL, NULL, "http://gw:3128"},
    {"http://al%69ce@gw:1", "http", "gw", 1, NULL, "alice", "http://gw:1"},
    {"http://CORP%5calice@gw:1", "http", "gw", 1, NULL, "CORP\\alice", "http://gw:1"},
    {"http://alice%40example.org@gw:1", "http", "gw", 1, NULL, "alice@example.org", "http://gw:1"},
    {"http://alice%3Abob@gw:1", "http", "gw", 1, NULL, "alice:bob", "http://gw:1"},
    {"http://a%2cb@gw:1", "http", "gw", 1, NULL, "a,b", "http://gw:1"},
    {"http://%c3%bcber@gw:1", "http", "gw", 1, NULL, "\303\274ber", "http://gw:1"},
    {"http://%2541@gw:1", "http", "gw", 1, NULL, "%41", "http://gw:1"},
    {"rot13://gw:7", "rot13", "gw", 7, NULL, NULL, "rot13://gw:7"},
    {"my-own://gw:7", "my-own", "gw", 7, NULL, NULL, "my-own://gw:7"},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    struct hops hops = parsed(row->name, HOP_FROM_ARGV);
    struct err err = ERR_INIT;

    assert_int_equal(hops.count, 1);
    struct hop *hop = &hops.hop[0];
    string_is(hop->scheme, row->scheme);
    string_is(hop->address.host, row->host);
    string_is(hop->address.path, row->path);
    string_is(hop->user, row->user);
    assert_int_equal(hop->address.port, row->port);
    assert_null(hop->command);
    assert_int_equal(hop->column, 1);

    assert_int_equal(hop_default_port(hop, 4711, &err), 0);
    assert_err_unset(&err);
    if (!row->path)
        assert_int_equal(hop->address.port, row->port ? row->port : 4711);
    string_is(hop->name, row->called);
    assert_contains(row->called, hop->address.text);
    hops_release(&hops);
}

/* --- exec --- */

static const struct exec_row {
    const char *name; /* and what is parsed */
    size_t hops;
    const char *command;
} exec_rows[] = {
    {"exec:nc %h %p", 1, "nc %h %p"},
    {"exec:/usr/bin/cloudflared access ssh --hostname %h", 1,
     "/usr/bin/cloudflared access ssh --hostname %h"},
    {"exec:a %41 %% %zz%", 1, "a %41 %% %zz%"},
    {"exec:a\\,b", 1, "a,b"},
    {"exec:a\\,b\\,c d\\,", 1, "a,b,c d,"},
    {"exec:a 'b c' \"d\\\"e\"", 1, "a 'b c' \"d\\\"e\""},
    {"exec:a\\ b", 1, "a\\ b"},
    {"exec:curl http://x?y=z&a@b#c", 1, "curl http://x?y=z&a@b#c"},
    {"exec:a,socks5://gw:1", 2, "a"},
    {"exec:a\\,b,socks5://gw:1", 2, "a,b"},
    {"EXEC:a", 1, "a"},
};

static void exec(void **state)
{
    const struct exec_row *row = *state;
    struct hops hops = parsed(row->name, HOP_FROM_ARGV);
    struct err err = ERR_INIT;

    assert_int_equal(hops.count, row->hops);
    struct hop *hop = &hops.hop[0];
    string_is(hop->scheme, "exec");
    string_is(hop->command, row->command);
    assert_null(hop->address.host);
    assert_null(hop->address.path);
    assert_null(hop->user);
    assert_int_equal(hop->setting_count, 0);
    assert_int_equal(hop_default_port(hop, 0, &err), 0);
    assert_int_equal(strncmp(hop->name, "exec:", 5), 0);
    hops_release(&hops);
}

/* --- lists --- */

static void nearest_first(void **state)
{
    (void)state;
    const char *text = "socks5://a:1,HTTP://bob@b:2?auth=basic,exec:c\\,d e,socks4://unix:/f";
    struct hops hops = parsed(text, HOP_FROM_ARGV);

    assert_int_equal(hops.count, 4);
    string_is(hops.hop[0].address.host, "a");
    string_is(hops.hop[1].address.host, "b");
    string_is(hops.hop[1].user, "bob");
    string_is(hop_setting(&hops.hop[1], "auth"), "basic");
    string_is(hops.hop[2].command, "c,d e");
    string_is(hops.hop[3].address.path, "/f");

    assert_int_equal(hops.hop[0].column, 1);
    assert_int_equal(hops.hop[1].column, 1 + (strstr(text, "HTTP") - text));
    assert_int_equal(hops.hop[2].column, 1 + (strstr(text, "exec") - text));
    assert_int_equal(hops.hop[3].column, 1 + (strstr(text, "socks4") - text));
    hops_release(&hops);
}

static void direct_is_no_hop(void **state)
{
    (void)state;
    struct hops hops = parsed("direct", HOP_FROM_ARGV);

    assert_int_equal(hops.count, 0);
    hops_release(&hops);
    hops_release(&hops);
}

static void release_of_nothing(void **state)
{
    (void)state;
    struct hops hops = HOPS_INIT;

    hops_release(&hops);
    hops_release(&hops);
    assert_int_equal(hops.count, 0);

    hops = parsed("http://a@b:1?user=c,exec:d", HOP_FROM_ARGV);
    hops_release(&hops);
    assert_int_equal(hops.count, 0);
    hops_release(&hops);
}

/* `count` times "socks5://h:1" with commas between. The caller frees it. */
static char *long_list(size_t count)
{
    static const char one[] = "socks5://h:1,";
    char *text = malloc(count * (sizeof(one) - 1) + 1);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * (sizeof(one) - 1), one, sizeof(one));
    text[count * (sizeof(one) - 1) - 1] = '\0';
    return text;
}

static void many_hops(void **state)
{
    (void)state;
    char *text = long_list(300);
    struct hops hops = parsed(text, HOP_FROM_ARGV);

    assert_int_equal(hops.count, 300);
    for (size_t i = 0; i < hops.count; i++)
        assert_int_equal(hops.hop[i].column, 1 + 13 * i);
    hops_release(&hops);
    free(text);
}

/* --- parameters --- */

static const struct setting_row {
    const char *name; /* and what is parsed */
    size_t count;
    const char *names[3];
    const char *values[3];
    unsigned columns[3];
} setting_rows[] = {
    {"http://gw:1?auth=basic", 1, {"auth"}, {"basic"}, {13}},
    {"http://gw?auth=basic", 1, {"auth"}, {"basic"}, {11}},
    {"http://gw:1?a=b&c=d&e=f", 3, {"a", "c", "e"}, {"b", "d", "f"}, {13, 17, 21}},
    {"http://gw:1?AuTh=Basic", 1, {"auth"}, {"Basic"}, {13}},
    {"http://gw:1?PasswordCommand=pass%20show%20x", 1, {"passwordcommand"}, {"pass show x"}, {13}},
    {"http://gw:1?header=X-A:%20b%26c&header=D:e%2Cf",
     2,
     {"header", "header"},
     {"X-A: b&c", "D:e,f"},
     {13, 33}},
    {"http://gw:1?a=b=c", 1, {"a"}, {"b=c"}, {13}},
    {"http://gw:1?a=b?c", 1, {"a"}, {"b?c"}, {13}},
    {"http://gw:1?a=b:c/d", 1, {"a"}, {"b:c/d"}, {13}},
    {"http://gw/?a=b", 1, {"a"}, {"b"}, {12}},
    {"http://gw:1?a=", 1, {"a"}, {""}, {13}},
    {"http://gw:1?a=%25%32%35", 1, {"a"}, {"%25"}, {13}},
    {"http://gw:1?a=+", 1, {"a"}, {"+"}, {13}},
    {"http://gw:1?a=%0a%ff", 1, {"a"}, {"\n\377"}, {13}},
    {"http://alice@gw:1?a=b@c", 1, {"a"}, {"b@c"}, {19}},
    {"http://gw:1?a=b@c", 1, {"a"}, {"b@c"}, {13}},
    {"http://gw:1?a=b:c@d", 1, {"a"}, {"b:c@d"}, {13}},
};

static void settings(void **state)
{
    const struct setting_row *row = *state;
    /* A hop in front, so that columns count from the start of the whole text. */
    for (unsigned before = 0; before < 2; before++) {
        char text[200];
        (void)snprintf(text, sizeof(text), "%s%s", before ? "socks5://x:1," : "", row->name);
        struct hops hops = parsed(text, HOP_FROM_ARGV);
        const struct hop *hop = &hops.hop[before];

        assert_int_equal(hops.count, before + 1);
        string_is(hop->address.host, "gw");
        assert_int_equal(hop->setting_count, row->count);
        for (size_t i = 0; i < row->count; i++) {
            string_is(hop->settings[i].name, row->names[i]);
            string_is(hop->settings[i].value, row->values[i]);
            assert_int_equal(hop->settings[i].column, row->columns[i] + before * 13);
        }
        hops_release(&hops);
    }
}

static void first_setting_wins(void **state)
{
    (void)state;
    struct hops hops = parsed("http://gw:1?a=1&b=2&a=3", HOP_FROM_ARGV);
    struct hop *hop = &hops.hop[0];
    struct err err = ERR_INIT;

    string_is(hop_setting(hop, "a"), "1");
    string_is(hop_setting(hop, "b"), "2");
    assert_null(hop_setting(hop, "c"));
    assert_null(hop_setting(hop, ""));

    assert_int_equal(hop_add_setting(hop, "a", "4", 0, &err), 0);
    assert_int_equal(hop_add_setting(hop, "c", "5", 7, &err), 0);
    assert_err_unset(&err);
    assert_int_equal(hop->setting_count, 5);
    string_is(hop_setting(hop, "a"), "1");
    string_is(hop_setting(hop, "c"), "5");
    string_is(hop->settings[3].value, "4");
    assert_int_equal(hop->settings[3].column, 0);
    assert_int_equal(hop->settings[4].column, 7);
    hops_release(&hops);
}

static void settings_can_be_added_to_none(void **state)
{
    (void)state;
    struct hops hops = parsed("http://gw:1", HOP_FROM_ARGV);
    struct hop *hop = &hops.hop[0];
    char name[16], value[16];
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        (void)snprintf(value, sizeof(value), "v%u", i);
        assert_int_equal(hop_add_setting(hop, name, value, i, &err), 0);
    }
    /* They are copies. */
    memset(name, 'x', sizeof(name));
    memset(value, 'x', sizeof(value));
    assert_int_equal(hop->setting_count, 100);
    string_is(hop_setting(hop, "n0"), "v0");
    string_is(hop_setting(hop, "n99"), "v99");
    hops_release(&hops);
}

static const struct flag_row {
    const char *name; /* and the URL */
    int result;
    bool wanted[2]; /* for each fallback */
    const char *message;
} flag_rows[] = {
    {"http://gw:1?f=yes", 0, {true, true}, NULL},
    {"http://gw:1?f=no", 0, {false, false}, NULL},
    {"http://gw:1?g=yes", 0, {false, true}, NULL},
    {"http://gw:1", 0, {false, true}, NULL},
    {"http://gw:1?F=no&f=yes", 0, {false, false}, NULL},
    {"http://gw:1?f=maybe", -1, {false, true}, "column 13: f: "},
    {"http://gw:1?f=", -1, {false, true}, "column 13: f: "},
    {"http://gw:1?f=yess", -1, {false, true}, "column 13: f: "},
    {"http://gw:1?f=y", -1, {false, true}, "column 13: f: "},
};

static void flag(void **state)
{
    const struct flag_row *row = *state;
    struct hops hops = parsed(row->name, HOP_FROM_ARGV);

    for (int fallback = 0; fallback < 2; fallback++) {
        struct err err = ERR_INIT;
        bool out = false;
        assert_int_equal(hop_setting_flag(&hops.hop[0], "f", fallback, &out, &err), row->result);
        if (row->result)
            assert_err(&err, ERR_USAGE, row->message);
        else
            assert_int_equal(out, row->wanted[fallback]);
    }
    hops_release(&hops);
}

static void fault_names_column_and_setting(void **state)
{
    (void)state;
    char name[] = "auth", value[] = "x";
    struct setting setting = {name, value, 20, PLACE_NONE};
    struct err err = ERR_INIT;

    assert_int_equal(hop_setting_fault(&setting, &err, "no %s like '%s'", "scheme", "x"), -1);
    assert_string_equal(err_text(&err), "column 20: auth: no scheme like 'x'");
    assert_err(&err, ERR_USAGE, NULL);

    /* It was said elsewhere (-o), where columns mean nothing. */
    setting.column = 0;
    assert_int_equal(hop_setting_fault(&setting, &err, "no"), -1);
    assert_null(strstr(err_text(&err), "column"));
    assert_err(&err, ERR_USAGE, "auth: no");
}

/* --- ports --- */

static void default_port(void **state)
{
    (void)state;
    struct hops hops = parsed("socks5://a,socks5://b:9,socks5://unix:/c,socks5://d", HOP_FROM_ARGV);
    struct err err = ERR_INIT;

    assert_int_equal(hop_default_port(&hops.hop[0], 1080, &err), 0);
    assert_int_equal(hops.hop[0].address.port, 1080);
    string_is(hops.hop[0].address.text, "a:1080");
    string_is(hops.hop[0].name, "socks5://a:1080");
    /* A second time there is nothing left to do. */
    assert_int_equal(hop_default_port(&hops.hop[0], 9999, &err), 0);
    assert_int_equal(hops.hop[0].address.port, 1080);

    for (uint16_t port = 0; port <= 1080; port = (uint16_t)(port + 1080)) {
        assert_int_equal(hop_default_port(&hops.hop[1], port, &err), 0);
        assert_int_equal(hops.hop[1].address.port, 9);
        string_is(hops.hop[1].name, "socks5://b:9");
        assert_int_equal(hop_default_port(&hops.hop[2], port, &err), 0);
        string_is(hops.hop[2].address.path, "/c");
        string_is(hops.hop[2].name, "socks5://unix:/c");
    }
    assert_err_unset(&err);
    assert_int_equal(hop_default_port(&hops.hop[3], 0, &err), -1);
    assert_err(&err, ERR_USAGE, "port");
    hops_release(&hops);
}

/* --- what is refused --- */

static const struct bad_row {
    const char *name; /* and what is parsed */
    unsigned first;   /* the column that the message names lies in first..last */
    unsigned last;
} bad_rows[] = {
    {"", 1, 1},
    {",", 1, 1},
    {"socks5://gw:1,", 15, 15},
    {",socks5://gw:1", 1, 1},
    {"socks5://a:1,,socks5://b:1", 14, 14},
    {"direct,socks5://gw:1", 1, 8},
    {"socks5://gw:1,direct", 15, 15},
    {"direct,direct", 1, 8},
    {"gw", 1, 1},
    {"gw:1080", 1, 4},
    {"socks5", 1, 7},
    {"socks5:", 1, 8},
    {"socks5:/", 1, 9},
    {"socks5:gw:1", 1, 8},
    {"socks5:/gw:1", 1, 9},
    {"socks5://", 10, 10},
    {"socks5://:1080", 10, 10},
    {"socks5://alice@", 10, 16},
    {"socks5://alice@:1", 10, 16},
    {"socks5://gw:", 10, 13},
    {"socks5://gw:0", 10, 13},
    {"socks5://gw:65536", 10, 13},
    {"socks5://gw:no-such-service", 10, 13},
    {"socks5://gw:http", 10, 13},
    {"socks5://[::1]:http", 10, 16},
    {"socks5://gw:1x", 10, 13},
    {"socks5://gw:+1", 10, 13},
    {"socks5://[::1", 10, 10},
    {"socks5://[::1]x", 10, 15},
    {"socks5://[gw]:1", 10, 10},
    {"socks5://a:b:c", 10, 12},
    {"socks5://-oProxyCommand=x", 10, 10},
    {"socks5://%2Dx:1", 10, 10},
    {"socks5://a b:1", 10, 11},
    {"socks5://a%20b:1", 10, 11},
    {"socks5://a%0ab:1", 10, 11},
    {"socks5://a/b:1", 10, 11},
    {"socks5://a%2fb:1", 10, 11},
    {"socks5://a%2f", 10, 13},
    {"socks5://a:1//", 10, 14},
    {"socks5://a:1/x", 10, 14},
    {"socks5:///", 10, 10},
    {"socks5://unix:run/x", 10, 15},
    {"socks5://unix:", 10, 15},
    {"://gw:1", 1, 1},
    {"1socks://gw:1", 1, 1},
    {"so cks://gw:1", 1, 3},
    {"so_cks://gw:1", 1, 3},
    {"../evil://gw:1", 1, 3},
    {"/tmp/evil://gw:1", 1, 1},
    {"so%63ks5://gw:1", 1, 3},
    {"\nsocks5://gw:1", 1, 1},
    {"socks5://gw:1, socks5://gw:1", 15, 15},
    {"socks5://%gw:1", 10, 10},
    {"socks5://%6:1", 10, 10},
    {"socks5://%", 10, 10},
    {"socks5://%4", 10, 10},
    {"socks5://g%-1w:1", 11, 11},
    {"socks5://g%+1w:1", 11, 11},
    {"socks5://g% 1w:1", 11, 11},
    {"socks5://g%0xw:1", 11, 11},
    {"socks5://%00gw:1", 10, 10},
    {"socks5://al%00ice@gw:1", 12, 12},
    {"socks5://al%xyice@gw:1", 12, 12},
    {"socks5://gw:1?user=a%00b", 21, 21},
    {"socks5://gw:1?user=a%4", 21, 21},
    {"socks5://gw:1?us%00er=a", 15, 17},
    {"socks5://unix:/a%00b", 17, 17},
    {"socks5://a:1,socks5://%zz:1", 23, 23},
    {"socks5://gw:1?user", 15, 19},
    {"socks5://gw:1?=x", 15, 15},
    {"socks5://gw:1?a=b&c", 19, 20},
    {"exec:", 1, 6},
    {"exec:,socks5://gw:1", 1, 6},
};

/* The number behind "column "; 0 = there is none. */
static unsigned column_of(const char *text)
{
    unsigned column = 0;

    if (strncmp(text, "column ", 7) != 0)
        return 0;
    text += 7;
    for (; *text >= '0' && *text <= '9'; text++)
        column = column * 10 + (unsigned)(*text - '0');
    return strncmp(text, ": ", 2) == 0 && text[2] ? column : 0;
}

static void bad(void **state)
{
    const struct bad_row *row = *state;

    for (int origin = HOP_FROM_ARGV; origin <= HOP_FROM_FILE; origin++) {
        struct err err = refused(row->name, (enum hop_origin)origin);
        unsigned column = column_of(err_text(&err));
        if (column < row->first || column > row->last)
            unit_fail("`%s` does not name column %u to %u", err_text(&err), row->first, row->last);
        err_release(&err);
    }
}

static void every_control_byte_in_a_host_is_refused(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte <= 0x7f; byte++) {
        char text[40];
        if (byte > ' ' && byte < 0x7f)
            continue;
        (void)snprintf(text, sizeof(text), "socks5://a%%%02xb:1", byte);
        struct err err = refused(text, HOP_FROM_ARGV);
        err_release(&err);
        (void)snprintf(text, sizeof(text), "socks5://a%cb:1", (int)byte);
        err = refused(text, HOP_FROM_ARGV);
        err_release(&err);
    }
}

static void host_length_bound(void **state)
{
    (void)state;
    for (size_t length = ENDPOINT_HOST_MAX; length <= ENDPOINT_HOST_MAX + 1; length++) {
        char text[400] = "socks5://";
        memset(text + strlen(text), 'h', length);
        if (length == ENDPOINT_HOST_MAX) {
            struct hops hops = parsed(text, HOP_FROM_ARGV);
            assert_int_equal(strlen(hops.hop[0].address.host), length);
            hops_release(&hops);
        } else {
            struct err err = refused(text, HOP_FROM_ARGV);
            err_release(&err);
        }
    }
}

/* A megabyte of anything is refused, not copied over and over. */
static void megabytes(void **state)
{
    (void)state;
    static const char *const fronts[] = {"", "socks5://", "socks5://a:1?", "socks5://unix:/",
                                         "socks5://u@"};
    static const char fills[] = "a%,&=?@:\\/[]";
    size_t size = 1 << 20;
    char *text = malloc(size + 1);

    assert_non_null(text);
    text[size] = '\0';
    for (size_t front = 0; front < sizeof(fronts) / sizeof(fronts[0]); front++) {
        for (const char *fill = fills; *fill; fill++) {
            struct hops hops = HOPS_INIT;
            struct err err = ERR_INIT;
            memset(text, *fill, size);
            memcpy(text, fronts[front], strlen(fronts[front]));
            assert_int_equal(hops_parse(&hops, text, HOP_FROM_ARGV, &err), -1);
            assert_err(&err, ERR_USAGE, "column ");
            hops_release(&hops);
        }
    }
    free(text);
}

/* --- passwords --- */

/* Each holds the password "hunter2", or one that was not written as a URL wants it. */
static const struct leak_row {
    const char *name; /* and what is parsed */
    bool file_takes_it;
} leak_rows[] = {
    {"http://alice:hunter2@gw:3128", true},
    {"http://alice:hunter2@gw", true},
    {"http://alice:hunter2@unix:/run/x", true},
    {"http://alice:hunter2@[::1]:1?auth=basic", true},
    {"socks5://a:1,http://alice:hunter2@gw:1,socks5://b:1", true},
    {"http://:hunter2@gw:1", false},
    {"http://alice:hunter2@", false},
    {"http://alice:hunter2@:1", false},
    {"http://alice:hunter2@gw:99999", false},
    {"http://alice:hunter2@gw:x", false},
    {"http://alice:hunter2@-gw:1", false},
    {"http://alice:hunter2@g%zzw:1", false},
    {"http://alice:hunter2@gw:1?auth", false},
    {"http://alice:hunter2%zz@gw:1", false},
    {"http://alice:%zzhunter2@gw:1", false},
    {"http://alice:hunter2%00@gw:1", false},
    {"http://al%zzice:hunter2@gw:1", false},
    {"http://alice:hunter2@x@gw:1", false},
    {"http://alice:x@hunter2@gw:1", false},
    {"http://alice:hunter2/x@gw:1", false},
    {"http://alice:x/hunter2@gw:1", false},
    {"http://alice:hunter2?x@gw:1", false},
    {"http://alice:x?hunter2@gw:1", false},
    {"http://alice:x#hunter2@gw:1", true},
    {"http://alice:x:hunter2@gw:1", true},
    {"http://alice:hunter2,x@gw:1", false},
    {"http://alice:x,hunter2@gw:1", false},
    {"http://alice:hunter2 x@gw:1", true},
    {"ht tp://alice:hunter2@gw:1", false},
    {"http:/alice:hunter2@gw:1", false},
    {"http:alice:hunter2@gw:1", false},
    {"alice:hunter2@gw:1", false},
    {"http://gw:1?password=hunter2", false},
    {"http://gw:1?PassWord=hunter2", false},
    {"http://gw:1?user=alice&password=hunter2&a=b", false},
    {"http://gw:1?password=hunter2%zz", false},
    {"http://alice:22,hunter2@gw:1", false},
    {"http://alice:22?hunter2@gw:1", false},
    {"http://alice:hunter2", false},
    {"http://alice:hunter2/", false},
    {"http://alice:hunter2?auth=basic", false},
    {"http://alice:x:hunter2", false},
    {"http://alice:hunter2:22", false},
    {"http://alice:-hunter2", false},
    {"http://:hunter2", false},
    {"http://[::1]:hunter2", false},
};

static void no_password_in_messages(void **state)
{
    const struct leak_row *row = *state;
    struct err err = refused(row->name, HOP_FROM_ARGV);

    if (strstr(err_text(&err), "hunter"))
        unit_fail("`%s`", err_text(&err));
    assert_int_not_equal(column_of(err_text(&err)), 0);
    err_release(&err);
    if (!row->file_takes_it)
        return;

    struct hops hops = parsed(row->name, HOP_FROM_FILE);
    for (size_t i = 0; i < hops.count; i++) {
        if (strstr(hops.hop[i].name, "hunter") || strstr(hops.hop[i].name, "alice"))
            unit_fail("`%s`", hops.hop[i].name);
    }
    hops_release(&hops);
}

static const struct password_row {
    const char *name; /* and what is parsed */
    const char *password;
} password_rows[] = {
    {"http://alice:hunter2@gw:1", "hunter2"},     {"http://alice:a%2Cb%40c%3Ad@gw:1", "a,b@c:d"},
    {"http://alice:a:b:c@gw:1", "a:b:c"},         {"http://alice:a#b/c@gw:1", "a#b/c"},
    {"http://alice:%25%c3%bc@gw:1", "%\303\274"},
};

/* In a file nobody else can read it. */
static void password_in_a_file(void **state)
{
    const struct password_row *row = *state;
    struct hops hops = parsed(row->name, HOP_FROM_FILE);
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(hops.count, 1);
    string_is(hops.hop[0].user, "alice");
    string_is(credential_secret(&hops.hop[0], &fake.ctx), row->password);
    assert_err_unset(&fake.err);
    hops_release(&hops);
}

/* Whoever typed one is told what to do instead. */
static void password_in_argv_names_the_ways(void **state)
{
    (void)state;
    struct err err = refused("socks5://a:1,http://alice:hunter2@gw:3128", HOP_FROM_ARGV);

    assert_contains(err_text(&err), "column ");
    unsigned column = column_of(err_text(&err));
    assert_in_range(column, 14, 28);
    /* As a reader of the manual page would look for them, whatever the case. */
    for (char *at = err.text; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    assert_contains(err_text(&err), "passwordcommand");
    assert_contains(err_text(&err), "passwordfile");
    assert_contains(err_text(&err), "passwordenv");
    assert_contains(err_text(&err), "netrc");
    assert_err(&err, ERR_USAGE, "password");
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, exec, exec_rows);
    UNIT_TEST(&unit, nearest_first);
    UNIT_TEST(&unit, direct_is_no_hop);
    UNIT_TEST(&unit, release_of_nothing);
    UNIT_TEST(&unit, many_hops);
    UNIT_ROWS(&unit, settings, setting_rows);
    UNIT_TEST(&unit, first_setting_wins);
    UNIT_TEST(&unit, settings_can_be_added_to_none);
    UNIT_ROWS(&unit, flag, flag_rows);
    UNIT_TEST(&unit, fault_names_column_and_setting);
    UNIT_TEST(&unit, default_port);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, every_control_byte_in_a_host_is_refused);
    UNIT_TEST(&unit, host_length_bound);
    UNIT_TEST(&unit, megabytes);
    UNIT_ROWS(&unit, no_password_in_messages, leak_rows);
    UNIT_ROWS(&unit, password_in_a_file, password_rows);
    UNIT_TEST(&unit, password_in_argv_names_the_ways);
    return unit_run(&unit, "hop");
}
