/* SPDX-License-Identifier: MIT */
/*
 * What the tools are measured against: servers on loopback, each a process of its own that takes
 * one connection after the other. Every one greets with a byte, and none hangs up before its client
 * does, so that a tool still runs when the bench has seen the last byte.
 *
 * A server may have a gate: then it is a proxy and what stands behind the proxy in one, so that a
 * tool pays for the handshake, and nobody for a second process.
 *
 * The servers must cost less than the fastest tool, or they would be what is measured.
 */
#ifndef STILE_BENCH_SERVERS_H
#define STILE_BENCH_SERVERS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVER_CHUNK                                                                               \
    ((size_t)1 << 20) /* bytes for one call: calls are few, and it stays in the cache */
#define SERVER_GREETING 'h'
#define SERVER_RECEIPT 'r'

/*
 * From the proxy's reply to the greeting, as if it came from elsewhere. corkscrew takes what comes
 * with the reply for a part of it and would wait for ever.
 */
#define SERVER_PAUSE_NS 50000L

enum server_kind {
    SERVER_SOURCE, /* reads a uint64_t, sends as many bytes */
    SERVER_SINK,   /* reads a uint64_t, takes as many bytes, sends a receipt */
    SERVER_ECHO,   /* sends back what comes */
    SERVER_GREETER,
    SERVER_KINDS,
};

enum server_gate {
    GATE_NONE,
    GATE_HTTP,
    GATE_BASIC,  /* http, a 407 to whoever comes without Proxy-Authorization; any will do */
    GATE_DIGEST, /* the same with another challenge */
    GATE_SOCKS,  /* SOCKS5 */
    GATE_SOCKS_PASSWORD,
    GATES,
};

struct server {
    uint16_t port;
    pid_t pid;
};

