/* SPDX-License-Identifier: MIT */
#include "transports/socks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_proxy.h"
#include "tests/unit/fake_unit.h"

#define PASSWORD "hunter2"
#define LOGIN "\1\5alice\7" PASSWORD
#define WITH_PASSWORD "?passwordenv=STILE_TEST_PASSWORD"

/* The request for db:22, and a reply to one, that come again and again. */
#define FOR_DB "\5\1\0\3\2db\0\26"
#define UP "\5\0\0\1\0\0\0\0\0\0"

static const struct transport *transport_of(const char *url)
{
    return strncmp(url, "socks4", 6) == 0 ? &socks4_transport : &socks5_transport;
}

/* --- through --- */

static const struct good_row {
    const char *name;
    const char *url;
    const char *target;
    struct player_script scripts[3];
} good_rows[] = {
    {"no login",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"socks5h is the same",
     "socks5h://gw:9050",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"names go to the proxy, said or not",
     "socks5://gw?resolve=remote",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"each byte on its own",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), TRICKLES("\5\0"), GETS(FOR_DB), TRICKLES(UP BANNER), TALK}}}},
    {"the banner comes later",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP), PUTS(BANNER), TALK}}}},
    {"the proxy answers with an IPv6 address",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB),
        PUTS("\5\0\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\26" BANNER), TALK}}}},
    {"the proxy answers with a name",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\0\0\3\2db\0\26" BANNER), TALK}}}},
    {"the proxy answers with an empty name",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\0\0\3\0\0\26" BANNER), TALK}}}},
    {"a user, whom the proxy does not want to know",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"a user without a secret, whom the proxy does not want to know",
     "socks5://alice@gw?passwordenv=STILE_TEST_UNSET",
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"a login",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\1\0"), GETS(FOR_DB), PUTS(UP BANNER),
        TALK}}}},
    {"a login, the user as a parameter",
     "socks5://gw?user=alice&passwordenv=STILE_TEST_PASSWORD",
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\1\0"), GETS(FOR_DB), PUTS(UP BANNER),
        TALK}}}},
    {"a login to a proxy that calls it version 5",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER),
        TALK}}}},
    {"an IPv4 target",
     "socks5://gw",
     "192.0.2.1:443",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\1\300\0\2\1\1\273"), PUTS(UP BANNER), TALK}}}},
    {"an IPv6 target",
     "socks5://gw",
     "[2001:db8::1]:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\26"),
        PUTS(UP BANNER), TALK}}}},
    {"the name is looked up here",
     "socks5://gw?resolve=local",
     "localhost:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\1\177\0\0\1\0\26"), PUTS(UP BANNER), TALK}}}},
    {"the name has another address",
     "socks5://gw?resolve=local",
     "localhost:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\1\177\0\0\1\0\26"),
        PUTS("\5\5\0\1\0\0\0\0\0\0")}},
      {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\26"),
        PUTS(UP BANNER), TALK}}}},
    {"all at once",
     "socks5://gw?pipeline=yes",
     "db:22",
     {{{GETS("\5\1\0" FOR_DB), PUTS("\5\0" UP BANNER), TALK}}}},
    {"all at once, answered one by one",
     "socks5://gw?pipeline=yes",
     "db:22",
     {{{GETS("\5\1\0" FOR_DB), TRICKLES("\5\0" UP BANNER), TALK}}}},
    {"all at once with a login",
     "socks5://alice@gw" WITH_PASSWORD "&pipeline=yes",
     "db:22",
     {{{GETS("\5\1\2" LOGIN FOR_DB), PUTS("\5\2\1\0" UP BANNER), TALK}}}},
    {"pipeline=no is nothing new",
     "socks5://gw?pipeline=no",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}}}},
    {"SOCKS4, IPv4",
     "socks4://gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1\0"), PUTS("\0\x5a\0\0\0\0\0\0" BANNER), TALK}}}},
    {"SOCKS4 with a user",
     "socks4://alice@gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1alice\0"), PUTS("\0\x5a\1\2\3\4\5\6" BANNER), TALK}}}},
    {"SOCKS4 with a user as a parameter",
     "socks4://gw?user=alice",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1alice\0"), PUTS("\0\x5a\1\2\3\4\5\6" BANNER), TALK}}}},
    {"SOCKS4 looks names up here",
     "socks4://gw",
     "localhost:22",
     {{{GETS("\4\1\0\26\177\0\0\1\0"), TRICKLES("\0\x5a\0\0\0\0\0\0" BANNER), TALK}}}},
    {"SOCKS4a",
     "socks4a://gw",
     "db:22",
     {{{GETS("\4\1\0\26\0\0\0\1\0db\0"), PUTS("\0\x5a\0\0\0\0\0\0" BANNER), TALK}}}},
    {"SOCKS4a with a user",
     "socks4a://alice@gw",
     "db:22",
     {{{GETS("\4\1\0\26\0\0\0\1alice\0db\0"), PUTS("\0\x5a\0\0\0\0\0\0" BANNER), TALK}}}},
    {"SOCKS4a with an address",
     "socks4a://gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1\0"), PUTS("\0\x5a\0\0\0\0\0\0" BANNER), TALK}}}},
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

    for (int below = 0; below < PROXY_BELOWS; below++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[below], row->scripts, count_scripts(row->scripts, 3),
                        UNIT_WAIT_MS);
        fake_proxy_talk(&proxy,
                        fake_proxy_dial(&proxy, transport_of(row->url), row->url, row->target));
        fake_proxy_finish(&proxy, PASSWORD);
    }
}

