/* SPDX-License-Identifier: MIT */
#include "transports/http.h"

#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "core/clock.h"
#include "core/exchange.h"
#include "core/secret.h"
#include "core/timing.h"
#include "transports/http_codec.h"
#include "transports/module.h"

/* A proxy hangs up on who says nothing; a connection that waited for a person is dialed anew. */
#define IDLE_MAX_NS (2 * CLOCK_S)

/* One way through, which may take several connections. */
struct tunnel {
    const struct hop *hop;
    const struct dialer *below;
    const struct endpoint *to;
    struct ctx *ctx;
    unsigned allowed;
    struct stream *stream; /* NULL: to be dialed */
    bool used;             /* it has carried a request before */
    const char *user;
    char *authorization; /* what goes along with the next request, or NULL */
    struct http_reply reply;
};

/* What a step led to. */
enum outcome {
    TUNNEL_UP,
    TUNNEL_AGAIN,
    TUNNEL_HAND_OVER,
    TUNNEL_FAILED
};

/* --- settings --- */

int http_auth_allowed(const struct hop *hop, unsigned *schemes, struct err *err)
{
    const struct setting *auth = hop_find_setting(hop, "auth");

    *schemes = HTTP_AUTH_ALL;
    return auth ? http_auth_parse(auth, schemes, err) : 0;
}

int http_check(const struct hop *hop, struct err *err)
{
    unsigned allowed;

    for (size_t i = 0; i < hop->setting_count; i++)
        if (strcmp(hop->settings[i].name, "header") == 0 &&
            http_check_header(&hop->settings[i], err) == -1)
            return -1;
    if (http_auth_allowed(hop, &allowed, err) == -1)
        return -1;
    return credential_check(hop, err);
}

/* --- failures --- */

int http_fail_connect(const struct endpoint *to, struct ctx *ctx)
{
    return err_wrap(ctx->err, "%sCONNECT %s",
                    ctx->err->code == ERR_TIME ? "waiting for the answer to " : "", to->text);
}

int http_no_auth(unsigned allowed, const char *challenges, struct err *err)
{
    char *names = http_auth_list(allowed);

    (void)err_set(err, ERR_AUTH, "the proxy wants a login and offers %s; auth allows %s only",
                  challenges ? challenges : "none that has a name", names ? names : "others");
    free(names);
    return -1;
}

int http_no_user(const struct hop *hop, const char *challenges, struct err *err)
{
    return err_set(err, ERR_AUTH,
                   "the proxy wants a login (%s); write the user into the URL: %s://USER@%s",
                   challenges ? challenges : "no scheme named", hop->scheme, hop->address.text);
}

int http_turned_down(const char *user, const char *scheme, const char *challenges, struct err *err)
{
    return err_set(err, ERR_AUTH, "the proxy turned down user '%s' with %s; it offers %s",
                   user ? user : "", scheme, challenges ? challenges : "nothing");
}

/* --- steps --- */

static void drop_authorization(struct tunnel *tunnel)
{
    secret_free(tunnel->authorization);
    tunnel->authorization = NULL;
}

static void hang_up(struct tunnel *tunnel)
{
    stream_close(tunnel->stream);
    tunnel->stream = NULL;
    tunnel->used = false;
}

/* The secret, or NULL. May leave no connection behind. */
static const char *fetch_secret(struct tunnel *tunnel)
{
    int64_t asked_ns = clock_ns();
    const char *secret = credential_secret(tunnel->hop, tunnel->ctx);

    if (clock_ns() - asked_ns > IDLE_MAX_NS)
        hang_up(tunnel);
    return secret;
}

static int prepare_basic(struct tunnel *tunnel)
{
    const char *secret = fetch_secret(tunnel);

    drop_authorization(tunnel);
    tunnel->authorization = secret ? http_basic(tunnel->user, secret, tunnel->ctx->err) : NULL;
    timing_mark(tunnel->ctx, TIMING_AUTH);
    return tunnel->authorization ? 0 : -1;
}

/* The connection is of no more use, which is no failure: the next one may be. 0; or -1 when it is
 * the deadline or the cancellation that ended it. */
static int try_another(struct tunnel *tunnel)
{
    struct err *err = tunnel->ctx->err;

    hang_up(tunnel);
    if (err->code != ERR_NONE && err->code != ERR_REFUSED)
        return -1;
    err_release(err);
    return 0;
}

