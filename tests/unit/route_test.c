/* SPDX-License-Identifier: MIT */
#include "transports/route.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_player.h"
#include "tests/unit/fake_unit.h"
#include "transports/registry.h"

#define PASSWORD "hunter2"

/* --- what can be said without a network --- */

static const struct trace silent = {.level = 0, .fd = 2};

static const struct good_row {
    const char *name; /* and the list */
    size_t count;
    const char *called[3];
} good_rows[] = {
    {"direct", 0, {NULL}},
    {"socks5://gw", 1, {"socks5://gw:1080"}},
    {"socks5h://gw", 1, {"socks5h://gw:1080"}},
    {"socks4://gw", 1, {"socks4://gw:1080"}},
    {"socks4a://gw", 1, {"socks4a://gw:1080"}},
    {"http://gw", 1, {"http://gw:80"}},
    {"https://gw", 1, {"https://gw:443"}},
    {"HTTP://gw:3128", 1, {"http://gw:3128"}},
    {"exec:nc %h %p", 1, {"exec:nc"}},
    {"http://unix:/run/x", 1, {"http://unix:/run/x"}},
    {"http://alice@a,socks5://[::1],socks4a://c:9",
     3,
     {"http://a:80", "socks5://[::1]:1080", "socks4a://c:9"}},
    {"exec:nc %h %p,http://a,https://b", 3, {"exec:nc", "http://a:80", "https://b:443"}},
    {"socks5://gw?resolve=local&pipeline=yes&user=alice&passwordenv=X", 1, {"socks5://gw:1080"}},
    {"http://gw?header=A:b&header=C:d&auth=basic&passwordfile=~/x", 1, {"http://gw:80"}},
    {"https://gw?cafile=/x&cert=/y&key=/z&insecure=yes&auth=ntlm", 1, {"https://gw:443"}},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, row->name, HOP_FROM_ARGV, &err), 0);
    struct route *route = route_new(&hops, &silent, &err);
    if (!route)
        unit_fail("%s", err_text(&err));
    assert_err_unset(&err);
    assert_int_equal(hops.count, row->count);
    for (size_t i = 0; i < hops.count; i++)
        assert_string_equal(hops.hop[i].name, row->called[i]);
    route_free(route);
    hops_release(&hops);
}

static const struct bad_row {
    const char *name; /* and the list */
    const char *message;
} bad_rows[] = {
    {"gopher://gw:70", "column 1: "},
    {"socks5://gw,gopher://gw:70", "column 13: "},
    {"socks://gw:1", "'socks'"},
    {"curl://gw:1", "'curl'"},
    {"stile://gw:1", "'stile'"},
    {"socks5://gw?nope=1", "column 13: nope: "},
    {"socks5://gw?user=a&nope=1", "column 20: nope: "},
    {"socks4://a,socks5://gw?NOPE=1", "column 24: nope: "},
    {"socks5://gw?auth=basic", "column 13: auth: "},
    {"socks5://gw?header=A:b", "column 13: header: "},
    {"socks4://gw?passwordenv=X", "column 13: passwordenv: "},
    {"socks4://gw?pipeline=yes", "column 13: pipeline: "},
    {"http://gw?pipeline=yes", "column 11: pipeline: "},
    {"http://gw?resolve=local", "column 11: resolve: "},
    {"http://gw?cafile=/x", "column 11: cafile: "},
    {"http://gw?insecure=yes", "column 11: insecure: "},
    {"https://gw?insecure=maybe", "column 12: insecure: "},
    {"https://gw?auth=foo", "column 12: auth: "},
    {"socks5://gw?resolve=maybe", "column 13: resolve: "},
    {"socks5://gw?pipeline=maybe", "column 13: pipeline: "},
    {"socks5://gw?user=", "column 13: user: "},
    {"socks5://gw?user=a&user=b", "column 20: user: "},
    {"socks5://gw?user=a&USER=b", "column 20: user: "},
    {"http://gw?auth=basic&auth=ntlm", "column 22: auth: "},
    {"http://gw?header=A:b&header=Host:c", "column 22: header: "},
    {"http://gw?passwordenv=" PASSWORD "-1", "column 11: passwordenv: "},
    {"socks5://gw,http://unix:/run/x", "column 13: "},
    {"socks5://gw,exec:nc", "column 13: "},
    {"exec:a,exec:b", "column 8: "},
};

