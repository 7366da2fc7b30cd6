/* SPDX-License-Identifier: MIT */
#include "config/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"
#include "core/text.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

#define LIMIT_MS 10000
#define URL "http://alice@proxy:3128"
#define NOBODY "http://proxy:3128"

/* Notes the question, answers what is in the file beside it, and fails when there is none. */
static const char askpass[] = "#!/bin/sh\n"
                              "printf '%s\\n' \"$1\" >>\"${0%/*}/asked\"\n"
                              "cat \"${0%/*}/answer\" 2>/dev/null\n";

/* A home of its own, a hop, and somebody who types what is in the file `answer`. */
struct home {
    struct folder folder;
    struct fake_ctx fake;
    struct ctx *ctx;
    struct hops hops;
    struct hop *hop;
};

static void set_variable(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void home_init(struct home *home, const char *url)
{
    char path[FOLDER_PATH_MAX];

    folder_init(&home->folder);
    folder_put(&home->folder, "askpass", askpass, 0700);
    set_variable("HOME", home->folder.path);
    set_variable("NETRC", NULL);
    set_variable("SSH_ASKPASS", folder_path(&home->folder, "askpass", path));
    set_variable("SSH_ASKPASS_REQUIRE", "force");
    fake_ctx_init(&home->fake, LIMIT_MS);
    home->ctx = &home->fake.ctx;
    assert_int_equal(hops_parse(&home->hops, url, HOP_FROM_FILE, &home->fake.err), 0);
    assert_int_equal(home->hops.count, 1);
    home->hop = &home->hops.hop[0];
}

static void home_release(struct home *home)
{
    assert_err_unset(&home->fake.err);
    hops_release(&home->hops);
    folder_release(&home->folder);
}

/* A setting whose value has @ where the home is. */
static void home_set(struct home *home, const char *name, const char *value)
{
    char whole[SECRET_MAX * 2];
    const char *mark = strchr(value, '@');

    (void)snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(mark ? mark - value : 0), value,
                   mark ? home->folder.path : "", mark ? mark + 1 : value);
    assert_int_equal(hop_add_setting(home->hop, name, whole, 0, &home->fake.err), 0);
}

static void user_is(struct home *home, const char *wanted)
{
    const char *user = "nobody has set it";

    assert_int_equal(credential_user(home->hop, &user, home->ctx), 0);
    assert_err_unset(&home->fake.err);
    if (wanted) {
        assert_non_null(user);
        assert_string_equal(user, wanted);
    } else {
        assert_null(user);
    }
}

static void secret_is(struct home *home, const char *wanted)
{
    const char *secret = credential_secret(home->hop, home->ctx);

    assert_err_unset(&home->fake.err);
    assert_non_null(secret);
    assert_string_equal(secret, wanted);
}

/* There is no secret, for a reason that does not repeat one: all in here are called hunter2. */
static void secret_fails(struct home *home, enum err_code code, const char *part)
{
    assert_null(credential_secret(home->hop, home->ctx));
    assert_null(strstr(err_text(&home->fake.err), "hunter2"));
    assert_err(&home->fake.err, code, part);
}

/* How often somebody was asked. */
static unsigned times_asked(const struct home *home)
{
    char text[FOLDER_TEXT_MAX];
    unsigned times = 0;

    for (const char *at = folder_get(&home->folder, "asked", text); (at = strchr(at, '\n')); at++)
        times++;
    return times;
}

/* What is traced from now on goes into a pipe, whose end for reading is returned. */
static int trace_begin(struct home *home)
{
    int ends[2];

    fd_pipe(ends);
    home->fake.trace.level = 9;
    home->fake.trace.fd = ends[1];
    return ends[0];
}

static const char *trace_end(struct home *home, int fd, char trace[FOLDER_TEXT_MAX])
{
    fd_close(&home->fake.trace.fd);
    ssize_t size = read(fd, trace, FOLDER_TEXT_MAX - 1);

    assert_true(size > 0);
    trace[size] = '\0';
    fd_close(&fd);
    return trace;
}

/* --- the user --- */

static const struct user_row {
    const char *name;
    const char *url;
    const char *setting;
    const char *netrc;
    const char *wanted;
} user_rows[] = {
    {"of the URL", "http://alice@proxy", NULL, NULL, "alice"},
    {"of the setting", "http://proxy", "bob", NULL, "bob"},
    {"of the URL before the setting", "http://alice@proxy", "bob", NULL, "alice"},
    {"of the URL before netrc", "http://alice@proxy", NULL, "machine proxy login carl", "alice"},
    {"of the setting before netrc", "http://proxy", "bob", "machine proxy login carl", "bob"},
    {"of netrc", "http://proxy", NULL, "machine proxy login carl password x", "carl"},
    {"of netrc, without a password", "http://proxy", NULL, "machine proxy login carl", "carl"},
    {"of netrc, machine in other letters", "http://Proxy", NULL, "machine pROXY login c", "c"},
    {"of netrc, an address", "socks5://127.0.0.1:1", NULL, "machine 127.0.0.1 login c", "c"},
    {"of netrc, an IPv6 address", "socks5://[::1]:1", NULL, "machine ::1 login c", "c"},
    {"of the first entry in netrc", "http://proxy", NULL,
     "machine proxy login a machine proxy login b", "a"},
    {"none: nothing anywhere", "http://proxy", NULL, NULL, NULL},
    {"none: an empty netrc", "http://proxy", NULL, "", NULL},
    {"none: netrc without a login", "http://proxy", NULL, "machine proxy password x", NULL},
    {"none: netrc for another", "http://proxy", NULL, "machine other login carl", NULL},
    {"none: the default of netrc", "http://proxy", NULL, "default login carl password x", NULL},
    {"none: a Unix socket has no name", "socks5://unix:/run/proxy", NULL,
     "machine proxy login a machine /run/proxy login b machine unix:/run/proxy login c", NULL},
};

