/* SPDX-License-Identifier: MIT */
#include "config/match.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

#define WORDS_MAX 12
#define LIMIT_MS 20000

/* db.example:22, unless a test says otherwise. */
static void target_init(struct endpoint *target, const char *host)
{
    struct err err = ERR_INIT;

    *target = ENDPOINT_INIT;
    assert_int_equal(endpoint_set(target, host ? host : "Db.example", "22", &err), 0);
}

/* match_words would not change them, but it is given what a line_parse gives. */
static int match(const char *const *words, const char *host, bool really, bool *matches,
                 struct ctx *ctx)
{
    char *copies[WORDS_MAX + 1] = {NULL};
    struct endpoint target;
    struct query query = {.target = &target};

    target_init(&target, host);
    for (int i = 0; i < WORDS_MAX && words[i]; i++) {
        copies[i] = strdup(words[i]);
        assert_non_null(copies[i]);
    }
    int done = match_words(copies, &query, really, matches, ctx);
    for (int i = 0; i < WORDS_MAX; i++)
        free(copies[i]);
    endpoint_release(&target);
    return done;
}

static const struct row {
    const char *name;
    const char *words[WORDS_MAX];
    bool matches;
    const char *host; /* NULL: Db.example */
} rows[] = {
    {"all", {"all"}, true, NULL},
    {"not all", {"!all"}, false, NULL},
    {"all in capitals", {"ALL"}, true, NULL},

    {"host", {"host", "db.example"}, true, NULL},
    {"host, a pattern", {"host", "db.*"}, true, NULL},
    {"host, another", {"host", "web.*"}, false, NULL},
    {"host, a list", {"host", "web.*,*.example"}, true, NULL},
    {"host, denied in the list", {"host", "*,!db.example"}, false, NULL},
    {"host, nothing but a denial", {"host", "!web"}, false, NULL},
    {"host, the opposite", {"!host", "web"}, true, NULL},
    {"host, the opposite of what holds", {"!host", "db*"}, false, NULL},
    {"host, the opposite of a denial", {"!host", "*,!db.example"}, true, NULL},
    {"host, the criterion in either case", {"HoSt", "DB.example"}, true, NULL},
    {"host, an address", {"host", "2001:db8:*"}, true, "2001:DB8::1"},
    {"host, as it was given", {"host", "127.0.0.1"}, false, "127.1"},

    {"port", {"port", "22"}, true, NULL},
    {"port, another", {"port", "23"}, false, NULL},
    {"port, a list", {"port", "80,22,443"}, true, NULL},
    {"port, another list", {"port", "80,443"}, false, NULL},
    {"port, a range", {"port", "20-30"}, true, NULL},
    {"port, the first of a range", {"port", "22-30"}, true, NULL},
    {"port, the last of a range", {"port", "1-22"}, true, NULL},
    {"port, below a range", {"port", "23-30"}, false, NULL},
    {"port, above a range", {"port", "1-21"}, false, NULL},
    {"port, a range of one", {"port", "22-22"}, true, NULL},
    {"port, all", {"port", "1-65535"}, true, NULL},
    {"port, ranges", {"port", "1-3,20-23,65535"}, true, NULL},
    {"port, zeros in front", {"port", "00022"}, true, NULL},
    {"port, the opposite", {"!port", "22"}, false, NULL},
    {"port, not 22", {"!port", "80"}, true, NULL},

    {"network", {"network", "127.0.0.0/8"}, true, NULL},
    {"network, an address", {"network", "127.0.0.1"}, true, NULL},
    {"network, a list", {"network", "198.51.100.0/24,127.0.0.0/8"}, true, NULL},
    {"network, foreign ones", {"network", "198.51.100.0/24,2001:db8:ffff::/48"}, false, NULL},
    {"network, the opposite", {"!network", "127.0.0.0/8"}, false, NULL},
    {"network, not there", {"!network", "198.51.100.0/24"}, true, NULL},

    {"exec", {"exec", "true"}, true, NULL},
    {"exec, failed", {"exec", "false"}, false, NULL},
    {"exec, the opposite", {"!exec", "false"}, true, NULL},
    {"exec, not true", {"!exec", "true"}, false, NULL},
    {"exec, another exit", {"exec", "sh -c 'exit 3'"}, false, NULL},
    {"exec, killed", {"exec", "sh -c 'kill -9 $$'"}, false, NULL},
    {"exec, words", {"exec", "test 'a  b' = \"a  b\""}, true, NULL},
    {"exec, %h and %p", {"exec", "test %h:%p = Db.example:22"}, true, NULL},
    {"exec, %%", {"exec", "test 100%% = '100%%'"}, true, NULL},
    {"exec, %%h is no host", {"exec", "test %%h = %%h"}, true, "a$b"},
    {"exec, no shell", {"exec", "test $HOME = '$HOME'"}, true, NULL},
    {"exec, no shell for a ;", {"exec", "true ; false"}, true, NULL},
    {"exec, nothing to read", {"exec", "sh -c '! read line'"}, true, NULL},
    {"exec, much to say", {"exec", "sh -c 'head -c 300000 /dev/zero'"}, true, NULL},
    {"exec, much to complain", {"exec", "sh -c 'head -c 300000 /dev/zero >&2'"}, true, NULL},
    {"exec, a host without %h", {"exec", "true"}, true, "a$b"},

    {"two that hold", {"host", "db*", "port", "22"}, true, NULL},
    {"the first doesn't", {"host", "web", "port", "22"}, false, NULL},
    {"the last doesn't", {"host", "db*", "port", "23"}, false, NULL},
    {"the last opposite doesn't", {"host", "db*", "!port", "22"}, false, NULL},
    {"one twice", {"host", "db*", "host", "*example"}, true, NULL},
    {"five",
     {"host", "db*", "port", "22", "!network", "198.51.100.0/24", "!exec", "false", "!user",
      "no.such"},
     true,
     NULL},
};