/* Exit status 2, and the column of what is wrong. */
static void bad(void **state)
{
    const struct bad_row *row = *state;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, row->name, HOP_FROM_ARGV, &err), 0);
    assert_null(route_new(&hops, &silent, &err));
    assert_null(strstr(err_text(&err), PASSWORD));
    assert_err(&err, ERR_USAGE, row->message);
    hops_release(&hops);
}

/* A setting that came from -o has no column in the list. */
static void bad_option(void **state)
{
    (void)state;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, "socks5://gw", HOP_FROM_ARGV, &err), 0);
    assert_int_equal(hop_add_setting(&hops.hop[0], "Resolve", "maybe", 0, &err), 0);
    assert_null(route_new(&hops, &silent, &err));
    assert_null(strstr(err_text(&err), "column"));
    assert_err(&err, ERR_USAGE, "resolve: ");
    hops_release(&hops);

    assert_int_equal(hops_parse(&hops, "socks5://gw", HOP_FROM_ARGV, &err), 0);
    assert_int_equal(hop_add_setting(&hops.hop[0], "Nope", "1", 0, &err), 0);
    assert_null(route_new(&hops, &silent, &err));
    assert_null(strstr(err_text(&err), "column"));
    assert_err(&err, ERR_USAGE, "nope: ");
    hops_release(&hops);
}

static void free_of_nothing(void **state)
{
    (void)state;
    route_free(NULL);
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;
    struct route *route = route_new(&hops, &silent, &err);

    assert_non_null(route);
    route_free(route);
}

/* Each scheme has one transport, which says that it serves it. */
static void registry(void **state)
{
    (void)state;
    static const char *const schemes[] = {"socks5", "socks5h", "socks4", "socks4a",
                                          "http",   "https",   "exec"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct err err = ERR_INIT;
        const struct transport *transport = registry_find(schemes[i], &silent, &err);
        bool serves = false;
        assert_non_null(transport);
        assert_err_unset(&err);
        for (const char *const *scheme = transport->schemes; *scheme; scheme++)
            serves = serves || strcmp(*scheme, schemes[i]) == 0;
        assert_true(serves);
        assert_non_null(transport->dial);
        assert_non_null(transport->name);
    }
}

/* No name leads out of the folder where modules are. */
static const char *const strangers[] = {"",     ".",       "..",          "../curl",  "/tmp/x",
                                        "a/b",  "curl.so", "socks5:",     "SOCKS5",   "socks",
                                        "sock", " ",       "\n",          "%s",       "a\\b",
                                        "~",    "-",       "socks55",     "direct",   "unix",
                                        "curl", "so",      "module_x.so", "libc.so.6"};

static void registry_of_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        struct err err = ERR_INIT;
        if (registry_find(strangers[i], &silent, &err))
            unit_fail("'%s' was found", strangers[i]);
        assert_err(&err, ERR_USAGE, "unknown scheme");
    }
}

/* --- dialing --- */

/* A listening Unix socket is the nearest proxy; the players behind it are all the others, too. */
struct net {
    char path[FD_PATH_MAX];
    int listener;
    struct fake_ctx fake;
};

