/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/keyword.h"
#include "core/clock.h"
#include "core/text.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/fake_unit.h"

/* --- files that are good --- */

#define FILES_MAX 4

struct given {
    const char *name, *text;
};

static void put_all(const struct fake_files *files, const char *config, const struct given *given)
{
    folder_put(&files->folder, "config", config, 0600);
    for (size_t i = 0; i < FILES_MAX && given[i].name; i++)
        folder_put(&files->folder, given[i].name, given[i].text, 0600);
}

static const struct row {
    const char *name;
    const char *config;
    const char *shown;
    struct given files[FILES_MAX];
} rows[] = {
    {"empty", "", "", {{0}}},
    {"nothing but line feeds", "\n\n\n", "", {{0}}},
    {"nothing but a comment", "# \303\244 \377\n", "", {{0}}},
    {"a value", "Timeout 5\n", "Timeout 5s @config:1\n", {{0}}},
    {"no line feed at the end", "Timeout 5", "Timeout 5s @config:1\n", {{0}}},
    {"CRLF",
     "Timeout 5\r\n\r\nVia direct\r\n",
     "Timeout 5s @config:1\nVia direct @config:3\n",
     {{0}}},
    {"a carriage return at the end", "Timeout 5\r", "Timeout 5s @config:1\n", {{0}}},
    {"in either case",
     "tIMEOUT 5\nVIA DIRECT\n",
     "Timeout 5s @config:1\nVia DIRECT @config:2\n",
     {{0}}},
    {"equals, quotes, a comment", " Timeout = \"5\" # s\n", "Timeout 5s @config:1\n", {{0}}},
    {"all values",
     "AddressFamily inet6\nAttemptDelay none\nLog syslog\nLogFile /x/\303\274\nLogLevel debug\n"
     "Remember no\nTimeout 90s\n",
     "AddressFamily inet6 @config:1\nAttemptDelay none @config:2\nLog syslog @config:3\n"
     "LogFile /x/\303\274 @config:4\nLogLevel debug @config:5\nRemember no @config:6\n"
     "Timeout 90s @config:7\n",
     {{0}}},
    {"the first value",
     "Timeout 5\nTimeout 6\nHost *\nTimeout 7\n",
     "Timeout 5s @config:1\n",
     {{0}}},

    {"a host", "Host db.example\nTimeout 5\n", "Timeout 5s @config:2\n", {{0}}},
    {"another host", "Host web\nTimeout 5\n", "", {{0}}},
    {"hosts", "Host web db*\nTimeout 5\n", "Timeout 5s @config:2\n", {{0}}},
    {"a host that is denied", "Host * !db.example\nTimeout 5\n", "", {{0}}},
    {"a host in quotes", "Host \"db.example\"\nTimeout 5\n", "Timeout 5s @config:2\n", {{0}}},
    {"blocks",
     "Host web\n Timeout 5\nHost db*\n Timeout 6\n Remember no\nHost *\n Timeout 7\n Log syslog\n",
     "Log syslog @config:8\nRemember no @config:5\nTimeout 6s @config:4\n",
     {{0}}},
    {"a match",
     "Match host db* port 22\nTimeout 5\nMatch host web\nLog none\nMatch all\nRemember no\n",
     "Remember no @config:6\nTimeout 5s @config:2\n",
     {{0}}},
    {"a match with a command",
     "Match exec \"test %h = Db.example\"\nTimeout 5\n",
     "Timeout 5s @config:2\n",
     {{0}}},
    {"a match with a network",
     "Match network 127.0.0.0/8 !network 198.51.100.0/24\nTimeout 5\n",
     "Timeout 5s @config:2\n",
     {{0}}},

    {"routes",
     "Via direct\nVia http://proxy:3128,ssh://a@b\nVia env\n",
     "Via direct @config:1\nVia http://proxy:3128,ssh://a@b @config:2\nVia env @config:3\n",
     {{0}}},
    {"routes of the first block that has any",
     "Host web\nVia socks5://a\nHost *\nTimeout 5\nHost db*\nVia socks5://b\nVia socks5://c\nHost "
     "*\nVia direct\n",
     "Timeout 5s @config:4\nVia socks5://b @config:6\nVia socks5://c @config:7\n",
     {{0}}},
    {"routes before the first block",
     "Via direct\nHost *\nVia env\n",
     "Via direct @config:1\n",
     {{0}}},
    {"a block between",
     "Host db*\nVia direct\nHost web\nHost db*\nVia env\n",
     "Via direct @config:2\n",
     {{0}}},
    {"routes with a Hop between",
     "Host db*\nVia direct\nHop http://p:1\nUser a\nHost db*\nVia env\n",
     "Via direct @config:2\nHop http://p:1 @config:3\n- user a @config:4\n",
     {{0}}},
    {"a command as a route",
     "Via exec:sh -c 'exec nc \"$1\"' %h # it\n",
     "Via exec:sh -c 'exec nc \"$1\"' %h @config:1\n",
     {{0}}},
    {"a command in quotes", "Via \"exec:nc %h %p\"\n", "Via exec:nc %h %p @config:1\n", {{0}}},
    {"a command whose name is in quotes",
     "Via exec:'/a b/nc' %h\n",
     "Via exec:'/a b/nc' %h @config:1\n",
     {{0}}},
    {"a comma in a command",
     "Via exec:a\\,b,socks5://c\n",
     "Via exec:a\\,b,socks5://c @config:1\n",
     {{0}}},
    {"a password in a private file",
     "Via http://a:hunter2@p:1\n",
     "Via http://a:hunter2@p:1 @config:1\n",
     {{0}}},

    {"a hop",
     "Hop http://proxy:3128\n  User alice\n  PasswordCommand secret-tool lookup a b\n  Auth = "
     "ntlm,digest\n",
     "Hop http://proxy:3128 @config:1\n- user alice @config:2\n"
     "- passwordcommand secret-tool lookup a b @config:3\n- auth ntlm,digest @config:4\n",
     {{0}}},
    {"values of a hop",
     "Hop http://p\nHeader \"X-A: b c\"\nHeader X-D: e # f\nPasswordCommand sh -c 'echo \"a b\"'\n"
     "PasswordCommand \"x y\" z\n",
     "Hop http://p @config:1\n- header X-A: b c @config:2\n- header X-D: e @config:3\n"
     "- passwordcommand sh -c 'echo \"a b\"' @config:4\n- passwordcommand \"x y\" z @config:5\n",
     {{0}}},
    {"hops",
     "Hop http://p:1\nUser a\nHop socks5://p:2\nUser b\nHost *\nTimeout 5\nHop http://p:1\nUser "
     "c\n",
     "Timeout 5s @config:6\nHop http://p:1 @config:1\n- user a @config:2\nHop socks5://p:2 "
     "@config:3\n- user b @config:4\nHop http://p:1 @config:7\n- user c @config:8\n",
     {{0}}},
    {"a hop behind a block that does not match",
     "Host web\nTimeout 5\nHop http://p:1\nUser a\n",
     "Hop http://p:1 @config:3\n- user a @config:4\n",
     {{0}}},
    {"a hop without settings", "Hop socks5://[::1]\n", "Hop socks5://[::1] @config:1\n", {{0}}},
    {"a block behind a hop",
     "Hop http://p:1\nMatch host web\nTimeout 5\nMatch all\nTimeout 6\n",
     "Timeout 6s @config:5\nHop http://p:1 @config:1\n",
     {{0}}},

    {"an Include",
     "Timeout 5\nInclude a\nLog syslog\n",
     "Log syslog @config:3\nRemember no @a:2\nTimeout 5s @config:1\n",
     {{"a", "Timeout 6\nRemember no\n"}}},
    {"the first value, by an Include",
     "Include a\nTimeout 5\n",
     "Timeout 6s @a:1\n",
     {{"a", "Timeout 6"}}},
    {"Includes in a line",
     "Include b a\n",
     "Timeout 2s @b:1\n",
     {{"a", "Timeout 1\n"}, {"b", "Timeout 2\n"}}},
    {"an Include in quotes", "Include \"a b\"\n", "Timeout 1s @a b:1\n", {{"a b", "Timeout 1\n"}}},
    {"an Include of an Include",
     "Include a\n",
     "Remember no @b:2\nTimeout 1s @b:1\n",
     {{"a", "Include b\n"}, {"b", "Timeout 1\nRemember no\n"}}},
    {"the same file twice",
     "Include a a\nInclude a\n",
     "Timeout 1s @a:1\n",
     {{"a", "Timeout 1\n"}}},
    {"a file by way of two",
     "Include a b\n",
     "Timeout 1s @c:1\n",
     {{"a", "Include c\n"}, {"b", "Include c\n"}, {"c", "Timeout 1\n"}}},
    {"a pattern, in order",
     "Include x.*\n",
     "Remember no @x.b:2\nTimeout 1s @x.a:1\n",
     {{"x.b", "Timeout 2\nRemember no\n"}, {"x.a", "Timeout 1\n"}, {"y", "Log syslog\n"}}},
    {"? and brackets",
     "Include [x-y]?\n",
     "Timeout 1s @x1:1\n",
     {{"x1", "Timeout 1\n"}, {"z1", "Timeout 2\n"}, {"y", "Timeout 3\n"}}},
    {"a pattern that matches nothing",
     "Include no/*.conf x*\nTimeout 1\n",
     "Timeout 1s @config:2\n",
     {{0}}},
    {"a pattern in quotes is one",
     "Include \"x *\"\n",
     "Timeout 1s @x y:1\n",
     {{"x y", "Timeout 1\n"}}},
    {"a wildcard behind a backslash",
     "Include x\\**\n",
     "Timeout 1s @x*1:1\n",
     {{"x*1", "Timeout 1\n"}, {"xy1", "Timeout 2\n"}}},
    {"dots are left out", "Include *x\n", "", {{".x", "Timeout 1\n"}}},

    {"an Include in a block that matches",
     "Host db*\nInclude a\n",
     "Timeout 1s @a:1\n",
     {{"a", "Timeout 1\n"}}},
    {"an Include in one that does not",
     "Host web\nInclude a\nHost *\nTimeout 2\n",
     "Timeout 2s @config:4\n",
     {{"a", "Timeout 1\nVia direct\nHost *\nTimeout 1\nHop http://p:1\nUser a\nMatch all\nLog "
            "syslog\n"}}},
    {"an Include of an Include in one that does not",
     "Host web\nInclude a\n",
     "",
     {{"a", "Host *\nInclude b\n"}, {"b", "Timeout 1\nHost db*\nTimeout 1\n"}}},
    {"blocks end with their file",
     "Host db*\nInclude a\nTimeout 2\n",
     "Timeout 2s @config:3\n",
     {{"a", "Host web\nTimeout 1\n"}}},
    {"a block of a file that matches ends as well",
     "Include a\nTimeout 2\nHost web\nInclude a\n",
     "Log syslog @a:2\nTimeout 2s @config:2\n",
     {{"a", "Host db*\nLog syslog\nHost web\nTimeout 1\n"}}},
    {"a hop of a file ends with it",
     "Include a\nTimeout 1\n",
     "Timeout 1s @config:2\nHop http://p:1 @a:1\n",
     {{"a", "Hop http://p:1\n"}}},
    {"an Include in a hop",
     "Hop http://p:1\nInclude a\nUser b\n",
     "Hop http://p:1 @config:1\n- auth ntlm @a:1\n- user b @config:3\n"
     "Hop http://p:2 @a:2\n- user c @a:3\n",
     {{"a", "Auth ntlm\nHop http://p:2\nUser c\n"}}},
    {"blocks of an Include in a hop",
     "Hop http://p:1\nInclude a\nUser b\n",
     "Timeout 1s @a:2\nHop http://p:1 @config:1\n- user b @config:3\n",
     {{"a", "Host *\nTimeout 1\n"}}},
    {"many hops of an Include in a hop",
     "Hop http://p:1\nInclude a a\nInclude a a\nUser b\n",
     "Hop http://p:1 @config:1\n- user b @config:4\n"
     "Hop http://p:2 @a:1\nHop http://p:3 @a:2\nHop http://p:2 @a:1\nHop http://p:3 @a:2\n"
     "Hop http://p:2 @a:1\nHop http://p:3 @a:2\nHop http://p:2 @a:1\nHop http://p:3 @a:2\n",
     {{"a", "Hop http://p:2\nHop http://p:3\n"}}},
    {"routes of an Include are its block's",
     "Host db*\nVia direct\nInclude a\nVia env\n",
     "Via direct @config:2\nVia socks5://a @a:1\nVia env @config:4\n",
     {{"a", "Via socks5://a\nHost *\nVia socks5://b\n"}}},
    {"routes of a block of an Include",
     "Host db*\nInclude a\nVia env\n",
     "Via socks5://b @a:2\n",
     {{"a", "Host *\nVia socks5://b\nMatch all\nVia direct\n"}}},
    {"routes of an Include that nothing encloses",
     "Include a\nInclude b\n",
     "Via socks5://a @a:1\nVia socks5://b @b:1\n",
     {{"a", "Via socks5://a\n"}, {"b", "Via socks5://b\n"}}},
};

