/* SPDX-License-Identifier: MIT */
#include "transports/ssh/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/exchange.h"
#include "core/secret.h"
#include "core/text.h"
#include "transports/ssh/algorithms.h"
#include "transports/ssh/memory.h"

/* RFC 4253 section 4.2 with OpenSSH's bounds: lines before the greeting, and bytes of one. */
#define LINES_MAX 1024
#define LINE_MAX_BYTES 8192
#define GREETING_MAX 255

/* More than this is kept for a peer that does not read: then it is broken. */
#define OUT_MAX ((size_t)1024 * 1024)

/* The peer may hold small packets back until we have acknowledged the last one; bulk it does
 * not. */
#define SMALL_BYTES 4096

/* No goodbye is shorter: 5 bytes of head, 13 of payload, padding to whole blocks, and its MAC. */
#define HELD_BACK_BYTES 32

/* --- what comes --- */

static void session_fill(struct session *session)
{
    if (session->in_start > 0) {
        memmove(session->in, session->in + session->in_start, session->in_end - session->in_start);
        session->in_end -= session->in_start;
        session->in_start = 0;
    }
    if (session->ended || session->in_end == sizeof(session->in))
        return;
    ssize_t got = stream_read(session->below, session->in + session->in_end,
                              sizeof(session->in) - session->in_end);
    if (got > 0) {
        session->in_end += (size_t)got;
        session->received += (uint64_t)got;
        session->heard_ns = clock_ns();
        if (got < SMALL_BYTES)
            exchange_acknowledge(session->below);
    } else if (got != STREAM_AGAIN) {
        if (got == STREAM_FAIL && !session->error)
            session->error = errno;
        session->ended = true;
    }
}

bool session_listen(struct session *session)
{
    session_fill(session);
    return session->in_start < session->in_end;
}

size_t session_prudence(struct session *session)
{
    (void)session_listen(session);
    size_t there = session->in_end - session->in_start;
    return there > HELD_BACK_BYTES ? there - HELD_BACK_BYTES : there;
}

static bool is_nonsense(struct session *session, const char *why)
{
    session->nonsense = why;
    session->ended = true;
    return false;
}