static void rows_hold(void **state)
{
    const struct row *row = *state;
    struct fake_ctx fake;
    bool matches = !row->matches;

    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(row->words, row->host, true, &matches, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    assert_int_equal(matches, row->matches);
}

static void rows_checked(void **state)
{
    const struct row *row = *state;
    struct fake_ctx fake;
    bool matches = true;

    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(row->words, row->host, false, &matches, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    assert_false(matches);
}

#define WANT_ALL "want all, exec, host, network, port or user"
#define WANT_PATTERNS "host: want patterns, with commas between"
#define WANT_PORTS "port: want ports 1-65535 or ranges of them, with commas between"
#define WANT_NETWORKS                                                                              \
    "network: want networks such as 192.168.7.0/24 or 2001:db8::/32, with commas between"

static const struct bad_row {
    const char *name;
    const char *words[WORDS_MAX];
    const char *message;
} bad_rows[] = {
    {"nothing", {NULL}, WANT_ALL},
    {"an unknown criterion", {"canonical"}, "canonical: no such criterion; " WANT_ALL},
    {"an unknown criterion with a value", {"hots", "x"}, "hots: no such criterion; " WANT_ALL},
    {"the opposite of one", {"!hots", "x"}, "!hots: no such criterion; " WANT_ALL},
    {"an empty one", {"", "x"}, ": no such criterion; " WANT_ALL},
    {"nothing but a !", {"!", "x"}, "!: no such criterion; " WANT_ALL},
    {"!!", {"!!host", "x"}, "!!host: no such criterion; " WANT_ALL},
    {"a criterion with =", {"host=x"}, "host=x: no such criterion; " WANT_ALL},
    {"an unknown one behind", {"host", "x", "hots", "x"}, "hots: no such criterion; " WANT_ALL},
    {"all and more", {"all", "host", "x"}, "all stands alone"},
    {"all behind", {"host", "x", "all"}, "all stands alone"},
    {"all and not all", {"all", "!all"}, "all stands alone"},
    {"a value that is missing", {"host"}, "host: a value is missing"},
    {"the same behind", {"host", "x", "!PORT"}, "port: a value is missing"},

    {"no pattern", {"host", ""}, WANT_PATTERNS},
    {"an empty pattern", {"host", "a,,b"}, WANT_PATTERNS},
    {"an empty pattern at the end", {"host", "a,"}, WANT_PATTERNS},
    {"nothing behind !", {"host", "a,!"}, WANT_PATTERNS},
    {"no user", {"user", ""}, "user: want patterns, with commas between"},

    {"no port", {"port", ""}, WANT_PORTS},
    {"a name", {"port", "ssh"}, WANT_PORTS},
    {"0", {"port", "0"}, WANT_PORTS},
    {"65536", {"port", "65536"}, WANT_PORTS},
    {"a very long number", {"port", "99999999999999999999999999"}, WANT_PORTS},
    {"2^32+22", {"port", "4294967318"}, WANT_PORTS},
    {"a sign", {"port", "+22"}, WANT_PORTS},
    {"a minus", {"port", "-22"}, WANT_PORTS},
    {"an open range", {"port", "22-"}, WANT_PORTS},
    {"a range backwards", {"port", "23-22"}, WANT_PORTS},
    {"a range of three", {"port", "1-2-3"}, WANT_PORTS},
    {"a range that is too long", {"port", "1-65536"}, WANT_PORTS},
    {"a blank", {"port", "22, 23"}, WANT_PORTS},
    {"a comma at the end", {"port", "22,"}, WANT_PORTS},
    {"letters behind", {"port", "22x"}, WANT_PORTS},
    {"*", {"port", "*"}, WANT_PORTS},

    {"no network", {"network", ""}, WANT_NETWORKS},
    {"a word", {"network", "office"}, WANT_NETWORKS},
    {"too many bits", {"network", "10.0.0.0/33"}, WANT_NETWORKS},
    {"no bits", {"network", "10.0.0.0/"}, WANT_NETWORKS},
    {"three numbers", {"network", "10.0.0/24"}, WANT_NETWORKS},
    {"a bad one behind a good one", {"network", "127.0.0.0/8,x"}, WANT_NETWORKS},
    {"a comma behind a network", {"network", "127.0.0.0/8,"}, WANT_NETWORKS},

    {"no command", {"exec", " "}, "exec: a command is missing"},
    {"an open quote", {"exec", "true 'x"}, "exec: a ' that is not closed"},
    {"an unknown token", {"exec", "true %r"}, "exec: '%r' is unknown: want %h, %p or %%"},

    {"a bad one behind one that doesn't hold", {"host", "web", "port", "0"}, WANT_PORTS},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;

    for (int really = 0; really <= 1; really++) {
        struct fake_ctx fake;
        bool matches = true;
        fake_ctx_init(&fake, LIMIT_MS);
        assert_int_equal(match(row->words, NULL, really, &matches, &fake.ctx), -1);
        assert_string_equal(err_text(&fake.err), row->message);
        assert_err(&fake.err, ERR_USAGE, NULL);
        assert_false(matches);
    }
}

/* --- who runs us --- */

static void user(void **state)
{
    (void)state;
    const struct passwd *person = getpwuid(getuid());
    struct fake_ctx fake;
    char number[20];
    bool matches;

    (void)snprintf(number, sizeof(number), "%u", (unsigned)getuid());
    const char *name = person ? person->pw_name : number;
    const char *const is[] = {"user", name, NULL}, *const is_not[] = {"!user", name, NULL};
    const char *const other[] = {"user", "no.such,nor.such", NULL};
    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(is, NULL, true, &matches, &fake.ctx), 0);
    assert_true(matches);
    assert_int_equal(match(is_not, NULL, true, &matches, &fake.ctx), 0);
    assert_false(matches);
    assert_int_equal(match(other, NULL, true, &matches, &fake.ctx), 0);
    assert_false(matches);
    assert_err_unset(&fake.err);
}

/* --- what is run, and when --- */

/* Words that leave a mark in the folder when their command is run. */
static bool leaves_mark(const char *const *words, bool really)
{
    char marked[FOLDER_PATH_MAX], command[FOLDER_PATH_MAX + 20];
    const char *copies[WORDS_MAX] = {NULL};
    struct folder folder;
    struct fake_ctx fake;
    bool matches;

    folder_init(&folder);
    (void)snprintf(command, sizeof(command), "touch %s", folder_path(&folder, "mark", marked));
    for (int i = 0; words[i]; i++)
        copies[i] = strcmp(words[i], "MARK") == 0 ? command : words[i];
    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(copies, NULL, really, &matches, &fake.ctx), 0);
    assert_err_unset(&fake.err);
    bool is_there = access(marked, F_OK) == 0;
    folder_release(&folder);
    return is_there;
}

