/* SPDX-License-Identifier: MIT */
#include "transports/ssh/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/clock.h"
#include "core/os.h"
#include "core/text.h"
#include "transports/label.h"
#include "transports/ssh/opening.h"
#include "transports/ssh/window.h"

/* How much libssh2 may decode in one call that writes: else it takes all that the peer may send, and
 * keeps it for a reader that is slow. */
#define BUDGET_BYTES ((size_t)64 * 1024)

/* With more than this in libssh2's hands, writing looks for nothing new unless it must. */
#define KEPT_MAX ((size_t)1024 * 1024)

/* Nobody sends so much that is no data: libssh2 keeps what nobody asks it for. */
#define CHATTER_MAX ((size_t)4 * 1024 * 1024)

/* How long the gateway may take to pass on what it has got from us. */
#define FINISH_NS (30 * CLOCK_S)

/* How often to look for room below where that cannot be polled for. */
#define RETRY_NS (10 * CLOCK_MS)

struct channel {
    struct stream stream;
    struct session *session;
    LIBSSH2_CHANNEL *lib;
    struct window window;

    bool broken;     /* libssh2 has failed, or the peer doesn't answer */
    bool exchanging; /* keys: libssh2 wants to hear before it gives what it has */
    bool at_end;     /* the peer has sent its end */
    bool shut;       /* ours is sent */
    bool stuck;      /* a write waits for the peer: for room, or the end of a key exchange … */
    uint64_t then;   /* … and this much had come when it was tried */
    size_t offered;  /* to the write that is stuck: it wants the same bytes again */

    bool asking;      /* a keep-alive has no answer yet */
    int64_t asked_ns; /* the last one */
    unsigned unanswered;

    bool is_command;
    int complaints; /* where its stderr goes, and */
    int label;      /* who passes it on; -1: nobody */
};

static struct channel *channel_of(struct stream *stream)
{
    return (struct channel *)stream;
}

/* --- keep-alive --- */

/*
 * A request that every server answers, if only with a refusal. libssh2_keepalive_send would do, but
 * libssh2 1.10 keeps its answers for ever, in the list that each read goes through.
 */
static void ask_for_life(struct channel *channel)
{
    channel->asking =
        libssh2_channel_setenv_ex(channel->lib, "STILE", 5, "alive", 5) == LIBSSH2_ERROR_EAGAIN;
}

/* ssh_config(5), ServerAliveInterval. When it is due again. */
static int64_t keep_alive(struct channel *channel)
{
    struct session *session = channel->session;
    const struct ssh_config *config = &session->gateway->config;
    int64_t interval_ns = (int64_t)config->server_alive_interval * CLOCK_S;
    int64_t now_ns = clock_ns(), last_ns = session->heard_ns;

    if (interval_ns == 0 || channel->broken)
        return CLOCK_NEVER;
    if (last_ns < channel->asked_ns)
        last_ns = channel->asked_ns;
    else
        channel->unanswered = 0;
    if (now_ns < last_ns + interval_ns)
        return last_ns + interval_ns;
    /* Somebody may not have read for a while what is there. */
    if (session_listen(session) || session->heard_ns >= now_ns) {
        session->heard_ns = now_ns;
        channel->unanswered = 0;
        return now_ns + interval_ns;
    }
    if (++channel->unanswered > config->server_alive_count_max) {
        session->error = ETIMEDOUT;
        channel->broken = true;
        return CLOCK_NEVER;
    }
    TRACE(session->trace, "ssh", "%s: are you alive?", session->gateway->name);
    /* The first call takes the answer to the last question, if it has come. */
    if (channel->asking)
        ask_for_life(channel);
    if (!channel->asking)
        ask_for_life(channel);
    channel->asked_ns = now_ns;
    return now_ns + interval_ns;
}

