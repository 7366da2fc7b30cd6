/* SPDX-License-Identifier: MIT */
#include "transports/openssh_log.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/openssh_shape.h"
#include "transports/ssh_key_name.h"

/* --- lines --- */

/* How the reason is made of the line. */
enum recipe {
    AS_IT_IS,
    FROM_PART,     /* from `part` on, which is not at the start */
    LAST,          /* `text`, and what is behind the last ": " */
    REWORDED,      /* `text` says it better */
    CONNECTING,    /* "connect to TARGET: ", and what is behind */
    REFUSAL,       /* RFC 4254 section 5.1, as OpenSSH prints it */
    DISCONNECTION, /* RFC 4253 section 11.1 */
    CHANGED_KEY,
    STRANGE_KEY,     /* the name is behind */
    UNCONFIRMED_KEY, /* nobody has accepted it */
    BAD_KEY,         /* "its host key … ", and `text` */
    REVOKED_KEY,     /* in the file that is behind */
};

#define CHANGED "its host key has changed, or somebody sits in between: it has "
#define CLOSED "it closed the connection"
#define NO_COMMANDS "it runs no commands"

/* Why it ended: the first row whose start and part are in a line. */
static const struct row {
    struct openssh_shape shape;
    enum err_code code;
    enum recipe recipe;
    const char *text;
} rows[] = {
    /* Configuration. */
    {{"command-line", ": "}, ERR_USAGE, AS_IT_IS, NULL},
    {{NULL, ": Bad configuration option: "}, ERR_USAGE, AS_IT_IS, NULL},
    {{NULL, ": terminating, "}, ERR_USAGE, AS_IT_IS, NULL},
    {{"Bad owner or permissions on ", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"Can't open user config file ", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"hostname contains invalid characters", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"remote username contains invalid characters", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"jumphost loop via ", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"inconsistent options: ", NULL}, ERR_USAGE, AS_IT_IS, NULL},
    {{"ControlPath too long ", NULL}, ERR_USAGE, AS_IT_IS, NULL},

    /* The way to the gateway. */
    {{"ssh: ", "Could not resolve hostname "}, ERR_NAME, FROM_PART, NULL},
    {{"ssh: ", "connect to host "}, ERR_CONNECT, FROM_PART, NULL},
    {{"proxy dialer did not pass back a connection", NULL}, ERR_CONNECT, AS_IT_IS, NULL},
    {{"Connection timed out during banner exchange", NULL}, ERR_TIME, AS_IT_IS, NULL},
    {{"Connection to ", " timed out"}, ERR_TIME, REWORDED, "it does not answer"},
    {{"Timeout, server ", " not responding."}, ERR_TIME, REWORDED, "it does not answer any more"},

    /* Its host key: long texts of which one line says it all. */
    {{"@", "REMOTE HOST IDENTIFICATION HAS CHANGED!"}, ERR_AUTH, CHANGED_KEY, NULL},
    {{"Host key for ", " has changed and you have requested "}, ERR_AUTH, CHANGED_KEY, NULL},
    {{"@", "REVOKED HOST KEY DETECTED!"}, ERR_AUTH, BAD_KEY, "is revoked"},
    {{"The ", " is marked as revoked."}, ERR_AUTH, BAD_KEY, "is revoked"},
    {{NULL, " was revoked and you have requested "}, ERR_AUTH, BAD_KEY, "is revoked"},
    {{"Host key ", " revoked by file "}, ERR_AUTH, REVOKED_KEY, NULL},
    {{"No ", " host key is known for "}, ERR_AUTH, STRANGE_KEY, NULL},
    {{"Host key verification failed.", NULL}, ERR_AUTH, UNCONFIRMED_KEY, NULL},
    {{"Error: forwarding disabled due to host key", NULL}, ERR_AUTH, AS_IT_IS, NULL},

    /* The login. */
    {{NULL, ": Permission denied ("}, ERR_AUTH, AS_IT_IS, NULL},
    {{"Received disconnect from ", "Too many authentication"}, ERR_AUTH, FROM_PART, NULL},
    {{"Authentication failed.", NULL}, ERR_AUTH, AS_IT_IS, NULL},

    /* The channel. */
    {{"channel ", ": open failed: "}, ERR_REFUSED, REFUSAL, NULL},
    {{"Stdio forwarding request failed: ", NULL}, ERR_REFUSED, CONNECTING, NULL},
    {{"Master refused stdio forwarding request: ", NULL}, ERR_REFUSED, CONNECTING, NULL},
    {{"stdio forwarding failed", NULL}, ERR_REFUSED, CONNECTING, NULL},
    {{"exec request failed on channel ", NULL}, ERR_REFUSED, REWORDED, NO_COMMANDS},

    /* The connection. */
    {{"Received disconnect from ", NULL}, ERR_REFUSED, DISCONNECTION, NULL},
    {{"Unable to negotiate with ", "no matching "}, ERR_REFUSED, FROM_PART, NULL},
    {{"kex_exchange_identification: ", NULL}, ERR_REFUSED, LAST, "greeting: "},
    {{"ssh_exchange_identification: ", NULL}, ERR_REFUSED, LAST, "greeting: "},
    {{"banner exchange: ", NULL}, ERR_REFUSED, LAST, "greeting: "},
    {{"ssh_dispatch_run_fatal: ", NULL}, ERR_REFUSED, LAST, ""},
    {{"client_loop: ", NULL}, ERR_REFUSED, LAST, ""},
    {{"packet_write_wait: ", NULL}, ERR_REFUSED, LAST, ""},
    {{"Read from remote host ", ": "}, ERR_REFUSED, LAST, ""},
    {{"Protocol major versions differ", NULL}, ERR_REFUSED, AS_IT_IS, NULL},
    {{"Bad packet length ", NULL}, ERR_REFUSED, AS_IT_IS, NULL},
    {{"Bad remote protocol version identification", NULL}, ERR_REFUSED, AS_IT_IS, NULL},
    {{"Connection reset by ", NULL}, ERR_REFUSED, REWORDED, "Connection reset by peer"},
    {{"Connection closed by ", NULL}, ERR_REFUSED, REWORDED, CLOSED},
    {{"Connection to ", " closed"}, ERR_REFUSED, REWORDED, CLOSED},
    {{"Disconnected from ", NULL}, ERR_REFUSED, REWORDED, CLOSED},
};

