/* SPDX-License-Identifier: MIT */
#include "transports/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_proxy.h"
#include "tests/unit/fake_unit.h"

#define PASSWORD "hunter2"
#define CODED "YWxpY2U6aHVudGVyMg==" /* of alice:hunter2 */
#define WITH_PASSWORD "?passwordenv=STILE_TEST_PASSWORD"

#define CONNECT "CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n"
#define REQUEST CONNECT "\r\n"
#define BASIC CONNECT "Proxy-Authorization: Basic " CODED "\r\n\r\n"
#define UP "HTTP/1.1 200 Connection established\r\n\r\n"

#define E407 "HTTP/1.1 407 Proxy Authentication Required\r\n"
#define OFFER "Proxy-Authenticate: Basic realm=\"x\"\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"

/* --- through --- */

static const struct good_row {
    const char *name;
    const char *url;
    const char *target;
    struct player_script scripts[3];
} good_rows[] = {
    {"nothing is asked for", "http://gw", "db:22", {{{GETS(REQUEST), PUTS(UP BANNER), TALK}}}},
    {"each byte on its own", "http://gw", "db:22", {{{GETS(REQUEST), TRICKLES(UP BANNER), TALK}}}},
    {"the banner comes later",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS(UP), PUTS(BANNER), TALK}}}},
    {"the banner comes before the end of the head is read",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 OK\r\n"), PUTS("Via: x\r\n\r\nSSH-"),
        PUTS("2.0-banner\r\n"), TALK}}}},
    {"HTTP/1.0",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.0 200 OK\r\n\r\n" BANNER), TALK}}}},
    {"another 2xx",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 202 Fine\r\n\r\n" BANNER), TALK}}}},
    {"a length is no matter to a tunnel",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" BANNER), TALK}}}},
    {"nor are chunks",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" BANNER),
        TALK}}}},
    {"nor is Connection: close",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" BANNER), TALK}}}},
    {"1xx come first",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST),
        PUTS("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" UP BANNER), TALK}}}},
    {"lines that end with LF alone",
     "http://gw",
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 OK\nVia: x\n\n" BANNER), TALK}}}},
    {"an IPv6 target",
     "http://gw",
     "[2001:db8::1]:22",
     {{{GETS("CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n"),
        PUTS(UP BANNER), TALK}}}},
    {"headers",
     "http://gw?header=X-A:%201&header=X-B:%202",
     "db:22",
     {{{GETS(CONNECT "X-A: 1\r\nX-B: 2\r\n\r\n"), PUTS(UP BANNER), TALK}}}},
    {"a user is not told to who does not ask",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(UP BANNER), TALK}}}},
    {"a secret that is not there is not missed",
     "http://alice@gw?passwordenv=STILE_TEST_UNSET",
     "db:22",
     {{{GETS(REQUEST), PUTS(UP BANNER), TALK}}}},
    {"407, on the same connection",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY), GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with a body, on the same connection",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Content-Length: 10\r\n\r\n<html>\r\n\r\n"), GETS(BASIC),
        PUTS(UP BANNER), TALK}}}},
    {"407 with a body byte by byte, on the same connection",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), TRICKLES(E407 OFFER "Content-Length: 10\r\n\r\n<html>\r\n\r\n"), GETS(BASIC),
        TRICKLES(UP BANNER), TALK}}}},
    {"407 of HTTP/1.0 with keep-alive, on the same connection",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.0 407 x\r\nProxy-Connection: keep-alive\r\n" OFFER EMPTY),
        GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 and close",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Connection: close\r\n\r\n"), HANGS_UP}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 and close, with a length",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Connection: close\r\nContent-Length: 5\r\n\r\nhello")}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 of HTTP/1.0",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS("HTTP/1.0 407 x\r\n" OFFER EMPTY)}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with a body of no length",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "\r\n<html>"), GETS_ALL}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with a body that is shorter than it said",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Content-Length: 10\r\n\r\n<html"), HANGS_UP}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with a body that is too long to wait for",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Content-Length: 65537\r\n\r\n<html"), GETS_ALL}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with chunks",
     "http://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS(REQUEST), PUTS(E407 OFFER "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        GETS_ALL}},
      {{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"407 with headers of ours",
     "http://alice@gw" WITH_PASSWORD "&header=X-A:%201",
     "db:22",
     {{{GETS(CONNECT "X-A: 1\r\n\r\n"), PUTS(E407 OFFER EMPTY),
        GETS(CONNECT "Proxy-Authorization: Basic " CODED "\r\nX-A: 1\r\n\r\n"), PUTS(UP BANNER),
        TALK}}}},
    {"Basic is asked for among what we may not use",
     "http://alice@gw" WITH_PASSWORD "&auth=ntlm%2Cbasic",
     "db:22",
     {{{GETS(REQUEST),
        PUTS(
            E407
            "Proxy-Authenticate: Negotiate, Digest realm=\"a\", nonce=\"b\", bASIC realm=c\r\n" EMPTY),
        GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"only Basic may be used, so it goes along at once",
     "http://gw?user=alice&passwordenv=STILE_TEST_PASSWORD&auth=basic",
     "db:22",
     {{{GETS(BASIC), PUTS(UP BANNER), TALK}}}},
    {"only Basic may be used, but nobody is known",
     "http://gw?auth=basic",
     "db:22",
     {{{GETS(REQUEST), PUTS(UP BANNER), TALK}}}},
};

static size_t count_scripts(const struct player_script *scripts, size_t most)
{
    size_t count = 0;

    while (count < most && scripts[count].steps[0].what != PLAYER_OVER)
        count++;
    return count;
}

/* Whatever the streams below are, the very same one comes back. */
static void good(void **state)
{
    const struct good_row *row = *state;
    static const char *const hidden[] = {PASSWORD, CODED};

    for (int below = 0; below < PROXY_BELOWS; below++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[below], row->scripts, count_scripts(row->scripts, 3),
                        UNIT_WAIT_MS);
        fake_proxy_talk(&proxy, fake_proxy_dial(&proxy, &http_transport, row->url, row->target));
        fake_proxy_finish(&proxy, hidden[below % 2]);
    }
}

/* --- refused --- */

static const struct bad_row {
    const char *name;
    const char *url;
    struct player_script scripts[3];
    enum err_code code;
    const char *message;
} bad_rows[] = {
    {"403",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 403 Not for you\r\n\r\n")}}},
     ERR_REFUSED,
     "db:22: HTTP/1.1 403 Not for you"},
    {"403 with a body",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 403 x\r\nContent-Length: 100\r\n\r\nno"), GETS_ALL}}},
     ERR_REFUSED,
     "403"},
    {"503",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.0 503 Service Unavailable\r\n\r\n")}}},
     ERR_REFUSED,
     "503 Service Unavailable"},
    {"400",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 400 Bad Request\r\n\r\n")}}},
     ERR_REFUSED,
     "400"},
    {"101",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 101 Switching Protocols\r\n\r\n" BANNER), GETS_ALL}}},
     ERR_REFUSED,
     "101"},
    {"a redirect leads nowhere",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS("HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n")}}},
     ERR_REFUSED,
     "302"},
    {"nor does a redirect that keeps the method",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS("HTTP/1.1 307 x\r\nLocation: //evil/\r\n" EMPTY)}}},
     ERR_REFUSED,
     "307"},
    {"401 gets no credentials",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST),
        PUTS("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n" EMPTY)}}},
     ERR_REFUSED,
     "401"},
    {"401 that asks like a proxy gets none, either",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS("HTTP/1.1 401 Unauthorized\r\n" OFFER EMPTY)}}},
     ERR_REFUSED,
     "401"},
    {"407, and nobody is known",
     "http://gw",
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "http://USER@gw:80"},
    {"407, nobody is known, and only Basic may be used",
     "http://gw?auth=basic",
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "http://USER@gw:80"},
    {"407 and a wrong password",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY), GETS(BASIC), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "Basic"},
    {"407, close, and a wrong password",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 OFFER "Connection: close\r\n\r\n"), HANGS_UP}},
      {{GETS(BASIC), PUTS(E407 OFFER "Connection: close\r\n\r\n"), HANGS_UP}}},
     ERR_AUTH,
     "alice"},
    {"a wrong password that went along at once",
     "http://alice@gw" WITH_PASSWORD "&auth=basic",
     {{{GETS(BASIC), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "Basic"},
    {"the right password, and the target is refused",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY), GETS(BASIC),
        PUTS("HTTP/1.1 403 Forbidden\r\n\r\n")}}},
     ERR_REFUSED,
     "403"},
    {"407 with nothing that may be used",
     "http://alice@gw" WITH_PASSWORD "&auth=basic",
     {{{GETS(BASIC), PUTS(E407 "Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n"
                               "Proxy-Authenticate: NTLM\r\n" EMPTY)}}},
     ERR_AUTH,
     "Digest, NTLM"},
    {"407 with something that nobody knows",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 "Proxy-Authenticate: Bearer realm=\"x\"\r\n" EMPTY)}}},
     ERR_AUTH,
     "Bearer"},
    {"407 without a scheme",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 EMPTY)}}},
     ERR_AUTH,
     "login"},
    {"407 that asks like a web server",
     "http://alice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 "WWW-Authenticate: Basic realm=\"x\"\r\n" EMPTY)}}},
     ERR_AUTH,
     NULL},
    {"407, and the secret is not there",
     "http://alice@gw?passwordenv=STILE_TEST_UNSET",
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "STILE_TEST_UNSET"},
    {"407, and Basic cannot say the user",
     "http://al%3Aice@gw" WITH_PASSWORD,
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "colon"},
    {"407, and Basic cannot say the password",
     "http://alice@gw?passwordenv=STILE_TEST_CONTROL",
     {{{GETS(REQUEST), PUTS(E407 OFFER EMPTY)}}},
     ERR_AUTH,
     "control"},
    {"200poo",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.0 200poo\r\n\r\n" BANNER), GETS_ALL}}},
     ERR_REFUSED,
     NULL},
    {"HTTP/0.9",
     "http://gw",
     {{{GETS(REQUEST), PUTS("<html>200 OK</html>\n"), GETS_ALL}}},
     ERR_REFUSED,
     "not an HTTP proxy"},
    {"something that waits before its line ends",
     "http://gw",
     {{{GETS(REQUEST), PUTS("220 mx"), GETS_ALL}}},
     ERR_REFUSED,
     "not an HTTP proxy"},
    {"an SSH server, which talks first",
     "http://gw",
     {{{PUTS("SSH-2.0-x\r\n"), GETS_ALL}}},
     ERR_REFUSED,
     "not an HTTP proxy"},
    {"a SOCKS server",
     "http://gw",
     {{{GETS(REQUEST), PUTS("\5\377"), GETS_ALL}}},
     ERR_REFUSED,
     "not an HTTP proxy"},
    {"a NUL",
     "http://gw",
     {{{GETS(REQUEST), PUTS("HTTP/1.1 200 O\0K\r\n\r\n"), GETS_ALL}}},
     ERR_REFUSED,
     "NUL"},
    {"no answer", "http://gw", {{{GETS(REQUEST), HANGS_UP}}}, ERR_REFUSED, "CONNECT db:22"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    static const char *const hidden[] = {PASSWORD, CODED};

    for (int below = 0; below < PROXY_BELOWS; below++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[below], row->scripts, count_scripts(row->scripts, 3),
                        UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, &http_transport, row->url, "db:22"));
        assert_null(strstr(err_text(&proxy.fake.err), PASSWORD));
        assert_null(strstr(err_text(&proxy.fake.err), CODED));
        assert_err(&proxy.fake.err, row->code, row->message);
        fake_proxy_finish(&proxy, hidden[below % 2]);
    }
}

