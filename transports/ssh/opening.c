/* SPDX-License-Identifier: MIT */
#include "transports/ssh/opening.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/ssh/window.h"
#include "transports/ssh/wire.h"
#include "transports/ssh_gateway.h"

/* An originator has to be named, and nobody asked us; openssh says the same. */
#define ORIGINATOR "127.0.0.1"
#define ORIGINATOR_PORT 65535

static LIBSSH2_CHANNEL *open_channel(struct session *session, const char *type,
                                     const uint8_t *message, size_t size, struct ctx *ctx)
{
    LIBSSH2_CHANNEL *lib;

    do {
        session->budget = session_prudence(session);
        lib = libssh2_channel_open_ex(session->lib, type, (unsigned)strlen(type), WINDOW_TOLD,
                                      OPENING_PACKET_BYTES, (const char *)message, (unsigned)size);
    } while (!lib && libssh2_session_last_errno(session->lib) == LIBSSH2_ERROR_EAGAIN &&
             (session_listen(session) || session_wait(session, ctx) == 0));
    session->budget = SIZE_MAX;
    return lib;
}

/* RFC 4254 section 5.1. */
static int explain_refusal(struct session *session, const char *doing, struct ctx *ctx)
{
    static const char *const reasons[] = {
        [0] = "refused",
        [1] = "refused",
        [2] = "it cannot connect there",
        [3] = "it knows no such channel",
        [4] = "it lacks the resources",
    };
    const struct session_refusal *refusal = &session->refusal;
    bool has_text = refusal->text && *refusal->text;
    const char *name = session->gateway->name;

    if (!refusal->heard)
        return session_fault(session, ERR_REFUSED, doing, ctx);
    if (refusal->reason == SESSION_CONNECT_FAILED && has_text)
        return err_set(ctx->err, ERR_REFUSED, "%s: %s: %s", name, doing, refusal->text);
    const char *reason = refusal->reason < sizeof(reasons) / sizeof(reasons[0])
                             ? reasons[refusal->reason]
                             : "refused";
    if (refusal->reason == SESSION_PROHIBITED && !session->gateway->exec)
        reason = "forwarding is refused; ?exec=nc %h %p may do";
    if (has_text)
        return err_set(ctx->err, ERR_REFUSED, "%s: %s: %s (it says: %s)", name, doing, reason,
                       refusal->text);
    return err_set(ctx->err, ERR_REFUSED, "%s: %s: %s", name, doing, reason);
}

LIBSSH2_CHANNEL *opening_direct(struct session *session, const struct endpoint *to, struct ctx *ctx)
{
    uint8_t message[4 * sizeof(uint32_t) + ENDPOINT_HOST_MAX + sizeof(ORIGINATOR)];
    uint8_t *end = wire_put_string(message, to->host, strlen(to->host));

    end = wire_put_u32(end, to->port);
    end = wire_put_string(end, ORIGINATOR, strlen(ORIGINATOR));
    end = wire_put_u32(end, ORIGINATOR_PORT);
    LIBSSH2_CHANNEL *lib =
        open_channel(session, "direct-tcpip", message, (size_t)(end - message), ctx);
    char *doing = lib ? NULL : text_join("connect to ", to->text, (char *)NULL);
    if (!lib)
        (void)explain_refusal(session, doing ? doing : "connect", ctx);
    free(doing);
    return lib;
}

/* 0, or -1 with ctx->err set. */
static int run_command(struct session *session, LIBSSH2_CHANNEL *lib, const char *command,
                       struct ctx *ctx)
{
    int code;

    do
        code = libssh2_channel_process_startup(lib, "exec", 4, command, (unsigned)strlen(command));
    while (code == LIBSSH2_ERROR_EAGAIN && session_wait(session, ctx) == 0);
    if (code == 0)
        return 0;
    if (code == LIBSSH2_ERROR_EAGAIN)
        return -1;
    if (code == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
        return err_set(ctx->err, ERR_REFUSED, "%s: running %s: refused", session->gateway->name,
                       session->gateway->exec[0]);
    return session_fault(session, ERR_REFUSED, "running a command", ctx);
}

LIBSSH2_CHANNEL *opening_command(struct session *session, const struct endpoint *to,
                                 struct ctx *ctx)
{
    char *command = ssh_gateway_command(session->gateway, to, ctx->err);
    LIBSSH2_CHANNEL *lib = command ? open_channel(session, "session", NULL, 0, ctx) : NULL;

    if (command && !lib)
        (void)explain_refusal(session, "a session", ctx);
    if (lib && run_command(session, lib, command, ctx) == -1)
        lib = NULL;
    free(command);
    return lib;
}
