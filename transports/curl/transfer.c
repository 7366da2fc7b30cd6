/* SPDX-License-Identifier: MIT */
#include "transports/curl/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/path.h"
#include "core/address.h"
#include "core/clock.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/http.h"

/* --- sockets for libcurl --- */

/* The descriptor of a TCP connection that nothing layers on, or -1. */
static int tcp_descriptor(const struct stream *stream)
{
    struct sockaddr_storage self;
    socklen_t size = sizeof(self);
    int fd = stream_socket(stream);

    if (fd == -1 || getsockname(fd, (struct sockaddr *)&self, &size) == -1)
        return -1;
    return self.ss_family == AF_INET || self.ss_family == AF_INET6 ? fd : -1;
}

static void hang_up(struct transfer *transfer)
{
    pump_release(&transfer->pump);
    gate_bridge_free(transfer->bridge);
    stream_close(transfer->stream);
    transfer->bridge = NULL;
    transfer->stream = NULL;
}

/* Called again when the proxy has closed after a 407. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    curl_socket_t fd = CURL_SOCKET_BAD;

    (void)purpose;
    hang_up(transfer);
    transfer->stream = dialer_dial(transfer->below, &transfer->hop->address, transfer->ctx);
    if (!transfer->stream)
        return CURL_SOCKET_BAD;
    if (!transfer->tls) {
        transfer->pump.question = transfer->question;
        transfer->question = NULL;
        return gate_open(&transfer->pump.gate, address, transfer->ctx->err);
    }
    if (tcp_descriptor(transfer->stream) != -1)
        return tcp_descriptor(transfer->stream);
    transfer->bridge = gate_bridge_new(transfer->stream, address, &fd, transfer->ctx);
    transfer->stream = NULL;
    return fd;
}

static int set_up_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    const struct transfer *transfer = arg;

    (void)purpose;
    return transfer->stream && stream_socket(transfer->stream) == fd
               ? CURL_SOCKOPT_ALREADY_CONNECTED
               : CURL_SOCKOPT_OK;
}

/* The descriptor of a stream is the stream's to close. */
static int close_socket(void *arg, curl_socket_t fd)
{
    const struct transfer *transfer = arg;

    if (transfer->stream && stream_socket(transfer->stream) == fd)
        return 0;
    return close(fd);
}

/* --- what libcurl hears and says --- */

/* Does the proxy ask again and again? */
bool transfer_is_loop(const struct transfer *transfer)
{
    return transfer->requests > TRANSFER_REQUESTS_MAX;
}

/* The lines of the heads, one by one; only TLS leaves it to libcurl to hear them. */
static size_t take_header(char *line, size_t one, size_t size, void *arg)
{
    struct transfer *transfer = arg;
    struct http_reply *reply = &transfer->reply;
    struct curl_tlssessioninfo *session = NULL;

    (void)one;
    if (!transfer->tls)
        return size;
    /* Between two calls libcurl no longer knows. */
    if (curl_easy_getinfo(transfer->easy, CURLINFO_TLS_SSL_PTR, &session) == CURLE_OK && session &&
        session->backend == CURLSSLBACKEND_OPENSSL)
        transfer->ssl = session->internals;
    (void)reply->sink.take(&reply->sink, line, size);
    if (reply->fault)
        (void)err_set(transfer->ctx->err, ERR_REFUSED, "%s", reply->fault);
    return reply->fault || transfer_is_loop(transfer) ? 0 : size;
}

static size_t drop_body(char *data, size_t one, size_t size, void *arg)
{
    (void)data;
    (void)one;
    (void)arg;
    return size;
}

static bool has_login(const char *request, size_t size)
{
    static const char name[] = "Proxy-Authorization:";

    for (; size >= sizeof(name) - 1; request++, size--)
        if (strncasecmp(request, name, sizeof(name) - 1) == 0)
            return true;
    return false;
}

/* What was heard until now was the answer to another request. */
static void note_request(struct transfer *transfer, const char *request, size_t size)
{
    bool again = transfer_answered(transfer) && transfer->reply.status == 407;

    if (again)
        timing_mark(transfer->ctx, TIMING_AUTH);
    if (transfer->login_sent && again)
        transfer->refusals++;
    transfer->requests++;
    transfer->login_sent = transfer->login_sent || has_login(request, size);
    http_reply_release(&transfer->reply);
    http_reply_init(&transfer->reply);
}

