/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "config/config.h"
#include "config/credential.h"
#include "core/clock.h"
#include "core/exchange.h"
#include "core/secret.h"
#include "core/timing.h"
#include "transports/lookup.h"
#include "transports/socks.h"
#include "transports/socks_codec.h"

/* Addresses of one name that are tried through the proxy. */
#define TRIES_MAX 4

/* A proxy that waits longer for a login may have hung up, or is about to. */
#define PATIENCE_NS (2 * CLOCK_S)

/* One attempt to get through. */
struct socks5 {
    const struct hop *hop;
    const struct dialer *below;
    const struct endpoint *to;
    struct ctx *ctx;
    struct stream *stream;
    const char *user; /* NULL: none, so no login is offered */
    uint8_t code;     /* of a reply that refuses; 0 = it did not come to that */
    bool turned_down; /* the login was wrong */
    bool late;        /* the login is there, and has taken so long that the proxy is dialed anew */

    struct socks_target target;
    struct address address;     /* that the target spells out */
    struct addresses addresses; /* that were looked up here */
};

static int read_options(const struct hop *hop, bool *local, bool *pipeline, struct err *err)
{
    const struct setting *resolve = hop_find_setting(hop, "resolve");

    *local = resolve && strcasecmp(resolve->value, "local") == 0;
    if (resolve && !*local && strcasecmp(resolve->value, "remote") != 0)
        return hop_setting_fault(resolve, err, "want local or remote");
    return hop_setting_flag(hop, "pipeline", false, pipeline, err);
}

static int socks5_check(const struct hop *hop, struct err *err)
{
    bool local, pipeline;

    if (read_options(hop, &local, &pipeline, err) == -1)
        return -1;
    return credential_check(hop, err);
}

/* --- messages --- */

static int send_message(const struct socks5 *socks, struct socks_message *message)
{
    int done = exchange_send(socks->stream, message->bytes, message->size, socks->ctx);

    secret_wipe(message->bytes, message->size);
    return done;
}

static void make_greeting(const struct socks5 *socks, struct socks_message *out, bool only_login)
{
    /* A login is offered when there is a user. Whoever offers it without one is asked for a
     * password that no one needs. */
    static const enum socks_method methods[] = {SOCKS_METHOD_NONE, SOCKS_METHOD_PASSWORD};

    if (only_login)
        socks5_greeting(out, &methods[1], 1);
    else
        socks5_greeting(out, methods, socks->user ? 2 : 1);
}

/* 0; -1 with ctx->err set, or because it is late. */
static int make_login(struct socks5 *socks, struct socks_message *out)
{
    int64_t asked_ns = clock_ns();
    const char *password = credential_secret(socks->hop, socks->ctx);

    if (!password)
        return -1;
    timing_mark(socks->ctx, TIMING_AUTH);
    /* The secret is kept, so this can't be true twice. */
    socks->late = clock_ns() - asked_ns > PATIENCE_NS;
    if (socks->late)
        return -1;
    return socks5_login(out, socks->user, password, socks->ctx->err);
}

/* The method that the proxy has chosen, or -1. */
static int receive_method(const struct socks5 *socks)
{
    struct err *err = socks->ctx->err;
    uint8_t reply[2];

    if (exchange_receive(socks->stream, reply, sizeof(reply), socks->ctx) == -1)
        return -1;
    int method = socks5_parse_method(reply, err);
    if (method == -1)
        return -1;
    if (method == SOCKS_METHOD_REFUSED && !socks->user)
        return err_set(err, ERR_AUTH,
                       "the proxy wants a login; write the user into the URL: %s://USER@%s",
                       socks->hop->scheme, socks->hop->address.text);
    if (method == SOCKS_METHOD_REFUSED)
        return err_set(err, ERR_AUTH, "the proxy does not want this login; leave the user away");
    if (method != SOCKS_METHOD_NONE && !(method == SOCKS_METHOD_PASSWORD && socks->user))
        return err_set(err, ERR_REFUSED, "the proxy chose the method 0x%02x, which was not offered",
                       (unsigned)method);
    timing_mark(socks->ctx, TIMING_HANDSHAKE);
    TRACE(socks->ctx->trace, "socks", "%s",
          method == SOCKS_METHOD_PASSWORD ? "the proxy wants a login" : "no login needed");
    return method;
}

