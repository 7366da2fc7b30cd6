/* SPDX-License-Identifier: MIT */
#include "transports/openssh.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "config/words.h"
#include "core/bridge.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/fifo.h"
#include "core/os.h"
#include "core/prompt.h"
#include "core/text.h"
#include "transports/command.h"
#include "transports/handover.h"
#include "transports/openssh_known.h"
#include "transports/openssh_log.h"
#include "transports/openssh_words.h"

#define SSH "ssh"
#define NO_SSH "there is no ssh in $PATH (Debian: openssh-client)"

/* An ssh that does not say when the way is open would have failed by then, mostly. */
#define SILENCE_NS CLOCK_S

/* What ssh(1) exits with when it fails itself, whatever it runs. */
#define SSH_FAILED 255

/* A running ssh(1). Its ear's thread may outlive the stream, so nothing of the caller's is in it
 * that the thread uses. */
struct openssh {
    struct command_ear ear;   /* of its stderr */
    struct label_ear log_ear; /* of its log, which the gateway has no part in */
    pthread_mutex_t lock;     /* of the next three */
    struct openssh_log log;
    unsigned users;      /* the stream, and the threads */
    struct fifo fifo;    /* for its log; or none */
    int news[PIPE_ENDS]; /* a byte for each step that it has taken */
    bool has_log;        /* of its own, besides stderr */
    int logged;          /* for label_finish; -1 = its log is on stderr, or over */
    struct trace trace;
    char *gateway; /* for messages */
    char *target;  /* the log's */
    char *command; /* the log's; or NULL */

    /* Not the thread's; only while it is dialed. */
    const struct ssh_gateway *dialing;
    struct ctx *ctx;

    /* The way to the gateway, until ssh has it. */
    struct handover handover;
    struct stream *below;  /* a socket of its own; or NULL */
    struct bridge *bridge; /* to one that has none; or NULL */
    int near;              /* the bridge's other end; -1 = ssh has it */
};

static struct openssh *openssh_of(struct command_ear *ear)
{
    return (struct openssh *)ear;
}

static void openssh_free(struct openssh *own)
{
    for (int i = 0; i < PIPE_ENDS; i++)
        if (own->news[i] != -1)
            (void)close(own->news[i]);
    openssh_log_release(&own->log);
    fifo_remove(&own->fifo);
    (void)pthread_mutex_destroy(&own->lock);
    free(own->gateway);
    free(own->target);
    free(own->command);
    free(own);
}

/* So many of its users have no use for it any more. */
static void openssh_leave(struct openssh *own, unsigned users)
{
    (void)pthread_mutex_lock(&own->lock);
    own->users -= users;
    bool last = own->users == 0;
    (void)pthread_mutex_unlock(&own->lock);
    if (last)
        openssh_free(own);
}

/* --- the connection to the gateway --- */

/* ssh has its copy, or won't have one. */
static void drop_connection(struct openssh *own)
{
    handover_close(&own->handover);
    stream_close(own->below);
    own->below = NULL;
    if (own->near != -1)
        (void)close(own->near);
    own->near = -1;
}

/* Takes `below` over. 0, or -1 with err set. */
static int hold_connection(struct openssh *own, struct stream *below, struct err *err)
{
    if (stream_socket(below) != -1) {
        own->below = below;
    } else {
        own->bridge = bridge_new_pair(below, &own->near, &own->trace, err);
        if (!own->bridge)
            return -1;
    }
    return handover_open(&own->handover, err);
}

/* 0, or -1 with ctx->err set. */
static int give_connection(struct openssh *own, struct ctx *ctx)
{
    int fd = own->below ? stream_socket(own->below) : own->near;
    int given = handover_give(&own->handover, fd, ctx);

    if (given == 1) {
        TRACE(ctx->trace, SSH, "%s: ssh has the connection", own->gateway);
        drop_connection(own);
    }
    return given == -1 ? -1 : 0;
}

/* --- what it says --- */

/* What a line has brought. */
struct step {
    enum openssh_line line;
    bool has_logged_in;
    bool is_news;  /* for the dial */
    char *warning; /* what looked like the reason of an end, and was not: ssh's error */
    char *notice;
};

