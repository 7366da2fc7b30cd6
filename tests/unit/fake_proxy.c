/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

const struct proxy_below proxy_belows[PROXY_BELOWS] = {
    [PROXY_UNIX] = {.name = "Unix socket"},
    [PROXY_TCP] = {.name = "TCP", .tcp = true},
    [PROXY_AHEAD] = {.name = "layered, decoded ahead", .layered = true, .layer = {.ahead = 65536}},
    [PROXY_SLOWLY] = {.name = "layered, a byte at a time",
                      .layered = true,
                      .layer = {.piece = 1, .shy = true}},
};

static struct stream *proxy_dial(const struct hop *hop, const struct dialer *below,
                                 const struct endpoint *to, struct ctx *ctx)
{
    struct fake_proxy *proxy = (struct fake_proxy *)(uintptr_t)below;
    int ends[2];

    assert_null(hop);
    assert_ptr_equal(ctx, &proxy->fake.ctx);
    if (proxy->dials == proxy->script_count) {
        (void)err_set(ctx->err, ERR_CONNECT, "nobody is there");
        return NULL;
    }
    (proxy->below->tcp ? fd_tcp_pair : fd_socketpair)(ends);
    (void)snprintf(proxy->dialed[proxy->dials], sizeof(proxy->dialed[0]), "%s", to->text);
    proxy->players[proxy->dials] = player_start(ends[1], &proxy->scripts[proxy->dials]);
    proxy->dials++;
    proxy->last = stream_fd_new(ends[0], ends[0]);
    assert_non_null(proxy->last);
    if (proxy->below->layered)
        proxy->last = layer_new(proxy->last, &proxy->below->layer);
    return proxy->last;
}

static const struct transport proxy_transport = {.name = "fake", .dial = proxy_dial};

void fake_proxy_init(struct fake_proxy *proxy, const struct proxy_below *below,
                     const struct player_script *scripts, size_t count, int64_t limit_ms)
{
    memset(proxy, 0, sizeof(*proxy));
    fake_ctx_init(&proxy->fake, limit_ms);
    proxy->trace = fd_file("", 0);
    proxy->fake.trace.fd = proxy->trace;
    proxy->fake.trace.level = 3;
    TRACE(&proxy->fake.trace, "test", "start");
    /* The one thing that a dialer hands to its transport untouched. */
    proxy->dialer = (struct dialer){.transport = &proxy_transport, .below = &proxy->dialer};
    proxy->below = below;
    proxy->scripts = scripts;
    proxy->script_count = count;
    assert_true(count <= PROXY_SCRIPTS_MAX);
}

struct stream *fake_proxy_dial(struct fake_proxy *proxy, const struct transport *transport,
                               const char *url, const char *target)
{
    struct endpoint to = ENDPOINT_INIT;
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, url, HOP_FROM_ARGV, &err), 0);
    assert_int_equal(hops.count, 1);
    assert_int_equal(hop_default_port(&hops.hop[0], transport->default_port, &err), 0);
    assert_int_equal(transport->check(&hops.hop[0], &err), 0);
    assert_int_equal(endpoint_parse(&to, target, 0, &err), 0);
    struct stream *stream = transport->dial(&hops.hop[0], &proxy->dialer, &to, &proxy->fake.ctx);
    for (size_t i = 0; i < proxy->dials; i++)
        assert_string_equal(proxy->dialed[i], hops.hop[0].address.text);
    endpoint_release(&to);
    hops_release(&hops);
    if (stream)
        assert_err_unset(&proxy->fake.err);
    else
        assert_int_not_equal(proxy->fake.err.code, ERR_NONE);
    return stream;
}

static void expect(struct fake_proxy *proxy, struct stream *stream, const char *text)
{
    char got[100];
    size_t size = strlen(text);

    assert_true(size < sizeof(got));
    for (size_t at = 0; at < size;) {
        ssize_t n = stream_read(stream, got + at, size - at);
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        if (n != STREAM_AGAIN)
            unit_fail("the end came before `%s`", text + at);
        struct pollfd pfd = {.fd = -1};
        int ready = stream_wait(stream, POLLIN, &pfd);
        if (ctx_wait(&proxy->fake.ctx, &pfd, 1, ready ? 0 : CLOCK_NEVER) == -1)
            unit_fail("waiting for `%s`: %s", text + at, err_text(&proxy->fake.err));
    }
    got[size] = '\0';
    assert_string_equal(got, text);
}

static void say(struct stream *stream, const char *text)
{
    while (*text) {
        ssize_t n = stream_write(stream, text, strlen(text));
        assert_int_not_equal(n, STREAM_FAIL);
        if (n > 0)
            text += n;
    }
}

void fake_proxy_talk(struct fake_proxy *proxy, struct stream *stream)
{
    assert_non_null(stream);
    assert_ptr_equal(stream, proxy->last);
    expect(proxy, stream, BANNER);
    say(stream, "ping");
    expect(proxy, stream, "pong");
    stream_close(stream);
}

static void check_trace(struct fake_proxy *proxy, const char *hidden)
{
    off_t size = lseek(proxy->trace, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);

    assert_non_null(text);
    assert_int_equal(pread(proxy->trace, text, (size_t)size, 0), size);
    text[size] = '\0';
    assert_true(size > 0);
    if (hidden && strstr(text, hidden))
        unit_fail("the trace shows it: %s", text);
    /* A payload byte, neither. */
    assert_null(strstr(text, "banner"));
    free(text);
    fd_close(&proxy->trace);
}

void fake_proxy_finish(struct fake_proxy *proxy, const char *hidden)
{
    for (size_t i = 0; i < proxy->dials; i++)
        player_finish(proxy->players[i]);
    assert_int_equal(proxy->dials, proxy->script_count);
    err_release(&proxy->fake.err);
    check_trace(proxy, hidden);
}
