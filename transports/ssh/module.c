/* SPDX-License-Identifier: MIT */
/* The module `ssh`: a gateway by libssh2. */
#include <libssh2.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/timing.h"
#include "transports/ssh/algorithms.h"
#include "transports/ssh/auth.h"
#include "transports/ssh/channel.h"
#include "transports/ssh/host_key.h"
#include "transports/ssh/session.h"
#include "transports/ssh_gateway.h"
#include "transports/ssh_module.h"
#include "transports/transport.h"

static void library_init_once(void)
{
    (void)libssh2_init(0);
}

/* The library sees to itself at its first session, without a lock. */
static void library_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, library_init_once);
}

/* OpenSSL finds its algorithms when they are first asked for: the random numbers, and what reads
 * keys, take longest. */
static void ssh_warm(void)
{
    static const char no_key[] = "-----BEGIN NO KEY-----\n";
    unsigned char byte;
    BIO *bio = BIO_new_mem_buf(no_key, (int)sizeof(no_key) - 1);

    library_init();
    (void)RAND_bytes(&byte, 1);
    EVP_PKEY_free(bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL);
    ERR_clear_error();
    BIO_free(bio);
}

/* What of the configuration is for ssh(1) alone, or NULL. */
static const char *configuration_lacks(const struct ssh_config *config)
{
    const struct {
        bool wanted;
        const char *what;
    } wants[] = {
        {config->rekey_limit, "there is a RekeyLimit"},
        {config->binds, "there is a BindAddress, a BindInterface or an AddressFamily"},
    };

    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
        if (wants[i].wanted)
            return wants[i].what;
    return NULL;
}

static char *ssh_lacks(const struct ssh_gateway *gateway, struct ctx *ctx)
{
    struct host_key_book book;
    const char *what = configuration_lacks(&gateway->config);

    library_init();
    char *lacks = what ? strdup(what) : algorithms_lacking(&gateway->config);

    if (!lacks && host_key_book_init(&book, gateway, ctx->err) == 0) {
        lacks = host_key_lacks(&book);
        host_key_book_release(&book);
    }
    return lacks || ctx->err->code != ERR_NONE ? lacks : auth_lacks(gateway, ctx);
}

/* 0, or -1 with ctx->err or *lacking set. */
static int log_in(struct session *session, const struct host_key_book *book, char **lacking,
                  struct ctx *ctx)
{
    struct ctx hurried = ssh_gateway_hurry(session->gateway, ctx);

    if (session_shake_hands(session, lacking, &hurried) == -1 ||
        host_key_check(book, session, ctx) == -1)
        return -1;
    timing_mark(ctx, TIMING_TLS);
    session->timing = true;
    int done = auth_log_in(session, lacking, ctx);
    session->timing = false;
    timing_mark(ctx, TIMING_AUTH);
    return done;
}

static struct stream *ssh_dial(const struct ssh_gateway *gateway, struct stream *below,
                               const struct endpoint *to, char **lacking, struct ctx *ctx)
{
    struct host_key_book book;
    struct stream *stream = NULL;

    library_init();
    if (host_key_book_init(&book, gateway, ctx->err) == -1) {
        stream_close(below);
        return NULL;
    }
    char *algorithms = host_key_algorithms(&book);
    struct session *session = session_new(gateway, algorithms, below, ctx);
    if (session && log_in(session, &book, lacking, ctx) == 0)
        stream = channel_open(session, to, ctx);
    if (stream)
        timing_mark(ctx, TIMING_HANDSHAKE);
    else
        session_free(session);
    free(algorithms);
    host_key_book_release(&book);
    return stream;
}

const struct ssh_module STILE_MODULE = {
    .abi = TRANSPORT_ABI,
    .warm = ssh_warm,
    .lacks = ssh_lacks,
    .dial = ssh_dial,
};