static void user(void **state)
{
    const struct user_row *row = *state;
    struct home home;

    home_init(&home, row->url);
    if (row->setting)
        home_set(&home, "user", row->setting);
    if (row->netrc)
        folder_put(&home.folder, ".netrc", row->netrc, 0600);
    user_is(&home, row->wanted);
    user_is(&home, row->wanted);
    assert_int_equal(times_asked(&home), 0);
    home_release(&home);
}

/* Not before it is needed: it may be on a disk that is asleep, and it may be broken. */
static void netrc_is_not_read_for_a_known_user(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, ".netrc", "machine proxy login \"", 0644);
    user_is(&home, "alice");
    home_set(&home, "passwordcommand", "echo pw");
    secret_is(&home, "pw");
    home_release(&home);
}

/* --- netrc --- */

static const struct trust_row {
    const char *name;
    mode_t mode;
    const char *reason; /* NULL: it is heeded */
} trust_rows[] = {
    {"0600", 0600, NULL},
    {"0400", 0400, NULL},
    {"0700", 0700, NULL},
    {"0640", 0640, ".netrc: others can read it; chmod 600"},
    {"0644", 0644, ".netrc: others can read it; chmod 600"},
    {"0604", 0604, ".netrc: others can read it; chmod 600"},
    {"0620", 0620, ".netrc: others have access to it; chmod 600"},
    {"0601", 0601, ".netrc: others have access to it; chmod 600"},
};

static const char netrc_text[] = "machine proxy login alice password hunter2\n"
                                 "machine other login bob password x\n";

static void netrc_mode(void **state)
{
    const struct trust_row *row = *state;
    struct home home;
    const char *user;

    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", netrc_text, row->mode);
    if (row->reason) {
        assert_int_equal(credential_user(home.hop, &user, home.ctx), -1);
        assert_contains(err_text(&home.fake.err), home.folder.path);
        assert_err(&home.fake.err, ERR_USAGE, row->reason);
        secret_fails(&home, ERR_USAGE, row->reason);
    } else {
        user_is(&home, "alice");
        secret_is(&home, "hunter2");
    }
    assert_int_equal(times_asked(&home), 0);
    home_release(&home);
}

static void netrc_mode_with_a_user(void **state)
{
    const struct trust_row *row = *state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, ".netrc", netrc_text, row->mode);
    if (row->reason)
        secret_fails(&home, ERR_USAGE, row->reason);
    else
        secret_is(&home, "hunter2");
    home_release(&home);
}

/* Nothing that is ours is in it, so it is no business of ours who reads it. */
static void netrc_mode_without_an_entry(void **state)
{
    const struct trust_row *row = *state;
    struct home home;

    home_init(&home, "http://third:3128");
    folder_put(&home.folder, ".netrc", netrc_text, row->mode);
    user_is(&home, NULL);
    home_release(&home);

    home_init(&home, "http://carl@proxy:3128");
    folder_put(&home.folder, ".netrc", netrc_text, row->mode);
    folder_put(&home.folder, "answer", "typed\n", 0600);
    secret_is(&home, "typed");
    home_release(&home);
}

static void netrc_of_another_user(void **state)
{
    (void)state;
    struct home home;
    char path[FOLDER_PATH_MAX];
    const char *user;

    if (geteuid() != 0)
        unit_skip("only root can give a file to another user");
    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", netrc_text, 0600);
    assert_int_equal(chown(folder_path(&home.folder, ".netrc", path), 1234, (gid_t)-1), 0);
    assert_int_equal(credential_user(home.hop, &user, home.ctx), -1);
    assert_err(&home.fake.err, ERR_USAGE, ".netrc: it belongs to another user");
    home_release(&home);
}

static const struct entry_row {
    const char *name;
    const char *netrc;
    const char *wanted; /* of alice; NULL: somebody is asked */
} entry_rows[] = {
    {"hers", "machine proxy login alice password pw", "pw"},
    {"hers, not the first",
     "machine proxy login bob password x machine proxy login alice password pw", "pw"},
    {"quoted", "machine proxy login \"alice\" password \"p \\\"w\"", "p \"w"},
    {"an empty one", "machine proxy login alice password \"\"", ""},
    {"blanks in front of a line end are no part of it",
     "machine proxy login alice password pw \r\n", "pw"},
    {"without a password", "machine proxy login alice", NULL},
    {"somebody else's", "machine proxy login bob password x", NULL},
    {"nobody's", "machine proxy password x", NULL},
    {"another machine's", "machine proxy.example login alice password x", NULL},
    {"default", "default login alice password x", NULL},
    {"in a macro", "macdef init\nmachine proxy login alice password x\n\n", NULL},
    {"in a comment", "# machine proxy login alice password x\n", NULL},
    {"nothing", "", NULL},
};

static void netrc_entry(void **state)
{
    const struct entry_row *row = *state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, ".netrc", row->netrc, 0600);
    folder_put(&home.folder, "answer", "typed\n", 0600);
    secret_is(&home, row->wanted ? row->wanted : "typed");
    assert_int_equal(times_asked(&home), row->wanted ? 0 : 1);
    home_release(&home);
}