static void good(void **state)
{
    const struct row *row = *state;
    struct fake_files files;

    files_init(&files);
    put_all(&files, row->config, row->files);
    files_are(&files, "config", row->shown);
    files_release(&files);
}

/* --- files that are not --- */

#define WRONG_PLACE "not in a Hop block; put it before, or into a Host or Match block"
#define ONE_ROUTE "want one route, with commas between its hops"
#define NO_SUCH "no such keyword; settings of a proxy or gateway stand in a Hop block"

static const struct row bad_rows[] = {
    {"a keyword that is nearly one",
     "\n\nVai direct\n",
     "config:3: Vai: no such keyword; did you mean Via?",
     {{0}}},
    {"another", "TimeOuts 5", "config:1: TimeOuts: no such keyword; did you mean Timeout?", {{0}}},
    {"a keyword that is near to none", "User alice\n", "config:1: User: " NO_SUCH, {{0}}},
    {"a byte order mark",
     "\357\273\277Via direct\n",
     "config:1: \357\273\277Via: no such keyword; did you mean Via?",
     {{0}}},
    {"no keyword", "Timeout 5\n= 6\n", "config:2: a keyword is missing", {{0}}},
    {"an open quote", "Via \"direct\n", "config:1: a \" that is not closed", {{0}}},
    {"a control byte", "Via dir\033ect\n", "config:1: column 8: a control byte", {{0}}},
    {"a carriage return within",
     "Timeout 5\rVia direct\n",
     "config:1: column 10: a control byte",
     {{0}}},
    {"two carriage returns", "Timeout 5\r\r\n", "config:1: column 10: a control byte", {{0}}},

    {"no value", "Timeout\n", "config:1: Timeout: want one value: time", {{0}}},
    {"two values", "timeout 5 s\n", "config:1: Timeout: want one value: time", {{0}}},
    {"a bad value",
     "TIMEOUT soon\n",
     "config:1: Timeout: bad time 'soon': want more than 0, such as 30, 1.5, 300ms, 2m, 1h",
     {{0}}},
    {"an empty value",
     "LogFile \"\"\n",
     "config:1: LogFile: want a path that begins with / or ~/, or none",
     {{0}}},
    {"a bad value that would not count",
     "Timeout 5\nTimeout 0\n",
     "config:2: Timeout: bad time '0': want more than 0, such as 30, 1.5, 300ms, 2m, 1h",
     {{0}}},
    {"a bad value in a block that does not match",
     "Host web\nLog file\n",
     "config:2: Log: want syslog or none",
     {{0}}},

    {"no route", "Via\n", "config:1: Via: want hop[,hop...]|direct|env", {{0}}},
    {"an empty route", "Via \"\"\n", "config:1: Via: column 1: a hop is missing", {{0}}},
    {"a bad route",
     "Via socks5://a,b\n",
     "config:1: Via: column 12: want scheme://host:port, exec:command, or direct or env alone",
     {{0}}},
    {"two routes in a line", "Via socks5://a socks5://b\n", "config:1: Via: " ONE_ROUTE, {{0}}},
    {"direct and more", "Via direct env\n", "config:1: Via: " ONE_ROUTE, {{0}}},
    {"two commands in quotes", "Via \"exec:a b\" \"exec:c\"\n", "config:1: Via: " ONE_ROUTE, {{0}}},
    {"a bad route that would not count",
     "Via direct\nHost *\nVia x\n",
     "config:3: Via: column 1: want scheme://host:port, exec:command, or direct or env alone",
     {{0}}},
    {"a bad route in a block that does not match",
     "Host web\nVia x\n",
     "config:2: Via: column 1: want scheme://host:port, exec:command, or direct or env alone",
     {{0}}},

    {"no pattern", "Host\n", "config:1: Host: want patterns", {{0}}},
    {"an empty pattern", "Host db \"\"\n", "config:1: Host: want patterns", {{0}}},
    {"nothing behind !", "Host db !\n", "config:1: Host: want patterns", {{0}}},
    {"no criterion",
     "Match\n",
     "config:1: Match: want all, exec, host, network, port or user",
     {{0}}},
    {"a bad criterion",
     "Match hots db\n",
     "config:1: Match: hots: no such criterion; want all, exec, host, network, port or user",
     {{0}}},
    {"a bad value of one",
     "Match port x\n",
     "config:1: Match: port: want ports 1-65535 or ranges of them, with commas between",
     {{0}}},

    {"no hop", "Hop\n", "config:1: Hop: want one url", {{0}}},
    {"two hops", "Hop http://a:1 http://b:1\n", "config:1: Hop: want one url", {{0}}},
    {"a bad hop",
     "Hop proxy:3128\n",
     "config:1: Hop: column 1: want scheme://host:port, exec:command, or direct or env alone",
     {{0}}},
    {"a bad hop that does not count",
     "Host web\nInclude a\n",
     "a:2: Hop: column 1: want scheme://host:port, exec:command, or direct or env alone",
     {{"a", "# x\nHop x\n"}}},
    {"a setting without a value",
     "Hop http://a:1\nUser\n",
     "config:2: User: a value is missing",
     {{0}}},
    {"Via in a hop", "Hop http://a:1\nVia direct\n", "config:2: Via: " WRONG_PLACE, {{0}}},
    {"a value in a hop", "Hop http://a:1\ntimeout 5\n", "config:2: Timeout: " WRONG_PLACE, {{0}}},
    {"a value in a hop, by an Include",
     "Hop http://a:1\nInclude a\n",
     "a:1: Log: " WRONG_PLACE,
     {{"a", "Log syslog\n"}}},

    {"no path", "Include\n", "config:1: Include: want path...", {{0}}},
    {"an empty path", "Include \"\"\n", "config:1: Include: an empty path", {{0}}},
    {"a file that is missing",
     "\nInclude a\n",
     "config:2: Include: a: No such file or directory",
     {{0}}},
    {"one of two that is missing",
     "Include b a\n",
     "config:1: Include: a: No such file or directory",
     {{"b", ""}}},
    {"one that is missing where nothing counts",
     "Host web\nInclude a\n",
     "config:2: Include: a: No such file or directory",
     {{0}}},
    {"a user's home",
     "Include ~alice/a\n",
     "config:1: Include: ~alice/a: No such file or directory",
     {{0}}},
    {"a folder", "Include .\n", "config:1: Include: .: not a regular file", {{0}}},
    {"a device", "Include /dev/null\n", "config:1: Include: /dev/null: not a regular file", {{0}}},
    {"a mistake in an Include",
     "Include a\n",
     "a:2: Vai: no such keyword; did you mean Via?",
     {{"a", "\nVai direct\n"}}},
    {"a mistake in an Include of an Include",
     "Include a\n",
     "b:1: Log: want syslog or none",
     {{"a", "Include b\n"}, {"b", "Log x\n"}}},
    {"a mistake in an Include that does not count",
     "Host web\nInclude a\n",
     "a:1: Log: want syslog or none",
     {{"a", "Log x\n"}}},
    {"a mistake in a file of a pattern",
     "Include x*\n",
     "x2:1: Log: want syslog or none",
     {{"x1", "Log none\n"}, {"x2", "Log x\n"}}},
    {"a file that includes itself",
     "Include config\n",
     "config:1: Include: config: files include each other in a circle",
     {{0}}},
    {"a circle",
     "Include a\n",
     "b:2: Include: a: files include each other in a circle",
     {{"a", "Include b\n"}, {"b", "\nInclude a\n"}}},
    {"a circle by a pattern",
     "Include c*\n",
     "config:1: Include: config: files include each other in a circle",
     {{0}}},
    {"a circle where nothing counts",
     "Host web\nInclude config\n",
     "config:2: Include: config: files include each other in a circle",
     {{0}}},
};