/* --- reasons --- */

static const struct refusal {
    const char *reason; /* as OpenSSH prints the code */
    const char *says;   /* NULL: the peer's text says it */
} refusals[] = {
    {"administratively prohibited", "forwarding is refused; ?exec=nc %h %p may do"},
    {"connect failed", NULL},
    {"unknown channel type", "it knows no such channel; ?exec=nc %h %p may do"},
    {"resource shortage", "it lacks the resources"},
};

static char *refusal(const struct openssh_log *log, const char *rest)
{
    const char *doing = log->command ? "a session" : "connect to ";
    const char *to = log->command ? "" : log->target;
    const char *says = NULL;
    size_t i = 0, count = sizeof(refusals) / sizeof(refusals[0]);

    while (i < count && !text_same_start(rest, refusals[i].reason, strlen(refusals[i].reason)))
        i++;
    if (i == count)
        return text_join(doing, to, ": ", rest, (char *)NULL);
    rest += strlen(refusals[i].reason);
    rest += strspn(rest, ": ");
    if (!log->command)
        says = refusals[i].says;
    if (!says && *rest)
        return text_join(doing, to, ": ", rest, (char *)NULL);
    if (!says)
        says = "refused";
    if (!*rest)
        return text_join(doing, to, ": ", says, (char *)NULL);
    return text_join(doing, to, ": ", says, " (it says: ", rest, ")", (char *)NULL);
}

/* "192.0.2.1 port 22:2: Too many authentication failures" */
static char *disconnection(const char *rest)
{
    const char *text = strstr(rest, " port ");

    text = text ? strchr(text, ':') : NULL;
    text = text ? strstr(text, ": ") : NULL;
    return text_join("it says: ", text ? text + 2 : rest, (char *)NULL);
}

/* ssh puts addresses in front that say nothing where it has no socket of its own. */
static const char *last_piece(const char *line)
{
    for (const char *at = line; *at; at++)
        if (at[0] == ':' && at[1] == ' ' && at[2])
            line = at + 2;
    return line;
}

/* "its host key ED25519 SHA256:… ", and why it is none. */
static char *bad_key(const struct openssh_log *log, const char *why, const char *more)
{
    return text_join("its host key ", log->host_key ? log->host_key : "", log->host_key ? " " : "",
                     why, more, (char *)NULL);
}

/* `rest` begins with its name in known_hosts. */
static char *strange_key(const struct openssh_log *log, const char *rest)
{
    const char *end = strstr(rest, " and you have requested ");
    char *name = end ? strndup(rest, (size_t)(end - rest)) : strdup(rest);
    char *why = name ? text_join("is not known under the name ", name, (char *)NULL) : NULL;
    char *text = why ? bad_key(log, why, ", and StrictHostKeyChecking is yes") : NULL;

    free(name);
    free(why);
    return text;
}