/* libcurl's own words, but not the bytes on the wire, which hold credentials. */
static int take_words(CURL *easy, curl_infotype type, char *text, size_t size, void *arg)
{
    struct transfer *transfer = arg;
    static const char gss[] = "gss_init_sec_context() failed: ", up[] = "SSL connection using ";

    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        note_request(transfer, text, size);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    if (type != CURLINFO_TEXT || size == 0)
        return 0;
    TRACE_LEVEL(2, transfer->trace, "curl", "%.*s", (int)size, text);
    /* It has no other way to say that TLS is up. */
    if (size > strlen(up) && strncmp(text, up, strlen(up)) == 0) {
        transfer->tls_up = true;
        timing_mark(transfer->ctx, TIMING_TLS);
    }
    if (size > strlen(gss) && strncmp(text, gss, strlen(gss)) == 0) {
        free(transfer->gss);
        text += strlen(gss);
        size -= strlen(gss);
        while (size > 0 && strchr(". ", text[size - 1]))
            size--;
        transfer->gss = strndup(text, size);
    }
    return 0;
}

/* --- what libcurl waits for --- */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct transfer *transfer = arg;

    (void)easy;
    (void)unused;
    transfer->fd = what == CURL_POLL_REMOVE ? CURL_SOCKET_BAD : fd;
    transfer->events = what;
    return 0;
}

static int watch_clock(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfer *transfer = arg;

    (void)multi;
    transfer->timer_ns = timeout_ms < 0 ? CLOCK_NEVER : clock_ns() + timeout_ms * CLOCK_MS;
    return 0;
}

/* --- options --- */

/* Is it an address in one of the ways of inet_aton(3) that libcurl would write in another? */
static bool is_rewritten(const char *host)
{
    struct address address;
    struct in_addr plain;

    return !strchr(host, ':') && address_parse(&address, host) &&
           inet_pton(AF_INET, host, &plain) != 1;
}

/* Hosts go into a URL, where some bytes would end them. */
static int check_target(const struct endpoint *to, struct err *err)
{
    static const char chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:";

    if (to->host && is_rewritten(to->host))
        return err_set(err, ERR_USAGE, "%s: write the address with all its four numbers", to->text);
    if (to->host && !to->host[strspn(to->host, chars)])
        return 0;
    return err_set(err, ERR_USAGE, "%s: only ASCII letters, digits and -._ may be in the name here",
                   to->text);
}

/* libcurl must not look the proxy up: it is where the stream below leads. An IPv6 address it does
 * not look up, and can't take here. */
static char *proxy_address(const struct hop *hop)
{
    const char *host = hop->address.host;
    char digits[TEXT_DIGITS_MAX];

    if (!host || strchr(host, ':'))
        host = "localhost";
    return text_join(host, ":", text_digits(hop->address.port ? hop->address.port : 1, digits),
                     ":127.0.0.1", (char *)NULL);
}

static char *proxy_url(const struct transfer *transfer)
{
    const struct endpoint *address = &transfer->hop->address;

    return text_join(transfer->tls ? "https://" : "http://",
                     address->host ? address->text : "localhost:1", (char *)NULL);
}

static int append(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = text ? curl_slist_append(*list, text) : NULL;

    if (!longer)
        return -1;
    *list = longer;
    return 0;
}

/* libcurl takes "Name:" for a header that it is to leave away, and "Name;" for an empty one. */
static int append_header(struct transfer *transfer, const char *header)
{
    size_t name = strcspn(header, ":");

    if (header[name + 1 + strspn(header + name + 1, " \t")])
        return append(&transfer->headers, header);
    char *empty = strndup(header, name + 1);
    if (empty)
        empty[name] = ';';
    int done = append(&transfer->headers, empty);
    free(empty);
    return done;
}

static int set_names(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    char *url = text_join("http://", transfer->to->text, (char *)NULL);
    char *proxy = proxy_url(transfer), *address = proxy_address(transfer->hop);
    bool good = url && proxy && append(&transfer->addresses, address) == 0 &&
                curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->addresses) == CURLE_OK;

    for (size_t i = 0; i < transfer->hop->setting_count; i++)
        if (strcmp(transfer->hop->settings[i].name, "header") == 0)
            good = good && append_header(transfer, transfer->hop->settings[i].value) == 0;
    free(url);
    free(proxy);
    free(address);
    return good ? 0 : -1;
}