/* A reply with a name of every length: not one byte of the tunnel goes with it. */
static void every_length_of_the_name_in_a_reply(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 255; length += length % 64 == 62 ? 1 : 31) {
        char reply[5 + 255 + 2 + sizeof(BANNER)] = {5, 0, 0, 3, (char)length};
        size_t size = 5 + length + 2;
        struct player_script script = {{GETS("\5\1\0"),
                                        PUTS("\5\0"),
                                        GETS(FOR_DB),
                                        {PLAYER_PUTS, reply, size + strlen(BANNER)},
                                        TALK}};
        struct fake_proxy proxy;

        memset(reply + 5, 'n', length + 2);
        memcpy(reply + size, BANNER, sizeof(BANNER));
        fake_proxy_init(&proxy, &proxy_belows[PROXY_TCP], &script, 1, UNIT_WAIT_MS);
        fake_proxy_talk(&proxy, fake_proxy_dial(&proxy, &socks5_transport, "socks5://gw", "db:22"));
        fake_proxy_finish(&proxy, NULL);
    }
}

/* --- refused --- */

static const struct bad_row {
    const char *name;
    const char *url;
    const char *target;
    struct player_script scripts[3];
    enum err_code code;
    const char *message;
} bad_rows[] = {
    {"no method, no user",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\377")}}},
     ERR_AUTH,
     "socks5://USER@gw:1080"},
    {"no method, a user",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\377")}}},
     ERR_AUTH,
     "login"},
    {"a login is wanted, and was not offered",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\2")}}},
     ERR_REFUSED,
     "0x02"},
    {"GSSAPI was not offered",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\1")}}},
     ERR_REFUSED,
     "0x01"},
    {"no method that exists",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\x80")}}},
     ERR_REFUSED,
     "0x80"},
    {"a SOCKS4 server",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\0\x5b\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "not a SOCKS5 server"},
    {"an HTTP server",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("HTTP/1.1 400 Bad Request\r\n\r\n"), GETS_ALL}}},
     ERR_REFUSED,
     "not a SOCKS5 server"},
    {"an SSH server, which talks first",
     "socks5://gw",
     "db:22",
     {{{PUTS("SSH-2.0-x\r\n"), GETS_ALL}}},
     ERR_REFUSED,
     "not a SOCKS5 server"},
    {"a wrong password",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\1\1")}}},
     ERR_AUTH,
     "turned down"},
    {"an answer to the login that is none",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\7\0")}}},
     ERR_REFUSED,
     NULL},
    {"a password that is not there",
     "socks5://alice@gw?passwordenv=STILE_TEST_UNSET",
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2")}}},
     ERR_AUTH,
     "STILE_TEST_UNSET"},
    {"a password that is too long",
     "socks5://alice@gw?passwordenv=STILE_TEST_LONG",
     "db:22",
     {{{GETS("\5\2\0\2"), PUTS("\5\2")}}},
     ERR_AUTH,
     "password"},
    {"the ruleset",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\2\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "db:22: refused by the proxy's ruleset"},
    {"connection refused",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\5\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "db:22: connection refused"},
    {"a code that nobody knows",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\x77\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "0x77"},
    {"a reply of another version",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\4\0\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "0x04"},
    {"a reply with an address of no type",
     "socks5://gw",
     "db:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\0\0\2\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "0x02"},
    {"the ruleset means every address",
     "socks5://gw?resolve=local",
     "localhost:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\1\177\0\0\1\0\26"),
        PUTS("\5\2\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "ruleset"},
    {"no address can be reached",
     "socks5://gw?resolve=local",
     "localhost:22",
     {{{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\1\177\0\0\1\0\26"),
        PUTS("\5\4\0\1\0\0\0\0\0\0")}},
      {{GETS("\5\1\0"), PUTS("\5\0"), GETS("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\26"),
        PUTS("\5\5\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "connection refused"},
    {"all at once: a login is wanted",
     "socks5://gw?pipeline=yes",
     "db:22",
     {{{GETS("\5\1\0" FOR_DB), PUTS("\5\377")}}},
     ERR_AUTH,
     "USER@"},
    {"all at once: a wrong password",
     "socks5://alice@gw" WITH_PASSWORD "&pipeline=yes",
     "db:22",
     {{{GETS("\5\1\2" LOGIN FOR_DB), PUTS("\5\2\1\1")}}},
     ERR_AUTH,
     "turned down"},
    {"all at once: no login is wanted, so it was taken for a request",
     "socks5://alice@gw" WITH_PASSWORD "&pipeline=yes",
     "db:22",
     {{{GETS("\5\1\2" LOGIN FOR_DB), PUTS("\5\0"), GETS_ALL}}},
     ERR_REFUSED,
     NULL},
    {"all at once: refused",
     "socks5://gw?pipeline=yes",
     "db:22",
     {{{GETS("\5\1\0" FOR_DB), PUTS("\5\0\5\3\0\1\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "db:22: network unreachable"},
    {"SOCKS4: refused",
     "socks4://gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1\0"), PUTS("\0\x5b\0\0\0\0\0\0")}}},
     ERR_REFUSED,
     "192.0.2.1:22: refused"},
    {"SOCKS4: who we are",
     "socks4://alice@gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1alice\0"), PUTS("\0\x5d\0\0\0\0\0\0")}}},
     ERR_AUTH,
     "identd"},
    {"SOCKS4: another protocol",
     "socks4://gw",
     "192.0.2.1:22",
     {{{GETS("\4\1\0\26\300\0\2\1\0"), PUTS("\5\0\0\1\0\0\0\0")}}},
     ERR_REFUSED,
     "not a SOCKS4 server"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;

    for (int below = 0; below < PROXY_BELOWS; below++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[below], row->scripts, count_scripts(row->scripts, 3),
                        UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, transport_of(row->url), row->url, row->target));
        assert_null(strstr(err_text(&proxy.fake.err), PASSWORD));
        assert_err(&proxy.fake.err, row->code, row->message);
        fake_proxy_finish(&proxy, PASSWORD);
    }
}

static void no_connection_no_handshake(void **state)
{
    (void)state;
    static const char *const urls[] = {"socks5://gw", "socks5://gw?pipeline=yes", "socks4a://gw"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], NULL, 0, UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, transport_of(urls[i]), urls[i], "db:22"));
        assert_err(&proxy.fake.err, ERR_CONNECT, "nobody is there");
        fake_proxy_finish(&proxy, NULL);
    }
}

