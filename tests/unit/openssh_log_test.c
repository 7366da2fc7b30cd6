/* SPDX-License-Identifier: MIT */
#include "transports/openssh_log.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

#define LINES_MAX 24
#define NOW_NS 12345

static struct openssh_log fresh(const char *command)
{
    return (struct openssh_log){.target = "db:22", .command = command};
}

static void take_all(struct openssh_log *log, const char *const *lines)
{
    for (; *lines; lines++)
        (void)openssh_log_take(log, *lines, NOW_NS);
}

static void expect_reason(const struct openssh_log *log, enum err_code code, const char *text)
{
    char *reason = openssh_log_reason(log);

    if (text)
        assert_string_equal(reason, text);
    else
        assert_null(reason);
    free(reason);
    assert_int_equal(openssh_log_code(log), code);
}

/* --- why it ended: what OpenSSH 9.2 says on stderr, with host names changed --- */

#define KEY "ED25519 SHA256:m41PQTmD5erwGV1jpkZSJYZn3zoYzRyw2/gcRuJvOsQ"
/* KEY as it says it; clang-tidy takes a literal that is made of two for a comma forgotten. */
#define KEY_LINE                                                                                   \
    "debug1: Server host key: ssh-ed25519 SHA256:m41PQTmD5erwGV1jpkZSJYZn3zoYzRyw2/gcRuJvOsQ"
#define FRAME "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"