static void netrc_is_broken(void **state)
{
    (void)state;
    struct home home;
    const char *user;

    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", "\nmachine proxy password \"hunter2\n", 0600);
    assert_int_equal(credential_user(home.hop, &user, home.ctx), -1);
    assert_contains(err_text(&home.fake.err), home.folder.path);
    assert_err(&home.fake.err, ERR_USAGE, "/.netrc: line 2: a quote is not closed");
    secret_fails(&home, ERR_USAGE, "line 2");
    home_release(&home);
}

static void netrc_that_changes(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", "machine proxy login alice password one", 0600);
    user_is(&home, "alice");
    folder_put(&home.folder, ".netrc", "machine proxy login bob password two", 0600);
    /* A user and a secret that belong together. */
    secret_is(&home, "one");
    credential_forget(home.hop);
    secret_is(&home, "two");
    user_is(&home, "bob");
    home_release(&home);
}

static const struct variable_row {
    const char *name;
    const char *value; /* of NETRC, with @ where the home is; NULL: not set */
    const char *wanted;
} variable_rows[] = {
    {"not set", NULL, "at home"},
    {"empty", "", "at home"},
    {"another file", "@/other", "elsewhere"},
    {"a link", "@/link", "elsewhere"},
    {"a file that is not there", "@/nothing", NULL},
    {"a file in no folder", "@/other/x", NULL},
    {"nothing on purpose", "/dev/null", NULL},
    {"a tilde is the shell's business", "~/other", NULL},
};

static void netrc_variable(void **state)
{
    const struct variable_row *row = *state;
    struct home home;
    char value[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];

    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", "machine proxy login \"at home\"", 0600);
    folder_put(&home.folder, "other", "machine proxy login elsewhere", 0600);
    assert_int_equal(symlink("other", folder_path(&home.folder, "link", path)), 0);
    if (row->value) {
        bool inside = row->value[0] == '@';
        (void)snprintf(value, sizeof(value), "%s%s", inside ? home.folder.path : "",
                       inside ? row->value + 1 : row->value);
        set_variable("NETRC", value);
    }
    user_is(&home, row->wanted);
    home_release(&home);
}

/* One that a hop without a login has nothing to do with. */
static const struct odd_row {
    const char *name;
    const char *text; /* NULL: it is no file */
    size_t size;      /* 0: of the text */
    const char *part;
} odd_rows[] = {
    {"FIFO", NULL, 0, ".netrc: not a regular file"},
    {"folder", "d", 0, ".netrc: not a regular file"},
    {"link to /dev/null", "/dev/null", 0, ".netrc: not a regular file"},
    {"no text", "machine proxy login a\0", 22, ".netrc: not a text file"},
    {"broken elsewhere", "machine other login a password \"hunter2\nmachine proxy login b\n", 0,
     ".netrc: line 1: a quote is not closed"},
    {"broken in a machine's name", "machine \"proxy\n", 0, ".netrc: line 1: a quote"},
};

static void odd_netrc(const struct odd_row *row, struct home *home, const char *url)
{
    char path[FOLDER_PATH_MAX];

    home_init(home, url);
    (void)folder_path(&home->folder, ".netrc", path);
    if (!row->text)
        assert_int_equal(mkfifo(path, 0600), 0);
    else if (row->text[0] == '/')
        assert_int_equal(symlink(row->text, path), 0);
    else if (row->text[1])
        folder_write(&home->folder, ".netrc", row->text, row->size ? row->size : strlen(row->text),
                     0600);
    else
        set_variable("NETRC", home->folder.path);
}

static void netrc_that_is_odd(void **state)
{
    const struct odd_row *row = *state;
    bool is_folder = row->text && !row->text[1];
    const char *part = is_folder ? ": not a regular file" : row->part;
    struct home home;
    char trace[FOLDER_TEXT_MAX];

    odd_netrc(row, &home, NOBODY);
    int fd = trace_begin(&home);
    user_is(&home, NULL);
    (void)trace_end(&home, fd, trace);
    assert_contains(trace, part);
    assert_null(strstr(trace, "hunter2"));
    secret_fails(&home, ERR_AUTH, "no user is known");
    home_release(&home);

    odd_netrc(row, &home, URL);
    user_is(&home, "alice");
    secret_fails(&home, ERR_USAGE, part);
    home_release(&home);
}

static void netrc_with_a_control_byte(void **state)
{
    (void)state;
    struct home home;
    const char *user;

    home_init(&home, NOBODY);
    folder_put(&home.folder, ".netrc", "machine proxy login \"a\\nb\" password x", 0600);
    assert_int_equal(credential_user(home.hop, &user, home.ctx), -1);
    assert_err(&home.fake.err, ERR_USAGE, "netrc: the login holds a control byte");
    home_release(&home);

    home_init(&home, URL);
    folder_put(&home.folder, ".netrc", "machine proxy login alice password \"hunter2\\r\"", 0600);
    secret_fails(&home, ERR_AUTH, "the secret holds a control byte");
    home_release(&home);
}

/* --- the sources --- */

enum {
    COMMAND,
    FILE_,
    OF_URL,
    VARIABLE,
    NETRC,
    PROMPT,
    SOURCES
};

static const char *const source_secrets[SOURCES] = {"of command", "of file",  "of url",
                                                    "of env",     "of netrc", "of prompt"};