static int64_t channel_tick(struct stream *stream)
{
    struct channel *channel = channel_of(stream);
    struct stream *below = channel->session->below;
    int64_t below_ns = stream_tick(below), next_ns = keep_alive(channel);

    if (session_flush(channel->session) == STREAM_AGAIN && below->rfd != below->wfd)
        next_ns = clock_ns() + RETRY_NS;
    return below_ns < next_ns ? below_ns : next_ns;
}

/* --- reading --- */

static unsigned long unread(const struct channel *channel)
{
    unsigned long there = 0;

    (void)libssh2_channel_window_read_ex(channel->lib, &there, NULL);
    return there;
}

/* All that came is read, and nothing will follow. */
static bool is_dead(const struct channel *channel)
{
    const struct session *session = channel->session;

    return channel->broken || (session->ended && session->in_start == session->in_end);
}

static ssize_t channel_fail(struct channel *channel)
{
    channel->broken = true;
    errno = channel->session->error ? channel->session->error : ECONNRESET;
    return STREAM_FAIL;
}

/* What the command says on stderr is for the person. What nobody takes is lost. */
static void pass_complaints(struct channel *channel)
{
    char text[1024];
    ssize_t got;

    while ((got = libssh2_channel_read_ex(channel->lib, SSH_EXTENDED_DATA_STDERR, text,
                                          sizeof(text))) > 0)
        if (channel->complaints != -1)
            (void)!write(channel->complaints, text, (size_t)got);
}

/* How much libssh2 may decode in a call that reads. */
static size_t budget_for_reading(struct channel *channel)
{
    if (unread(channel) > 0 || !channel->session->dry)
        return 0;
    return session_prudence(channel->session);
}

/* libssh2 drops what is more than was allowed, and says so by the way only. */
static bool has_dropped_data(const struct channel *channel)
{
    int code = libssh2_session_last_errno(channel->session->lib);

    return code == LIBSSH2_ERROR_CHANNEL_PACKET_EXCEEDED ||
           code == LIBSSH2_ERROR_CHANNEL_WINDOW_EXCEEDED;
}

/* What a peer may not do, and libssh2 lets pass. */
static bool is_abused(const struct channel *channel)
{
    const struct session *session = channel->session;

    return has_dropped_data(channel) || !session_is_same_host(session) ||
           session->memory > 2 * unread(channel) + CHATTER_MAX;
}

static ssize_t channel_read(struct stream *stream, void *data, size_t size)
{
    struct channel *channel = channel_of(stream);
    struct session *session = channel->session;

    if (channel->at_end)
        return 0;
    if (channel->broken)
        return channel_fail(channel);
    (void)session_flush(session);
    session->budget = channel->exchanging ? BUDGET_BYTES : budget_for_reading(channel);
    (void)libssh2_session_set_last_error(session->lib, 0, NULL);
    if (channel->asking)
        ask_for_life(channel);
    if (channel->is_command)
        pass_complaints(channel);
    ssize_t got = libssh2_channel_read(channel->lib, data, size);
    channel->broken |= is_abused(channel);
    /* It has data, and gives none: it waits for the end of a key exchange. */
    channel->exchanging = got == LIBSSH2_ERROR_EAGAIN && unread(channel) > 0;
    bool more = session_listen(session) || !session->dry;
    /* What came behind a gap is not delivered. */
    if (channel->broken)
        return channel_fail(channel);
    if (got > 0) {
        window_take(&channel->window, channel->lib, (size_t)got, session);
        return got;
    }
    if (libssh2_channel_eof(channel->lib) == 1) {
        channel->at_end = true;
        return 0;
    }
    if ((got == 0 || got == LIBSSH2_ERROR_EAGAIN) && (more || !is_dead(channel)))
        return STREAM_AGAIN;
    return channel_fail(channel);
}

/* --- writing --- */

/* Has the peer closed the channel, so that it takes nothing any more? As far as libssh2 knows. */
static bool is_closed(struct channel *channel)
{
    channel->session->budget = 0;
    return libssh2_channel_wait_closed(channel->lib) == 0;
}