/* 64 KiB in one line, lines without end, interim replies without end: each has a bound. */
static void floods(void **state)
{
    (void)state;
    static const char *const floods[] = {"a", "\r\nX: y", "\r\n\r\nHTTP/1.1 103 x"};
    static const char start[] = "HTTP/1.1 103 x";
    size_t size = 300000;
    char *text = malloc(size);

    assert_non_null(text);
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct player_script script = {{GETS(REQUEST), {PLAYER_PUTS, text, size}, HANGS_UP}};
        struct fake_proxy proxy;

        memcpy(text, start, sizeof(start) - 1);
        for (size_t at = sizeof(start) - 1; at < size; at++)
            text[at] = floods[i][(at - sizeof(start) + 1) % strlen(floods[i])];
        fake_proxy_init(&proxy, &proxy_belows[i % PROXY_BELOWS], &script, 1, UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, &http_transport, "http://gw", "db:22"));
        assert_err(&proxy.fake.err, ERR_REFUSED, NULL);
        fake_proxy_finish(&proxy, NULL);
    }
    free(text);
}

/* What the proxy says is not cut here, nor made harmless: whoever prints it does that. But it is
 * there. */
static void the_reason_is_told(void **state)
{
    (void)state;
    static const struct player_script script = {
        {GETS(REQUEST), PUTS("HTTP/1.1 403 \033[2Jred\tx\r\n\r\n")}};
    struct fake_proxy proxy;

    fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], &script, 1, UNIT_WAIT_MS);
    assert_null(fake_proxy_dial(&proxy, &http_transport, "http://gw", "db:22"));
    assert_err(&proxy.fake.err, ERR_REFUSED, "[2Jred");
    fake_proxy_finish(&proxy, "\033");
}