/* Of the settings the last one comes first: their order must not matter. */
static void home_with(struct home *home, unsigned sources)
{
    home_init(home, sources & 1U << OF_URL ? "http://alice:of%20url@proxy:3128" : URL);
    set_variable("STILE_TEST_SECRET", "of env");
    folder_put(&home->folder, "file", "of file\n", 0600);
    if (sources & 1U << VARIABLE)
        home_set(home, "passwordenv", "STILE_TEST_SECRET");
    if (sources & 1U << FILE_)
        home_set(home, "passwordfile", "@/file");
    if (sources & 1U << COMMAND)
        home_set(home, "passwordcommand", "echo of command");
    if (sources & 1U << NETRC)
        folder_put(&home->folder, ".netrc", "machine proxy login alice password \"of netrc\"\n",
                   0600);
    if (sources & 1U << PROMPT)
        folder_put(&home->folder, "answer", "of prompt\n", 0600);
}

static void every_set_of_sources(void **state)
{
    (void)state;
    for (unsigned sources = 0; sources < 1U << SOURCES; sources++) {
        struct home home;
        unsigned first = 0;

        while (first < SOURCES && !(sources & 1U << first))
            first++;
        home_with(&home, sources);
        if (first < SOURCES)
            secret_is(&home, source_secrets[first]);
        else
            secret_fails(&home, ERR_AUTH, "a password is needed: ");
        assert_int_equal(times_asked(&home), first >= PROMPT);
        assert_int_equal(credential_retry(home.hop), first == PROMPT);
        home_release(&home);
    }
}

/* What is there and fails must not be passed over in silence. */
static void a_source_that_fails_is_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *value, *part;
    } rows[] = {
        {"passwordcommand", "false", "passwordcommand: "},
        {"passwordfile", "@/nothing", "passwordfile: "},
        {"passwordenv", "STILE_TEST_UNSET", "passwordenv: "},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct home home;
        home_with(&home, 1U << NETRC | 1U << PROMPT);
        home_set(&home, rows[i].setting, rows[i].value);
        secret_fails(&home, ERR_AUTH, rows[i].part);
        assert_int_equal(times_asked(&home), 0);
        home_release(&home);
    }
}

static const struct command_row {
    const char *name;
    const char *command;
    const char *wanted;
} command_rows[] = {
    {"a word", "echo pw", "pw"},
    {"quotes", "printf '%s\\n' \"p  w\" 'x'", "p  w"},
    {"no line end", "printf pw", "pw"},
    {"the first line", "printf 'one\\ntwo\\n'", "one"},
    {"a variable stays one", "echo '$HOME'", "$HOME"},
    {"a shell, for who wants one", "sh -c 'echo p | tr p q'", "q"},
    {"its path", "@/tool", "of tool"},
};

static void command(void **state)
{
    const struct command_row *row = *state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, "tool", "#!/bin/sh\necho of tool\n", 0700);
    home_set(&home, "passwordcommand", row->command);
    secret_is(&home, row->wanted);
    assert_false(credential_retry(home.hop));
    home_release(&home);
}

static const struct command_bad_row {
    const char *name;
    const char *command;
    const char *part;
} command_bad_rows[] = {
    {"it fails", "sh -c 'echo hunter2; exit 3'", "3"},
    {"it says nothing", "true", "passwordcommand: true"},
    {"its first line is empty", "printf '\\nhunter2\\n'", "passwordcommand: printf"},
    {"it is not there", "@/nothing", "No such file or directory"},
    {"it is no program", "@/asked", "Permission denied"},
};

static void command_bad(void **state)
{
    const struct command_bad_row *row = *state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, "asked", "", 0600);
    home_set(&home, "passwordcommand", row->command);
    assert_null(credential_secret(home.hop, home.ctx));
    assert_contains(err_text(&home.fake.err), "passwordcommand: ");
    assert_null(strstr(err_text(&home.fake.err), "hunter2"));
    assert_err(&home.fake.err, ERR_AUTH, row->part);
    home_release(&home);
}

static void command_that_does_not_end(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    home.ctx->deadline_ns = clock_ns() + 50 * CLOCK_MS;
    home_set(&home, "passwordcommand", "sleep 1000");
    secret_fails(&home, ERR_TIME, "passwordcommand: ");
    home_release(&home);
}

static const struct file_row {
    const char *name;
    const char *text;
    const char *wanted;
} file_rows[] = {
    {"a line", "pw\n", "pw"},
    {"no line end", "pw", "pw"},
    {"CRLF", "pw\r\n", "pw"},
    {"CR at the end", "pw\r", "pw"},
    {"the first line", "one\ntwo\n", "one"},
    {"the first line, CRLF", "one\r\ntwo\r\n", "one"},
    {"blanks stay", "  p w  \n", "  p w  "},
    {"nothing is unquoted", "\"p\\w\" # %41\n", "\"p\\w\" # %41"},
    {"bytes above ASCII", "\303\244\377\n", "\303\244\377"},
    {"a hundred lines behind it", NULL, "one"},
};

static void file(void **state)
{
    const struct file_row *row = *state;
    struct home home;
    char lines[FOLDER_TEXT_MAX] = "one\n";

    memset(lines + 4, '\n', 100);
    home_init(&home, URL);
    folder_put(&home.folder, "file", row->text ? row->text : lines, 0600);
    home_set(&home, "passwordfile", "@/file");
    secret_is(&home, row->wanted);
    assert_false(credential_retry(home.hop));
    home_release(&home);
}