/* What libssh2 may decode while it writes: it looks for room in the peer's window. */
static size_t budget_for_writing(const struct channel *channel)
{
    return channel->stuck || channel->session->memory < KEPT_MAX ? BUDGET_BYTES : 0;
}

/* A call that writes has said EAGAIN. */
static void write_is_stuck(struct channel *channel)
{
    channel->stuck = true;
    channel->then = channel->session->received;
}

static ssize_t channel_write(struct stream *stream, const void *data, size_t size)
{
    struct channel *channel = channel_of(stream);
    struct session *session = channel->session;

    if (session->error || channel->broken || is_closed(channel)) {
        errno = EPIPE;
        return STREAM_FAIL;
    }
    if (session_flush(session) == STREAM_AGAIN)
        return STREAM_AGAIN;
    if (size < channel->offered) {
        errno = EINVAL;
        return STREAM_FAIL;
    }
    session->budget = budget_for_writing(channel);
    (void)libssh2_session_set_last_error(session->lib, 0, NULL);
    ssize_t put = libssh2_channel_write(channel->lib, data, size);
    channel->broken |= has_dropped_data(channel);
    if (put > 0) {
        channel->stuck = false;
        channel->offered = 0;
        return put;
    }
    if (put == 0 || put == LIBSSH2_ERROR_EAGAIN) {
        write_is_stuck(channel);
        channel->offered = size < OPENING_PACKET_BYTES ? size : OPENING_PACKET_BYTES;
        return STREAM_AGAIN;
    }
    errno = EPIPE;
    return STREAM_FAIL;
}

static int channel_shut_wr(struct stream *stream)
{
    struct channel *channel = channel_of(stream);

    if (!channel->shut) {
        channel->session->budget = BUDGET_BYTES;
        int code = libssh2_channel_send_eof(channel->lib);
        if (code == LIBSSH2_ERROR_EAGAIN) {
            write_is_stuck(channel);
            return STREAM_AGAIN;
        }
        if (code != 0) {
            errno = EPIPE;
            return STREAM_FAIL;
        }
        channel->shut = true;
    }
    return session_flush(channel->session);
}

/* Nobody writes, and after its end nobody reads either: does the peer close the channel? */
static int channel_watch(struct stream *stream, struct pollfd *pfd)
{
    struct channel *channel = channel_of(stream);
    struct session *session = channel->session;

    *pfd = (struct pollfd){.fd = -1};
    if (!channel->at_end)
        return 0;
    /* Nobody else takes what comes now, so as long as there is something it is looked at here. */
    do {
        (void)session_listen(session);
        session->budget = BUDGET_BYTES;
        int code = libssh2_channel_wait_closed(channel->lib);
        channel->broken |= code != 0 && code != LIBSSH2_ERROR_EAGAIN;
        if (code == 0 || is_dead(channel))
            return 1;
    } while (session_poll(session, pfd) == 1);
    return 0;
}

static int channel_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    struct channel *channel = channel_of(stream);
    struct session *session = channel->session;

    *pfd = (struct pollfd){.fd = -1};
    if (is_dead(channel))
        return 1;
    if (want == POLLIN)
        return !session->dry || channel->at_end || session->in_start < session->in_end ||
                       (unread(channel) > 0 && !channel->exchanging) ||
                       libssh2_channel_eof(channel->lib) == 1
                   ? 1
                   : session_poll(session, pfd);
    if (session_flush(session) == STREAM_AGAIN)
        return stream_wait(session->below, POLLOUT, pfd);
    if (is_closed(channel))
        return 1;
    if (channel->stuck && channel->then == session->received &&
        session->in_start == session->in_end)
        return stream_wait(session->below, POLLIN, pfd);
    return 1;
}

/* --- the end --- */

