/* SPDX-License-Identifier: MIT */
/* The engine with an ssh of our own in $PATH, a script that behaves as a row says. With the real one
 * it is tested end to end. */
#include "transports/openssh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/text.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_ends.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_layer.h"
#include "tests/unit/fake_unit.h"

/* What it says goes where ssh's log goes. */
#define LOG "for word; do [ \"$last\" != -E ] || exec 2>>\"$word\"; last=$word; done\n"

#define IN "echo 'Authenticated to gw (via proxy) using \"publickey\".' >&2\n"
#define NEW "echo 'debug1: channel 0: new stdio-forward [stdio-forward]' >&2\n"
#define OPEN "echo 'debug2: channel 0: open confirm rwindow 2097152 rmax 32768' >&2\n"
#define UP IN NEW OPEN

/* A gateway, and all that a dial is given. */
struct site {
    struct fake_ctx fake;
    struct folder folder;
    char *path; /* $PATH as it was */
    char host[16], target_host[16], target_text[16], name[24];
    struct hop hop;
    struct endpoint to;
    struct ssh_gateway gateway;
    int said[2];
    char line[4 * TEXT_SHOWN_MAX];
    struct stream *stream;
};

static void set_path(const char *path)
{
    assert_int_equal(path ? setenv("PATH", path, 1) : unsetenv("PATH"), 0);
}

/* `script` NULL: there is no ssh at all. */
static void site_init(struct site *site, const char *script)
{
    const char *path = getenv("PATH");
    char text[4096];

    *site = (struct site){
        .host = "bastion", .target_host = "db", .target_text = "db:22", .name = "gateway bastion"};
    site->path = path ? strdup(path) : NULL;
    site->hop.address.host = site->host;
    site->to = (struct endpoint){site->target_host, 22, NULL, site->target_text};
    site->gateway.hop = &site->hop;
    site->gateway.name = site->name;
    fake_ctx_init(&site->fake, UNIT_WAIT_MS);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, site->said), 0);
    site->fake.trace.fd = site->said[1];
    folder_init(&site->folder);
    if (script) {
        (void)snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s'\n" LOG "%s\n", site->folder.path,
                       script);
        folder_put(&site->folder, "ssh", text, 0700);
    }
    (void)snprintf(text, sizeof(text), "%s%s%s", site->folder.path, script ? ":" : "",
                   script ? site->path : "");
    set_path(text);
}

static void site_dial(struct site *site, struct stream *below)
{
    site->stream = openssh_dial(&site->gateway, below, &site->to, &site->fake.ctx);
}

static void site_open(struct site *site, const char *script)
{
    site_init(site, script);
    site_dial(site, NULL);
    assert_err_unset(&site->fake.err);
    assert_non_null(site->stream);
}

static void site_close(struct site *site)
{
    stream_close(site->stream);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    fd_close(&site->said[0]);
    fd_close(&site->said[1]);
    set_path(site->path);
    free(site->path);
    folder_release(&site->folder);
    assert_err_unset(&site->fake.err);
}

/* What was shown, record by record; "" when there is no more. */
static const char *shown(struct site *site)
{
    ssize_t size = recv(site->said[0], site->line, sizeof(site->line) - 1, MSG_DONTWAIT);

    site->line[size > 0 ? size : 0] = '\0';
    return site->line;
}

/* Waits for the next one. */
static const char *shows(struct site *site)
{
    (void)fd_await(site->said[0], POLLIN);
    return shown(site);
}

static void expect(struct site *site, const char *text)
{
    char data[256];
    size_t size = strlen(text);

    for (size_t total = 0; total < size;) {
        ssize_t got = stream_read(site->stream, data + total, size - total);
        if (got == STREAM_AGAIN)
            (void)fd_await(site->stream->rfd, POLLIN);
        else
            assert_true(got > 0);
        total += got > 0 ? (size_t)got : 0;
    }
    assert_memory_equal(data, text, size);
}