static bool starts_with(const char *text, size_t size, const char *start)
{
    return size >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

/* RFC 4253 section 4.2. True when the greeting is what comes next. libssh2 would take the parts of a
 * long line for lines. */
static bool hear_greeting(struct session *session)
{
    for (;;) {
        char *line = session->in + session->in_start;
        size_t there = session->in_end - session->in_start;
        char *end = memchr(line, '\n', there);
        size_t length = end ? (size_t)(end - line) : there;

        if (length > LINE_MAX_BYTES)
            return is_nonsense(session,
                               "it speaks no SSH: the line before its greeting is endless");
        if (!end)
            return false;
        if (starts_with(line, length, "SSH-")) {
            if (length >= GREETING_MAX || memchr(line, '\0', length))
                return is_nonsense(session, "its greeting is none of SSH");
            if (!starts_with(line, length, "SSH-2.0-") && !starts_with(line, length, "SSH-1.99-"))
                return is_nonsense(session, "it does not speak SSH 2");
            session->greeted = true;
            return true;
        }
        if (!session->first_line)
            session->first_line = strndup(line, length);
        session->in_start += length + 1;
        if (++session->lines > LINES_MAX)
            return is_nonsense(session, "it speaks no SSH: too many lines before its greeting");
    }
}

/* How much of `size` bytes libssh2 may have now. */
static size_t allowance(struct session *session, size_t size)
{
    if (session->in_start == session->in_end || !session->greeted)
        session_fill(session);
    bool greeted = session->greeted || hear_greeting(session);
    size_t there = greeted ? session->in_end - session->in_start : 0;
    if (size > session->budget)
        size = session->budget;
    return size < there ? size : there;
}

static ssize_t session_hear(libssh2_socket_t fd, void *data, size_t size, int flags,
                            void **abstract)
{
    struct session *session = *abstract;

    (void)fd;
    (void)flags;
    if (session->deaf)
        return -ECONNRESET;
    size = allowance(session, size);
    session->dry = size == 0;
    if (size == 0) {
        bool is_all = !session->greeted || session->in_start == session->in_end;
        return session->ended && !session->is_up && is_all ? 0 : -EAGAIN;
    }
    memcpy(data, session->in + session->in_start, size);
    session->in_start += size;
    session->budget -= size;
    return (ssize_t)size;
}

static void session_goodbye(LIBSSH2_SESSION *lib, int reason, const char *message, int message_size,
                            const char *language, int language_size, void **abstract)
{
    struct session *session = *abstract;

    (void)lib;
    (void)reason;
    (void)language;
    (void)language_size;
    if (!session->goodbye && message && message_size >= 0)
        session->goodbye = strndup(message, (size_t)message_size);
}

/* --- what goes --- */

int session_flush(struct session *session)
{
    while (session->out_start < session->out_end) {
        ssize_t put = stream_write(session->below, session->out + session->out_start,
                                   session->out_end - session->out_start);
        if (put == STREAM_AGAIN)
            return STREAM_AGAIN;
        if (put == STREAM_FAIL) {
            /* What it has sent is still read. */
            if (!session->error)
                session->error = errno;
            break;
        }
        session->out_start += (size_t)put;
    }
    session->out_start = session->out_end = 0;
    return 0;
}

bool session_is_flushed(const struct session *session)
{
    return session->out_start == session->out_end;
}

/* 0, or -1 when there is no room. */
static int session_keep(struct session *session, const char *data, size_t size)
{
    size_t kept = session->out_end - session->out_start;

    if (session->out_start > 0)
        memmove(session->out, session->out + session->out_start, kept);
    session->out_start = 0;
    session->out_end = kept;
    if (size > OUT_MAX - kept)
        return -1;
    if (session->out_room < kept + size) {
        size_t room = 2 * (kept + size);
        char *larger = realloc(session->out, room);
        if (!larger)
            return -1;
        session->out = larger;
        session->out_room = room;
    }
    memcpy(session->out + kept, data, size);
    session->out_end += size;
    return 0;
}

static ssize_t session_say(libssh2_socket_t fd, const void *data, size_t size, int flags,
                           void **abstract)
{
    struct session *session = *abstract;

    (void)fd;
    (void)flags;
    if (session->error || session->deaf)
        return (ssize_t)size;
    if (session_keep(session, data, size) == -1)
        return -ENOBUFS;
    (void)session_flush(session);
    return (ssize_t)size;
}

/* --- set-up --- */

/* libssh2 has one type for all of its callbacks, which ISO C cannot convert a function to. */
static void session_call_back(LIBSSH2_SESSION *lib)
{
    const struct {
        int which;
        union {
            ssize_t (*send)(libssh2_socket_t, const void *, size_t, int, void **);
            ssize_t (*receive)(libssh2_socket_t, void *, size_t, int, void **);
            void (*disconnect)(LIBSSH2_SESSION *, int, const char *, int, const char *, int,
                               void **);
            void *any;
        } function;
    } callbacks[] = {
        {LIBSSH2_CALLBACK_SEND, {.send = session_say}},
        {LIBSSH2_CALLBACK_RECV, {.receive = session_hear}},
        {LIBSSH2_CALLBACK_DISCONNECT, {.disconnect = session_goodbye}},
    };

    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        (void)libssh2_session_callback_set(lib, callbacks[i].which, callbacks[i].function.any);
}

struct session *session_new(const struct ssh_gateway *gateway, const char *host_key_algorithms,
                            struct stream *below, struct ctx *ctx)
{
    struct session *session = malloc(sizeof(*session));
    const char *keyword = NULL;

    if (!session) {
        stream_close(below);
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    memset(session, 0, sizeof(*session));
    session->below = below;
    session->gateway = gateway;
    session->trace = ctx->trace;
    session->budget = SIZE_MAX;
    session->lib = libssh2_session_init_ex(memory_alloc, memory_free, memory_realloc, session);
    if (session->lib) {
        libssh2_session_set_blocking(session->lib, 0);
        session_call_back(session->lib);
        keyword = algorithms_choose(session->lib, &gateway->config, host_key_algorithms);
    }
    if (session->lib && !keyword)
        return session;

    char *lacking = keyword ? algorithms_lack(keyword) : NULL;
    if (lacking)
        (void)err_set(ctx->err, ERR_USAGE, "%s: %s; engine=openssh may do", gateway->name, lacking);
    else
        (void)err_no_memory(ctx->err);
    free(lacking);
    session_free(session);
    return NULL;
}

static int sleep_on(struct session *session, struct ctx *ctx)
{
    struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};
    int64_t until_ns = stream_tick(session->below);
    int now = stream_wait(session->below, POLLIN, &fds[0]);

    if (!session_is_flushed(session))
        now |= stream_wait(session->below, POLLOUT, &fds[1]);
    return now ? 0 : ctx_wait(ctx, fds, 2, until_ns);
}

int session_wait(struct session *session, struct ctx *ctx)
{
    uint64_t before = session->received;
    int64_t asked_ns = clock_ns();

    while (!session->ended && session->received == before) {
        (void)session_flush(session);
        if (sleep_on(session, ctx) == -1)
            return err_wrap(ctx->err, "%s", session->gateway->name);
        session_fill(session);
    }
    int64_t trip_ns = clock_ns() - asked_ns;
    if (session->timing && (!session->trip_ns || trip_ns < session->trip_ns))
        session->trip_ns = trip_ns;
    return 0;
}

int session_poll(struct session *session, struct pollfd *pfd)
{
    struct pollfd room = {.fd = -1};
    int now = stream_wait(session->below, POLLIN, pfd);

    if (session_is_flushed(session))
        return now;
    now |= stream_wait(session->below, POLLOUT, &room);
    /* Two descriptors do not fit: the tick looks after the other one. */
    if (room.fd == pfd->fd)
        pfd->events = POLLIN | POLLOUT;
    return now;
}

bool session_is_same_host(const struct session *session)
{
    size_t size = 0;
    int kind;
    const char *key = libssh2_session_hostkey(session->lib, &size, &kind);

    return key && size == session->host_key_size && memcmp(key, session->host_key, size) == 0;
}

/* 0, or -1 when memory is lacking. */
static int keep_host_key(struct session *session)
{
    int kind;
    const char *key = libssh2_session_hostkey(session->lib, &session->host_key_size, &kind);

    session->host_key = malloc(session->host_key_size + 1);
    if (!key || !session->host_key)
        return -1;
    memcpy(session->host_key, key, session->host_key_size);
    return 0;
}

static bool have_nothing_in_common(int code)
{
    return code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE;
}

int session_shake_hands(struct session *session, char **lacking, struct ctx *ctx)
{
    int dummy = open("/dev/null", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int code;

    if (dummy == -1)
        return err_set(ctx->err, ERR_CONNECT, "/dev/null: %s", strerror(errno));
    /* It wants a descriptor, and does nothing to one that never blocks. */
    do
        code = libssh2_session_handshake(session->lib, dummy);
    while (code == LIBSSH2_ERROR_EAGAIN && session_wait(session, ctx) == 0);
    (void)close(dummy);
    if (code == 0) {
        TRACE(ctx->trace, "ssh", "%s is %s; %s, %s, %s, %s", session->gateway->name,
              libssh2_session_banner_get(session->lib),
              libssh2_session_methods(session->lib, LIBSSH2_METHOD_KEX),
              libssh2_session_methods(session->lib, LIBSSH2_METHOD_HOSTKEY),
              libssh2_session_methods(session->lib, LIBSSH2_METHOD_CRYPT_SC),
              libssh2_session_methods(session->lib, LIBSSH2_METHOD_MAC_SC));
        return keep_host_key(session) == 0 ? 0 : err_no_memory(ctx->err);
    }
    if (code == LIBSSH2_ERROR_EAGAIN)
        return -1;
    if (lacking && have_nothing_in_common(code) && !session_end(session)) {
        *lacking = text_join("it and libssh2 ", libssh2_version(0), " have no algorithm in common",
                             (char *)NULL);
        if (*lacking)
            return -1;
    }
    return session_fault(session, ERR_REFUSED, session->greeted ? "key exchange" : "greeting", ctx);
}

/* --- the end --- */

const char *session_end(const struct session *session)
{
    if (session->goodbye)
        return session->goodbye;
    if (session->nonsense)
        return session->nonsense;
    if (session->error)
        return strerror(session->error);
    return session->ended ? "it closed the connection" : NULL;
}

/* A command that has failed below knows better why there is an end. */
static int fault_below(struct session *session, enum err_code code, const char *doing,
                       struct ctx *ctx)
{
    struct err below = ERR_INIT;

    if (!session->ended || stream_finish(session->below, &below) == 0)
        return 0;
    (void)err_set(ctx->err, code, "%s: %s: %s", session->gateway->name, doing, err_text(&below));
    err_release(&below);
    return -1;
}

int session_fault(struct session *session, enum err_code code, const char *doing, struct ctx *ctx)
{
    const char *name = session->gateway->name, *end = session_end(session);
    char *words = NULL;

    if (session->goodbye)
        return err_set(ctx->err, code, "%s: %s: it says: %s", name, doing, end);
    if (!session->nonsense && fault_below(session, code, doing, ctx) == -1)
        return -1;
    if (session->ended && session->first_line && !session->greeted)
        return err_set(ctx->err, code, "%s: %s: %s; it said: %s", name, doing, end,
                       session->first_line);
    if (end)
        return err_set(ctx->err, code, "%s: %s: %s", name, doing, end);
    (void)libssh2_session_last_error(session->lib, &words, NULL, 0);
    return err_set(ctx->err, code, "%s: %s: %s", name, doing, words && *words ? words : "failed");
}

void session_free(struct session *session)
{
    if (!session)
        return;
    if (session->lib && session->greeted && !session_end(session)) {
        (void)libssh2_session_disconnect(session->lib, "");
        (void)session_flush(session);
    }
    session->deaf = true;
    while (session->lib && libssh2_session_free(session->lib) == LIBSSH2_ERROR_EAGAIN)
        continue;
    stream_close(session->below);
    if (session->out)
        secret_wipe(session->out, session->out_room);
    free(session->out);
    free(session->first_line);
    free(session->goodbye);
    free(session->host_key);
    free(session->refusal.text);
    free(session);
}
