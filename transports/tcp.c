/* SPDX-License-Identifier: MIT */
#include "transports/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "core/clock.h"
#include "core/os.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/happy.h"
#include "transports/resolve.h"

_Static_assert(HAPPY_TRIES_MAX + RESOLVE_FDS <= CTX_WAIT_FDS,
               "a dial waits for all of them at once");

/* Addresses that a failure lists; a person reads no more. */
#define SHOWN_MAX 4

/* One dial: the network as happy.c sees it. */
struct tcp_dial {
    struct ctx *ctx;
    struct addresses addresses;
    struct resolve *resolve; /* NULL when the host is an address */
    bool begun;              /* an address is tried, or was */
};

/* --- the network for happy.c --- */

static int64_t tcp_now_ns(void *net)
{
    (void)net;
    return clock_ns();
}

static void tcp_set_options(int fd)
{
    /* ssh cannot set these itself, for it sees pipes. Urgent data is part of the stream for
     * everyone whom we relay for (RFC 6093 section 5). None of them is worth failing for. */
    static const struct {
        int level;
        int option;
    } wanted[] = {
        {IPPROTO_TCP, TCP_NODELAY},
        {SOL_SOCKET, SO_KEEPALIVE},
        {SOL_SOCKET, SO_OOBINLINE},
    };
    int on = 1;

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        (void)setsockopt(fd, wanted[i].level, wanted[i].option, &on, sizeof(on));
}

static int tcp_connect(void *net, const struct address *to)
{
    struct tcp_dial *dial = net;
    char text[ADDRESS_TEXT_MAX];
    int fd = os_socket(to->sa.any.sa_family, SOCK_STREAM, 0);

    if (fd == -1)
        return -1;
    if (dial->resolve && !dial->begun)
        timing_mark(dial->ctx, TIMING_NAME);
    dial->begun = true;
    TRACE(dial->ctx->trace, "tcp", "connecting to %s", address_text(to, text));
    tcp_set_options(fd);
    if (connect(fd, &to->sa.any, to->len) == -1 && errno != EINPROGRESS && errno != EINTR) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void tcp_ended(void *net, const struct happy_try *try)
{
    const struct tcp_dial *dial = net;
    char text[ADDRESS_TEXT_MAX];

    TRACE(dial->ctx->trace, "tcp", "%s: %s", address_text(try->address, text),
          try->error ? strerror(try->error) : "connected");
}

static int tcp_result(void *net, int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);

    (void)net;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 ? errno : error;
}

static void tcp_abandon(void *net, int fd)
{
    (void)net;
    (void)close(fd);
}

static int tcp_wait(void *net, struct pollfd *attempts, nfds_t count, int64_t until_ns)
{
    struct tcp_dial *dial = net;
    struct pollfd fds[HAPPY_TRIES_MAX + RESOLVE_FDS];
    nfds_t resolving = 0;

    if (count > 0)
        memcpy(fds, attempts, count * sizeof(*fds));
    if (dial->resolve)
        resolving = resolve_poll(dial->resolve, fds + count, &until_ns);
    if (ctx_wait(dial->ctx, fds, count + resolving, until_ns) == -1)
        return -1;
    if (dial->resolve)
        resolve_step(dial->resolve, fds + count, resolving);
    if (count > 0)
        memcpy(attempts, fds, count * sizeof(*fds));
    return 0;
}

static const struct happy_ops tcp_net = {
    .now_ns = tcp_now_ns,
    .connect = tcp_connect,
    .result = tcp_result,
    .ended = tcp_ended,
    .abandon = tcp_abandon,
    .wait = tcp_wait,
};

/* --- failures --- */

/* The errno on which all attempts agree, or 0. */
static int common_error(const struct happy_report *report)
{
    int error = report->tries[0].error;

    for (size_t i = 1; i < report->count; i++)
        if (report->tries[i].error != error)
            return 0;
    return error;
}

/* "a, b" or, where they failed for different reasons, "a: why, b: why". Fresh memory, or NULL. */
static char *list_tries(const struct happy_report *report, bool with_errors)
{
    char *list = text_format("%s", "");

    for (size_t i = 0; list && i < report->count && i <= SHOWN_MAX; i++) {
        const struct happy_try *try = &report->tries[i];
        char address[ADDRESS_TEXT_MAX], *longer;
        const char *comma = i ? ", " : "";
        const char *why = try->error == EINPROGRESS ? "no answer yet" : strerror(try->error);

        if (i == SHOWN_MAX)
            longer = text_format("%s%s%zu more", list, comma, report->count - i);
        else if (with_errors)
            longer =
                text_format("%s%s%s: %s", list, comma, address_text(try->address, address), why);
        else
            longer = text_format("%s%s%s", list, comma, address_text(try->address, address));
        free(list);
        list = longer;
    }
    return list;
}

/* Says in ctx->err why nothing was reached. */
static void tcp_explain(const struct tcp_dial *dial, const struct happy_report *report,
                        const struct endpoint *to)
{
    struct err *err = dial->ctx->err;

    if (report->count == 0) {
        if (report->given_up)
            (void)err_wrap(err, "name: %s", to->host);
        else
            (void)resolve_fail(dial->resolve, err);
        return;
    }

    int error = common_error(report);
    if (!report->given_up)
        (void)err_set(err, ERR_CONNECT, "%s",
                      error ? strerror(error) : "no address could be reached");

    char *list = dial->resolve ? list_tries(report, !error) : NULL;
    if (list)
        (void)err_wrap(err, "tcp: %s (%s)", to->text, list);
    else
        (void)err_wrap(err, "tcp: %s", to->text);
    free(list);
}

/* --- the dial --- */

/* A connected descriptor, or -1 with ctx->err set. */
static int tcp_reach(struct tcp_dial *dial, const struct endpoint *to)
{
    struct ctx *ctx = dial->ctx;
    struct happy_report report;
    struct question question = {to->host, to->port, ctx->config->family, &dial->addresses,
                                ctx->trace};
    int numeric = resolve_numeric(&question, ctx->err);

    if (numeric == -1)
        return -1;
    if (!numeric) {
        TRACE(ctx->trace, "name", "looking up %s", to->host);
        dial->resolve = resolve_new(&question, ctx->err);
        if (!dial->resolve)
            return -1;
    }

    int fd = happy_dial(&tcp_net, dial, &dial->addresses, &report);
    if (fd == -1)
        tcp_explain(dial, &report, to);
    return fd;
}

struct stream *tcp_dial(const struct endpoint *to, struct ctx *ctx)
{
    struct tcp_dial dial = {.ctx = ctx};
    struct stream *stream = NULL;

    addresses_init(&dial.addresses);
    int fd = tcp_reach(&dial, to);
    if (fd != -1) {
        timing_mark(ctx, TIMING_TCP);
        stream = stream_fd_new(fd, fd);
        if (!stream) {
            (void)err_set(ctx->err, ERR_CONNECT, "tcp: %s: %s", to->text, strerror(errno));
            (void)close(fd);
        }
    }
    resolve_free(dial.resolve);
    return stream;
}