static void net_open(struct net *net, int64_t limit_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fake_ctx_init(&net->fake, limit_ms);
    fd_temp_path(net->path, "s");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", net->path);
    net->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(net->listener >= 0);
    assert_int_equal(bind(net->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(net->listener, 5), 0);
}

static void net_close(struct net *net)
{
    fd_close(&net->listener);
    fd_temp_remove(net->path);
    err_release(&net->fake.err);
}

/* `list` has a %s where the path of the socket belongs. */
static struct stream *net_dial(struct net *net, const char *list, const char *target)
{
    char text[1000];
    const char *path = strstr(list, "%s");
    struct endpoint to = ENDPOINT_INIT;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    (void)snprintf(text, sizeof(text), "%.*s%s%s", path ? (int)(path - list) : 0, list,
                   path ? net->path : "", path ? path + 2 : list);
    assert_int_equal(hops_parse(&hops, text, HOP_FROM_ARGV, &err), 0);
    assert_int_equal(endpoint_parse(&to, target, 0, &err), 0);
    struct route *route = route_new(&hops, &silent, &err);
    if (!route)
        unit_fail("%s: %s", text, err_text(&err));
    struct stream *stream = route_dial(route, &to, &net->fake.ctx);
    route_free(route);
    endpoint_release(&to);
    hops_release(&hops);
    if (stream)
        assert_err_unset(&net->fake.err);
    else
        assert_int_not_equal(net->fake.err.code, ERR_NONE);
    return stream;
}

#define SOCKS5_TO(name) GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\3" name "\0\26")
#define SOCKS5_UP "\5\0\0\1\0\0\0\0\0\0"
#define SOCKS4_UP "\0\x5a\0\0\0\0\0\0"
#define HTTP_TO(to) GETS("CONNECT " to " HTTP/1.1\r\nHost: " to "\r\n\r\n")
#define HTTP_UP "HTTP/1.1 200 OK\r\n\r\n"

static const struct chain_row {
    const char *name; /* and the list */
    struct player_script script;
} chain_rows[] = {
    {"socks5://unix:%s", {{SOCKS5_TO("\2db"), PUTS(SOCKS5_UP "banner")}}},
    {"http://unix:%s", {{HTTP_TO("db:22"), PUTS(HTTP_UP "banner")}}},
    {"socks5://unix:%s,http://b:22",
     {{SOCKS5_TO("\1b"), PUTS(SOCKS5_UP), HTTP_TO("db:22"), PUTS(HTTP_UP "banner")}}},
    {"http://unix:%s,socks5://b:22",
     {{HTTP_TO("b:22"), PUTS(HTTP_UP), SOCKS5_TO("\2db"), PUTS(SOCKS5_UP "banner")}}},
    {"http://unix:%s,http://b",
     {{HTTP_TO("b:80"), PUTS(HTTP_UP), HTTP_TO("db:22"), PUTS(HTTP_UP "banner")}}},
    {"http://unix:%s,http://[2001:db8::1],http://c",
     {{HTTP_TO("[2001:db8::1]:80"), PUTS(HTTP_UP), HTTP_TO("c:80"), PUTS(HTTP_UP), HTTP_TO("db:22"),
       PUTS(HTTP_UP "banner")}}},
    /* Six hops, of every kind. */
    {"socks4a://unix:%s,http://b,socks5://c:22,socks5://d:22?pipeline=yes,http://e,socks4a://f:22",
     {{GETS("\4\1\0\120\0\0\0\1\0b\0"), PUTS(SOCKS4_UP), HTTP_TO("c:22"), PUTS(HTTP_UP),
       SOCKS5_TO("\1d"), PUTS(SOCKS5_UP), GETS("\5\1\0\5\1\0\3\1e\0\120"), PUTS("\5\0" SOCKS5_UP),
       HTTP_TO("f:22"), PUTS(HTTP_UP), GETS("\4\1\0\26\0\0\0\1\0db\0"), PUTS(SOCKS4_UP "banner")}}},
};

/* Through one connection, all of whose handshakes vanish: the stream is the bare socket. */
static void chain(void **state)
{
    const struct chain_row *row = *state;
    struct net net;
    char got[6];

    net_open(&net, UNIT_WAIT_MS);
    struct player *player = player_start_listening(net.listener, &row->script);
    struct stream *stream = net_dial(&net, row->name, "db:22");
    if (!stream)
        unit_fail("%s", err_text(&net.fake.err));
    int fd = stream_socket(stream);
    assert_true(fd >= 0);
    fd_get(fd, got, sizeof(got));
    assert_memory_equal(got, "banner", sizeof(got));
    stream_close(stream);
    assert_false(fd_is_open(fd));
    player_finish(player);
    net_close(&net);
}

static void no_hops_is_the_ground(void **state)
{
    (void)state;
    static const struct player_script script = {{PUTS("banner")}};
    struct net net;
    char text[FD_PATH_MAX + 10];
    char got[6];

    net_open(&net, UNIT_WAIT_MS);
    (void)snprintf(text, sizeof(text), "unix:%s", net.path);
    struct player *player = player_start_listening(net.listener, &script);
    struct stream *stream = net_dial(&net, "direct", text);
    assert_non_null(stream);
    fd_get(stream_socket(stream), got, sizeof(got));
    assert_memory_equal(got, "banner", sizeof(got));
    stream_close(stream);
    player_finish(player);
    net_close(&net);
}

/* --- who it was --- */

static const struct fail_row {
    const char *name; /* and the list */
    struct player_script script;
    enum err_code code;
    const char *message; /* the start of it; %s is the path */
} fail_rows[] = {
    {"http://unix:%s",
     {{HTTP_TO("db:22"), PUTS("HTTP/1.1 403 No\r\n\r\n")}},
     ERR_REFUSED,
     "hop 1 of 1 (http://unix:%s): db:22: HTTP/1.1 403 No"},
    {"http://alice@unix:%s?passwordenv=" PASSWORD,
     {{HTTP_TO("db:22"), PUTS("HTTP/1.1 403 No\r\n\r\n")}},
     ERR_REFUSED,
     "hop 1 of 1 (http://unix:%s): db:22: "},
    {"socks5://unix:%s,http://b,socks4a://c",
     {{GETS("\5\1\0"), PUTS("\5\377")}},
     ERR_AUTH,
     "hop 1 of 3 (socks5://unix:%s): "},
    {"socks5://unix:%s,http://b,socks4a://c",
     {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\3\1b\0\120"), PUTS("\5\2\0\1\0\0\0\0\0\0")}},
     ERR_REFUSED,
     "hop 1 of 3 (socks5://unix:%s): b:80: refused by the proxy's ruleset"},
    {"socks5://unix:%s,http://b,socks4a://c",
     {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\3\1b\0\120"), PUTS(SOCKS5_UP), HTTP_TO("c:1080"),
       PUTS("HTTP/1.1 503 Sorry\r\n\r\n")}},
     ERR_REFUSED,
     "hop 2 of 3 (http://b:80): c:1080: HTTP/1.1 503 Sorry"},
    {"socks5://unix:%s,http://b,socks4a://c",
     {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\3\1b\0\120"), PUTS(SOCKS5_UP), HTTP_TO("c:1080"),
       PUTS(HTTP_UP), GETS("\4\1\0\26\0\0\0\1\0db\0"), PUTS("\0\x5b\0\0\0\0\0\0")}},
     ERR_REFUSED,
     "hop 3 of 3 (socks4a://c:1080): db:22: refused"},
    {"socks5://unix:%s,http://b",
     {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\3\1b\0\120"), PUTS(SOCKS5_UP), HTTP_TO("db:22"),
       HANGS_UP}},
     ERR_REFUSED,
     "hop 2 of 2 (http://b:80): "},
};