static const struct file_bad_row {
    const char *name;
    const char *text; /* NULL: there is none */
    mode_t mode;
    enum err_code code;
    const char *part;
} file_bad_rows[] = {
    {"missing", NULL, 0, ERR_AUTH, "/file: No such file or directory"},
    {"empty", "", 0600, ERR_AUTH, "/file: is empty"},
    {"an empty first line", "\nhunter2\n", 0600, ERR_AUTH, "/file: the first line is empty"},
    {"an empty first line, CRLF", "\r\nhunter2\n", 0600, ERR_AUTH, "the first line is empty"},
    {"a CR inside", "hunter2\rx\n", 0600, ERR_AUTH, "the secret holds a control byte"},
    {"0640", "hunter2\n", 0640, ERR_USAGE, "/file: others can read it; chmod 600"},
    {"0644", "hunter2\n", 0644, ERR_USAGE, "/file: others can read it; chmod 600"},
    {"0604", "hunter2\n", 0604, ERR_USAGE, "/file: others can read it; chmod 600"},
    {"0602", "hunter2\n", 0602, ERR_USAGE, "/file: others have access to it; chmod 600"},
};

static void file_bad(void **state)
{
    const struct file_bad_row *row = *state;
    struct home home;

    home_init(&home, URL);
    if (row->text)
        folder_put(&home.folder, "file", row->text, row->mode);
    home_set(&home, "passwordfile", "@/file");
    assert_null(credential_secret(home.hop, home.ctx));
    assert_contains(err_text(&home.fake.err), "passwordfile: ");
    assert_null(strstr(err_text(&home.fake.err), "hunter2"));
    assert_err(&home.fake.err, row->code, row->part);
    home_release(&home);
}

static void file_of_other_kinds(void **state)
{
    (void)state;
    struct home home;
    char path[FOLDER_PATH_MAX];

    home_init(&home, URL);
    home_set(&home, "passwordfile", "@/file");
    assert_int_equal(mkfifo(folder_path(&home.folder, "file", path), 0600), 0);
    secret_fails(&home, ERR_USAGE, "/file: not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(".", path), 0);
    secret_fails(&home, ERR_USAGE, "/file: not a regular file");
    folder_write(&home.folder, "file", "hunter2\0x\n", 10, 0600);
    secret_fails(&home, ERR_USAGE, "/file: not a text file");
    folder_put(&home.folder, "target", "pw\n", 0600);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("target", path), 0);
    secret_is(&home, "pw");
    home_release(&home);
}

static void file_at_home(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, ".secret", "pw\n", 0600);
    home_set(&home, "passwordfile", "~/.secret");
    secret_is(&home, "pw");
    home_release(&home);
}

static void variable(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    home_set(&home, "passwordenv", "STILE_TEST_SECRET");
    set_variable("STILE_TEST_SECRET", NULL);
    secret_fails(&home, ERR_AUTH, "passwordenv: the variable STILE_TEST_SECRET is not set");
    set_variable("STILE_TEST_SECRET", "");
    secret_fails(&home, ERR_AUTH, "passwordenv: the variable STILE_TEST_SECRET is empty");
    set_variable("STILE_TEST_SECRET", "hunter2\n");
    secret_fails(&home, ERR_AUTH, "passwordenv: the secret holds a control byte");
    set_variable("STILE_TEST_SECRET", " p w ");
    secret_is(&home, " p w ");
    assert_false(credential_retry(home.hop));
    home_release(&home);
}

static void password_of_a_url(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, "http://al%3aice:p%40%3aw@proxy:3128");
    user_is(&home, "al:ice");
    secret_is(&home, "p@:w");
    assert_false(credential_retry(home.hop));
    home_release(&home);

    home_init(&home, "http://alice:@proxy:3128");
    secret_is(&home, "");
    home_release(&home);
}

/* It is there to be read once; another dial needs it once more. */
static void password_of_a_url_outlives_forget(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, "http://alice:pw@proxy:3128");
    secret_is(&home, "pw");
    credential_forget(home.hop);
    secret_is(&home, "pw");
    home_release(&home);
}

/* A secret of `length` bytes from each source; the prompt's own bound is the terminal's. */
static void long_secret(unsigned source, size_t length)
{
    char *secret = malloc(length + 1);
    char text[SECRET_MAX + 100];
    struct home home;

    assert_non_null(secret);
    memset(secret, 'x', length);
    secret[length] = '\0';
    (void)snprintf(text, sizeof(text), "http://alice:%s@proxy:3128", secret);
    home_init(&home, source == OF_URL ? text : URL);
    folder_put(&home.folder, "file", secret, 0600);
    if (source == VARIABLE)
        home_set(&home, "passwordenv", "STILE_TEST_SECRET");
    if (source == FILE_)
        home_set(&home, "passwordfile", "@/file");
    if (source == COMMAND)
        home_set(&home, "passwordcommand", "cat @/file");
    set_variable("STILE_TEST_SECRET", secret);
    (void)snprintf(text, sizeof(text), "machine proxy login alice password %s", secret);
    if (source == NETRC)
        folder_put(&home.folder, ".netrc", text, 0600);
    if (source == PROMPT)
        folder_put(&home.folder, "answer", secret, 0600);

    if (length < SECRET_MAX) {
        secret_is(&home, secret);
    } else {
        assert_null(credential_secret(home.hop, home.ctx));
        assert_null(strstr(err_text(&home.fake.err), "xxx"));
        assert_err(&home.fake.err, ERR_AUTH, "more than 4095 bytes");
    }
    home_release(&home);
    free(secret);
}