static void bad(void **state)
{
    const struct row *row = *state;
    struct fake_files files;

    files_init(&files);
    put_all(&files, row->config, row->files);
    files_refused(&files, "config", row->shown);
    files_release(&files);
}

/* --- what was said before --- */

static void the_command_line_counts_first(void **state)
{
    (void)state;
    static const struct place place = {"-o", 0};
    struct fake_files files;
    struct config *config = &files.fake.config;

    files_init(&files);
    folder_put(&files.folder, "config", "Timeout 5\nRemember no\nVia direct\nHost *\nVia env\n",
               0600);
    assert_int_equal(config_say(config, "Timeout", "7", &place, &files.fake.err), 0);
    assert_int_equal(config_via(config, "socks5://a", false, &place, &files.fake.err), 0);
    files_are(&files, "config", "Remember no @config:2\nTimeout 7s @-o:0\nVia socks5://a @-o:0\n");
    folder_put(&files.folder, "config", "Via x\n", 0600);
    files_refused(
        &files, "config",
        "config:1: Via: column 1: want scheme://host:port, exec:command, or direct or env alone");
    files_release(&files);
}

/* --- passwords --- */

#define URL "http://alice:hunter2@proxy:3128"

static const struct password_row {
    const char *name;
    const char *line;
    mode_t mode;
    bool is_refused;
} password_rows[] = {
    {"in a private file", "Via " URL "\n", 0600, false},
    {"in one that can't be written", "Via " URL "\n", 0400, false},
    {"in one that others can read", "Via " URL "\n", 0604, true},
    {"in one that the group can read", "Via " URL "\n", 0640, true},
    {"in one that others have access to", "Via " URL "\n", 0601, true},
    {"in the second hop", "Via ssh://a," URL "\n", 0644, true},
    {"in quotes", "Via \"" URL "\"\n", 0644, true},
    {"where it would not count", "Host web\nVia " URL "\n", 0644, true},
    {"none, in one that others can read", "Via http://alice@proxy:3128\n", 0644, false},
    {"a command with a colon", "Via exec:nc -x a:b@c\n", 0644, false},
};

