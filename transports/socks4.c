/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/socket.h>

#include "config/credential.h"
#include "core/exchange.h"
#include "core/timing.h"
#include "transports/lookup.h"
#include "transports/socks.h"
#include "transports/socks_codec.h"

static int socks4_check(const struct hop *hop, struct err *err)
{
    const char *user = hop->user ? hop->user : hop_setting(hop, "user");

    if (user && strlen(user) > SOCKS_FIELD_MAX)
        return err_set(err, ERR_USAGE, "column %u: the user is longer than %d bytes", hop->column,
                       SOCKS_FIELD_MAX);
    return credential_check(hop, err);
}

static int shake_hands(struct stream *stream, const struct socks_target *target, const char *user,
                       struct ctx *ctx)
{
    struct socks_message message;
    uint8_t reply[SOCKS4_REPLY_SIZE];

    if (socks4_request(&message, target, user, ctx->err) == -1 ||
        exchange_send(stream, message.bytes, message.size, ctx) == -1 ||
        exchange_receive(stream, reply, sizeof(reply), ctx) == -1)
        return -1;
    return socks4_parse_reply(reply, ctx->err);
}

static struct stream *socks4_dial(const struct hop *hop, const struct dialer *below,
                                  const struct endpoint *to, struct ctx *ctx)
{
    const char *user = hop->user ? hop->user : hop_setting(hop, "user");
    struct socks_target target = {.host = to->host, .port = to->port};
    struct addresses addresses;
    struct address address;

    if (address_parse(&address, to->host)) {
        target.address = &address;
    } else if (strcmp(hop->scheme, "socks4") == 0) {
        addresses_init(&addresses);
        if (lookup(to, AF_INET, &addresses, ctx) == -1)
            return NULL;
        target.address = &addresses.found[FAMILY_V4][0];
    }

    struct stream *stream = dialer_dial(below, &hop->address, ctx);
    if (!stream)
        return NULL;
    if (shake_hands(stream, &target, user ? user : "", ctx) == 0) {
        timing_mark(ctx, TIMING_HANDSHAKE);
        return stream;
    }
    (void)err_wrap(ctx->err, "%s", to->text);
    stream_close(stream);
    return NULL;
}

static const char *const socks4_schemes[] = {"socks4", "socks4a", NULL};
static const char *const socks4_settings[] = {"user", NULL};

const struct transport socks4_transport = {
    .name = "socks",
    .schemes = socks4_schemes,
    .settings = socks4_settings,
    .default_port = 1080,
    .check = socks4_check,
    .dial = socks4_dial,
};