static void no_connection_no_handshake(void **state)
{
    (void)state;
    static const struct player_script once = {
        {GETS(REQUEST), PUTS(E407 OFFER "Connection: close\r\n\r\n"), HANGS_UP}};

    for (size_t connections = 0; connections < 2; connections++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], &once, connections, UNIT_WAIT_MS);
        assert_null(
            fake_proxy_dial(&proxy, &http_transport, "http://alice@gw" WITH_PASSWORD, "db:22"));
        assert_err(&proxy.fake.err, ERR_CONNECT, "nobody is there");
        fake_proxy_finish(&proxy, PASSWORD);
    }
}

/* --- cut --- */

static const char cut_reply[] = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n";

static void cut(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(cut_reply) - 1; size++) {
        struct player_script script = {{GETS(REQUEST), {PLAYER_PUTS, cut_reply, size}, HANGS_UP}};
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[size % PROXY_BELOWS], &script, 1, UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, &http_transport, "http://gw", "db:22"));
        assert_err(&proxy.fake.err, ERR_REFUSED, "CONNECT db:22");
        fake_proxy_finish(&proxy, NULL);
    }
}

static void silence(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(cut_reply) - 1; size++) {
        struct player_script script = {{{PLAYER_PUTS, cut_reply, size}, GETS_ALL}};
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[size % PROXY_BELOWS], &script, 1, 25);
        assert_null(fake_proxy_dial(&proxy, &http_transport, "http://gw", "db:22"));
        assert_true(clock_ns() >= proxy.fake.ctx.deadline_ns);
        assert_err(&proxy.fake.err, ERR_TIME, "CONNECT db:22");
        fake_proxy_finish(&proxy, NULL);
    }
}