static void passwords(void **state)
{
    const struct password_row *row = *state;
    struct fake_files files;

    files_init(&files);
    folder_put(&files.folder, "config", row->line, row->mode);
    if (row->is_refused) {
        assert_int_equal(files_load(&files, "config"), -1);
        assert_null(strstr(err_text(&files.fake.err), "hunter2"));
        assert_contains(err_text(&files.fake.err), "Via: no password in a file that isn't private");
        assert_err(&files.fake.err, ERR_USAGE, "; chmod 600");
    } else {
        assert_int_equal(files_load(&files, "config"), 0);
        assert_int_equal(files.fake.config.via_count, 1);
    }
    files_release(&files);
}

/* It is the file itself that must be private, not the one that includes it. */
static void password_of_an_include(void **state)
{
    (void)state;
    struct fake_files files;

    files_init(&files);
    folder_put(&files.folder, "config", "Include a\n", 0644);
    folder_put(&files.folder, "a", "Via " URL "\n", 0600);
    files_are(&files, "config", "Via " URL " @a:1\n");
    config_release(&files.fake.config);
    folder_put(&files.folder, "config", "Include a\n", 0600);
    folder_put(&files.folder, "a", "Via " URL "\n", 0644);
    files_refused(
        &files, "config",
        "a:1: Via: no password in a file that isn't private: others can read it; chmod 600");
    files_release(&files);
}