static int explain_end(const struct channel *channel, struct err *err)
{
    const struct session *session = channel->session;
    const char *name = session->gateway->name, *end = session_end(session);
    struct err below = ERR_INIT;

    if (session->goodbye)
        return err_set(err, ERR_STREAM, "%s: the connection is lost: it says: %s", name, end);
    if (!end)
        end = "it has sent what is no SSH";
    /* A command that has failed below knows better why there is an end. */
    if (session->ended && stream_finish(session->below, &below) == -1)
        (void)err_set(err, ERR_STREAM, "%s: the connection is lost: %s (%s)", name, end,
                      err_text(&below));
    err_release(&below);
    return err_set(err, ERR_STREAM, "%s: the connection is lost: %s", name, end);
}

/* Until the gateway has closed the channel: it does when all has gone on to the target. */
static void await_close(struct channel *channel)
{
    struct session *session = channel->session;
    int64_t until_ns = clock_ns() + FINISH_NS;

    while (clock_ns() < until_ns && !is_dead(channel)) {
        struct pollfd pfd = {.fd = -1};
        session->budget = SIZE_MAX;
        if (channel->is_command)
            pass_complaints(channel);
        if (libssh2_channel_wait_closed(channel->lib) != LIBSSH2_ERROR_EAGAIN)
            return;
        int64_t tick_ns = channel_tick(&channel->stream);
        if (session_poll(session, &pfd) == 0)
            (void)poll(&pfd, 1, clock_poll_ms(tick_ns < until_ns ? tick_ns : until_ns));
        (void)session_listen(session);
    }
}

static int command_status(const struct channel *channel, struct err *err)
{
    const char *name = channel->session->gateway->exec[0];
    char *signal = NULL;
    size_t size = 0;
    int status = libssh2_channel_get_exit_status(channel->lib), done = 0;

    (void)libssh2_channel_get_exit_signal(channel->lib, &signal, &size, NULL, NULL, NULL, NULL);
    if (signal)
        done = err_set(err, ERR_STREAM, "%s: %s was killed by SIG%s",
                       channel->session->gateway->name, name, signal);
    else if (status != 0)
        done = err_set(err, ERR_STREAM, "%s: %s exited with %d", channel->session->gateway->name,
                       name, status);
    if (signal)
        libssh2_free(channel->session->lib, signal);
    return done;
}

static int channel_finish(struct stream *stream, struct err *err)
{
    struct channel *channel = channel_of(stream);

    if (channel->at_end && channel->shut)
        await_close(channel);
    /* Without its close nobody knows what became of that which we have sent. */
    if (is_dead(channel) && !is_closed(channel))
        return explain_end(channel, err);
    return channel->is_command && channel->at_end ? command_status(channel, err) : 0;
}

static void channel_close(struct stream *stream)
{
    struct channel *channel = channel_of(stream);

    session_free(channel->session);
    if (channel->complaints != -1)
        (void)close(channel->complaints);
    label_finish(channel->label, clock_ns() + LABEL_LAST_WORDS_NS);
    free(channel);
}

static const struct stream_ops channel_ops = {
    .name = "ssh",
    .read = channel_read,
    .write = channel_write,
    .shut_wr = channel_shut_wr,
    .wait = channel_wait,
    .watch = channel_watch,
    .tick = channel_tick,
    .finish = channel_finish,
    .close = channel_close,
};

/* --- opening --- */

struct stream *channel_open(struct session *session, const struct endpoint *to, struct ctx *ctx)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    bool is_command = session->gateway->exec;

    if (!channel) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    channel->stream = (struct stream){.ops = &channel_ops, .rfd = -1, .wfd = -1};
    channel->session = session;
    channel->is_command = is_command;
    channel->complaints = channel->label = -1;
    channel->lib =
        is_command ? opening_command(session, to, ctx) : opening_direct(session, to, ctx);
    if (!channel->lib) {
        free(channel);
        return NULL;
    }
    if (is_command && !ctx->config->quiet)
        channel->label = label_open(session->gateway->name, ctx->trace, &channel->complaints);
    if (!is_command)
        (void)libssh2_channel_handle_extended_data2(channel->lib,
                                                    LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE);
    session->is_up = true;
    window_init(&channel->window, channel->lib, session);
    return &channel->stream;
}