static void expect_end(struct site *site)
{
    char byte;
    ssize_t got;

    while ((got = stream_read(site->stream, &byte, 1)) == STREAM_AGAIN)
        (void)fd_await(site->stream->rfd, POLLIN);
    assert_int_equal(got, 0);
}

/* --- words --- */

/* But for the name of the log, which is a new one each time. */
#define TELL_WORDS                                                                                 \
    "for word; do case $word in */stile.*/log) ;; *) echo \"$word\" ;; esac; done >words\n"
#define TELL TELL_WORDS "echo up; exec cat\n"

#define OWN                                                                                        \
    "-T\n-a\n-x\n-oLogLevel=DEBUG2\n-oClearAllForwardings=yes\n-oPermitLocalCommand=no\n"          \
    "-oControlMaster=no\n-oControlPersist=no\n-oTunnel=no\n-oVisualHostKey=no\n-E\n"

static void words_of_a_plain_gateway(void **state)
{
    (void)state;
    struct site site;
    char text[FOLDER_TEXT_MAX];

    site_open(&site, TELL);
    assert_string_equal(folder_get(&site.folder, "words", text), OWN "-W\n[db]:22\n--\nbastion\n");
    expect(&site, "up\n");
    site_close(&site);
}

static void words_of_settings(void **state)
{
    (void)state;
    struct site site;
    char text[FOLDER_TEXT_MAX];
    char user[] = "-oProxyCommand=id", v6[] = "2001:db8::1";
    struct setting settings[] = {
        {(char[]){"identityfile"}, (char[]){"/a b/c"}, 9, PLACE_NONE},
        {(char[]){"engine"}, (char[]){"openssh"}, 9, PLACE_NONE},
        {(char[]){"batchmode"}, (char[]){"yes"}, 9, PLACE_NONE},
    };

    site_init(&site, TELL);
    site.hop.settings = settings;
    site.hop.setting_count = 3;
    site.hop.user = user;
    site.hop.address.port = 2222;
    site.to.host = v6;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    assert_string_equal(folder_get(&site.folder, "words", text),
                        OWN "-W\n[2001:db8::1]:22\n-oidentityfile=\"/a b/c\"\n-obatchmode=yes\n-l\n"
                            "-oProxyCommand=id\n-p\n2222\n--\nbastion\n");
    site_close(&site);
}

static void words_of_a_command(void **state)
{
    (void)state;
    struct site site;
    char text[FOLDER_TEXT_MAX];
    char *words[] = {(char[]){"/bin/nc"}, (char[]){"a b"},  (char[]){"%h"},
                     (char[]){"[%p]"},    (char[]){"it's"}, NULL};

    site_init(&site, TELL);
    site.gateway.exec = words;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    assert_string_equal(
        folder_get(&site.folder, "words", text),
        OWN "-oRemoteCommand=none\n--\nbastion\n'/bin/nc' 'a b' db '[22]' 'it'\\''s'\n");
    site_close(&site);
}

static void a_host_that_is_no_word(void **state)
{
    (void)state;
    struct site site;
    char host[] = "a;id";
    char *words[] = {(char[]){"nc"}, (char[]){"%h"}, NULL};
    char text[FOLDER_TEXT_MAX];

    site_init(&site, TELL);
    site.gateway.exec = words;
    site.to.host = host;
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_err(&site.fake.err, ERR_USAGE, "db:22: only ASCII letters");
    assert_string_equal(folder_get(&site.folder, "words", text), "");
    site_close(&site);
}

/* --- when it is up --- */

static const struct up_row {
    const char *name;
    const char *script;
    int64_t after_ms;
    const char *command; /* of the gateway */
} up_rows[] = {
    {"it says so", UP "exec cat", 0, NULL},
    {"the first byte says so", IN NEW "echo up; exec cat", 0, NULL},
    {"a first byte from whatever ssh", "echo up; exec cat", 0, NULL},
    {"by way of a master",
     "echo 'debug1: mux_client_request_stdio_fwd: master session id: 2' >&2; exec cat", 0, NULL},
    {"a login, and then it is silent", IN "exec cat", 1000, NULL},
    {"a command runs", UP "echo 'debug2: exec request accepted on channel 0' >&2; exec cat", 0,
     "nc"},
    {"a session for a command, and then it is silent", UP "exec cat", 1000, "nc"},
    {"it was all over before we looked", UP "exit 0", 0, NULL},
    {"it ends in order", "exit 0", 0, NULL},
};