static const struct leak_row {
    const char *name;
    const char *text;
} leak_rows[] = {
    {"a bad port", "Via http://alice:hunter2@proxy:x\n"},
    {"a question mark", "Via http://alice:hunter2?@proxy:1\n"},
    {"no host", "Via http://alice:hunter2\n"},
    {"two in a line", "Via http://alice:hunter2@a http://alice:hunter2@b\n"},
    {"a Hop", "Hop http://alice:hunter2@proxy:3128\n"},
    {"a setting", "Hop http://proxy:3128\nPassword hunter2\n"},
    {"a setting in quotes", "Hop http://proxy:3128\npassword \"hunter2\"\n"},
    {"a setting that does not count", "Host web\nInclude a\n"},
    {"an open quote", "Via \"http://alice:hunter2@proxy:1\n"},
};

static void no_leak(void **state)
{
    const struct leak_row *row = *state;
    struct fake_files files;

    files_init(&files);
    folder_put(&files.folder, "config", row->text, 0600);
    folder_put(&files.folder, "a", "Hop http://proxy:3128\nPassword hunter2\n", 0600);
    assert_int_equal(files_load(&files, "config"), -1);
    assert_null(strstr(err_text(&files.fake.err), "hunter2"));
    assert_err(&files.fake.err, ERR_USAGE, NULL);
    files_release(&files);
}