static void exec_is_run_where_it_matters(void **state)
{
    (void)state;
    const char *const alone[] = {"exec", "MARK", NULL};
    const char *const opposite[] = {"!exec", "MARK", NULL};
    const char *const behind[] = {"host", "db*", "exec", "MARK", NULL};
    const char *const in_vain[] = {"host", "web", "exec", "MARK", NULL};
    const char *const in_front[] = {"exec", "MARK", "host", "web", NULL};

    assert_true(leaves_mark(alone, true));
    assert_true(leaves_mark(opposite, true));
    assert_true(leaves_mark(behind, true));
    assert_true(leaves_mark(in_front, true));
    assert_false(leaves_mark(in_vain, true));
    assert_false(leaves_mark(alone, false));
    assert_false(leaves_mark(behind, false));
}

static void exec_program_is_missing(void **state)
{
    (void)state;
    const char *const words[] = {"exec", "no-such-program-here x", NULL};
    const char *const opposite[] = {"!exec", "no-such-program-here x", NULL};
    struct fake_ctx fake;
    bool matches;

    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(words, NULL, true, &matches, &fake.ctx), -1);
    assert_err(&fake.err, ERR_USAGE, "exec: no-such-program-here: ");
    assert_int_equal(match(opposite, NULL, true, &matches, &fake.ctx), -1);
    assert_err(&fake.err, ERR_USAGE, "no-such-program-here");
    assert_int_equal(match(words, NULL, false, &matches, &fake.ctx), 0);
}

