/* SPDX-License-Identifier: MIT */
/* A way for libcurl to connect to ourselves: it calls connect(2) on a Unix socket, and here is the
 * other end. */
#ifndef STILE_TRANSPORTS_CURL_GATE_H
#define STILE_TRANSPORTS_CURL_GATE_H

#include <curl/curl.h>
#include <sys/un.h>

#include "core/err.h"

struct gate {
    int listener; /* -1 = closed */
    struct sockaddr_un address;
    socklen_t size;
};

#define GATE_CLOSED ((struct gate){.listener = -1})

/* Opens it and writes its address to `address`. The socket that libcurl is to connect, or -1 with
 * err set (ERR_CONNECT). */
curl_socket_t gate_open(struct gate *gate, struct curl_sockaddr *address, struct err *err);

/* Our end, close-on-exec, after which the gate is closed. Does not wait: -1 with errno, EAGAIN when
 * libcurl has not connected yet. */
int gate_accept(struct gate *gate);

void gate_close(struct gate *gate);

#endif