static struct step take_line(struct openssh *own, const char *line, bool is_log)
{
    struct openssh_log *log = &own->log;
    struct step step = {.warning = NULL};

    (void)pthread_mutex_lock(&own->lock);
    bool was_in = log->is_in, was_up = log->is_up;
    int64_t was_silent_ns = log->silent_ns;
    step.line = is_log ? openssh_log_take(log, line, clock_ns()) : openssh_log_overhear(log, line);
    if (is_log)
        fifo_remove(&own->fifo);
    step.has_logged_in = log->is_in && !was_in;
    step.is_news = step.has_logged_in || log->is_up != was_up || log->silent_ns != was_silent_ns;
    if (step.has_logged_in || log->is_up != was_up) {
        if (log->level <= SSH_LOG_ERROR)
            step.warning = openssh_log_reason(log);
        openssh_log_forget(log);
    }
    step.notice = log->notice;
    log->notice = NULL;
    (void)pthread_mutex_unlock(&own->lock);
    return step;
}

static void hear(struct openssh *own, const char *line, bool is_log, struct label *label)
{
    struct step step = take_line(own, line, is_log);

    if (step.line == OPENSSH_SHOW)
        label_say(label, line);
    else
        TRACE_LEVEL(2, &own->trace, SSH, "%s", line);
    if (step.has_logged_in)
        TRACE(&own->trace, SSH, "%s: logged in", own->gateway);
    if (step.warning)
        label_say(label, step.warning);
    if (step.notice)
        label_say(label, step.notice);
    if (step.is_news)
        (void)!write(own->news[PIPE_WRITE], "", 1);
    free(step.warning);
    free(step.notice);
}

/* In its thread, as the next three. */
static void stderr_hear(struct label_ear *ear, const char *line, struct label *label)
{
    struct openssh *own = openssh_of((struct command_ear *)ear);

    hear(own, line, !own->has_log, label);
}

static void stderr_end(struct label_ear *ear)
{
    openssh_leave(openssh_of((struct command_ear *)ear), 1);
}

static struct openssh *openssh_of_log(struct label_ear *ear)
{
    return (struct openssh *)((char *)ear - offsetof(struct openssh, log_ear));
}

static void log_hear(struct label_ear *ear, const char *line, struct label *label)
{
    hear(openssh_of_log(ear), line, true, label);
}

static void log_end(struct label_ear *ear)
{
    openssh_leave(openssh_of_log(ear), 1);
}

/* Has the log written to where nobody but ssh writes. Where that can't be it stays on stderr. */
static void listen_apart(struct openssh *own, const struct ctx *ctx)
{
    const struct trace *trace = ctx->config->quiet ? NULL : ctx->trace;
    int from = fifo_open(&own->fifo);

    own->users++;
    if (from != -1)
        own->logged = label_start_heard(from, own->gateway, trace, &own->log_ear);
    own->has_log = own->logged != -1;
    if (own->has_log)
        return;
    TRACE(ctx->trace, SSH, "%s: no pipe for its log: %s", own->gateway, strerror(errno));
    (void)pthread_mutex_lock(&own->lock);
    own->users--;
    (void)pthread_mutex_unlock(&own->lock);
    if (from != -1)
        (void)close(from);
    fifo_remove(&own->fifo);
}

/* Nothing will be logged any more. */
static void hear_last_log(struct openssh *own)
{
    (void)pthread_mutex_lock(&own->lock);
    fifo_remove(&own->fifo);
    (void)pthread_mutex_unlock(&own->lock);
    label_finish(own->logged, clock_ns() + LABEL_LAST_WORDS_NS);
    own->logged = -1;
}

/* What has become of the stream below, "" where nothing is known; for free. */
static char *below_says(struct openssh *own)
{
    struct err err = ERR_INIT;
    char *text = NULL;

    if (own->bridge && bridge_finish(own->bridge, &err) == -1)
        text = text_join(" (", err_text(&err), ")", (char *)NULL);
    err_release(&err);
    return text;
}