static void long_secrets(void **state)
{
    (void)state;
    for (unsigned source = 0; source < SOURCES; source++)
        for (size_t length = SECRET_MAX - 1; length <= SECRET_MAX + 1; length++)
            long_secret(source, length);
}

/* --- the prompt, and tries --- */

static void question(void **state)
{
    (void)state;
    struct home home;
    char asked[FOLDER_TEXT_MAX];

    home_init(&home, "https://al%20ice@proxy:3128?user=bob");
    folder_put(&home.folder, "answer", "pw\n", 0600);
    secret_is(&home, "pw");
    assert_string_equal(folder_get(&home.folder, "asked", asked),
                        "Password for al ice at https://proxy:3128: \n");
    home_release(&home);

    home_init(&home, "socks5://alice@unix:/run/proxy");
    folder_put(&home.folder, "answer", "\n", 0600);
    secret_is(&home, "");
    assert_string_equal(folder_get(&home.folder, "asked", asked),
                        "Password for alice at socks5://unix:/run/proxy: \n");
    home_release(&home);
}

static void three_tries(void **state)
{
    (void)state;
    static const char *const answers[] = {"one", "two", "three"};
    struct home home;

    home_init(&home, URL);
    for (unsigned i = 0; i < 3; i++) {
        folder_put(&home.folder, "answer", answers[i], 0600);
        secret_is(&home, answers[i]);
        secret_is(&home, answers[i]);
        assert_int_equal(times_asked(&home), i + 1);
        assert_int_equal(credential_retry(home.hop), i < 2);
    }
    /* What was turned down stays what it was, and nobody is asked a fourth time. */
    assert_false(credential_retry(home.hop));
    secret_is(&home, "three");
    assert_int_equal(times_asked(&home), 3);

    credential_forget(home.hop);
    assert_false(credential_retry(home.hop));
    folder_put(&home.folder, "answer", "four", 0600);
    secret_is(&home, "four");
    assert_true(credential_retry(home.hop));
    home_release(&home);
}

/* Who types nothing has not mistyped. */
static void an_empty_answer_is_one(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    folder_put(&home.folder, "answer", "", 0600);
    secret_is(&home, "");
    secret_is(&home, "");
    assert_int_equal(times_asked(&home), 1);
    assert_true(credential_retry(home.hop));
    home_release(&home);
}

static void a_question_that_is_not_answered(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    secret_fails(&home, ERR_AUTH, "a password is needed: ");
    assert_false(credential_retry(home.hop));
    assert_int_equal(times_asked(&home), 1);
    home_release(&home);
}

static void no_retry_before_the_first_try(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    assert_false(credential_retry(home.hop));
    credential_forget(home.hop);
    credential_forget(home.hop);
    assert_false(credential_retry(home.hop));
    home_release(&home);
}

/* --- what is kept --- */

static void a_secret_is_fetched_once(void **state)
{
    (void)state;
    struct home home;
    const char *secret;

    home_init(&home, URL);
    folder_put(&home.folder, "file", "one\n", 0600);
    home_set(&home, "passwordfile", "@/file");
    secret_is(&home, "one");
    secret = credential_secret(home.hop, home.ctx);
    folder_put(&home.folder, "file", "two\n", 0600);
    assert_ptr_equal(credential_secret(home.hop, home.ctx), secret);
    secret_is(&home, "one");
    credential_forget(home.hop);
    secret_is(&home, "two");
    home_release(&home);
}

static void hops_have_each_their_own(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, URL);
    hops_release(&home.hops);
    assert_int_equal(hops_parse(&home.hops,
                                "http://alice:a@p:1,http://alice@p:2,socks5://bob:c@p:1",
                                HOP_FROM_FILE, &home.fake.err),
                     0);
    folder_put(&home.folder, "answer", "b\n", 0600);
    for (size_t i = 0; i < 3; i++) {
        home.hop = &home.hops.hop[i];
        secret_is(&home, (const char *[]){"a", "b", "c"}[i]);
    }
    home.hop = &home.hops.hop[1];
    credential_forget(home.hop);
    folder_put(&home.folder, "answer", "d\n", 0600);
    secret_is(&home, "d");
    home.hop = &home.hops.hop[0];
    secret_is(&home, "a");
    home_release(&home);
}

static void no_user(void **state)
{
    (void)state;
    struct home home;

    home_with(&home, 1U << COMMAND | 1U << PROMPT);
    free(home.hop->user);
    home.hop->user = NULL;
    secret_fails(&home, ERR_AUTH,
                 "no user is known: write it into the URL, as in http://USER@proxy:3128");
    assert_int_equal(times_asked(&home), 0);
    home_release(&home);
}

static void no_memory_for_a_slot(void **state)
{
    (void)state;
    struct home home;
    const char *user;

    home_with(&home, 1U << COMMAND);
    secret_slot_free(home.hop->secret);
    home.hop->secret = NULL;
    user_is(&home, "alice");
    secret_fails(&home, ERR_CONNECT, "out of memory");
    free(home.hop->user);
    home.hop->user = NULL;
    assert_int_equal(credential_user(home.hop, &user, home.ctx), -1);
    assert_err(&home.fake.err, ERR_CONNECT, "out of memory");
    assert_false(credential_retry(home.hop));
    credential_forget(home.hop);
    home_release(&home);
}

static void slots(void **state)
{
    (void)state;
    struct secret_slot *slot = secret_slot_new(NULL);

    assert_non_null(slot);
    secret_slot_free(slot);
    slot = secret_slot_new("pw");
    assert_non_null(slot);
    secret_slot_free(slot);
    secret_slot_free(NULL);
}