/* Reads what follows the head of a 407, so that the connection can be used again; hangs up where
 * that can't be done. 0, or -1 with ctx->err set. */
static int skip_body(struct tunnel *tunnel)
{
    const struct http_reply *reply = &tunnel->reply;
    char body[1024];

    if (!reply->keep_alive || reply->chunked || reply->body_bytes < 0 ||
        reply->body_bytes > HTTP_BODY_MAX)
        return try_another(tunnel);
    for (size_t left = (size_t)reply->body_bytes; left > 0;) {
        size_t size = left < sizeof(body) ? left : sizeof(body);
        if (exchange_receive(tunnel->stream, body, size, tunnel->ctx) == -1)
            return try_another(tunnel);
        left -= size;
    }
    tunnel->used = true;
    return 0;
}

static int say_and_listen(struct tunnel *tunnel)
{
    struct ctx *ctx = tunnel->ctx;
    char *request = http_request(tunnel->to, tunnel->hop, tunnel->authorization);

    if (!request)
        return err_no_memory(ctx->err);
    TRACE(ctx->trace, "http", "CONNECT %s%s", tunnel->to->text,
          tunnel->authorization ? " with Basic" : "");
    int done = exchange_send(tunnel->stream, request, strlen(request), ctx);
    secret_free(request);

    http_reply_release(&tunnel->reply);
    http_reply_init(&tunnel->reply);
    if (done == -1 || exchange_feed(tunnel->stream, &tunnel->reply.sink, ctx) == -1)
        return http_fail_connect(tunnel->to, ctx);
    if (tunnel->reply.fault && tunnel->reply.status_line)
        return err_set(ctx->err, ERR_REFUSED, "%s: %s", tunnel->reply.fault,
                       tunnel->reply.status_line);
    if (tunnel->reply.fault)
        return err_set(ctx->err, ERR_REFUSED, "%s", tunnel->reply.fault);
    TRACE(ctx->trace, "http", "%s", tunnel->reply.status_line);
    return 0;
}

/* Chooses what to answer to a 407 that is in tunnel->reply. */
static enum outcome choose(struct tunnel *tunnel)
{
    const struct http_reply *reply = &tunnel->reply;
    struct err *err = tunnel->ctx->err;
    unsigned usable = reply->offered & tunnel->allowed;

    TRACE(tunnel->ctx->trace, "http", "the proxy offers %s",
          reply->challenges ? reply->challenges : "none that has a name");
    if (!usable) {
        (void)http_no_auth(tunnel->allowed, reply->challenges, err);
        return TUNNEL_FAILED;
    }
    if (credential_user(tunnel->hop, &tunnel->user, tunnel->ctx) == -1)
        return TUNNEL_FAILED;
    if (!tunnel->user && !(usable & HTTP_AUTH_NEGOTIATE)) {
        (void)http_no_user(tunnel->hop, reply->challenges, err);
        return TUNNEL_FAILED;
    }
    if (usable == HTTP_AUTH_BASIC)
        return prepare_basic(tunnel) == -1 ? TUNNEL_FAILED : TUNNEL_AGAIN;
    /* Fetched here, where the connection can still be given up while a person types. */
    if (!(usable & HTTP_AUTH_NEGOTIATE) && !fetch_secret(tunnel))
        return TUNNEL_FAILED;
    return TUNNEL_HAND_OVER;
}

/* The proxy wants to know who we are. What it asks is kept, so that it need not be asked again when
 * it is dialed again. */
static enum outcome authenticate(struct tunnel *tunnel)
{
    const struct http_reply *reply = &tunnel->reply;

    if (tunnel->authorization && reply->offered & HTTP_AUTH_BASIC &&
        !credential_retry(tunnel->hop)) {
        (void)http_turned_down(tunnel->user, "Basic", reply->challenges, tunnel->ctx->err);
        return TUNNEL_FAILED;
    }
    char *question = http_question(reply);
    int kept = question ? credential_set_question(tunnel->hop, question) : -1;
    free(question);
    if (kept == -1) {
        (void)err_no_memory(tunnel->ctx->err);
        return TUNNEL_FAILED;
    }
    return skip_body(tunnel) == -1 ? TUNNEL_FAILED : choose(tunnel);
}

static enum outcome step(struct tunnel *tunnel)
{
    struct ctx *ctx = tunnel->ctx;