/* For a host key that has changed: which one is known. */
static void find_known_key(struct openssh *own)
{
    char *name = NULL, *place = NULL;

    (void)pthread_mutex_lock(&own->lock);
    if (own->log.changed && own->log.known_name && own->log.other_key) {
        name = strdup(own->log.known_name);
        place = strdup(own->log.other_key);
    }
    (void)pthread_mutex_unlock(&own->lock);
    if (name && place) {
        char *key = openssh_known_key(&own->dialing->config, name, place, own->ctx);
        (void)pthread_mutex_lock(&own->lock);
        free(own->log.known_key);
        own->log.known_key = key;
        (void)pthread_mutex_unlock(&own->lock);
    }
    free(name);
    free(place);
}

static int openssh_finish(struct command_ear *ear, int status, struct err *err)
{
    struct openssh *own = openssh_of(ear);

    if (status == 0)
        return 0;
    drop_connection(own);
    hear_last_log(own);
    if (own->dialing)
        find_known_key(own);
    char *below = below_says(own);
    (void)pthread_mutex_lock(&own->lock);
    bool is_up = own->log.is_up;
    bool is_commands =
        is_up && own->command && WIFEXITED(status) && WEXITSTATUS(status) != SSH_FAILED;
    enum err_code code = is_up ? ERR_STREAM : openssh_log_code(&own->log);
    char *reason = is_commands ? NULL : openssh_log_reason(&own->log);
    (void)pthread_mutex_unlock(&own->lock);

    char *end = child_status_text(status);
    const char *who = is_commands ? own->command : SSH;
    if (reason)
        (void)err_set(err, code, "%s: %s%s", own->gateway, reason, below ? below : "");
    else
        (void)err_set(err, code, "%s: %s %s%s", own->gateway, who, end ? end : "failed",
                      below ? below : "");
    free(end);
    free(reason);
    free(below);
    return -1;
}

static void openssh_close(struct command_ear *ear, bool heard)
{
    struct openssh *own = openssh_of(ear);

    drop_connection(own);
    hear_last_log(own);
    bridge_free(own->bridge);
    openssh_leave(own, heard ? 1 : 2);
}

/* Why nobody would be asked about a host key that is new; NULL: somebody is. */
static const char *nobody(const struct ssh_config *config)
{
    if (config->user_known_hosts.count == 0)
        return "there is no file to keep it in";
    return config->batch_mode ? "nobody may be asked (BatchMode)" : NULL;
}

/* Takes `below` over, in any case. NULL with ctx->err set. */
static struct openssh *openssh_new(const struct ssh_gateway *gateway, struct stream *below,
                                   const struct endpoint *to, struct ctx *ctx)
{
    struct openssh *own = calloc(1, sizeof(*own));

    if (!own || pthread_mutex_init(&own->lock, NULL) != 0) {
        (void)err_no_memory(ctx->err);
        stream_close(below);
        free(own);
        return NULL;
    }
    own->ear = (struct command_ear){
        {.hear = stderr_hear, .end = stderr_end}, openssh_finish, openssh_close};
    own->log_ear = (struct label_ear){.hear = log_hear, .end = log_end};
    own->fifo = FIFO_NONE;
    own->logged = -1;
    own->users = 2;
    own->trace = *ctx->trace;
    own->handover = HANDOVER_CLOSED;
    own->near = own->news[PIPE_READ] = own->news[PIPE_WRITE] = -1;
    own->gateway = strdup(gateway->name);
    own->target = strdup(to->text);
    if (gateway->exec)
        own->command = strdup(command_name(gateway->exec[0]));
    own->dialing = gateway;
    own->ctx = ctx;
    own->log = (struct openssh_log){
        .target = own->target,
        .command = own->command,
        .nobody = nobody(&gateway->config),
        .has_timeout = gateway->config.connect_timeout > 0,
        .level = gateway->config.log_level,
    };
    if (own->gateway)
        listen_apart(own, ctx);
    if (below && hold_connection(own, below, ctx->err) == -1)
        goto fail;
    if (own->gateway && own->target && (own->command || !gateway->exec) && os_pipe(own->news) == 0)
        return own;
    (void)err_no_memory(ctx->err);
fail:
    openssh_close(&own->ear, false);
    return NULL;
}

/* --- the dial --- */