/* --- commands --- */

static void command_runs_where_it_matters(void **state)
{
    (void)state;
    struct fake_files files;
    char text[3 * FOLDER_PATH_MAX], path[FOLDER_PATH_MAX], other[FOLDER_PATH_MAX];

    files_init(&files);
    (void)snprintf(text, sizeof(text), "Host web\nInclude a\nMatch exec \"touch %s\"\nTimeout 1\n",
                   folder_path(&files.folder, "mark", path));
    folder_put(&files.folder, "config", text, 0600);
    (void)snprintf(text, sizeof(text), "Match exec \"touch %s\"\nTimeout 2\n",
                   folder_path(&files.folder, "no-mark", other));
    folder_put(&files.folder, "a", text, 0600);
    files_are(&files, "config", "Timeout 1s @config:4\n");
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(access(other, F_OK), -1);
    files_release(&files);
}

static void command_is_missing(void **state)
{
    (void)state;
    struct fake_files files;

    files_init(&files);
    folder_put(&files.folder, "config", "\nMatch exec no-such-program-here\n", 0600);
    assert_int_equal(files_load(&files, "config"), -1);
    assert_err(&files.fake.err, ERR_USAGE, "config:2: Match: exec: no-such-program-here: ");
    files_release(&files);
}

static void command_out_of_time(void **state)
{
    (void)state;
    struct fake_files files;

    files_init(&files);
    folder_put(&files.folder, "config", "Timeout 50ms\nMatch exec \"sleep 20\"\n", 0600);
    assert_int_equal(files_load(&files, "config"), -1);
    assert_err(&files.fake.err, ERR_TIME, "config:2: Match: exec: sleep: no answer within 0.05 s");
    files_release(&files);
}