static int set_file(const struct transfer *transfer, const char *setting, CURLoption option)
{
    const char *value = hop_setting(transfer->hop, setting);

    if (!value)
        return 0;
    char *path = path_expand(value);
    CURLcode code = path ? curl_easy_setopt(transfer->easy, option, path) : CURLE_OUT_OF_MEMORY;
    free(path);
    return code == CURLE_OK ? 0 : -1;
}

/* libcurl 7.88 looks at the target to tell whether the proxy is given by an IPv6 address, and would
 * look for a name in its certificate. */
static CURLcode expect_address(CURL *easy, void *context, void *arg)
{
    const struct transfer *transfer = arg;

    (void)easy;
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context),
                                         transfer->hop->address.host) == 1
               ? CURLE_OK
               : CURLE_SSL_CERTPROBLEM;
}

static int verify_address(struct transfer *transfer)
{
    CURL *easy = transfer->easy;

    if (!transfer->hop->address.host || !strchr(transfer->hop->address.host, ':'))
        return 0;
    return curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, expect_address) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer) == CURLE_OK
               ? 0
               : -1;
}

static int set_tls(struct transfer *transfer)
{
    const char *insecure = hop_setting(transfer->hop, "insecure");
    bool verify = !insecure || strcasecmp(insecure, "yes") != 0;
    CURL *easy = transfer->easy;

    /* An empty pass phrase keeps the TLS library from asking for one behind our back. */
    if (curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, (long)verify) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, verify ? 2L : 0L) != CURLE_OK ||
        (verify && verify_address(transfer) == -1) ||
        curl_easy_setopt(easy, CURLOPT_PROXY_KEYPASSWD, "") != CURLE_OK ||
        (hop_setting(transfer->hop, "cafile") &&
         curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL) != CURLE_OK) ||
        set_file(transfer, "cafile", CURLOPT_PROXY_CAINFO) == -1 ||
        set_file(transfer, "cert", CURLOPT_PROXY_SSLCERT) == -1)
        return -1;
    return set_file(transfer, hop_setting(transfer->hop, "key") ? "key" : "cert",
                    CURLOPT_PROXY_SSLKEY);
}

static int set_behaviour(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    static const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_HTTPPROXYTUNNEL, 1},
        {CURLOPT_CONNECT_ONLY, 1},
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_CONNECTTIMEOUT, 2000000}, /* the most it takes: the deadline is the ctx's */
        {CURLOPT_VERBOSE, 1},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK)
            return -1;
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_PROXYHEADER, transfer->headers);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, take_words);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_up_socket);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer);
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETDATA, transfer);
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_TIMERFUNCTION, watch_clock);
    (void)curl_multi_setopt(transfer->multi, CURLMOPT_TIMERDATA, transfer);
    return 0;
}

int transfer_init(struct transfer *transfer, const struct hop *hop, const struct dialer *below,
                  const struct endpoint *to, struct ctx *ctx)
{
    memset(transfer, 0, sizeof(*transfer));
    transfer->hop = hop;
    transfer->below = below;
    transfer->to = to;
    transfer->ctx = ctx;
    transfer->trace = ctx->trace;
    transfer->tls = strcmp(hop->scheme, "https") == 0;
    transfer->fd = CURL_SOCKET_BAD;
    transfer->timer_ns = CLOCK_NEVER;
    transfer->pump = PUMP_INIT;
    http_reply_init(&transfer->reply);
    if (check_target(to, ctx->err) == -1)
        return -1;

    transfer->multi = curl_multi_init();
    transfer->easy = curl_easy_init();
    if (!transfer->multi || !transfer->easy || set_names(transfer) == -1 ||
        set_behaviour(transfer) == -1)
        return err_no_memory(ctx->err);
    if (transfer->tls && set_tls(transfer) == -1)
        return err_set(ctx->err, ERR_MODULE, "this libcurl has no TLS for proxies");
    return 0;
}