/* Nobody is troubled with a target that SOCKS4 cannot say. */
static void four_and_ipv6(void **state)
{
    (void)state;
    static const char *const urls[] = {"socks4://gw", "socks4a://gw"};

    for (size_t i = 0; i < 2; i++) {
        static const struct player_script silent = {{{PLAYER_OVER, NULL, 0}}};
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], &silent, 1, UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, &socks4_transport, urls[i], "[2001:db8::1]:22"));
        assert_err(&proxy.fake.err, ERR_USAGE, "IPv4");
        proxy.script_count = proxy.dials;
        fake_proxy_finish(&proxy, NULL);
    }
}

/* --- cut --- */

static const struct cut_row {
    const char *name;
    const char *url;
    const char *target;
    struct player_script script; /* its puts are cut at each byte */
} cut_rows[] = {
    {"no login",
     "socks5://gw",
     "db:22",
     {{GETS("\5\1\0"), PUTS("\5\0"), GETS(FOR_DB), PUTS("\5\0\0\3\5abcde\0\26")}}},
    {"a login",
     "socks5://alice@gw" WITH_PASSWORD,
     "db:22",
     {{GETS("\5\2\0\2"), PUTS("\5\2"), GETS(LOGIN), PUTS("\1\0"), GETS(FOR_DB),
       PUTS("\5\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")}}},
    {"all at once",
     "socks5://alice@gw" WITH_PASSWORD "&pipeline=yes",
     "db:22",
     {{GETS("\5\1\2" LOGIN FOR_DB), PUTS("\5\2\1\0" UP)}}},
    {"SOCKS4a",
     "socks4a://gw",
     "db:22",
     {{GETS("\4\1\0\26\0\0\0\1\0db\0"), PUTS("\0\x5a\0\0\0\0\0\0")}}},
};

