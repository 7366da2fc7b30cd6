/* SPDX-License-Identifier: MIT */
#include "transports/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fdpass.h"
#include "core/os.h"
#include "core/text.h"

#define SELF_VARIABLE "STILE_SELF"
#define SOCKET_VARIABLE "STILE_SOCKET"

#define PATH_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path))
#define PATH_START offsetof(struct sockaddr_un, sun_path)

static const char hex_digits[] = "0123456789abcdef";

/* --- giving --- */

int handover_open(struct handover *handover, struct err *err)
{
    handover->listener = os_listener_new(&handover->address, &handover->size);
    if (handover->listener == -1)
        return err_set(err, ERR_CONNECT, "a socket for ssh: %s", strerror(errno));
    return 0;
}

/* The path in hexadecimal: an abstract one begins with a NUL, and may have more of them. */
static void encode_path(const struct handover *handover, char hex[2 * PATH_BYTES + 1])
{
    const char *path = handover->address.sun_path;
    size_t size = handover->size - PATH_START;

    for (size_t i = 0; i < size; i++) {
        *hex++ = hex_digits[(unsigned char)path[i] >> 4];
        *hex++ = hex_digits[(unsigned char)path[i] & 15];
    }
    *hex = '\0';
}

/* ssh runs its ProxyCommand by $SHELL, and takes it as it is. */
static bool lacks_shell(void)
{
    const char *shell = getenv("SHELL");

    return shell && access(shell, X_OK) == -1;
}

int handover_environment(const struct handover *handover, char *variables[HANDOVER_VARIABLES])
{
    char hex[2 * PATH_BYTES + 1];
    char *self = os_executable();
    bool lacking = lacks_shell();

    encode_path(handover, hex);
    variables[0] = text_join(SELF_VARIABLE "=", self ? self : "stile", (char *)NULL);
    variables[1] = text_join(SOCKET_VARIABLE "=", hex, (char *)NULL);
    variables[2] = lacking ? strdup("SHELL=/bin/sh") : NULL;
    free(self);
    if (variables[0] && variables[1] && (variables[2] || !lacking))
        return 0;
    for (int i = 0; i < HANDOVER_VARIABLES; i++) {
        free(variables[i]);
        variables[i] = NULL;
    }
    return -1;
}

int handover_give(struct handover *handover, int fd, struct ctx *ctx)
{
    int peer = accept(handover->listener, NULL, NULL);

    if (peer == -1 &&
        (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR))
        return 0;
    if (peer == -1)
        return err_set(ctx->err, ERR_CONNECT, "a socket for ssh: %s", strerror(errno));
    (void)fcntl(peer, F_SETFD, FD_CLOEXEC);
    if (!os_is_own_user(peer)) {
        TRACE(ctx->trace, "ssh", "a stranger asked for the connection");
        (void)close(peer);
        return 0;
    }
    /* Whoever asked and has gone is ssh's business: it will say so. */
    struct err gone = ERR_INIT;
    struct ctx own = *ctx;
    own.err = &gone;
    int done = fdpass_send(peer, fd, &own);
    err_release(&gone);
    (void)close(peer);
    if (done == -1)
        return 0;
    handover_close(handover);
    return 1;
}

void handover_close(struct handover *handover)
{
    if (handover->listener != -1)
        os_listener_close(handover->listener, &handover->address);
    handover->listener = -1;
}

/* --- fetching --- */

bool handover_is_asked(int argc, char *const *argv)
{
    return argc == 2 && strcmp(argv[1], HANDOVER_OPTION) == 0 && getenv(SOCKET_VARIABLE);
}

/* The address that encode_path has written. False when it is none. */
static bool decode_address(const char *hex, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(hex);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length == 0 || length % 2 || length / 2 > PATH_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(hex_digits, hex[i]);
        if (!digit)
            return false;
        unsigned char byte = (unsigned char)address->sun_path[i / 2];
        byte = (unsigned char)(byte << 4 | (digit - hex_digits));
        memcpy(&address->sun_path[i / 2], &byte, 1);
    }
    *size = (socklen_t)(PATH_START + length / 2);
    return true;
}

int handover_fetch(int out, struct ctx *ctx)
{
    const char *hex = getenv(SOCKET_VARIABLE);
    struct sockaddr_un address;
    socklen_t size;
    int done = -1, fd = -1;

    if (!hex || !decode_address(hex, &address, &size))
        return err_set(ctx->err, ERR_USAGE, "handover: " SOCKET_VARIABLE " is no address");
    int sock = os_socket(AF_UNIX, SOCK_STREAM, 0);
    if (sock == -1 || connect(sock, (const struct sockaddr *)&address, size) == -1)
        (void)err_set(ctx->err, ERR_CONNECT, "%s", strerror(errno));
    else
        fd = fdpass_receive(sock, ctx);
    if (fd != -1) {
        done = fdpass_send(out, fd, ctx);
        (void)close(fd);
    }
    if (sock != -1)
        (void)close(sock);
    return done == 0 ? 0 : err_wrap(ctx->err, "handover");
}