/* --- the example --- */

/* Every keyword is in it, and all of it is read, wherever its blocks count. */
static void example(void **state)
{
    (void)state;
    static const char path[] = "config/example.conf";
    struct fake_files files;
    char text[FILES_SHOWN_MAX];

    if (access(path, R_OK) == -1)
        unit_fail("%s: run this from the folder of the Makefile", path);
    files_init(&files);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[0] = '\n';
    size_t length = fread(text + 1, 1, sizeof(text) - 2, file) + 1;
    assert_int_equal(fclose(file), 0);
    assert_true(length < sizeof(text) - 2);
    text[length] = '\0';
    for (size_t i = 0; i < keyword_count; i++) {
        bool used = false;
        for (char *at = text; !used && (at = strchr(at, '\n'));) {
            at += 1 + text_span(at + 1, " ");
            size_t name = strlen(keywords[i].name);
            used = strncmp(at, keywords[i].name, name) == 0 && at[name] == ' ';
        }
        if (!used)
            unit_fail("%s: no %s", path, keywords[i].name);
    }
    folder_put(&files.folder, "config", text + 1, 0644);
    if (files_load(&files, "config") == -1)
        unit_fail("%s", err_text(&files.fake.err));
    assert_true(files.fake.config.via_count > 0);
    assert_true(files.fake.config.block_count > 0);
    files_release(&files);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, good, rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, the_command_line_counts_first);
    UNIT_ROWS(&unit, passwords, password_rows);
    UNIT_TEST(&unit, password_of_an_include);
    UNIT_ROWS(&unit, no_leak, leak_rows);
    UNIT_TEST(&unit, command_runs_where_it_matters);
    UNIT_TEST(&unit, command_is_missing);
    UNIT_TEST(&unit, command_out_of_time);
    UNIT_TEST(&unit, example);
    return unit_run(&unit, "file_load");
}
