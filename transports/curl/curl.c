/* SPDX-License-Identifier: MIT */
/*
 * What libcurl does for us: CONNECT over TLS to the proxy, and the authentication schemes that are
 * more than a header. http:// hops come here after a 407; https:// hops begin here.
 */
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "core/clock.h"
#include "core/timing.h"
#include "transports/curl/beside.h"
#include "transports/curl/tls_stream.h"
#include "transports/curl/transfer.h"
#include "transports/dialer.h"
#include "transports/http.h"
#include "transports/transport.h"

/* A proxy hangs up on who says nothing; a connection that waited for a person is dialed anew. */
#define IDLE_MAX_NS (2 * CLOCK_S)

/* A proxy that asks for another login each time is told apart from one that asks twice. */
#define ATTEMPTS_MAX 8

/* What is known of the login so far. */
struct login {
    const struct hop *hop;
    const struct dialer *below;
    struct ctx *ctx;
    unsigned allowed; /* what may still be tried */
    unsigned tried;   /* the one that the last transfer tried; 0 = none */
    const char *user;
    unsigned attempts;
    bool redialed; /* after a connection that was closed during the login */
};

/* --- failures --- */

static const struct complaint {
    CURLcode code;
    enum err_code err;
    const char *hint;
} complaints[] = {
    {CURLE_PEER_FAILED_VERIFICATION, ERR_AUTH,
     "; cafile=FILE names the CA to trust, insecure=yes trusts anybody"},
    {CURLE_SSL_ISSUER_ERROR, ERR_AUTH, "; cafile=FILE names the CA to trust"},
    {CURLE_SSL_CACERT_BADFILE, ERR_USAGE, "; is cafile a readable file of certificates?"},
    {CURLE_SSL_CERTPROBLEM, ERR_USAGE, "; are cert and key readable PEM files?"},
    {CURLE_SSL_CONNECT_ERROR, ERR_REFUSED, "; perhaps it is an http:// proxy"},
};

/* TLS 1.3 lets a proxy say only after the handshake that it misses a certificate, and by then it
 * may have closed. */
static bool wants_certificate(const struct transfer *transfer, const char *why)
{
    return transfer->tls_up && transfer->reply.total == 0 && !transfer->login_sent &&
           (strstr(why, "certificate required") || !hop_setting(transfer->hop, "cert"));
}

static int complain(const struct transfer *transfer, CURLcode code)
{
    const char *why = transfer->why[0] ? transfer->why : curl_easy_strerror(code);
    struct err *err = transfer->ctx->err;

    /* What is wrong is the name, not who vouches for it. */
    if (code == CURLE_PEER_FAILED_VERIFICATION && strstr(why, "subject name"))
        return err_set(err, ERR_AUTH,
                       "TLS: %s; the URL must have the name in the certificate, insecure=yes "
                       "trusts anybody",
                       why);
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
        if (complaints[i].code == code)
            return err_set(err, complaints[i].err, "TLS: %s%s", why, complaints[i].hint);
    if (transfer->reply.interim)
        return err_set(err, ERR_REFUSED,
                       "the proxy sends interim replies (1xx), which libcurl does not skip");
    if (wants_certificate(transfer, why))
        return err_set(err, ERR_AUTH,
                       "TLS: the proxy closed before any answer; perhaps it wants a certificate "
                       "(cert=FILE, key=FILE): %s",
                       why);
    return err_set(err, ERR_REFUSED, "%s", why);
}

static int refuse_login(const struct login *login, const struct transfer *transfer)
{
    const struct http_reply *reply = &transfer->reply;
    char *name = http_auth_list(login->tried);

    if (login->tried == HTTP_AUTH_NEGOTIATE && transfer->gss)
        (void)err_set(
            login->ctx->err, ERR_AUTH,
            "Negotiate: %s; is there a ticket (klist), and is this the proxy's real name? "
            "The proxy offers %s",
            transfer->gss, reply->challenges);
    else
        (void)http_turned_down(login->user, name && *name ? name : "this login", reply->challenges,
                               login->ctx->err);
    free(name);
    return -1;
}

/* Sets err to what has become of the login: "Digest for 'alice': …". -1. */
static int fail_at_login(const struct login *login, enum err_code code, const char *what)
{
    char *name = http_auth_list(login->tried);

    (void)err_set(login->ctx->err, code, "%s for user '%s': %s", name ? name : "login",
                  login->user ? login->user : "", what);
    free(name);
    return -1;
}