static char *unconfirmed_key(const struct openssh_log *log)
{
    char *why = NULL;

    if (log->nobody)
        return bad_key(log, "is not known, and ", log->nobody);
    if (!log->no_terminal)
        return bad_key(log, "was not accepted", "");
    why = text_join("no terminal (", log->no_terminal, "), and no yes by askpass", (char *)NULL);
    char *text = why ? bad_key(log, "is not known, and was not accepted: ", why) : NULL;
    free(why);
    return text;
}

static char *compose(const struct openssh_log *log, const struct row *row, const char *line,
                     const char *part, const char *rest)
{
    switch (row->recipe) {
    case AS_IT_IS:
    case CHANGED_KEY: /* said in the end, when all is known */
        return strdup(line);
    case FROM_PART:
        return strdup(part);
    case LAST:
        return text_join(row->text, last_piece(line), (char *)NULL);
    case REWORDED:
        return strdup(row->text);
    case CONNECTING:
        return text_join("connect to ", log->target, ": ", *rest ? rest : "refused", (char *)NULL);
    case REFUSAL:
        return refusal(log, rest);
    case DISCONNECTION:
        return disconnection(rest);
    case STRANGE_KEY:
        return strange_key(log, rest);
    case UNCONFIRMED_KEY:
        return unconfirmed_key(log);
    case BAD_KEY:
        return bad_key(log, row->text, "");
    case REVOKED_KEY:
        return bad_key(log, "is revoked in ", rest);
    }
    return NULL;
}

char *openssh_log_reason(const struct openssh_log *log)
{
    if (!log->reason)
        return NULL;
    if (!log->changed || !log->host_key)
        return strdup(log->reason);
    if (!log->other_key)
        return text_join(CHANGED, log->host_key, (char *)NULL);
    return text_join(CHANGED, log->host_key, ", and ", log->other_key, " has ",
                     log->known_key ? log->known_key : "another", (char *)NULL);
}

enum err_code openssh_log_code(const struct openssh_log *log)
{
    return log->code == ERR_NONE ? ERR_REFUSED : log->code;
}

void openssh_log_forget(struct openssh_log *log)
{
    free(log->reason);
    log->reason = NULL;
    log->code = ERR_NONE;
    log->changed = log->in_banner = false;
}

/* --- progress --- */

static void keep_copy(char **copy, const char *text)
{
    free(*copy);
    *copy = strdup(text);
}

/* "ssh-ed25519 SHA256:…", and more if it is a certificate. */
static void note_host_key(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    size_t length = strcspn(rest, " ");
    const char *print = rest + length + (rest[length] == ' ');
    char *type = strndup(rest, length), *only = strndup(print, strcspn(print, " ,"));

    (void)now_ns;
    free(log->host_key);
    log->host_key =
        type && only ? text_join(ssh_key_name(type), *only ? " " : "", only, (char *)NULL) : NULL;
    free(type);
    free(only);
}

static void note_other_key(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)now_ns;
    keep_copy(&log->other_key, rest);
}

/* "[bastion]:2222 has changed and you have requested strict checking." */
static void note_known_name(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    const char *end = strstr(rest, " has changed and ");

    (void)now_ns;
    if (!end)
        return;
    free(log->known_name);
    log->known_name = strndup(rest, (size_t)(end - rest));
}

static void note_no_terminal(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)now_ns;
    keep_copy(&log->no_terminal, rest);
}

static void note_greeting(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)rest;
    (void)now_ns;
    log->may_greet = true;
}

/* "/root/.ssh/id_ed25519_sk ED25519-SK SHA256:… explicit": ssh asks for a touch only where its stderr is
 * a terminal. An agent asks by itself. */
static void note_key(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)now_ns;
    if (strstr(rest, "-SK ") && !strstr(rest, " agent"))
        log->notice = text_join("touch the security key if it blinks: ", rest, (char *)NULL);
}

static void note_login(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)rest;
    log->is_in = true;
    if (log->in_banner)
        openssh_log_forget(log);
    if (!log->will_tell)
        log->silent_ns = now_ns;
}

static void note_dialect(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)rest;
    (void)now_ns;
    log->will_tell = true;
    log->silent_ns = 0;
}

/* A channel is there. That is all for a connection; a command is yet to be started. */
static void note_channel(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)rest;
    log->is_in = true;
    if (log->command)
        log->silent_ns = now_ns;
    else
        log->is_up = true;
}

static void note_up(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)rest;
    (void)now_ns;
    log->is_in = log->is_up = true;
}