/* The message starts with this, %s being the path, and names one hop only. */
static void is_about(const struct net *net, const char *text, const char *wanted)
{
    const char *path = strstr(wanted, "%s");
    char start[300];

    (void)snprintf(start, sizeof(start), "%.*s%s%s", path ? (int)(path - wanted) : 0, wanted,
                   path ? net->path : "", path ? path + 2 : wanted);
    if (strncmp(text, start, strlen(start)) != 0)
        unit_fail("`%s` does not start with `%s`", text, start);
    if (strstr(text + 1, "hop "))
        unit_fail("`%s` names two hops", text);
    assert_null(strstr(text, "alice"));
    assert_null(strstr(text, PASSWORD));
}

static void fails(void **state)
{
    const struct fail_row *row = *state;
    struct net net;

    net_open(&net, UNIT_WAIT_MS);
    struct player *player = player_start_listening(net.listener, &row->script);
    assert_null(net_dial(&net, row->name, "db:22"));
    assert_int_equal(net.fake.err.code, row->code);
    is_about(&net, err_text(&net.fake.err), row->message);
    player_finish(player);
    net_close(&net);
}

/* A login that cannot be made is the hop's failure, too, and no connection is made for it. */
static void no_login_no_connection(void **state)
{
    (void)state;
    struct net net;

    net_open(&net, UNIT_WAIT_MS);
    assert_null(net_dial(
        &net, "socks5://unix:%s,http://alice@b?auth=basic&passwordenv=STILE_TEST_UNSET,http://c",
        "db:22"));
    is_about(&net, err_text(&net.fake.err), "hop 2 of 3 (http://b:80): ");
    assert_err(&net.fake.err, ERR_AUTH, "STILE_TEST_UNSET");
    assert_false(fd_ready(net.listener, POLLIN));
    net_close(&net);
}