/* --- the login --- */

/* Chooses how to log in, by what the proxy offers. 0, or -1 with ctx->err set. */
static int choose_login(struct login *login, const struct http_reply *reply)
{
    unsigned usable = login->allowed & reply->offered;

    TRACE(login->ctx->trace, "curl", "the proxy offers %s",
          reply->challenges ? reply->challenges : "no way to log in");
    if (!usable)
        return http_no_auth(login->allowed, reply->challenges, login->ctx->err);
    if (credential_user(login->hop, &login->user, login->ctx) == -1)
        return -1;
    if (!login->user)
        usable &= HTTP_AUTH_NEGOTIATE;
    if (!usable)
        return http_no_user(login->hop, reply->challenges, login->ctx->err);
    login->tried = http_auth_strongest(usable);
    return 0;
}

static int keep_question(const struct login *login, const struct http_reply *reply)
{
    char *question = http_question(reply);
    int kept = question ? credential_set_question(login->hop, question) : -1;

    free(question);
    return kept == 0 ? 0 : err_no_memory(login->ctx->err);
}

/* After a 407: is there something else to try? 0, or -1 with ctx->err set. */
static int next_login(struct login *login, const struct transfer *transfer)
{
    const struct http_reply *reply = &transfer->reply;
    unsigned left = login->allowed & reply->offered & ~login->tried;

    if (login->attempts >= ATTEMPTS_MAX || keep_question(login, reply) == -1)
        return refuse_login(login, transfer);
    /* No ticket, or not a good one: what is weaker may do. */
    if (login->tried == HTTP_AUTH_NEGOTIATE && (!left || !login->user))
        return refuse_login(login, transfer);
    if (login->tried == HTTP_AUTH_NEGOTIATE)
        login->allowed &= ~(unsigned)HTTP_AUTH_NEGOTIATE;
    else if (login->tried & reply->offered && !transfer->login_sent)
        return fail_at_login(login, ERR_AUTH, "the proxy's question has no answer that we know");
    else if (transfer->login_sent && !credential_retry(login->hop))
        return refuse_login(login, transfer);
    return choose_login(login, reply);
}

/* What goes along with the first request. Where the proxy was not heard yet, that is nothing, but
 * where a single way is allowed there is nothing to wait for. */
static int first_login(struct login *login)
{
    const char *question = credential_question(login->hop);
    bool single = (login->allowed & (login->allowed - 1)) == 0;
    int done = 0;

    if (question) {
        struct http_reply reply;
        http_reply_init(&reply);
        (void)reply.sink.take(&reply.sink, question, strlen(question));
        done = choose_login(login, &reply);
        http_reply_release(&reply);
    } else if (single) {
        done = credential_user(login->hop, &login->user, login->ctx);
        if (login->user || login->allowed == HTTP_AUTH_NEGOTIATE)
            login->tried = login->allowed;
    }
    return done;
}

/* 0, or -1 with ctx->err set. */
static int log_in(struct login *login, struct transfer *transfer)
{
    const char *secret = NULL;
    int64_t asked_ns = clock_ns();

    if (login->tried & ~(unsigned)HTTP_AUTH_NEGOTIATE) {
        secret = credential_secret(login->hop, login->ctx);
        if (!secret)
            return -1;
        timing_mark(login->ctx, TIMING_AUTH);
    }
    if (clock_ns() - asked_ns > IDLE_MAX_NS)
        dialer_drop_ready(login->below);
    /* Only Digest asks first; what it has learnt then it knows in all further attempts. */
    if (!transfer->tls && login->tried == HTTP_AUTH_DIGEST && login->attempts == 0)
        transfer->question = credential_question(login->hop);
    login->attempts++;
    return transfer_log_in(transfer, login->tried, login->user, secret);
}

/* --- the dial --- */

/* The stream of a tunnel that is up. */
static struct stream *harvest(struct transfer **transfer)
{
    struct stream *stream = NULL;

