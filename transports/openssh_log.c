/* SPDX-License-Identifier: MIT */
#include "transports/openssh_log.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* --- lines --- */

struct shape {
    const char *start; /* NULL: anything */
    const char *part;  /* behind the start; NULL: anything */
};

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
    HOST_KEY, /* "its host key … ", and `text` */
};

#define STRICT "is not known, and StrictHostKeyChecking is yes"
#define UNCONFIRMED "is not known, and was not accepted"
#define CLOSED "it closed the connection"
#define NO_COMMANDS "it runs no commands"

/* Why it ended: the first row whose start and part are in a line. */
static const struct row {
    struct shape shape;
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
    {{"@", "REVOKED HOST KEY DETECTED!"}, ERR_AUTH, HOST_KEY, "is revoked"},
    {{"The ", " is marked as revoked."}, ERR_AUTH, HOST_KEY, "is revoked"},
    {{NULL, " was revoked and you have requested "}, ERR_AUTH, HOST_KEY, "is revoked"},
    {{"Host key ", " revoked by file "}, ERR_AUTH, AS_IT_IS, NULL},
    {{"No ", " host key is known for "}, ERR_AUTH, HOST_KEY, STRICT},
    {{"Host key verification failed.", NULL}, ERR_AUTH, HOST_KEY, UNCONFIRMED},
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

/* Not for the user. */
static const struct shape debugging[] = {
    {"debug1: ", NULL},
    {"debug2: ", NULL},
    {"debug3: ", NULL},
};

/* Neither. */
static const struct shape noise[] = {
    /* LogLevel VERBOSE has no mark. */
    {"Authenticated to ", NULL},
    {"Authenticated using ", NULL},
    {"Transferred: sent ", NULL},
    {"Bytes per second: sent ", NULL},
    {"Killed by signal ", NULL},
    {"Canonicalized DNS aliased hostname ", NULL},
    {"DNS lookup error: ", NULL},
    {"Error parsing fingerprint from DNS.", NULL},
    {"Deferring PIN entry to reader keypad.", NULL},

    /* Around a host key that has changed, or is revoked. */
    {"@", NULL},
    {"IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!", NULL},
    {"Someone could be eavesdropping on you right now ", NULL},
    {"It is also possible that a host key has just been changed.", NULL},
    {"The fingerprint for the ", " key sent by the remote host is"},
    {"SHA256:", NULL},
    {"MD5:", NULL},
    {"Please contact your system administrator.", NULL},
    {"Add correct host key in ", " to get rid of this message."},
    {"Offending ", " key in "},
    {"  remove with:", NULL},
    {"  ssh-keygen -f ", NULL},
    {"This could mean that a stolen key is being used to", NULL},
    {"impersonate this host.", NULL},
    {NULL, " is disabled to avoid man-in-the-middle attacks."},
    {"UpdateHostkeys is disabled because the host key is not trusted.", NULL},

    /* Of a master that is no more. */
    {"Control socket connect(", NULL},

    /* The next question says so. */
    {"Permission denied, please try again.", NULL},
};

/* Does the line look like that? *part is then where its part begins, *rest what is behind. */
static bool has_shape(const struct shape *shape, const char *line, const char **part,
                      const char **rest)
{
    size_t length = shape->start ? strlen(shape->start) : 0;

    if (length && strncmp(line, shape->start, length) != 0)
        return false;
    *part = *rest = line + length;
    if (!shape->part)
        return true;
    *part = strstr(line + length, shape->part);
    if (!*part)
        return false;
    *rest = *part + strlen(shape->part);
    return true;
}

/* Is it one of these? */
static bool is_among(const struct shape *shapes, size_t count, const char *line)
{
    const char *part, *rest;

    for (size_t i = 0; i < count; i++)
        if (has_shape(&shapes[i], line, &part, &rest))
            return true;
    return false;
}

#define IS_AMONG(shapes, line) is_among((shapes), sizeof(shapes) / sizeof((shapes)[0]), (line))

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
    case HOST_KEY:
        return text_join("its host key ", log->host_key ? log->host_key : "",
                         log->host_key ? " " : "", row->text, (char *)NULL);
    }
    return NULL;
}

char *openssh_log_reason(const struct openssh_log *log)
{
    if (!log->reason)
        return NULL;
    if (!log->changed || !log->host_key)
        return strdup(log->reason);
    return text_join("its host key has changed, or somebody sits in between: it has ",
                     log->host_key, log->other_key ? ", and " : "",
                     log->other_key ? log->other_key : "", log->other_key ? " has another" : "",
                     (char *)NULL);
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
    log->changed = false;
}

/* --- progress --- */

static void keep_copy(char **copy, const char *text)
{
    free(*copy);
    *copy = strdup(text);
}

static void note_host_key(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)now_ns;
    keep_copy(&log->host_key, rest);
}

static void note_other_key(struct openssh_log *log, const char *rest, int64_t now_ns)
{
    (void)now_ns;
    keep_copy(&log->other_key, rest);
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
    struct shape shape;
    void (*note)(struct openssh_log *log, const char *rest, int64_t now_ns);
} signs[] = {
    {{"debug1: Server host key: ", NULL}, note_host_key},
    {{"debug1: Server host certificate: ", NULL}, note_host_key},
    {{"Offending ", " key in "}, note_other_key},
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
        if (has_shape(&signs[i].shape, line, &part, &rest))
            signs[i].note(log, rest, now_ns);
}

enum openssh_line openssh_log_take(struct openssh_log *log, const char *line, int64_t now_ns)
{
    const char *part, *rest;

    free(log->notice);
    log->notice = NULL;
    take_signs(log, line, now_ns);
    if (IS_AMONG(debugging, line))
        return OPENSSH_TRACE;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!has_shape(&rows[i].shape, line, &part, &rest))
            continue;
        if (!log->reason) {
            log->reason = compose(log, &rows[i], line, part, rest);
            log->changed = rows[i].recipe == CHANGED_KEY;
            log->code = rows[i].code;
        }
        return OPENSSH_KEEP;
    }
    return IS_AMONG(noise, line) ? OPENSSH_TRACE : OPENSSH_SHOW;
}

void openssh_log_release(struct openssh_log *log)
{
    free(log->reason);
    free(log->host_key);
    free(log->other_key);
    free(log->notice);
    log->reason = log->host_key = log->other_key = log->notice = NULL;
}