/* The trace is for other eyes as well. */
static void trace_without_secrets(void **state)
{
    (void)state;
    for (unsigned source = 0; source < SOURCES; source++) {
        struct home home;
        char trace[FOLDER_TEXT_MAX];

        home_with(&home, 1U << source);
        int fd = trace_begin(&home);
        secret_is(&home, source_secrets[source]);
        (void)trace_end(&home, fd, trace);
        assert_contains(trace, "http://proxy:3128: the secret comes from ");
        /* Of the command's own words nothing is shown either. */
        assert_null(strstr(trace, source_secrets[source]));
        home_release(&home);
    }
}

static void trace_why_netrc_is_not_heeded(void **state)
{
    (void)state;
    struct home home;
    char trace[FOLDER_TEXT_MAX];

    home_init(&home, NOBODY);
    int fd = trace_begin(&home);
    user_is(&home, NULL);
    (void)trace_end(&home, fd, trace);
    assert_contains(trace, home.folder.path);
    assert_contains(trace, "/.netrc: No such file or directory");
    home_release(&home);
}

/* --- the settings --- */

static const struct check_row {
    const char *name;
    const char *setting;
    const char *value;
    const char *part; /* of the message; NULL: it is right */
} check_rows[] = {
    {"user", "user", "alice", NULL},
    {"user: empty", "user", "", "user: is empty"},
    {"command", "passwordcommand", "pass show 'a b'", NULL},
    {"command: empty", "passwordcommand", "", "passwordcommand: is empty"},
    {"command: blanks", "passwordcommand", "  ", "passwordcommand: a command is missing"},
    {"command: an empty word", "passwordcommand", "''", "passwordcommand: a command is missing"},
    {"command: a quote", "passwordcommand", "pass 'hunter2", "passwordcommand: a ' that is not"},
    {"command: a backslash", "passwordcommand", "pass hunter2\\", "passwordcommand: a backslash"},
    {"command: percents are no business of ours", "passwordcommand", "date +%s %x", NULL},
    {"command that is not there", "passwordcommand", "/nonexistent", NULL},
    {"file", "passwordfile", "~/x", NULL},
    {"file: empty", "passwordfile", "", "passwordfile: is empty"},
    {"file that is not there", "passwordfile", "/nonexistent", NULL},
    {"env", "passwordenv", "PROXY_pw2", NULL},
    {"env: underscore", "passwordenv", "_", NULL},
    {"env: empty", "passwordenv", "", "passwordenv: is empty"},
    {"env: a dollar", "passwordenv", "$hunter2", "passwordenv: want the name of an environment"},
    {"env: an assignment", "passwordenv", "PW=hunter2", "passwordenv: want the name of an"},
    {"env: a blank", "passwordenv", "hunter2 ", "passwordenv: want the name of an environment"},
    {"env: a digit in front", "passwordenv", "2hunter2", "passwordenv: want the name of an"},
    {"env: the first digit", "passwordenv", "0hunter2", "passwordenv: want the name of an"},
    {"env: the last digit", "passwordenv", "9hunter2", "passwordenv: want the name of an"},
    {"env: digits behind", "passwordenv", "PW09", NULL},
    {"env: not set", "passwordenv", "STILE_TEST_UNSET", NULL},
    {"others are others' business", "resolve", "", NULL},
};

static void check(void **state)
{
    const struct check_row *row = *state;
    struct home home;
    struct err err = ERR_INIT;

    home_init(&home, URL);
    home_set(&home, "resolve", "local");
    assert_int_equal(hop_add_setting(home.hop, row->setting, row->value, 17, &err), 0);
    assert_int_equal(credential_check(home.hop, &err), row->part ? -1 : 0);
    assert_null(strstr(err_text(&err), "hunter2"));
    if (row->part) {
        assert_contains(err_text(&err), "column 17: ");
        assert_err(&err, ERR_USAGE, row->part);
    } else {
        assert_err_unset(&err);
    }
    home_release(&home);
}

static void check_all(void **state)
{
    (void)state;
    struct home home;
    struct err err = ERR_INIT;

    home_with(&home, 1U << COMMAND | 1U << FILE_ | 1U << VARIABLE);
    assert_int_equal(credential_check(home.hop, &err), 0);
    /* The first one counts, and yet none may be wrong. */
    home_set(&home, "passwordfile", "/nonexistent");
    assert_int_equal(credential_check(home.hop, &err), 0);
    home_set(&home, "passwordfile", "");
    assert_int_equal(credential_check(home.hop, &err), -1);
    assert_err(&err, ERR_USAGE, "passwordfile: is empty");
    home_release(&home);
}

/* Each name that transports are told to take is one that is known here. */
static void check_every_name(void **state)
{
    (void)state;
    static const char *const names[] = {CREDENTIAL_SETTINGS, NULL};

    for (size_t i = 0; names[i]; i++) {
        struct home home;
        struct err err = ERR_INIT;
        home_init(&home, URL);
        home_set(&home, names[i], "");
        assert_int_equal(credential_check(home.hop, &err), -1);
        assert_err(&err, ERR_USAGE, names[i]);
        home_release(&home);
    }
}

static void the_first_setting_counts(void **state)
{
    (void)state;
    struct home home;

    home_init(&home, NOBODY);
    home_set(&home, "user", "one");
    home_set(&home, "user", "two");
    home_set(&home, "passwordcommand", "echo one");
    home_set(&home, "passwordcommand", "echo two");
    user_is(&home, "one");
    secret_is(&home, "one");
    home_release(&home);
}

