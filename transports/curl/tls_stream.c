/* SPDX-License-Identifier: MIT */
#include "transports/curl/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"

/* What TLS puts into one record. */
#define RECORD_BYTES 16384

struct tls_stream {
    struct stream stream;
    struct transfer *transfer;
    curl_socket_t fd;
    bool drained; /* the last read found nothing, so that poll(2) will tell of more */
    bool shut;
    bool own_writer; /* libcurl's is replaced: nothing more is sent by it */

    /* OpenSSL wants a write that found no room to be tried again with the very same bytes. */
    size_t staged, sent;
    char stage[RECORD_BYTES];
};

static struct tls_stream *tls_stream(struct stream *stream)
{
    return (struct tls_stream *)stream;
}

/* RFC 8446 section 6.1: without a close_notify nobody knows whether that was all. */
static bool is_truncated(const struct tls_stream *tls)
{
    const SSL *ssl = tls->transfer->ssl;

    return ssl && !(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
}

static ssize_t tls_read(struct stream *stream, void *data, size_t size)
{
    struct tls_stream *tls = tls_stream(stream);
    size_t got = 0;
    CURLcode code = curl_easy_recv(tls->transfer->easy, data, size, &got);

    tls->drained = code == CURLE_AGAIN;
    if (code == CURLE_AGAIN)
        return STREAM_AGAIN;
    if (code == CURLE_OK && (got > 0 || !is_truncated(tls)))
        return (ssize_t)got;
    TRACE(tls->transfer->trace, "curl", "receiving: %s",
          code == CURLE_OK ? "TLS ended without a close_notify" : tls->transfer->why);
    errno = ECONNRESET;
    return STREAM_FAIL;
}

static ssize_t tls_write(struct stream *stream, const void *data, size_t size)
{
    struct tls_stream *tls = tls_stream(stream);

    if (tls->staged == 0) {
        tls->staged = size < sizeof(tls->stage) ? size : sizeof(tls->stage);
        memcpy(tls->stage, data, tls->staged);
    }
    while (tls->sent < tls->staged) {
        size_t put = 0;
        CURLcode code = curl_easy_send(tls->transfer->easy, tls->stage + tls->sent,
                                       tls->staged - tls->sent, &put);
        if (code == CURLE_AGAIN)
            return STREAM_AGAIN;
        if (code != CURLE_OK) {
            errno = EPIPE;
            return STREAM_FAIL;
        }
        tls->sent += put;
    }
    ssize_t taken = (ssize_t)tls->staged;
    tls->staged = tls->sent = 0;
    return taken;
}

/* libcurl's own writer works within its calls only. 0, or -1 with errno. */
static int take_writer(const struct tls_stream *tls, SSL *ssl)
{
    BIO *writer = BIO_new_socket(tls->fd, BIO_NOCLOSE);

    if (!writer) {
        errno = ENOMEM;
        return -1;
    }
    SSL_set0_wbio(ssl, writer);
    return 0;
}

/* libcurl has no call to end one direction, so its TLS library is asked: RFC 8446 section 6.1, a
 * close_notify ends what we send and nothing else. */
static int tls_shut_wr(struct stream *stream)
{
    struct tls_stream *tls = tls_stream(stream);
    SSL *ssl = tls->transfer->ssl;

    if (tls->shut)
        return 0;
    if (ssl && !tls->own_writer && take_writer(tls, ssl) == -1)
        return STREAM_FAIL;
    tls->own_writer = true;
    ERR_clear_error();
    int done = ssl ? SSL_shutdown(ssl) : 0;
    if (done < 0 && SSL_get_error(ssl, done) == SSL_ERROR_WANT_WRITE)
        return STREAM_AGAIN;
    ERR_clear_error();
    if (done < 0) {
        errno = EPIPE;
        return STREAM_FAIL;
    }
    tls->shut = true;
    /* A command may know no other end, and hold its output open until then. */
    if (tls->transfer->bridge && gate_bridge_is_bare(tls->transfer->bridge))
        (void)shutdown(tls->fd, SHUT_WR);
    return 0;
}

static int tls_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    const struct tls_stream *tls = tls_stream(stream);

    pfd->fd = tls->fd;
    pfd->events = want;
    return want == POLLIN && !tls->drained;
}

/* A bridge has a relay of its own. */
static int64_t tls_tick(struct stream *stream)
{
    const struct tls_stream *tls = tls_stream(stream);

    return tls->transfer->bridge ? CLOCK_NEVER : stream_tick(tls->transfer->stream);
}

static int tls_finish(struct stream *stream, struct err *err)
{
    const struct tls_stream *tls = tls_stream(stream);

    if (tls->transfer->bridge)
        return gate_bridge_finish(tls->transfer->bridge, tls->fd, err);
    return stream_finish(tls->transfer->stream, err);
}

static void tls_close(struct stream *stream)
{
    struct tls_stream *tls = tls_stream(stream);

    transfer_release(tls->transfer);
    free(tls->transfer);
    free(tls);
}

static const struct stream_ops tls_ops = {
    .name = "tls",
    .read = tls_read,
    .write = tls_write,
    .shut_wr = tls_shut_wr,
    .wait = tls_wait,
    .tick = tls_tick,
    .finish = tls_finish,
    .close = tls_close,
};

struct stream *tls_stream_new(struct transfer **transfer)
{
    struct tls_stream *tls = malloc(sizeof(*tls));
    curl_socket_t fd = CURL_SOCKET_BAD;

    if (!tls || curl_easy_getinfo((*transfer)->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
        fd == CURL_SOCKET_BAD) {
        free(tls);
        (void)err_set((*transfer)->ctx->err, ERR_REFUSED, "libcurl has lost the connection");
        return NULL;
    }
    tls->stream = (struct stream){.ops = &tls_ops, .rfd = -1, .wfd = -1};
    tls->transfer = *transfer;
    tls->transfer->ctx = NULL;
    tls->transfer->below = NULL;
    tls->transfer->to = NULL;
    tls->fd = fd;
    tls->drained = tls->shut = tls->own_writer = false;
    tls->staged = tls->sent = 0;
    *transfer = NULL;
    return &tls->stream;
}