static const struct unreachable_row {
    const char *name;
    const char *list;
    const char *message;
} unreachable_rows[] = {
    {"one hop", "http://unix:%s.none", "hop 1 of 1 (http://unix:%s.none): "},
    {"four hops", "socks5://unix:%s.none,http://b,http://c,socks4a://d",
     "hop 1 of 4 (socks5://unix:%s.none): "},
    {"pipeline", "socks5://unix:%s.none?pipeline=yes,http://b",
     "hop 1 of 2 (socks5://unix:%s.none): "},
};

static void nobody_is_there(void **state)
{
    const struct unreachable_row *row = *state;
    struct net net;

    net_open(&net, UNIT_WAIT_MS);
    assert_null(net_dial(&net, row->list, "db:22"));
    is_about(&net, err_text(&net.fake.err), row->message);
    assert_err(&net.fake.err, ERR_CONNECT, NULL);
    net_close(&net);
}

/* The one who is silent is the one who is named. */
static void silence_is_blamed_on_the_right_one(void **state)
{
    (void)state;
    static const struct player_script scripts[] = {
        {{GETS_ALL}},
        {{PUTS("\5\0" SOCKS5_UP), GETS_ALL}},
        {{PUTS("\5\0" SOCKS5_UP HTTP_UP), GETS_ALL}},
    };
    static const char *const messages[] = {
        "hop 1 of 3 (socks5://unix:%s): ",
        "hop 2 of 3 (http://b:80): ",
        "hop 3 of 3 (socks4a://c:1080): ",
    };

    for (size_t i = 0; i < 3; i++) {
        struct net net;
        net_open(&net, 150);
        struct player *player = player_start_listening(net.listener, &scripts[i]);
        assert_null(net_dial(&net, "socks5://unix:%s,http://b,socks4a://c", "db:22"));
        is_about(&net, err_text(&net.fake.err), messages[i]);
        assert_err(&net.fake.err, ERR_TIME, "no answer within");
        player_finish(player);
        net_close(&net);
    }
}

/* Whoever has gone needs no message, not even with a hop in front. */
static void called_off(void **state)
{
    (void)state;
    static const struct player_script script = {{GETS_ALL}};
    struct net net;

    net_open(&net, UNIT_WAIT_MS);
    fake_ctx_cancel(&net.fake);
    struct player *player = player_start_listening(net.listener, &script);
    assert_null(net_dial(&net, "socks5://unix:%s,http://b", "db:22"));
    assert_err_silent(&net.fake.err);
    fd_close(&net.fake.ctx.cancel_fd);
    player_finish(player);
    net_close(&net);
}

int main(void)
{
    static struct unit unit;

    (void)signal(SIGPIPE, SIG_IGN);
    if (setenv("NETRC", "/dev/null", 1) || unsetenv("STILE_TEST_UNSET"))
        return 2;
    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, bad_option);
    UNIT_TEST(&unit, free_of_nothing);
    UNIT_TEST(&unit, registry);
    UNIT_TEST(&unit, registry_of_strangers);
    UNIT_ROWS(&unit, chain, chain_rows);
    UNIT_TEST(&unit, no_hops_is_the_ground);
    UNIT_ROWS(&unit, fails, fail_rows);
    UNIT_TEST(&unit, no_login_no_connection);
    UNIT_ROWS(&unit, nobody_is_there, unreachable_rows);
    UNIT_TEST(&unit, silence_is_blamed_on_the_right_one);
    UNIT_TEST(&unit, called_off);
    return unit_run(&unit, "route");
}