static const struct end_row {
    const char *name;
    const char *lines[LINES_MAX];
    enum err_code code;
    const char *reason;
    const char *command; /* that the gateway runs */
} end_rows[] = {
    {"nothing", {NULL}, ERR_REFUSED, NULL, NULL},
    {"only what is debugging", {"debug1: Permission denied (x).", NULL}, ERR_REFUSED, NULL, NULL},
    {"unknown", {"something new", NULL}, ERR_REFUSED, NULL, NULL},

    {"no such name",
     {"ssh: Could not resolve hostname gw: Name or service not known", NULL},
     ERR_NAME,
     "Could not resolve hostname gw: Name or service not known",
     NULL},
    {"refused",
     {"debug1: connect to address 192.0.2.1 port 22: Connection refused",
      "ssh: connect to host gw port 22: Connection refused", NULL},
     ERR_CONNECT,
     "connect to host gw port 22: Connection refused",
     NULL},
    {"no answer to a SYN",
     {"ssh: connect to host gw port 22: Connection timed out", NULL},
     ERR_CONNECT,
     "connect to host gw port 22: Connection timed out",
     NULL},
    {"no greeting",
     {"Connection timed out during banner exchange", "Connection to 192.0.2.1 port 22 timed out",
      NULL},
     ERR_TIME,
     "Connection timed out during banner exchange",
     NULL},
    {"an unreachable jump host",
     {"kex_exchange_identification: Connection closed by remote host",
      "Connection closed by UNKNOWN port 65535", NULL},
     ERR_REFUSED,
     "greeting: Connection closed by remote host",
     NULL},
    {"no SSH at all",
     {"banner exchange: Connection to  port 0: invalid format", NULL},
     ERR_REFUSED,
     "greeting: invalid format",
     NULL},
    {"reset",
     {"kex_exchange_identification: read: Connection reset by peer",
      "Connection reset by 192.0.2.1 port 22", NULL},
     ERR_REFUSED,
     "greeting: Connection reset by peer",
     NULL},
    {"closed in the middle",
     {"Connection closed by 192.0.2.1 port 22", NULL},
     ERR_REFUSED,
     "it closed the connection",
     NULL},
    {"no common algorithm",
     {"Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: "
      "ssh-rsa",
      NULL},
     ERR_REFUSED,
     "no matching host key type found. Their offer: ssh-rsa",
     NULL},
    {"the helper did not do it",
     {"proxy dialer did not pass back a connection", NULL},
     ERR_CONNECT,
     "proxy dialer did not pass back a connection",
     NULL},

    {"new host key, strict",
     {KEY_LINE, "No ED25519 host key is known for gw and you have requested strict checking.",
      "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key " KEY " is not known under the name gw, and StrictHostKeyChecking is yes",
     NULL},
    {"new host key, strict, in other words",
     {KEY_LINE, "No ED25519 host key is known for [gw]:2222", NULL},
     ERR_AUTH,
     "its host key " KEY " is not known under the name [gw]:2222, and StrictHostKeyChecking is yes",
     NULL},
    {"new host key, not accepted",
     {KEY_LINE, "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key " KEY " was not accepted",
     NULL},
    {"new host key, nobody there",
     {KEY_LINE, "debug1: read_passphrase: can't open /dev/tty: No such device or address",
      "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key " KEY
     " is not known, and was not accepted: no terminal (/dev/tty: No such device or address), and "
     "no yes by askpass",
     NULL},
    {"new host key of which nothing was said",
     {"Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key was not accepted",
     NULL},
    {"changed host key",
     {KEY_LINE, FRAME, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", FRAME,
      "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!",
      "The fingerprint for the ED25519 key sent by the remote host is",
      "SHA256:m41PQTmD5erwGV1jpkZSJYZn3zoYzRyw2/gcRuJvOsQ.",
      "Add correct host key in /root/.ssh/known_hosts to get rid of this message.",
      "Offending ED25519 key in /root/.ssh/known_hosts:3",
      "  remove with:", "  ssh-keygen -f \"/root/.ssh/known_hosts\" -R \"gw\"",
      "Host key for gw has changed and you have requested strict checking.",
      "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key has changed, or somebody sits in between: it has " KEY
     ", and /root/.ssh/known_hosts:3 has another",
     NULL},
    {"changed host key, and nothing else is said",
     {KEY_LINE, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", NULL},
     ERR_AUTH,
     "its host key has changed, or somebody sits in between: it has " KEY,
     NULL},
    {"changed host key with a certificate",
     {"debug1: Server host certificate: ecdsa-sha2-nistp256-cert-v01@openssh.com SHA256:x, serial "
      "0 ID \"gw\" CA ssh-ed25519 SHA256:y valid forever",
      "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
      "Offending ED25519 key in /known_hosts:3", NULL},
     ERR_AUTH,
     "its host key has changed, or somebody sits in between: it has ECDSA SHA256:x, and "
     "/known_hosts:3 has another",
     NULL},
    {"host key of an unknown type",
     {"debug1: Server host key: ssh-new SHA256:x", "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key ssh-new SHA256:x was not accepted",
     NULL},
    {"host key without a fingerprint",
     {"debug1: Server host key: ssh-ed25519", "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key ED25519 was not accepted",
     NULL},
    {"changed host key, in other words",
     {"Host key for gw has changed and you have requested strict checking.", NULL},
     ERR_AUTH,
     "Host key for gw has changed and you have requested strict checking.",
     NULL},
    {"revoked host key",
     {KEY_LINE, FRAME, "@       WARNING: REVOKED HOST KEY DETECTED!               @", FRAME,
      "The ED25519 host key for gw is marked as revoked.",
      "This could mean that a stolen key is being used to", "impersonate this host.",
      "ED25519 host key for gw was revoked and you have requested strict checking.",
      "Host key verification failed.", NULL},
     ERR_AUTH,
     "its host key " KEY " is revoked",
     NULL},
    {"host key revoked by a file",
     {KEY_LINE, "Host key ED25519 SHA256:x revoked by file /etc/ssh/revoked", NULL},
     ERR_AUTH,
     "its host key " KEY " is revoked in /etc/ssh/revoked",
     NULL},

    {"no key that it takes",
     {"alice@gw: Permission denied (publickey).", NULL},
     ERR_AUTH,
     "alice@gw: Permission denied (publickey).",
     NULL},
    {"wrong passwords",
     {"Permission denied, please try again.", "Permission denied, please try again.",
      "alice@gw: Permission denied (publickey,password).", NULL},
     ERR_AUTH,
     "alice@gw: Permission denied (publickey,password).",
     NULL},
    {"too many keys",
     {"Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures",
      "Disconnected from 192.0.2.1 port 22", NULL},
     ERR_AUTH,
     "Too many authentication failures",
     NULL},
    {"it hangs up with a reason",
     {"Received disconnect from 2001:db8::1 port 22:11: off you go: now",
      "Disconnected from 2001:db8::1 port 22", NULL},
     ERR_REFUSED,
     "it says: off you go: now",
     NULL},

    {"target refuses",
     {"channel 0: open failed: connect failed: Connection refused", "stdio forwarding failed",
      NULL},
     ERR_REFUSED,
     "connect to db:22: Connection refused",
     NULL},
    {"target is not reached, no reason",
     {"channel 0: open failed: connect failed: ", NULL},
     ERR_REFUSED,
     "connect to db:22: refused",
     NULL},
    {"no forwarding",
     {"channel 0: open failed: administratively prohibited: open failed", "stdio forwarding failed",
      NULL},
     ERR_REFUSED,
     "connect to db:22: forwarding is refused; ?exec=nc %h %p may do (it says: open failed)",
     NULL},
    {"no forwarding, no words",
     {"channel 0: open failed: administratively prohibited: ", NULL},
     ERR_REFUSED,
     "connect to db:22: forwarding is refused; ?exec=nc %h %p may do",
     NULL},
    {"no such channel",
     {"channel 0: open failed: unknown channel type: direct-tcpip", NULL},
     ERR_REFUSED,
     "connect to db:22: it knows no such channel; ?exec=nc %h %p may do (it says: direct-tcpip)",
     NULL},
    {"another reason",
     {"channel 0: open failed: reason 77: because", NULL},
     ERR_REFUSED,
     "connect to db:22: reason 77: because",
     NULL},
    {"only that it failed",
     {"stdio forwarding failed", NULL},
     ERR_REFUSED,
     "connect to db:22: refused",
     NULL},
    {"refused by way of a master",
     {"Stdio forwarding request failed: Session open refused by peer", NULL},
     ERR_REFUSED,
     "connect to db:22: Session open refused by peer",
     NULL},
    {"no session for a command",
     {"channel 0: open failed: administratively prohibited: open failed", NULL},
     ERR_REFUSED,
     "a session: open failed",
     "nc"},
    {"no command",
     {"exec request failed on channel 0", NULL},
     ERR_REFUSED,
     "it runs no commands",
     "nc"},

    {"bad option",
     {"command-line: line 0: Bad configuration option: foo", NULL},
     ERR_USAGE,
     "command-line: line 0: Bad configuration option: foo",
     NULL},
    {"bad file",
     {"/root/.ssh/config: line 3: Bad configuration option: foo",
      "/root/.ssh/config: terminating, 1 bad configuration options", NULL},
     ERR_USAGE,
     "/root/.ssh/config: line 3: Bad configuration option: foo",
     NULL},

    {"the connection breaks",
     {"client_loop: send disconnect: Broken pipe", NULL},
     ERR_REFUSED,
     "Broken pipe",
     NULL},
    {"it closes",
     {"Connection to gw closed by remote host.", NULL},
     ERR_REFUSED,
     "it closed the connection",
     NULL},
    {"it answers no more",
     {"Timeout, server gw not responding.", NULL},
     ERR_TIME,
     "it does not answer any more",
     NULL},
    {"a bad checksum",
     {"ssh_dispatch_run_fatal: Connection to 192.0.2.1 port 22: message authentication code "
      "incorrect",
      NULL},
     ERR_REFUSED,
     "message authentication code incorrect",
     NULL},
};

static void ends(void **state)
{
    const struct end_row *row = *state;
    struct openssh_log log = fresh(row->command);

    take_all(&log, row->lines);
    expect_reason(&log, row->code, row->reason);
    assert_false(log.is_up);
    openssh_log_release(&log);
}

/* --- what the configuration adds --- */

static void nobody_is_asked(void **state)
{
    (void)state;
    struct openssh_log log = fresh(NULL);

    log.nobody = "nobody may be asked (BatchMode)";
    (void)openssh_log_take(&log, KEY_LINE, NOW_NS);
    (void)openssh_log_take(&log, "Host key verification failed.", NOW_NS);
    expect_reason(&log, ERR_AUTH,
                  "its host key " KEY " is not known, and nobody may be asked (BatchMode)");
    openssh_log_release(&log);
}

static const struct timeout_row {
    const char *name;
    bool has_timeout;
    const char *line;
    enum err_code code;
} timeout_rows[] = {
    {"ConnectTimeout", true, "ssh: connect to host gw port 22: Connection timed out", ERR_TIME},
    {"none", false, "ssh: connect to host gw port 22: Connection timed out", ERR_CONNECT},
    {"another cause", true, "ssh: connect to host gw port 22: Connection refused", ERR_CONNECT},
    {"an unknown name", true, "ssh: Could not resolve hostname gw: timed out", ERR_NAME},
};

static void timeouts(void **state)
{
    const struct timeout_row *row = *state;
    struct openssh_log log = fresh(NULL);

    log.has_timeout = row->has_timeout;
    (void)openssh_log_take(&log, row->line, NOW_NS);
    expect_reason(&log, row->code, row->line + strlen("ssh: "));
    openssh_log_release(&log);
}

/* Whoever asks for the key that is known needs these. */
static void changed_key(void **state)
{
    (void)state;
    struct openssh_log log = fresh(NULL);
    static const char *const lines[] = {
        KEY_LINE,
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "Offending ECDSA key in /a b/known_hosts:3",
        "Host key for [gw]:2222 has changed and you have requested strict checking.",
        "Host key for nobody, in a text",
        NULL,
    };

    take_all(&log, lines);
    assert_true(log.changed);
    assert_string_equal(log.other_key, "/a b/known_hosts:3");
    assert_string_equal(log.known_name, "[gw]:2222");
    log.known_key = strdup("ECDSA SHA256:x");
    expect_reason(&log, ERR_AUTH,
                  "its host key has changed, or somebody sits in between: it has " KEY
                  ", and /a b/known_hosts:3 has ECDSA SHA256:x");
    openssh_log_release(&log);
}

/* --- who sees a line --- */

static const struct line_row {
    const char *name;
    const char *line;
    enum openssh_line kind;
} line_rows[] = {
    {"debug1", "debug1: Entering interactive session.", OPENSSH_TRACE},
    {"debug3", "debug3: send packet: type 94", OPENSSH_TRACE},
    {"verbose", "Authenticated to gw ([192.0.2.1]:22) using \"publickey\".", OPENSSH_TRACE},
    {"the figures", "Transferred: sent 3480, received 3292 bytes, in 0.1 seconds", OPENSSH_TRACE},
    {"SIGTERM", "Killed by signal 15.", OPENSSH_TRACE},
    {"a dead master", "Control socket connect(/run/x): Connection refused", OPENSSH_TRACE},
    {"wrong password", "Permission denied, please try again.", OPENSSH_TRACE},
    {"reason", "alice@gw: Permission denied (publickey).", OPENSSH_KEEP},
    {"a warning", "Warning: Permanently added 'gw' (ED25519) to the list of known hosts.",
     OPENSSH_SHOW},
    {"a key", "Load key \"/root/.ssh/id_rsa\": invalid format", OPENSSH_SHOW},
    {"a banner", "Authorised users only!", OPENSSH_SHOW},
    {"a command", "nc: connect to db port 22 (tcp) failed: Connection refused", OPENSSH_SHOW},
    {"not quite debugging", "debug: x", OPENSSH_SHOW},
};

static void lines(void **state)
{
    const struct line_row *row = *state;
    struct openssh_log log = fresh(NULL);

    assert_int_equal(openssh_log_take(&log, row->line, NOW_NS), row->kind);
    openssh_log_release(&log);
}

#define GREETED "debug1: SSH2_MSG_NEWKEYS received"
#define LOGGED_IN "Authenticated to gw (via proxy) using \"publickey\"."
#define OPENED "debug2: channel 0: open confirm rwindow 2097152 rmax 32768"
#define STARTED "debug2: exec request accepted on channel 0"
#define ADDED "Warning: Permanently added 'gw' (ED25519) to the list of known hosts."
#define BAD_FILE "Load key \"/root/.ssh/id_rsa\": invalid format"

/* The most silent level at which a line is still shown. */
static const struct level_row {
    const char *name;
    const char *before[4];
    const char *line;
    enum ssh_log_level until;
    const char *command;
} level_rows[] = {
    {"a key is added", {NULL}, ADDED, SSH_LOG_INFO, NULL},
    {"a key is added, later", {LOGGED_IN, OPENED, NULL}, ADDED, SSH_LOG_INFO, NULL},
    {"a key is not added",
     {NULL},
     "Failed to add the host to the list of known hosts (/known).",
     SSH_LOG_INFO,
     NULL},
    {"an unknown error", {NULL}, "something new", SSH_LOG_ERROR, NULL},
    {"a banner", {GREETED, NULL}, "Authorised users only!", SSH_LOG_INFO, NULL},
    {"an error before the login", {GREETED, NULL}, BAD_FILE, SSH_LOG_ERROR, NULL},
    {"an error of a function",
     {GREETED, NULL},
     "sign_and_send_pubkey: signing failed for ED25519 \"/x\": agent refused operation",
     SSH_LOG_ERROR,
     NULL},
    {"a banner that begins like one", {GREETED, NULL}, "warning: keep out", SSH_LOG_INFO, NULL},
    {"an unknown error behind the login",
     {GREETED, LOGGED_IN, NULL},
     "something new",
     SSH_LOG_ERROR,
     NULL},
    {"keys are new again",
     {GREETED, LOGGED_IN, GREETED, NULL},
     "something new",
     SSH_LOG_ERROR,
     NULL},
    {"a command that has not begun",
     {GREETED, LOGGED_IN, OPENED, NULL},
     "something new",
     SSH_LOG_ERROR,
     "nc"},
    {"a command", {GREETED, LOGGED_IN, STARTED, NULL}, "nc: connection lost", SSH_LOG_QUIET, "nc"},
    {"its keys while a command runs",
     {GREETED, LOGGED_IN, STARTED, NULL},
     "Learned new hostkey: RSA SHA256:x",
     SSH_LOG_INFO,
     "nc"},
};

static void levels(void **state)
{
    const struct level_row *row = *state;

    for (int level = SSH_LOG_INFO; level <= SSH_LOG_QUIET; level++) {
        struct openssh_log log = fresh(row->command);
        log.level = (enum ssh_log_level)level;
        take_all(&log, row->before);
        assert_int_equal(openssh_log_take(&log, row->line, NOW_NS),
                         level <= (int)row->until ? OPENSSH_SHOW : OPENSSH_TRACE);
        openssh_log_release(&log);
    }
}

/* The reason of an end is none of ssh's messages, but ours. */
static void a_reason_at_any_level(void **state)
{
    (void)state;
    struct openssh_log log = fresh(NULL);

    log.level = SSH_LOG_QUIET;
    assert_int_equal(openssh_log_take(&log, "alice@gw: Permission denied (publickey).", NOW_NS),
                     OPENSSH_KEEP);
    expect_reason(&log, ERR_AUTH, "alice@gw: Permission denied (publickey).");
    openssh_log_release(&log);
}

/* What the gateway and ssh's programs say beside the log. */
static void overheard(void **state)
{
    (void)state;
    struct openssh_log log = fresh("nc");

    log.level = SSH_LOG_QUIET;
    assert_int_equal(openssh_log_overhear(&log, "debug1: anything"), OPENSSH_SHOW);
    (void)openssh_log_take(&log, "debug1: SSH2_MSG_NEWKEYS received", NOW_NS);
    assert_int_equal(openssh_log_overhear(&log, "Keep out!"), OPENSSH_TRACE);
    (void)openssh_log_overhear(&log, "debug1: Authentication succeeded (publickey).");
    (void)openssh_log_overhear(&log, "debug2: exec request accepted on channel 0");
    assert_false(log.is_in || log.is_up);
    assert_int_equal(openssh_log_overhear(&log, "Connection closed by 192.0.2.1 port 22"),
                     OPENSSH_KEEP);
    expect_reason(&log, ERR_REFUSED, "it closed the connection");
    (void)openssh_log_take(&log, "Authenticated to gw ([192.0.2.1]:22) using \"none\".", NOW_NS);
    assert_null(openssh_log_reason(&log));
    assert_int_equal(openssh_log_overhear(&log, "nc: refused"), OPENSSH_SHOW);
    openssh_log_release(&log);
}

/* --- how far it has come --- */

static const struct way_row {
    const char *name;
    const char *command;
    const char *lines[LINES_MAX];
    bool is_in;
    bool is_up;
    bool waits; /* for nothing but time */
} way_rows[] = {
    {"starting",
     NULL,
     {"debug1: Connecting to gw [192.0.2.1] port 22.", NULL},
     false,
     false,
     false},
    {"logged in",
     NULL,
     {"Authenticated to gw ([192.0.2.1]:22) using \"publickey\".",
      "debug1: channel_connect_stdio_fwd: db:22",
      "debug1: channel 0: new stdio-forward [stdio-forward] (inactive timeout: 0)", NULL},
     true,
     false,
     false},
    {"logged in, and no word of a channel",
     NULL,
     {"Authenticated to gw (via proxy) using \"publickey\".", NULL},
     true,
     false,
     true},
    {"logged in, as older ones say it",
     NULL,
     {"debug1: Authentication succeeded (publickey).", NULL},
     true,
     false,
     true},
    {"open",
     NULL,
     {"Authenticated to gw ([192.0.2.1]:22) using \"publickey\".",
      "debug1: channel 0: new stdio-forward [stdio-forward] (inactive timeout: 0)",
      "debug2: channel 0: open confirm rwindow 2097152 rmax 32768", NULL},
     true,
     true,
     false},
    {"by way of a master",
     NULL,
     {"debug2: mux_client_hello_exchange: master version 4", NULL},
     false,
     false,
     false},
    {"open, by way of a master",
     NULL,
     {"debug2: mux_client_hello_exchange: master version 4",
      "debug1: mux_client_request_stdio_fwd: master session id: 2", NULL},
     true,
     true,
     false},
    {"a session for a command",
     "nc",
     {"Authenticated to gw ([192.0.2.1]:22) using \"publickey\".",
      "debug1: channel 0: new session [client-session] (inactive timeout: 0)",
      "debug2: channel 0: send open", "debug2: channel 0: open confirm rwindow 0 rmax 32768", NULL},
     true,
     false,
     true},
    {"a command runs",
     "nc",
     {"debug2: channel 0: open confirm rwindow 0 rmax 32768",
      "debug2: exec request accepted on channel 0", NULL},
     true,
     true,
     true},
    {"a command runs, by way of a master",
     "nc",
     {"debug1: mux_client_request_session: master session id: 2", NULL},
     true,
     true,
     false},
};

static void ways(void **state)
{
    const struct way_row *row = *state;
    struct openssh_log log = fresh(row->command);

    take_all(&log, row->lines);
    assert_int_equal(log.is_in, row->is_in);
    assert_int_equal(log.is_up, row->is_up);
    assert_int_equal(log.silent_ns, row->waits ? NOW_NS : 0);
    openssh_log_release(&log);
}

/* The first reason counts, unless it was none. */
static void reasons_that_were_none(void **state)
{
    (void)state;
    struct openssh_log log = fresh(NULL);

    (void)openssh_log_take(&log, KEY_LINE, NOW_NS);
    (void)openssh_log_take(&log, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", NOW_NS);
    openssh_log_forget(&log);
    expect_reason(&log, ERR_REFUSED, NULL);
    (void)openssh_log_take(&log, "Connection closed by 192.0.2.1 port 22", NOW_NS);
    (void)openssh_log_take(&log, "alice@gw: Permission denied (publickey).", NOW_NS);
    expect_reason(&log, ERR_REFUSED, "it closed the connection");
    openssh_log_release(&log);
}

/* A gateway's banner may have the words of a reason. */
static void banners_that_look_like_reasons(void **state)
{
    (void)state;
    struct openssh_log log = fresh(NULL);

    (void)openssh_log_take(&log, "debug1: SSH2_MSG_NEWKEYS received", NOW_NS);
    (void)openssh_log_take(&log, "Connection closed by the operator at 2.", NOW_NS);
    (void)openssh_log_take(&log, "alice@gw: Permission denied (publickey).", NOW_NS);
    (void)openssh_log_take(&log, "Connection closed by 192.0.2.1 port 22", NOW_NS);
    expect_reason(&log, ERR_AUTH, "alice@gw: Permission denied (publickey).");
    openssh_log_release(&log);

    log = fresh(NULL);
    (void)openssh_log_take(&log, "debug1: SSH2_MSG_NEWKEYS received", NOW_NS);
    (void)openssh_log_take(&log, "Connection closed by the operator at 2.", NOW_NS);
    (void)openssh_log_take(&log, "Authenticated to gw ([192.0.2.1]:22) using \"publickey\".",
                           NOW_NS);
    expect_reason(&log, ERR_REFUSED, NULL);
    openssh_log_release(&log);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, ends, end_rows);
    UNIT_TEST(&unit, nobody_is_asked);
    UNIT_ROWS(&unit, timeouts, timeout_rows);
    UNIT_TEST(&unit, changed_key);
    UNIT_ROWS(&unit, lines, line_rows);
    UNIT_ROWS(&unit, levels, level_rows);
    UNIT_TEST(&unit, a_reason_at_any_level);
    UNIT_TEST(&unit, overheard);
    UNIT_ROWS(&unit, ways, way_rows);
    UNIT_TEST(&unit, reasons_that_were_none);
    UNIT_TEST(&unit, banners_that_look_like_reasons);
    return unit_run(&unit, "openssh_log");
}