/* Takes the bytes that only wake us up. */
static void take_news(struct openssh *own)
{
    char bytes[16];

    (void)!read(own->news[PIPE_READ], bytes, sizeof(bytes));
}

static bool is_up(struct openssh *own, int64_t *until_ns)
{
    (void)pthread_mutex_lock(&own->lock);
    bool up = own->log.is_up;
    int64_t silent_ns = own->log.silent_ns;
    (void)pthread_mutex_unlock(&own->lock);
    *until_ns = silent_ns ? silent_ns + SILENCE_NS : CLOCK_NEVER;
    return up;
}

static int out_of_time(struct openssh *own, struct ctx *ctx)
{
    (void)pthread_mutex_lock(&own->lock);
    bool is_in = own->log.is_in;
    (void)pthread_mutex_unlock(&own->lock);
    if (is_in)
        return err_wrap(ctx->err, "%s: connect to %s", own->gateway, own->target);
    return err_wrap(ctx->err, "%s: login", own->gateway);
}

/* Waits until ssh says that the way is open, or something comes of it, or it ends. 0, or -1 with
 * ctx->err set. */
static int await_up(struct openssh *own, struct stream *stream, struct ctx *ctx)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = stream->rfd, .events = POLLIN},
                               {.fd = own->news[PIPE_READ], .events = POLLIN},
                               {.fd = own->handover.listener, .events = POLLIN}};
        int64_t until_ns;
        if (is_up(own, &until_ns))
            return 0;
        int ready = ctx_wait(ctx, fds, sizeof(fds) / sizeof(fds[0]), until_ns);
        if (ready == -1)
            return out_of_time(own, ctx);
        if (ready == 0 || fds[0].revents & POLLIN)
            break;
        if (fds[2].revents && give_connection(own, ctx) == -1)
            return err_wrap(ctx->err, "%s", own->gateway);
        if (fds[1].revents)
            take_news(own);
        else if (fds[0].revents)
            return stream_finish(stream, ctx->err);
    }
    (void)pthread_mutex_lock(&own->lock);
    own->log.is_up = true;
    (void)pthread_mutex_unlock(&own->lock);
    return 0;
}

/* As long as it may ask at the terminal it must stay in our group. Else it is better off: a master's
 * client takes signals that it found ignored, and an askpass would outlive it. */
static bool is_apart(const struct ssh_gateway *gateway, bool alone)
{
    return (alone && openssh_has_master(gateway)) || !prompt_is_at_terminal();
}

struct stream *openssh_dial(const struct ssh_gateway *gateway, struct stream *below,
                            const struct endpoint *to, struct ctx *ctx)
{
    bool alone = !below;
    struct stream *stream = NULL;

    if (!openssh_exists()) {
        stream_close(below);
        (void)err_set(ctx->err, ERR_MODULE, "%s: %s", gateway->name, NO_SSH);
        return NULL;
    }
    struct openssh *own = openssh_new(gateway, below, to, ctx);
    if (!own)
        return NULL;
    char **words = openssh_words(gateway, to, &own->handover, own->fifo.path, ctx->err);
    if (!words) {
        openssh_close(&own->ear, false);
        return NULL;
    }
    struct command command = {
        .argv = words,
        .name = SSH,
        .layer = SSH,
        .label = gateway->name,
        .ear = &own->ear,
        .apart = is_apart(gateway, alone),
    };
    stream = command_start(&command, ctx);
    words_free(words);
    if (!stream) {
        (void)err_wrap(ctx->err, "%s", gateway->name);
        return NULL;
    }
    if (await_up(own, stream, ctx) == 0) {
        own->dialing = NULL;
        own->ctx = NULL;
        TRACE(ctx->trace, SSH, "%s: the way to %s is open", gateway->name, to->text);
        return stream;
    }
    stream_close(stream);
    return NULL;
}

/* --- what there is --- */

bool openssh_exists(void)
{
    char *path = child_find_program(SSH);
    bool there = path;

    free(path);
    return there;
}

bool openssh_has_master(const struct ssh_gateway *gateway)
{
    const char *path = gateway->config.control_path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, path, strlen(path));
    int fd = os_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd == -1)
        return false;
    /* Busy is alive, too. */
    bool there =
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
    (void)close(fd);
    return there;
}