static const struct sign {
    struct openssh_shape shape;
    void (*note)(struct openssh_log *log, const char *rest, int64_t now_ns);
} signs[] = {
    {{"debug1: Server host key: ", NULL}, note_host_key},
    {{"debug1: Server host certificate: ", NULL}, note_host_key},
    {{"Offending ", " key in "}, note_other_key},
    {{"Host key for ", NULL}, note_known_name},
    {{"debug1: read_passphrase: can't open ", NULL}, note_no_terminal},
    {{"debug1: SSH2_MSG_NEWKEYS received", NULL}, note_greeting},
    {{"debug1: Server accepts key: ", NULL}, note_key},
    {{"Authenticated to ", NULL}, note_login},
    {{"debug1: Authentication succeeded", NULL}, note_login},
    {{"debug1: channel 0: new ", NULL}, note_dialect},
    {{"debug2: channel 0: send open", NULL}, note_dialect},
    {{"debug2: mux_client_", NULL}, note_dialect},
    {{"debug", ": open confirm"}, note_channel},
    {{"debug", "exec request accepted"}, note_up},
    {{"debug1: mux_client_request_", "master session id"}, note_up},
};

static void take_signs(struct openssh_log *log, const char *line, int64_t now_ns)
{
    const char *part, *rest;

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (openssh_has_shape(&signs[i].shape, line, &part, &rest))
            signs[i].note(log, rest, now_ns);
}

/* ConnectTimeout has ended it, or the system, which takes longer. */
static enum err_code code_of(const struct openssh_log *log, const struct row *row, const char *rest)
{
    bool late = row->code == ERR_CONNECT && log->has_timeout && strstr(rest, " timed out");

    return late ? ERR_TIME : row->code;
}

/* Is what is said now a banner, perhaps? */
static bool greets(const struct openssh_log *log)
{
    return log->may_greet && !log->is_in;
}

/* Would ssh have shown it at the user's level? What a command at the gateway writes it shows at
 * any. */
static bool is_wanted(const struct openssh_log *log, enum openssh_kind kind)
{
    if (kind <= OPENSSH_NOISE)
        return false;
    if (log->level == SSH_LOG_INFO)
        return true;
    if (kind == OPENSSH_INFO)
        return false;
    if (log->command && log->is_up)
        return true;
    return log->level == SSH_LOG_ERROR && (kind == OPENSSH_ERROR || !greets(log));
}

/* The first reason counts. But a banner may look like one, and what ends a login comes after it. */
static bool is_better(const struct openssh_log *log, const struct row *row)
{
    return log->in_banner && log->code == ERR_REFUSED && row->code == ERR_AUTH;
}

/* Is the line the reason of an end? `may_greet`: or a banner that looks like one. */
static bool take_reason(struct openssh_log *log, const char *line, bool may_greet)
{
    const char *part, *rest;
    size_t i = 0, count = sizeof(rows) / sizeof(rows[0]);

    while (i < count && !openssh_has_shape(&rows[i].shape, line, &part, &rest))
        i++;
    if (i == count)
        return false;
    if (!log->reason || is_better(log, &rows[i])) {
        free(log->reason);
        log->in_banner = may_greet && !log->is_in;
        log->reason = compose(log, &rows[i], line, part, rest);
        log->changed = rows[i].recipe == CHANGED_KEY;
        log->code = code_of(log, &rows[i], rest);
    }
    return true;
}

enum openssh_line openssh_log_take(struct openssh_log *log, const char *line, int64_t now_ns)
{
    free(log->notice);
    log->notice = NULL;
    take_signs(log, line, now_ns);
    enum openssh_kind kind = openssh_kind(line);
    if (kind == OPENSSH_DEBUG)
        return OPENSSH_TRACE;
    if (take_reason(log, line, log->may_greet))
        return OPENSSH_KEEP;
    return is_wanted(log, kind) ? OPENSSH_SHOW : OPENSSH_TRACE;
}

enum openssh_line openssh_log_overhear(struct openssh_log *log, const char *line)
{
    if (take_reason(log, line, true))
        return OPENSSH_KEEP;
    return greets(log) && log->level != SSH_LOG_INFO ? OPENSSH_TRACE : OPENSSH_SHOW;
}

void openssh_log_release(struct openssh_log *log)
{
    free(log->reason);
    free(log->host_key);
    free(log->other_key);
    free(log->known_name);
    free(log->known_key);
    free(log->no_terminal);
    free(log->notice);
    log->reason = log->host_key = log->other_key = log->notice = NULL;
    log->known_name = log->known_key = log->no_terminal = NULL;
}