    if (!tunnel->stream)
        tunnel->stream = dialer_dial(tunnel->below, &tunnel->hop->address, ctx);
    if (!tunnel->stream)
        return TUNNEL_FAILED;
    if (say_and_listen(tunnel) == -1) {
        /* It had promised to keep the connection, and has closed it without a word. */
        bool left = tunnel->used && tunnel->reply.total == 0;
        return left && try_another(tunnel) == 0 ? TUNNEL_AGAIN : TUNNEL_FAILED;
    }
    if (tunnel->reply.status / 100 == 2) {
        timing_mark(ctx, TIMING_HANDSHAKE);
        return TUNNEL_UP;
    }
    if (tunnel->reply.status == 407) {
        enum outcome outcome = authenticate(tunnel);
        timing_mark(ctx, TIMING_AUTH);
        return outcome;
    }
    (void)err_set(ctx->err, ERR_REFUSED, "%s: %s", tunnel->to->text, tunnel->reply.status_line);
    return TUNNEL_FAILED;
}

/* What is known before the first word: what the proxy has asked in an earlier dial, or that nothing
 * but Basic is allowed, so that there is nothing to wait for. */
static enum outcome prepare(struct tunnel *tunnel)
{
    const char *question = credential_question(tunnel->hop);

    if (http_auth_allowed(tunnel->hop, &tunnel->allowed, tunnel->ctx->err) == -1)
        return TUNNEL_FAILED;
    if (question) {
        (void)tunnel->reply.sink.take(&tunnel->reply.sink, question, strlen(question));
        return choose(tunnel);
    }
    if (tunnel->allowed != HTTP_AUTH_BASIC)
        return TUNNEL_AGAIN;
    if (credential_user(tunnel->hop, &tunnel->user, tunnel->ctx) == -1)
        return TUNNEL_FAILED;
    return !tunnel->user || prepare_basic(tunnel) == 0 ? TUNNEL_AGAIN : TUNNEL_FAILED;
}

static struct stream *http_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    struct tunnel *tunnel = malloc(sizeof(*tunnel));
    struct stream *stream = NULL;

    if (!tunnel) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    /* One by one, and not on the stack: the reply has a large buffer whose pages need not be there. */
    tunnel->hop = hop;
    tunnel->below = below;
    tunnel->to = to;
    tunnel->ctx = ctx;
    tunnel->stream = NULL;
    tunnel->used = false;
    tunnel->user = NULL;
    tunnel->authorization = NULL;
    http_reply_init(&tunnel->reply);

    enum outcome outcome = prepare(tunnel);
    while (outcome == TUNNEL_AGAIN)
        outcome = step(tunnel);
    if (outcome == TUNNEL_FAILED)
        hang_up(tunnel);
    drop_authorization(tunnel);
    http_reply_release(&tunnel->reply);
    stream = tunnel->stream;
    free(tunnel);
    return outcome == TUNNEL_HAND_OVER ? module_dial("curl", hop, below, stream, to, ctx) : stream;
}

/* By the schemes that are the module's: bit 0 NTLM, bit 1 Digest, bit 2 Negotiate. */
#define ENGINES(names)                                                                             \
    {                                                                                              \
        "built in; module curl, which is not installed, for " names,                               \
            "built in; module curl for " names                                                     \
    }
static const char *const engines[][2] = {
    {"built in", "built in"},
    ENGINES("NTLM"),
    ENGINES("Digest"),
    ENGINES("Digest, NTLM"),
    ENGINES("Negotiate"),
    ENGINES("Negotiate, NTLM"),
    ENGINES("Negotiate, Digest"),
    ENGINES("Negotiate, Digest, NTLM"),
};

static const char *http_engine(const struct hop *hop)
{
    unsigned allowed = HTTP_AUTH_ALL;
    struct err err = ERR_INIT;

    /* It was checked. */
    (void)http_auth_allowed(hop, &allowed, &err);
    err_release(&err);
    unsigned row = (allowed & HTTP_AUTH_NTLM ? 1U : 0U) | (allowed & HTTP_AUTH_DIGEST ? 2U : 0U) |
                   (allowed & HTTP_AUTH_NEGOTIATE ? 4U : 0U);
    return engines[row][module_exists("curl")];
}

static const char *const http_schemes[] = {"http", NULL};
static const char *const http_settings[] = {CREDENTIAL_SETTINGS, "auth", "header", NULL};

const struct transport http_transport = {
    .name = "http",
    .schemes = http_schemes,
    .settings = http_settings,
    .default_port = 80,
    .check = http_check,
    .engine = http_engine,
    .dial = http_dial,
};