/* A proxy that promises a body and then says nothing: the deadline, not another try. */
static void silence_in_the_body(void **state)
{
    (void)state;
    static const struct player_script script = {
        {PUTS(E407 OFFER "Content-Length: 10\r\n\r\n<html"), GETS_ALL}};
    struct fake_proxy proxy;

    fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], &script, 1, 60);
    assert_null(fake_proxy_dial(&proxy, &http_transport, "http://alice@gw" WITH_PASSWORD, "db:22"));
    assert_true(clock_ns() >= proxy.fake.ctx.deadline_ns);
    assert_err(&proxy.fake.err, ERR_TIME, NULL);
    fake_proxy_finish(&proxy, PASSWORD);
}

/* --- settings --- */

static const struct check_row {
    const char *name; /* and the URL */
    const char *message;
} check_rows[] = {
    {"http://gw", NULL},
    {"http://gw?auth=negotiate,ntlm", "column"},
    {"http://gw?auth=negotiate%2Cntlm", NULL},
    {"http://gw?auth=Basic", NULL},
    {"http://gw?header=X:%20y", NULL},
    {"http://gw?header=X:%20y&header=Z:", NULL},
    {"http://gw?auth=foo", "column 11: auth: "},
    {"http://gw?auth=", "column 11: auth: "},
    {"http://gw?header=Host:%20x", "column 11: header: "},
    {"http://gw?header=X", "column 11: header: "},
    {"http://gw?header=X:%20y&header=X:%0d%0aY:%20z", "column 25: header: "},
    {"http://gw?header=X:%0aY", "column 11: header: "},
    {"http://gw?passwordenv=1", "column 11: passwordenv: "},
    {"http://gw?passwordcommand=a%20'", "column 11: passwordcommand: "},
};

static void check(void **state)
{
    const struct check_row *row = *state;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;
    int result = hops_parse(&hops, row->name, HOP_FROM_ARGV, &err);

    if (result == 0)
        result = http_transport.check(&hops.hop[0], &err);
    assert_int_equal(result, row->message ? -1 : 0);
    if (row->message)
        assert_err(&err, ERR_USAGE, row->message);
    assert_err_unset(&err);
    hops_release(&hops);
}

int main(void)
{
    static struct unit unit;

    (void)signal(SIGPIPE, SIG_IGN);
    if (setenv("NETRC", "/dev/null", 1) || setenv("STILE_TEST_PASSWORD", PASSWORD, 1) ||
        setenv("STILE_TEST_CONTROL", PASSWORD "\r\nX: y", 1) || unsetenv("STILE_TEST_UNSET"))
        return 2;
    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, floods);
    UNIT_TEST(&unit, the_reason_is_told);
    UNIT_TEST(&unit, no_connection_no_handshake);
    UNIT_TEST(&unit, cut);
    UNIT_TEST(&unit, silence);
    UNIT_TEST(&unit, silence_in_the_body);
    UNIT_ROWS(&unit, check, check_rows);
    return unit_run(&unit, "http");
}