/* How many bytes the player says in all. */
static size_t count_puts(const struct player_script *script)
{
    size_t size = 0;

    for (size_t i = 0; i < PLAYER_STEPS_MAX; i++)
        size += script->steps[i].what == PLAYER_PUTS ? script->steps[i].size : 0;
    return size;
}

/* The script up to `size` bytes said, and then `last`. */
static void cut_script(struct player_script *out, const struct player_script *script, size_t size,
                       struct player_step last)
{
    size_t i = 0;

    memset(out, 0, sizeof(*out));
    for (; script->steps[i].what != PLAYER_PUTS || script->steps[i].size <= size; i++) {
        out->steps[i] = script->steps[i];
        if (script->steps[i].what == PLAYER_PUTS)
            size -= script->steps[i].size;
    }
    out->steps[i] = script->steps[i];
    out->steps[i].size = size;
    out->steps[i + 1] = last;
}

static void cut(void **state)
{
    const struct cut_row *row = *state;
    static const struct player_step hangs_up = HANGS_UP;

    for (size_t size = 0; size < count_puts(&row->script); size++) {
        struct player_script script;
        struct fake_proxy proxy;
        cut_script(&script, &row->script, size, hangs_up);
        fake_proxy_init(&proxy, &proxy_belows[size % PROXY_BELOWS], &script, 1, UNIT_WAIT_MS);
        assert_null(fake_proxy_dial(&proxy, transport_of(row->url), row->url, row->target));
        assert_err(&proxy.fake.err, ERR_REFUSED, "closed");
        fake_proxy_finish(&proxy, PASSWORD);
    }
}

/* All that is said is said at once, for a busy machine may come to nothing before the deadline. */
static void silence(void **state)
{
    const struct cut_row *row = *state;
    char said[100];
    size_t all = 0;

    for (size_t i = 0; i < PLAYER_STEPS_MAX; i++) {
        const struct player_step *step = &row->script.steps[i];
        if (step->what != PLAYER_PUTS)
            continue;
        assert_true(all + step->size <= sizeof(said));
        memcpy(said + all, step->data, step->size);
        all += step->size;
    }
    for (size_t size = 0; size < all; size++) {
        struct player_script script = {{{PLAYER_PUTS, said, size}, GETS_ALL}};
        struct fake_proxy proxy;
        fake_proxy_init(&proxy, &proxy_belows[size % PROXY_BELOWS], &script, 1, 25);
        assert_null(fake_proxy_dial(&proxy, transport_of(row->url), row->url, row->target));
        assert_true(clock_ns() >= proxy.fake.ctx.deadline_ns);
        assert_err(&proxy.fake.err, ERR_TIME, NULL);
        fake_proxy_finish(&proxy, PASSWORD);
    }
}

/* --- a person who mistypes --- */

/* An askpass that gives one line after the other. */
#define ASKPASS                                                                                    \
    "#!/bin/sh\n"                                                                                  \
    "f=${0%/*}/answers\n"                                                                          \
    "head -n 1 \"$f\"\n"                                                                           \
    "sed 1d \"$f\" >\"$f.new\" && mv \"$f.new\" \"$f\"\n"

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

#define TURNS_DOWN(password)                                                                       \
    {                                                                                              \
        {                                                                                          \
            GETS("\5\2\0\2"), PUTS("\5\2"), GETS("\1\5alice\3" password), PUTS("\1\1")             \
        }                                                                                          \
    }