static bool server_receive(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool server_send(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, (const char *)data + done, size - done, 0);

        if (sent < 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

/* --- gates --------------------------------------------------------------------------------------
 */

/* Takes a request up to its empty line. Nobody sends more before the reply. */
static bool server_receive_request(int fd, char *text, size_t size)
{
    size_t used = 0;

    do {
        ssize_t got = recv(fd, text + used, size - 1 - used, 0);

        if (got <= 0)
            return false;
        used += (size_t)got;
        text[used] = '\0';
    } while (!strstr(text, "\r\n\r\n"));
    return true;
}

static bool server_http(int fd, const char *challenge)
{
    static const char welcome[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    char request[4096];

    if (!server_receive_request(fd, request, sizeof(request)))
        return false;
    while (challenge && !strstr(request, "\r\nProxy-Authorization: ")) {
        if (!server_send(fd, challenge, strlen(challenge)) ||
            !server_receive_request(fd, request, sizeof(request)))
            return false;
    }
    return server_send(fd, welcome, sizeof(welcome) - 1);
}

static bool server_gate_http(int fd)
{
    return server_http(fd, NULL);
}

static bool server_gate_basic(int fd)
{
    return server_http(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                           "Proxy-Authenticate: Basic realm=\"bench\"\r\n"
                           "Content-Length: 0\r\n\r\n");
}

static bool server_gate_digest(int fd)
{
    return server_http(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                           "Proxy-Authenticate: Digest realm=\"bench\", nonce=\"0123456789\", "
                           "qop=\"auth\", algorithm=MD5\r\n"
                           "Content-Length: 0\r\n\r\n");
}

#define SOCKS_NONE 0x00
#define SOCKS_PASSWORD 0x02

/* A field with its length in the byte before it. */
static bool server_skip_field(int fd)
{
    uint8_t size;
    char field[UINT8_MAX];

    return server_receive(fd, &size, 1) && server_receive(fd, field, size);
}

static bool server_socks_method(int fd, uint8_t wanted)
{
    uint8_t head[2];
    uint8_t methods[UINT8_MAX];

    if (!server_receive(fd, head, sizeof(head)) || !server_receive(fd, methods, head[1]))
        return false;
    return memchr(methods, wanted, head[1]) && server_send(fd, (uint8_t[]){5, wanted}, 2);
}

static bool server_socks_password(int fd)
{
    uint8_t version;

    return server_receive(fd, &version, 1) && server_skip_field(fd) && server_skip_field(fd) &&
           server_send(fd, (uint8_t[]){1, 0}, 2);
}

static bool server_socks_request(int fd)
{
    static const uint8_t granted[10] = {5, 0, 0, 1};
    uint8_t head[4];
    uint8_t rest[18];
    bool good = server_receive(fd, head, sizeof(head));

    if (good && head[3] == 3)
        good = server_skip_field(fd) && server_receive(fd, rest, 2);
    else if (good)
        good = server_receive(fd, rest, head[3] == 1 ? 6 : 18);
    return good && server_send(fd, granted, sizeof(granted));
}

static bool server_gate_socks(int fd)
{
    return server_socks_method(fd, SOCKS_NONE) && server_socks_request(fd);
}

static bool server_gate_socks_password(int fd)
{
    return server_socks_method(fd, SOCKS_PASSWORD) && server_socks_password(fd) &&
           server_socks_request(fd);
}

/* Lets the client in, or not. */
static bool server_open_gate(int fd, enum server_gate gate)
{
    static bool (*const gates[GATES])(int fd) = {
        [GATE_HTTP] = server_gate_http,
        [GATE_BASIC] = server_gate_basic,
        [GATE_DIGEST] = server_gate_digest,
        [GATE_SOCKS] = server_gate_socks,
        [GATE_SOCKS_PASSWORD] = server_gate_socks_password,
    };
    struct timespec pause = {.tv_nsec = SERVER_PAUSE_NS};

    if (gate == GATE_NONE)
        return true;
    if (!gates[gate](fd))
        return false;
    (void)nanosleep(&pause, NULL);
    return true;
}

/* --- what they serve ----------------------------------------------------------------------------
 */

static bool server_be_source(int fd, char *buffer)
{
    uint64_t left;

    if (!server_receive(fd, &left, sizeof(left)))
        return false;
    while (left > 0) {
        size_t size = left < SERVER_CHUNK ? (size_t)left : SERVER_CHUNK;

        if (!server_send(fd, buffer, size))
            return false;
        left -= size;
    }
    return true;
}

static bool server_be_sink(int fd, char *buffer)
{
    uint64_t left;

    (void)buffer;
    if (!server_receive(fd, &left, sizeof(left)))
        return false;
    while (left > 0) {
        /* tcp(7): with MSG_TRUNC the bytes are taken and thrown away, without the cost of a copy.
         */
        ssize_t got = recv(fd, NULL, left < SERVER_CHUNK ? (size_t)left : SERVER_CHUNK, MSG_TRUNC);

        if (got <= 0)
            return false;
        left -= (uint64_t)got;
    }
    return server_send(fd, &(char){SERVER_RECEIPT}, 1);
}

static bool server_be_echo(int fd, char *buffer)
{
    ssize_t got;

    while ((got = recv(fd, buffer, SERVER_CHUNK, 0)) > 0) {
        if (!server_send(fd, buffer, (size_t)got))
            return false;
    }
    return got == 0;
}

static bool server_be_greeter(int fd, char *buffer)
{
    (void)fd;
    (void)buffer;
    return true;
}

/* --- processes ----------------------------------------------------------------------------------
 */

static void server_run(int listener, enum server_gate gate, enum server_kind kind)
{
    static bool (*const serve[SERVER_KINDS])(int, char *) = {
        [SERVER_SOURCE] = server_be_source,
        [SERVER_SINK] = server_be_sink,
        [SERVER_ECHO] = server_be_echo,
        [SERVER_GREETER] = server_be_greeter,
    };
    char *buffer = calloc(1, SERVER_CHUNK);

    (void)signal(SIGPIPE, SIG_IGN);
    /* The kernel rounds waits to 50 us unless told otherwise. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    while (buffer) {
        int one = 1;
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (server_open_gate(fd, gate) && server_send(fd, &(char){SERVER_GREETING}, 1) &&
            serve[kind](fd, buffer))
            while (recv(fd, buffer, SERVER_CHUNK, 0) > 0)
                continue;
        (void)close(fd);
    }
}

static int server_listen(const char *address, uint16_t *port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (inet_pton(AF_INET, address, &where.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&where, size) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&where, &size) < 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(where.sin_port);
    return fd;
}

/* Starts one, on the port that it has, or on any if that is 0. It dies with the bench, however that
 * ends. False with errno set. */
static bool server_start(struct server *server, const char *address, enum server_gate gate,
                         enum server_kind kind)
{
    int listener = server_listen(address, &server->port);

    if (listener < 0)
        return false;
    server->pid = fork();
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        server_run(listener, gate, kind);
        _exit(1);
    }
    (void)close(listener);
    return server->pid > 0;
}

#endif