int transfer_log_in(struct transfer *transfer, unsigned schemes, const char *user,
                    const char *secret)
{
    static const struct {
        unsigned scheme;
        unsigned long bit;
    } bits[] = {
        {HTTP_AUTH_BASIC, CURLAUTH_BASIC},
        {HTTP_AUTH_DIGEST, CURLAUTH_DIGEST},
        {HTTP_AUTH_NTLM, CURLAUTH_NTLM},
        {HTTP_AUTH_NEGOTIATE, CURLAUTH_NEGOTIATE},
    };
    unsigned long mask = 0;

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (schemes & bits[i].scheme)
            mask |= bits[i].bit;
    if (mask == 0)
        return 0;
    /* Negotiate wants a user to be set, and does not look at it. */
    if (curl_easy_setopt(transfer->easy, CURLOPT_PROXYAUTH, mask) != CURLE_OK ||
        curl_easy_setopt(transfer->easy, CURLOPT_PROXYUSERNAME, user ? user : "") != CURLE_OK ||
        curl_easy_setopt(transfer->easy, CURLOPT_PROXYPASSWORD, secret ? secret : "") != CURLE_OK)
        return err_no_memory(transfer->ctx->err);
    return 0;
}

/* --- the run --- */

static bool is_pumped(const struct transfer *transfer)
{
    return !transfer->tls && transfer->stream;
}

/* Sleeps until there is something to do for libcurl or the pump, and lets the pump do its part. 0,
 * or -1 with ctx->err set. */
static int wait_and_pump(struct transfer *transfer, struct pollfd *curl)
{
    struct pollfd fds[3] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
    int64_t until_ns = transfer->timer_ns;

    if (transfer->fd != CURL_SOCKET_BAD) {
        fds[0].fd = transfer->fd;
        fds[0].events = (short)((transfer->events & CURL_POLL_IN ? POLLIN : 0) |
                                (transfer->events & CURL_POLL_OUT ? POLLOUT : 0));
    }
    if (is_pumped(transfer) &&
        pump_poll(&transfer->pump, transfer->stream, &transfer->reply, &fds[1]))
        until_ns = 0;
    if (ctx_wait(transfer->ctx, fds, 3, until_ns) == -1)
        return -1;
    *curl = fds[0];
    if (!is_pumped(transfer))
        return 0;
    return pump_step(&transfer->pump, transfer->stream, &transfer->reply, transfer->ctx);
}

static void tell_curl(const struct transfer *transfer, const struct pollfd *curl, int *running)
{
    int events = (curl->revents & POLLIN ? CURL_CSELECT_IN : 0) |
                 (curl->revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
                 (curl->revents & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0);

    if (curl->fd != -1 && events)
        (void)curl_multi_socket_action(transfer->multi, curl->fd, events, running);
    if (clock_ns() >= transfer->timer_ns)
        (void)curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, running);
}

CURLcode transfer_run(struct transfer *transfer)
{
    struct pollfd curl;
    int running = 1, left;

    if (curl_multi_add_handle(transfer->multi, transfer->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    (void)curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (running && !transfer_is_loop(transfer)) {
        if (wait_and_pump(transfer, &curl) == -1) {
            (void)http_fail_connect(transfer->to, transfer->ctx);
            return CURLE_ABORTED_BY_CALLBACK;
        }
        tell_curl(transfer, &curl, &running);
    }
    if (running)
        return CURLE_ABORTED_BY_CALLBACK;
    const CURLMsg *message = curl_multi_info_read(transfer->multi, &left);
    return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

bool transfer_answered(const struct transfer *transfer)
{
    return transfer->reply.sink.done && !transfer->reply.fault;
}

void transfer_reset(struct transfer *transfer)
{
    (void)curl_multi_remove_handle(transfer->multi, transfer->easy);
    hang_up(transfer);
    http_reply_release(&transfer->reply);
    http_reply_init(&transfer->reply);
    transfer->fd = CURL_SOCKET_BAD;
    transfer->timer_ns = CLOCK_NEVER;
    transfer->login_sent = transfer->tls_up = false;
    transfer->requests = transfer->refusals = 0;
    transfer->ssl = NULL;
    transfer->why[0] = '\0';
    free(transfer->gss);
    transfer->gss = NULL;
}

void transfer_release(struct transfer *transfer)
{
    if (transfer->easy && transfer->multi)
        (void)curl_multi_remove_handle(transfer->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    if (transfer->multi)
        (void)curl_multi_cleanup(transfer->multi);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->addresses);
    http_reply_release(&transfer->reply);
    hang_up(transfer);
    free(transfer->gss);
}