static int receive_login(struct socks5 *socks)
{
    uint8_t reply[2];

    if (exchange_receive(socks->stream, reply, sizeof(reply), socks->ctx) == -1)
        return -1;
    int done = socks5_parse_login(reply, socks->ctx->err);
    timing_mark(socks->ctx, TIMING_AUTH);
    socks->turned_down = done == -1 && socks->ctx->err->code == ERR_AUTH;
    return done;
}

static int receive_reply(struct socks5 *socks)
{
    uint8_t head[SOCKS5_REPLY_HEAD], rest[SOCKS5_REPLY_REST_MAX];

    /* Some that refuse say why and no more. */
    if (exchange_receive(socks->stream, head, SOCKS5_REPLY_CODE, socks->ctx) == -1 ||
        (head[1] == 0 && exchange_receive(socks->stream, head + SOCKS5_REPLY_CODE,
                                          sizeof(head) - SOCKS5_REPLY_CODE, socks->ctx) == -1))
        return -1;
    int size = socks5_parse_reply(head, &socks->code, socks->ctx->err);
    if (size == -1)
        return -1;
    if (exchange_receive(socks->stream, rest, (size_t)size, socks->ctx) == -1)
        return -1;
    timing_mark(socks->ctx, TIMING_HANDSHAKE);
    return 0;
}

/* --- the handshake, in turns and in one flight --- */

/* Says what was under way when the proxy fell silent or spoke nonsense; other failures say it
 * themselves. */
static int fail_at(const struct socks5 *socks, const char *step)
{
    enum err_code code = socks->ctx->err->code;

    return code == ERR_TIME || code == ERR_REFUSED ? err_wrap(socks->ctx->err, "%s", step) : -1;
}

static int greet_and_log_in(struct socks5 *socks)
{
    struct socks_message message;

    make_greeting(socks, &message, false);
    if (send_message(socks, &message) == -1)
        return -1;
    int method = receive_method(socks);
    if (method != SOCKS_METHOD_PASSWORD)
        return method;
    if (make_login(socks, &message) == -1 || send_message(socks, &message) == -1)
        return -1;
    return receive_login(socks);
}

static int shake_hands(struct socks5 *socks)
{
    struct socks_message message;

    if (greet_and_log_in(socks) == -1)
        return fail_at(socks, "greeting");
    if (socks5_request(&message, &socks->target, socks->ctx->err) == -1 ||
        send_message(socks, &message) == -1 || receive_reply(socks) == -1)
        return err_wrap(socks->ctx->err, "%s", socks->to->text);
    return 0;
}

static int send_at_once(struct socks5 *socks)
{
    struct socks_message greeting, login = {.size = 0}, request;
    uint8_t flight[2 * SOCKS_MESSAGE_MAX];
    size_t size = 0;

    make_greeting(socks, &greeting, socks->user != NULL);
    if ((socks->user && make_login(socks, &login) == -1) ||
        socks5_request(&request, &socks->target, socks->ctx->err) == -1)
        return -1;
    const struct socks_message *const messages[] = {&greeting, &login, &request};
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        memcpy(flight + size, messages[i]->bytes, messages[i]->size);
        size += messages[i]->size;
    }
    int done = exchange_send(socks->stream, flight, size, socks->ctx);
    secret_wipe(flight, size);
    secret_wipe(login.bytes, login.size);
    return done;
}