static void up(void **state)
{
    const struct up_row *row = *state;
    struct site site;
    char *words[] = {(char[]){"nc"}, NULL};
    int64_t start_ns = clock_ns();

    site_init(&site, row->script);
    if (row->command)
        site.gateway.exec = words;
    site_dial(&site, NULL);
    assert_err_unset(&site.fake.err);
    assert_non_null(site.stream);
    if (row->after_ms)
        assert_true(clock_ns() - start_ns >= row->after_ms * CLOCK_MS);
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

/* --- when it is not --- */

static const struct down_row {
    const char *name;
    const char *script;
    enum err_code code;
    const char *says;
} down_rows[] = {
    {"it says why", "echo 'alice@gw: Permission denied (publickey).' >&2; exit 255", ERR_AUTH,
     "gateway bastion: alice@gw: Permission denied (publickey)."},
    {"the target",
     IN NEW "echo 'channel 0: open failed: connect failed: Connection refused' >&2\n"
            "echo 'stdio forwarding failed' >&2; exit 255",
     ERR_REFUSED, "gateway bastion: connect to db:22: Connection refused"},
    {"it says nothing", "exit 255", ERR_REFUSED, "gateway bastion: ssh exited with 255"},
    {"it says what nobody knows", "exit 3", ERR_REFUSED, "gateway bastion: ssh exited with 3"},
    {"it is killed", "kill -9 $$", ERR_REFUSED, "gateway bastion: ssh was killed by signal 9"},
};

static void down(void **state)
{
    const struct down_row *row = *state;
    struct site site;

    site_init(&site, row->script);
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_string_equal(err_text(&site.fake.err), row->says);
    assert_err(&site.fake.err, row->code, NULL);
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

static void no_ssh(void **state)
{
    (void)state;
    struct site site;

    site_init(&site, NULL);
    assert_false(openssh_exists());
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_string_equal(err_text(&site.fake.err),
                        "gateway bastion: there is no ssh in $PATH (Debian: openssh-client)");
    assert_err(&site.fake.err, ERR_MODULE, NULL);
    site_close(&site);
}

static const struct late_row {
    const char *name;
    const char *script;
    const char *says;
} late_rows[] = {
    {"before the login", "exec sleep 1000", "gateway bastion: login: no answer within 0.3 s"},
    {"behind it", IN NEW "exec sleep 1000",
     "gateway bastion: connect to db:22: no answer within 0.3 s"},
};

static void out_of_time(void **state)
{
    const struct late_row *row = *state;
    struct site site;

    site_init(&site, row->script);
    site.fake.ctx.timeout_ns = 300 * CLOCK_MS;
    site.fake.ctx.deadline_ns = clock_ns() + site.fake.ctx.timeout_ns;
    site_dial(&site, NULL);
    assert_null(site.stream);
    /* On a busy machine it may not have come so far. */
    if (strcmp(err_text(&site.fake.err), late_rows[0].says) != 0)
        assert_string_equal(err_text(&site.fake.err), row->says);
    assert_err(&site.fake.err, ERR_TIME, NULL);
    site_close(&site);
}

static void called_off(void **state)
{
    (void)state;
    struct site site;

    site_init(&site, "exec sleep 1000");
    fake_ctx_cancel(&site.fake);
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_err_silent(&site.fake.err);
    fd_close(&site.fake.ctx.cancel_fd);
    site_close(&site);
}

/* --- what it says meanwhile --- */

static void other_lines_are_shown(void **state)
{
    (void)state;
    struct site site;

    site_open(&site, "echo 'debug1: hello' >&2; echo 'Authorised users only!' >&2\n" UP
                     "read line; echo 'debug1: rekeying' >&2; echo \"$line\" >&2; exec cat");
    assert_string_equal(shown(&site), "stile: gateway bastion: Authorised users only!\n");
    fd_put(site.stream->wfd, "a message\n", 10);
    assert_string_equal(shows(&site), "stile: gateway bastion: a message\n");
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

static void all_lines_are_traced(void **state)
{
    (void)state;
    struct site site;

    site_init(&site, "echo 'debug1: hello' >&2\n" UP "exec cat");
    site.fake.trace.level = 2;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    bool found = false;
    while (*shown(&site))
        found |= strstr(site.line, " ssh: debug1: hello\n") != NULL;
    assert_true(found);
    site_close(&site);
}

static void security_keys(void **state)
{
    (void)state;
    struct site site;

    site_open(&site, "echo 'debug1: Server accepts key: /k ED25519-SK SHA256:x explicit' >&2\n"
                     "echo 'debug1: Server accepts key: /k ED25519-SK SHA256:y agent' >&2\n"
                     "echo 'debug1: Server accepts key: /k ED25519 SHA256:z explicit' >&2\n" UP
                     "exec cat");
    assert_string_equal(shown(&site), "stile: gateway bastion: touch the security key if it "
                                      "blinks: /k ED25519-SK SHA256:x explicit\n");
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

static void quiet(void **state)
{
    (void)state;
    struct site site;

    site_init(&site, "echo 'Authorised users only!' >&2\n" UP "exec cat");
    site.fake.config.quiet = true;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

/* StrictHostKeyChecking no goes on, but not in silence. */
static void a_changed_key_that_does_not_matter(void **state)
{
    (void)state;
    struct site site;

    site_open(&site,
              "echo 'debug1: Server host key: ssh-ed25519 SHA256:x' >&2\n"
              "echo '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @' >&2\n"
              "echo 'Offending ED25519 key in /known_hosts:3' >&2\n" UP "read line; exit 255");
    assert_string_equal(shown(&site),
                        "stile: gateway bastion: its host key has changed, or somebody sits in "
                        "between: it has ED25519 SHA256:x, and /known_hosts:3 has another\n");
    /* Nor is it why the session ends. */
    assert_int_equal(stream_shut_wr(site.stream), 0);
    expect_end(&site);
    assert_int_equal(stream_finish(site.stream, &site.fake.err), -1);
    assert_err(&site.fake.err, ERR_STREAM, "gateway bastion: ssh exited with 255");
    site_close(&site);
}

static void a_changed_key_for_those_who_want_no_errors(void **state)
{
    (void)state;
    struct site site;

    site_init(&site,
              "echo '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @' >&2\n" UP "exec cat");
    site.gateway.config.log_level = SSH_LOG_FATAL;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

#define CHANGED                                                                                    \
    "echo 'debug1: Server host key: ssh-ed25519 SHA256:x' >&2\n"                                   \
    "echo '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @' >&2\n"                            \
    "echo 'Offending ECDSA key in /known_hosts:3' >&2\n"                                           \
    "echo 'Host key for bastion has changed and you have requested strict checking.' >&2\n"        \
    "exit 255"

/* The other one is asked for. */
static void a_changed_key(void **state)
{
    (void)state;
    struct site site;
    char file[] = "/known_hosts", *files[] = {file};

    site_init(&site, CHANGED);
    folder_put(&site.folder, "ssh-keygen",
               "#!/bin/sh\nprintf '# Host bastion found: line 3 \\nbastion ECDSA SHA256:y\\n'\n",
               0700);
    site.gateway.config.user_known_hosts = (struct ssh_list){.item = files, .count = 1};
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_string_equal(err_text(&site.fake.err),
                        "gateway bastion: its host key has changed, or somebody sits in between: "
                        "it has ED25519 SHA256:x, and /known_hosts:3 has ECDSA SHA256:y");
    assert_err(&site.fake.err, ERR_AUTH, NULL);
    site_close(&site);
}

static const struct config_row {
    const char *name;
    const char *script;
    const char *says;
    enum err_code code;
    bool batch;
    unsigned timeout;
} config_rows[] = {
    {"ConnectTimeout", "echo 'ssh: connect to host gw port 22: Connection timed out' >&2; exit 255",
     "gateway bastion: connect to host gw port 22: Connection timed out", ERR_TIME, false, 1},
    {"BatchMode", "echo 'Host key verification failed.' >&2; exit 255",
     "gateway bastion: its host key is not known, and nobody may be asked (BatchMode)", ERR_AUTH,
     true, 0},
    {"neither", "echo 'Host key verification failed.' >&2; exit 255",
     "gateway bastion: its host key was not accepted", ERR_AUTH, false, 0},
};

static void a_failure_by_configuration(void **state)
{
    const struct config_row *row = *state;
    struct site site;
    char file[] = "/known_hosts", *files[] = {file};

    site_init(&site, row->script);
    site.gateway.config.user_known_hosts = (struct ssh_list){.item = files, .count = 1};
    site.gateway.config.batch_mode = row->batch;
    site.gateway.config.connect_timeout = row->timeout;
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_string_equal(err_text(&site.fake.err), row->says);
    assert_err(&site.fake.err, row->code, NULL);
    site_close(&site);
}

static void no_file_for_a_new_key(void **state)
{
    (void)state;
    struct site site;

    site_init(&site, "echo 'Host key verification failed.' >&2; exit 255");
    site_dial(&site, NULL);
    assert_null(site.stream);
    assert_err(&site.fake.err, ERR_AUTH, "is not known, and there is no file to keep it in");
    site_close(&site);
}

/* --- how it ends --- */

static const struct end_row {
    const char *name;
    const char *script; /* when its input has ended */
    const char *says;   /* NULL: in order */
    const char *command;
} end_rows[] = {
    {"in order", "exit 0", NULL, NULL},
    {"gone", "echo 'Connection to gw closed by remote host.' >&2; exit 255",
     "gateway bastion: it closed the connection", NULL},
    {"gone, and it answers no more", "echo 'Timeout, server gw not responding.' >&2; exit 255",
     "gateway bastion: it does not answer any more", NULL},
    {"gone without a word", "exit 255", "gateway bastion: ssh exited with 255", NULL},
    {"a command in order", "exit 0", NULL, "nc"},
    {"a command that fails", "echo 'Connection to gw closed.' >&2; exit 3",
     "gateway bastion: nc exited with 3", "nc"},
    {"gone, with a command", "echo 'Connection to gw closed by remote host.' >&2; exit 255",
     "gateway bastion: it closed the connection", "nc"},
};

static void end(void **state)
{
    const struct end_row *row = *state;
    struct site site;
    char script[1024];
    char *words[] = {(char[]){"/bin/nc"}, NULL};

    (void)snprintf(script, sizeof(script),
                   UP "echo 'debug2: exec request accepted on channel 0' >&2; cat; %s",
                   row->script);
    site_init(&site, script);
    if (row->command)
        site.gateway.exec = words;
    site_dial(&site, NULL);
    assert_non_null(site.stream);
    fd_put(site.stream->wfd, "hello", 5);
    expect(&site, "hello");
    assert_int_equal(stream_shut_wr(site.stream), 0);
    expect_end(&site);
    assert_int_equal(stream_finish(site.stream, &site.fake.err), row->says ? -1 : 0);
    if (row->says) {
        assert_string_equal(err_text(&site.fake.err), row->says);
        assert_err(&site.fake.err, ERR_STREAM, NULL);
    }
    assert_string_equal(shown(&site), "");
    site_close(&site);
}

/* --- a stream below --- */

/* It is there for ssh, or not: in the end it is closed. */
static void the_stream_below_is_closed(void **state)
{
    const struct down_row *row = *state;
    static const struct layer_setup setup = {.piece = 100};
    struct site site;
    struct ends ends;
    char byte;

    site_init(&site, row->script);
    struct stream *below = ends_open(&ends_kinds[ENDS_UNIX], &ends);
    if (row->code == ERR_REFUSED)
        below = layer_new(below, &setup);
    site_dial(&site, below);
    assert_null(site.stream);
    err_release(&site.fake.err);
    (void)fd_await(ends.sink, POLLIN);
    assert_int_equal(recv(ends.sink, &byte, 1, 0), 0);
    ends_close(NULL, &ends);
    site_close(&site);
}

#define TELL_ALL TELL_WORDS "env | grep ^STILE_ >env; echo up; exec cat\n"

static void words_with_a_stream_below(void **state)
{
    (void)state;
    struct site site;
    struct ends ends;
    char text[FOLDER_TEXT_MAX];
    char *self = os_executable();

    site_init(&site, TELL_ALL);
    site_dial(&site, ends_open(&ends_kinds[ENDS_UNIX], &ends));
    assert_non_null(site.stream);
    assert_string_equal(folder_get(&site.folder, "words", text),
                        OWN "-oProxyCommand=\"$STILE_SELF\" --handover\n-oProxyUseFdpass=yes\n"
                            "-oControlPath=none\n-W\n[db]:22\n--\nbastion\n");
    assert_contains(folder_get(&site.folder, "env", text), "STILE_SOCKET=");
    assert_contains(text, "STILE_SELF=");
    if (self)
        assert_contains(text, self);
    free(self);
    site_close(&site);
    ends_close(NULL, &ends);
}

/* --- a master --- */

static const struct master_row {
    const char *name;
    enum {
        NO_PATH,
        NOTHING,
        FILE_THERE,
        DEAD,
        ALIVE,
    } what;
} master_rows[] = {
    {"no ControlPath", NO_PATH}, {"nothing there", NOTHING}, {"no socket", FILE_THERE},
    {"a dead one", DEAD},        {"alive", ALIVE},
};

static void master(void **state)
{
    const struct master_row *row = *state;
    struct site site;
    char path[FOLDER_PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = -1;

    site_init(&site, "exit 0");
    (void)folder_path(&site.folder, "master", path);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    if (row->what != NO_PATH)
        site.gateway.config.control_path = path;
    if (row->what == FILE_THERE)
        folder_put(&site.folder, "master", "", 0600);
    if (row->what >= DEAD) {
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
    }
    if (row->what == DEAD)
        fd_close(&fd);
    assert_int_equal(openssh_has_master(&site.gateway), row->what == ALIVE);
    fd_close(&fd);
    site_close(&site);
}

static void a_path_that_is_too_long(void **state)
{
    (void)state;
    struct site site;
    char path[200];

    site_init(&site, "exit 0");
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    site.gateway.config.control_path = path;
    assert_false(openssh_has_master(&site.gateway));
    assert_true(openssh_exists());
    site_close(&site);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, words_of_a_plain_gateway);
    UNIT_TEST(&unit, words_of_settings);
    UNIT_TEST(&unit, words_of_a_command);
    UNIT_TEST(&unit, a_host_that_is_no_word);
    UNIT_ROWS(&unit, up, up_rows);
    UNIT_ROWS(&unit, down, down_rows);
    UNIT_TEST(&unit, no_ssh);
    UNIT_ROWS(&unit, out_of_time, late_rows);
    UNIT_TEST(&unit, called_off);
    UNIT_TEST(&unit, other_lines_are_shown);
    UNIT_TEST(&unit, all_lines_are_traced);
    UNIT_TEST(&unit, security_keys);
    UNIT_TEST(&unit, quiet);
    UNIT_TEST(&unit, a_changed_key_that_does_not_matter);
    UNIT_TEST(&unit, a_changed_key_for_those_who_want_no_errors);
    UNIT_TEST(&unit, a_changed_key);
    UNIT_ROWS(&unit, a_failure_by_configuration, config_rows);
    UNIT_TEST(&unit, no_file_for_a_new_key);
    UNIT_ROWS(&unit, end, end_rows);
    UNIT_ROWS(&unit, the_stream_below_is_closed, down_rows);
    UNIT_TEST(&unit, words_with_a_stream_below);
    UNIT_ROWS(&unit, master, master_rows);
    UNIT_TEST(&unit, a_path_that_is_too_long);
    return unit_run(&unit, "openssh");
}
