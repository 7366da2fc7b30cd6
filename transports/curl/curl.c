/* SPDX-License-Identifier: MIT */
/*
 * What libcurl does for us: CONNECT over TLS to the proxy, and the authentication schemes that are
 * more than a header. http:// hops come here after a 407; https:// hops begin here.
 */
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "transports/curl/beside.h"
#include "transports/curl/tls_stream.h"
#include "transports/curl/transfer.h"
#include "transports/http.h"
#include "transports/transport.h"

/* What is known of the login so far. */
struct login {
    const struct hop *hop;
    struct ctx *ctx;
    unsigned allowed; /* what may still be tried */
    unsigned tried;   /* what the last transfer tried; 0 = nothing */
    const char *user;
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
    return transfer->tls_up && transfer->reply.status == 0 &&
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
    unsigned scheme = http_auth_strongest(login->tried & reply->offered);
    char *name = http_auth_list(scheme);

    if (scheme == HTTP_AUTH_NEGOTIATE && transfer->gss)
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

/* --- the login --- */

/* After a 407: is there something else to try? 0, or -1 with ctx->err set. */
static int next_login(struct login *login, const struct transfer *transfer)
{
    const struct http_reply *reply = &transfer->reply;
    unsigned failed = http_auth_strongest(login->tried & reply->offered);

    TRACE(login->ctx->trace, "curl", "the proxy offers %s",
          reply->challenges ? reply->challenges : "no scheme");
    /* No ticket, or not a good one: what is weaker may do. */
    if (failed == HTTP_AUTH_NEGOTIATE)
        login->allowed &= ~(unsigned)HTTP_AUTH_NEGOTIATE;
    else if (failed && !credential_retry(login->hop))
        return refuse_login(login, transfer);

    unsigned usable = login->allowed & reply->offered;
    if (!usable && failed)
        return refuse_login(login, transfer);
    if (!usable)
        return http_no_auth(login->allowed, reply->challenges, login->ctx->err);
    if (credential_user(login->hop, &login->user, login->ctx) == -1)
        return -1;
    if (!login->user)
        usable &= HTTP_AUTH_NEGOTIATE;
    if (!usable && failed)
        return refuse_login(login, transfer);
    if (!usable)
        return http_no_user(login->hop, reply->challenges, login->ctx->err);
    login->tried = usable;
    return 0;
}

/* What goes along with the first request. http has had its 407 already; else there is nothing to
 * wait for only where a single scheme is allowed. */
static int first_login(struct login *login)
{
    bool single = (login->allowed & (login->allowed - 1)) == 0;

    if (credential_user(login->hop, &login->user, login->ctx) == -1)
        return -1;
    if (strcmp(login->hop->scheme, "http") == 0 || single)
        login->tried = login->user ? login->allowed : login->allowed & HTTP_AUTH_NEGOTIATE;
    return 0;
}

static int log_in(const struct login *login, struct transfer *transfer)
{
    const char *secret = NULL;

    if (login->tried & ~(unsigned)HTTP_AUTH_NEGOTIATE) {
        secret = credential_secret(login->hop, login->ctx);
        if (!secret)
            return -1;
    }
    return transfer_log_in(transfer, login->tried, login->user, secret);
}

/* --- the dial --- */

/* The stream of a tunnel that is up. */
static struct stream *harvest(struct transfer **transfer)
{
    struct stream *stream = NULL;

    if ((*transfer)->tls)
        return tls_stream_new(transfer);
    stream = (*transfer)->stream;
    (*transfer)->stream = NULL;
    return stream;
}

static int explain(const struct transfer *transfer, CURLcode code)
{
    struct err *err = transfer->ctx->err;

    if (err->code != ERR_NONE)
        return -1;
    if (transfer->reply.sink.done && transfer->reply.status / 100 != 2)
        return err_set(err, ERR_REFUSED, "%s: %s", transfer->to->text, transfer->reply.status_line);
    return complain(transfer, code);
}

static void trace_request(const struct login *login, const struct endpoint *to)
{
    char *schemes = login->tried ? http_auth_list(login->tried) : NULL;

    TRACE(login->ctx->trace, "curl", "CONNECT %s%s%s", to->text, schemes ? " with " : "",
          schemes ? schemes : "");
    free(schemes);
}

/* One transfer. The stream; or NULL, and *again when the login is to be tried once more. */
static struct stream *attempt(struct login *login, const struct dialer *below,
                              const struct endpoint *to, bool *again)
{
    struct ctx *ctx = login->ctx;
    struct transfer *transfer = malloc(sizeof(*transfer));
    struct stream *stream = NULL;

    *again = false;
    if (!transfer) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    if (transfer_init(transfer, login->hop, below, to, ctx) == 0 && log_in(login, transfer) == 0) {
        trace_request(login, to);
        CURLcode code = login->tried & HTTP_AUTH_NEGOTIATE ? transfer_run_beside(&transfer, ctx)
                                                           : transfer_run(transfer);
        if (code == CURLE_OK)
            stream = harvest(&transfer);
        else if (transfer && ctx->err->code == ERR_NONE && transfer->reply.status == 407)
            *again = next_login(login, transfer) == 0;
        else if (transfer)
            (void)explain(transfer, code);
    }
    if (transfer)
        transfer_release(transfer);
    free(transfer);
    return stream;
}

static struct stream *curl_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    struct login login = {.hop = hop, .ctx = ctx};
    struct stream *stream;
    bool again;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)err_set(ctx->err, ERR_MODULE, "libcurl does not start");
        return NULL;
    }
    if (http_auth_allowed(hop, &login.allowed, ctx->err) == -1 || first_login(&login) == -1)
        return NULL;
    do
        stream = attempt(&login, below, to, &again);
    while (again);
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