static const char *const odd_hosts[] = {"a$b", "a;b", "a'b", "a`b`", "\303\244", "a*b", "a(b"};

/* The command may be a shell. */
static void exec_odd_host(void **state)
{
    (void)state;
    const char *const words[] = {"exec", "touch x%h", NULL};
    const char *const inner[] = {"exec", "touch %%%p%h", NULL};

    for (size_t i = 0; i < sizeof(odd_hosts) / sizeof(odd_hosts[0]); i++) {
        struct fake_ctx fake;
        bool matches = true;
        fake_ctx_init(&fake, LIMIT_MS);
        assert_int_equal(match(words, odd_hosts[i], true, &matches, &fake.ctx), -1);
        assert_contains(err_text(&fake.err), odd_hosts[i]);
        assert_err(&fake.err, ERR_USAGE, "may be in a host for a command");
        assert_int_equal(match(inner, odd_hosts[i], true, &matches, &fake.ctx), -1);
        assert_err(&fake.err, ERR_USAGE, "may be in a host for a command");
        assert_int_equal(match(words, odd_hosts[i], false, &matches, &fake.ctx), 0);
        assert_false(matches);
    }
}

static void exec_out_of_time(void **state)
{
    (void)state;
    const char *const words[] = {"exec", "sleep 20", NULL};
    struct fake_ctx fake;
    int64_t start_ns = clock_ns();
    bool matches;

    fake_ctx_init(&fake, 100);
    assert_int_equal(match(words, NULL, true, &matches, &fake.ctx), -1);
    assert_string_equal(err_text(&fake.err), "exec: sleep: no answer within 0.1 s");
    assert_err(&fake.err, ERR_TIME, NULL);
    assert_true(clock_ns() - start_ns < 15 * CLOCK_S);
}

static void exec_called_off(void **state)
{
    (void)state;
    const char *const words[] = {"exec", "sleep 20", NULL};
    struct fake_ctx fake;
    int64_t start_ns = clock_ns();
    bool matches;

    fake_ctx_init(&fake, LIMIT_MS);
    fake_ctx_cancel(&fake);
    assert_int_equal(match(words, NULL, true, &matches, &fake.ctx), -1);
    assert_err_silent(&fake.err);
    assert_true(clock_ns() - start_ns < 15 * CLOCK_S);
    fd_close(&fake.ctx.cancel_fd);
}

/* What it leaves behind is nobody's business: its end is awaited, not that of its children. */
static void exec_leaves_somebody(void **state)
{
    (void)state;
    const char *const words[] = {"exec", "sh -c 'sleep 5 & exit 0'", NULL};
    struct fake_ctx fake;
    int64_t start_ns = clock_ns();
    bool matches = false;

    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(match(words, NULL, true, &matches, &fake.ctx), 0);
    assert_true(matches);
    assert_true(clock_ns() - start_ns < 4 * CLOCK_S);
}

/* --- a target without a host --- */

static void socket_path(void **state)
{
    (void)state;
    struct endpoint target = ENDPOINT_INIT;
    struct query query = {.target = &target};
    struct fake_ctx fake;
    char host[] = "host", pattern[] = "unix:/run/*", port[] = "!port", ports[] = "1-65535";
    char *const words[] = {host, pattern, port, ports, NULL};
    bool matches = false;

    fake_ctx_init(&fake, LIMIT_MS);
    assert_int_equal(endpoint_parse(&target, "unix:/run/x", 0, &fake.err), 0);
    assert_int_equal(match_words(words, &query, true, &matches, &fake.ctx), 0);
    assert_true(matches);
    endpoint_release(&target);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, rows_hold, rows);
    UNIT_ROWS(&unit, rows_checked, rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, user);
    UNIT_TEST(&unit, exec_is_run_where_it_matters);
    UNIT_TEST(&unit, exec_program_is_missing);
    UNIT_TEST(&unit, exec_odd_host);
    UNIT_TEST(&unit, exec_out_of_time);
    UNIT_TEST(&unit, exec_called_off);
    UNIT_TEST(&unit, exec_leaves_somebody);
    UNIT_TEST(&unit, socket_path);
    return unit_run(&unit, "match");
}