static void three_tries(void **state)
{
    (void)state;
    static const struct player_script turned_down[] = {TURNS_DOWN("one"), TURNS_DOWN("two"),
                                                       TURNS_DOWN("333")};
    static const struct player_script third_time[] = {
        TURNS_DOWN("one"),
        TURNS_DOWN("two"),
        {{GETS("\5\2\0\2"), PUTS("\5\2"),
          GETS("\1\5alice\3"
               "333"),
          PUTS("\1\0"), GETS(FOR_DB), PUTS(UP BANNER), TALK}},
    };
    char askpass[FD_PATH_MAX];
    char answers[FD_PATH_MAX];

    fd_temp_path(askpass, "askpass");
    (void)snprintf(answers, sizeof(answers), "%.*s/answers", (int)(strlen(askpass) - 8), askpass);
    write_file(askpass, ASKPASS, 0700);
    assert_int_equal(setenv("SSH_ASKPASS", askpass, 1), 0);
    assert_int_equal(setenv("SSH_ASKPASS_REQUIRE", "force", 1), 0);
    for (int good = 0; good < 2; good++) {
        struct fake_proxy proxy;
        write_file(answers, "one\ntwo\n333\nfour\n", 0600);
        fake_proxy_init(&proxy, &proxy_belows[PROXY_UNIX], good ? third_time : turned_down, 3,
                        UNIT_WAIT_MS);
        struct stream *stream =
            fake_proxy_dial(&proxy, &socks5_transport, "socks5://alice@gw", "db:22");
        if (good) {
            fake_proxy_talk(&proxy, stream);
        } else {
            assert_null(stream);
            assert_err(&proxy.fake.err, ERR_AUTH, "turned down");
        }
        fake_proxy_finish(&proxy, "333");
    }
    assert_int_equal(unsetenv("SSH_ASKPASS"), 0);
    assert_int_equal(unsetenv("SSH_ASKPASS_REQUIRE"), 0);
    assert_int_equal(remove(answers), 0);
    fd_temp_remove(askpass);
}

/* --- settings --- */

static const struct check_row {
    const char *name; /* and the URL */
    const char *message;
} check_rows[] = {
    {"socks5://gw?resolve=local", NULL},
    {"socks5://gw?resolve=remote", NULL},
    {"socks5://gw?pipeline=yes", NULL},
    {"socks5://gw?pipeline=no&resolve=local", NULL},
    {"socks5://gw?resolve=maybe", "column 13: resolve: "},
    {"socks5://gw?resolve=", "column 13: resolve: "},
    {"socks5://gw?resolve=locally", "column 13: resolve: "},
    {"socks5://gw?pipeline=maybe", "column 13: pipeline: "},
    {"socks5://gw?passwordenv=a-b", "column 13: passwordenv: "},
    {"socks5://gw?passwordcommand='a", "column 13: passwordcommand: "},
    {"socks4://gw?user=alice", NULL},
};

static void check(void **state)
{
    const struct check_row *row = *state;
    const struct transport *transport = transport_of(row->name);
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, row->name, HOP_FROM_ARGV, &err), 0);
    assert_int_equal(transport->check(&hops.hop[0], &err), row->message ? -1 : 0);
    if (row->message)
        assert_err(&err, ERR_USAGE, row->message);
    assert_err_unset(&err);
    hops_release(&hops);
}

static void user_of_four_bound(void **state)
{
    (void)state;
    for (size_t length = 255; length <= 256; length++) {
        char url[400] = "socks4://";
        size_t at = strlen(url);
        struct hops hops = HOPS_INIT;
        struct err err = ERR_INIT;
        memset(url + at, 'u', length);
        (void)snprintf(url + at + length, sizeof(url) - at - length, "@gw");
        assert_int_equal(hops_parse(&hops, url, HOP_FROM_ARGV, &err), 0);
        assert_int_equal(socks4_transport.check(&hops.hop[0], &err), length > 255 ? -1 : 0);
        if (length > 255)
            assert_err(&err, ERR_USAGE, "user");
        hops_release(&hops);
    }
}

int main(void)
{
    static struct unit unit;
    char too_long[300];

    (void)signal(SIGPIPE, SIG_IGN);
    memset(too_long, 'p', sizeof(too_long));
    too_long[256] = '\0';
    if (setenv("NETRC", "/dev/null", 1) || setenv("STILE_TEST_PASSWORD", PASSWORD, 1) ||
        setenv("STILE_TEST_LONG", too_long, 1) || unsetenv("STILE_TEST_UNSET"))
        return 2;
    UNIT_ROWS(&unit, good, good_rows);
    UNIT_TEST(&unit, every_length_of_the_name_in_a_reply);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, no_connection_no_handshake);
    UNIT_TEST(&unit, four_and_ipv6);
    UNIT_ROWS(&unit, cut, cut_rows);
    UNIT_ROWS(&unit, silence, cut_rows);
    UNIT_TEST(&unit, three_tries);
    UNIT_ROWS(&unit, check, check_rows);
    UNIT_TEST(&unit, user_of_four_bound);
    return unit_run(&unit, "socks");
}