static int shake_hands_at_once(struct socks5 *socks)
{
    if (send_at_once(socks) == -1)
        return fail_at(socks, "pipeline");
    int method = receive_method(socks);
    if (method == -1 || (method == SOCKS_METHOD_PASSWORD && receive_login(socks) == -1))
        return fail_at(socks, "greeting");
    /* A login that was sent and not wanted would be taken for the request. */
    if (socks->user && method != SOCKS_METHOD_PASSWORD)
        return err_set(socks->ctx->err, ERR_REFUSED,
                       "pipeline: the proxy wants no login; leave the user away");
    if (receive_reply(socks) == -1)
        return err_wrap(socks->ctx->err, "%s", socks->to->text);
    return 0;
}

/* --- the dial --- */

static struct stream *attempt(struct socks5 *socks, bool pipeline)
{
    for (;;) {
        socks->code = 0;
        socks->turned_down = socks->late = false;
        socks->stream = dialer_dial(socks->below, &socks->hop->address, socks->ctx);
        if (!socks->stream)
            return NULL;
        if ((pipeline ? shake_hands_at_once : shake_hands)(socks) == 0)
            return socks->stream;
        stream_close(socks->stream);
        if (socks->late)
            TRACE(socks->ctx->trace, "socks", "the login has taken long: dialing anew");
        else if (!socks->turned_down || !credential_retry(socks->hop))
            return NULL;
        err_release(socks->ctx->err);
    }
}

/* Is a refusal about this address, so that another one of the name may do better? RFC 1928 section
 * 6: unreachable, refused, TTL expired, address type. */
static bool is_about_address(uint8_t code)
{
    return (code >= 3 && code <= 6) || code == 8;
}

/* As many addresses of a name as are worth it, IPv4 first: proxies without IPv6 are many. */
static size_t choose(const struct addresses *addresses, const struct address *chosen[TRIES_MAX])
{
    static const enum family order[] = {FAMILY_V4, FAMILY_V6};
    size_t count = 0;

    for (size_t i = 0; i < FAMILIES; i++)
        for (size_t k = 0; k < addresses->count[order[i]] && count < TRIES_MAX; k++)
            chosen[count++] = &addresses->found[order[i]][k];
    return count;
}

static struct stream *attempt_each(struct socks5 *socks, bool pipeline)
{
    const struct address *chosen[TRIES_MAX];
    struct stream *stream = NULL;

    addresses_init(&socks->addresses);
    if (lookup(socks->to, socks->ctx->config->family, &socks->addresses, socks->ctx) == -1)
        return NULL;
    size_t count = choose(&socks->addresses, chosen);
    for (size_t i = 0; i < count && !stream; i++) {
        if (i > 0 && !is_about_address(socks->code))
            break;
        if (i > 0)
            err_release(socks->ctx->err);
        socks->target.address = chosen[i];
        stream = attempt(socks, pipeline);
    }
    return stream;
}

static struct stream *socks5_dial(const struct hop *hop, const struct dialer *below,
                                  const struct endpoint *to, struct ctx *ctx)
{
    struct socks5 socks;
    bool local = false, pipeline = false;

    socks.hop = hop;
    socks.below = below;
    socks.to = to;
    socks.ctx = ctx;
    socks.user = NULL;
    socks.target = (struct socks_target){.host = to->host, .port = to->port};
    if (read_options(hop, &local, &pipeline, ctx->err) == -1 ||
        credential_user(hop, &socks.user, ctx) == -1)
        return NULL;
    if (address_parse(&socks.address, to->host))
        socks.target.address = &socks.address;
    else if (local)
        return attempt_each(&socks, pipeline);
    return attempt(&socks, pipeline);
}

static const char *const socks5_schemes[] = {"socks5", "socks5h", NULL};
static const char *const socks5_settings[] = {CREDENTIAL_SETTINGS, "resolve", "pipeline", NULL};

const struct transport socks5_transport = {
    .name = "socks",
    .schemes = socks5_schemes,
    .settings = socks5_settings,
    .default_port = 1080,
    .check = socks5_check,
    .dial = socks5_dial,
};
