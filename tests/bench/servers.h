/* SPDX-License-Identifier: MIT */
/*
 * What the tools are measured against: servers on loopback, each a process of its own that takes
 * one connection after the other. Every one greets with a byte, and none hangs up before its client
 * does, so that a tool still runs when the bench has seen the last byte.
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_CHUNK                                                                               \
    ((size_t)1 << 20) /* bytes for one call: calls are few, and it stays in the cache */
#define SERVER_GREETING 'h'
#define SERVER_RECEIPT 'r'

enum server_kind {
    SERVER_SOURCE, /* reads a uint64_t, sends as many bytes */
    SERVER_SINK,   /* reads a uint64_t, takes as many bytes, sends a receipt */
    SERVER_ECHO,   /* sends back what comes */
    SERVER_GREETER,
    SERVER_KINDS,
};

struct server {
    uint16_t port;
    pid_t pid;
};

static bool server_receive(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool server_send(int fd, const char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, data + done, size - done, 0);

        if (sent < 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

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

static void server_run(int listener, bool (*serve)(int fd, char *buffer))
{
    char *buffer = calloc(1, SERVER_CHUNK);

    (void)signal(SIGPIPE, SIG_IGN);
    while (buffer) {
        int one = 1;
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (server_send(fd, &(char){SERVER_GREETING}, 1) && serve(fd, buffer))
            while (recv(fd, buffer, SERVER_CHUNK, 0) > 0)
                continue;
        (void)close(fd);
    }
}

static int server_listen(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* Starts all kinds. They die with the bench, however it ends. False with errno set. */
static bool servers_start(struct server servers[SERVER_KINDS])
{
    static bool (*const serve[SERVER_KINDS])(int, char *) = {
        [SERVER_SOURCE] = server_be_source,
        [SERVER_SINK] = server_be_sink,
        [SERVER_ECHO] = server_be_echo,
        [SERVER_GREETER] = server_be_greeter,
    };

    for (size_t i = 0; i < SERVER_KINDS; i++) {
        int listener = server_listen(&servers[i].port);

        if (listener < 0)
            return false;
        servers[i].pid = fork();
        if (servers[i].pid < 0)
            return false;
        if (servers[i].pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            server_run(listener, serve[i]);
            _exit(1);
        }
        (void)close(listener);
    }
    return true;
}

#endif