/* In the user and in the secret: below a blank, and DEL. */
static void control_bytes(void **state)
{
    (void)state;
    for (int byte = 1; byte < 0x100; byte++) {
        bool control = byte < 0x20 || byte == 0x7f;
        char url[] = "http://a%00b@proxy:3128", value[] = "hunter2.", user[] = "a.b";
        struct home home;
        struct err err = ERR_INIT;

        (void)snprintf(url, sizeof(url), "http://a%%%02xb@proxy:3128", (unsigned)byte);
        home_init(&home, url);
        assert_int_equal(credential_check(home.hop, &err), control ? -1 : 0);
        if (control)
            assert_err(&err, ERR_USAGE, "column 1: the user holds a control byte");
        value[7] = (char)byte;
        home_set(&home, "passwordenv", "STILE_TEST_SECRET");
        set_variable("STILE_TEST_SECRET", value);
        if (control)
            secret_fails(&home, ERR_AUTH, "passwordenv: the secret holds a control byte");
        else
            secret_is(&home, value);
        home_release(&home);

        home_init(&home, NOBODY);
        user[1] = (char)byte;
        assert_int_equal(hop_add_setting(home.hop, "user", user, 9, &err), 0);
        assert_int_equal(credential_check(home.hop, &err), control ? -1 : 0);
        if (control)
            assert_err(&err, ERR_USAGE, "column 9: user: holds a control byte");
        home_release(&home);
    }
}

static void what_the_hop_said(void **state)
{
    (void)state;
    char said[] = "Basic realm=x";
    struct home home;

    home_init(&home, URL);
    assert_null(credential_question(home.hop));
    assert_int_equal(credential_set_question(home.hop, said), 0);
    said[0] = 'X';
    assert_string_equal(credential_question(home.hop), "Basic realm=x");
    assert_int_equal(credential_set_question(home.hop, "NTLM"), 0);
    assert_string_equal(credential_question(home.hop), "NTLM");
    /* A secret that was turned down does not change what is asked. */
    folder_put(&home.folder, "answer", "pw\n", 0600);
    secret_is(&home, "pw");
    assert_true(credential_retry(home.hop));
    assert_string_equal(credential_question(home.hop), "NTLM");
    credential_forget(home.hop);
    assert_null(credential_question(home.hop));
    assert_int_equal(credential_set_question(home.hop, ""), 0);
    assert_string_equal(credential_question(home.hop), "");
    home_release(&home);

    home_init(&home, "exec:true");
    assert_null(credential_question(home.hop));
    assert_int_equal(credential_set_question(home.hop, "x"), -1);
    home_release(&home);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, user, user_rows);
    UNIT_TEST(&unit, netrc_is_not_read_for_a_known_user);
    UNIT_ROWS(&unit, netrc_mode, trust_rows);
    UNIT_ROWS(&unit, netrc_mode_with_a_user, trust_rows);
    UNIT_ROWS(&unit, netrc_mode_without_an_entry, trust_rows);
    UNIT_TEST(&unit, netrc_of_another_user);
    UNIT_ROWS(&unit, netrc_entry, entry_rows);
    UNIT_TEST(&unit, netrc_is_broken);
    UNIT_TEST(&unit, netrc_that_changes);
    UNIT_ROWS(&unit, netrc_variable, variable_rows);
    UNIT_ROWS(&unit, netrc_that_is_odd, odd_rows);
    UNIT_TEST(&unit, netrc_with_a_control_byte);
    UNIT_TEST(&unit, control_bytes);
    UNIT_TEST(&unit, every_set_of_sources);
    UNIT_TEST(&unit, a_source_that_fails_is_the_end);
    UNIT_ROWS(&unit, command, command_rows);
    UNIT_ROWS(&unit, command_bad, command_bad_rows);
    UNIT_TEST(&unit, command_that_does_not_end);
    UNIT_ROWS(&unit, file, file_rows);
    UNIT_ROWS(&unit, file_bad, file_bad_rows);
    UNIT_TEST(&unit, file_of_other_kinds);
    UNIT_TEST(&unit, file_at_home);
    UNIT_TEST(&unit, variable);
    UNIT_TEST(&unit, password_of_a_url);
    UNIT_TEST(&unit, password_of_a_url_outlives_forget);
    UNIT_TEST(&unit, long_secrets);
    UNIT_TEST(&unit, question);
    UNIT_TEST(&unit, three_tries);
    UNIT_TEST(&unit, an_empty_answer_is_one);
    UNIT_TEST(&unit, a_question_that_is_not_answered);
    UNIT_TEST(&unit, no_retry_before_the_first_try);
    UNIT_TEST(&unit, a_secret_is_fetched_once);
    UNIT_TEST(&unit, hops_have_each_their_own);
    UNIT_TEST(&unit, no_user);
    UNIT_TEST(&unit, no_memory_for_a_slot);
    UNIT_TEST(&unit, slots);
    UNIT_TEST(&unit, trace_without_secrets);
    UNIT_TEST(&unit, trace_why_netrc_is_not_heeded);
    UNIT_ROWS(&unit, check, check_rows);
    UNIT_TEST(&unit, check_all);
    UNIT_TEST(&unit, check_every_name);
    UNIT_TEST(&unit, the_first_setting_counts);
    UNIT_TEST(&unit, what_the_hop_said);
    return unit_run(&unit, "credential");
}