    /* libcurl may have taken an answer for one that came before the question. */
    if (!transfer_answered(*transfer) || (*transfer)->reply.status / 100 != 2) {
        (void)err_set((*transfer)->ctx->err, ERR_REFUSED, "the proxy answers what was not asked");
        return NULL;
    }
    if ((*transfer)->tls)
        return tls_stream_new(transfer);
    stream = (*transfer)->stream;
    (*transfer)->stream = NULL;
    return stream;
}

static int explain(const struct login *login, const struct transfer *transfer, CURLcode code)
{
    struct err *err = login->ctx->err;

    if (err->code != ERR_NONE)
        return -1;
    if (transfer_answered(transfer) && transfer->reply.status / 100 != 2 &&
        transfer->reply.status != 407)
        return err_set(err, ERR_REFUSED, "%s: %s", transfer->to->text, transfer->reply.status_line);
    if (transfer_is_loop(transfer))
        return fail_at_login(login, ERR_AUTH, "the proxy asks for it again and again");
    if (transfer->refusals)
        return fail_at_login(login, ERR_AUTH, "turned down by the proxy, which then hung up");
    if (!transfer->login_sent || transfer->reply.interim)
        return complain(transfer, code);
    return fail_at_login(login, ERR_REFUSED, "the proxy closed the connection during the login");
}

/* Was the connection closed during the login, without an answer to it? Once, that is a proxy that
 * did not keep its connection; what it asks is known now. */
static bool may_redial(struct login *login, const struct transfer *transfer)
{
    struct err *err = login->ctx->err;

    if (!login->tried || login->redialed || transfer_answered(transfer) || transfer->reply.fault ||
        transfer->reply.interim || transfer->refusals || err->placed ||
        (err->code != ERR_NONE && err->code != ERR_REFUSED))
        return false;
    err_release(err);
    login->redialed = true;
    return true;
}

static void trace_request(const struct login *login, const struct endpoint *to)
{
    char *name = login->tried ? http_auth_list(login->tried) : NULL;

    TRACE(login->ctx->trace, "curl", "CONNECT %s%s%s", to->text, name ? " with " : "",
          name ? name : "");
    free(name);
}

/* One run. The stream; or NULL, and *again when there is something else to try. */
static struct stream *attempt(struct login *login, struct transfer **transfer, bool *again)
{
    struct ctx *ctx = login->ctx;

    *again = false;
    if (log_in(login, *transfer) == -1)
        return NULL;
    trace_request(login, (*transfer)->to);
    CURLcode code = login->tried == HTTP_AUTH_NEGOTIATE ? transfer_run_beside(transfer, ctx)
                                                        : transfer_run(*transfer);
    if (!*transfer)
        return NULL;
    if (code == CURLE_OK) {
        timing_mark(ctx, TIMING_HANDSHAKE);
        return harvest(transfer);
    }
    if (ctx->err->code == ERR_NONE && !transfer_is_loop(*transfer) &&
        transfer_answered(*transfer) && (*transfer)->reply.status == 407) {
        *again = next_login(login, *transfer) == 0;
        timing_mark(ctx, TIMING_AUTH);
    } else if (may_redial(login, *transfer)) {
        *again = true;
    } else {
        (void)explain(login, *transfer, code);
    }
    return NULL;
}

static struct stream *curl_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    struct login login = {.hop = hop, .below = below, .ctx = ctx};
    struct transfer *transfer = NULL;
    struct stream *stream = NULL;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)err_set(ctx->err, ERR_MODULE, "libcurl does not start");
        return NULL;
    }
    if (http_auth_allowed(hop, &login.allowed, ctx->err) == -1 || first_login(&login) == -1)
        return NULL;
    transfer = malloc(sizeof(*transfer));
    if (!transfer) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    bool again = transfer_init(transfer, hop, below, to, ctx) == 0;
    while (again) {
        stream = attempt(&login, &transfer, &again);
        if (again)
            transfer_reset(transfer);
    }
    if (transfer)
        transfer_release(transfer);
    free(transfer);
    return stream;
}

static const char *const curl_schemes[] = {"curl", NULL};

static const struct transport curl_transport = {
    .name = "curl",
    .schemes = curl_schemes,
    .dial = curl_dial,
};

static const struct transport *const curl_transports[] = {&curl_transport, NULL};

extern const struct transport_module STILE_MODULE;

const struct transport_module STILE_MODULE = {
    .abi = TRANSPORT_ABI,
    .transports = curl_transports,
};
