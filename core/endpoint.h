/* SPDX-License-Identifier: MIT */
/*
 * Where a stream may lead to: a host and a port, or the path of a Unix socket. The only code that
 * takes such text apart, for the command line, hop URLs and config files alike.
 */
#ifndef STILE_CORE_ENDPOINT_H
#define STILE_CORE_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define ENDPOINT_HOST_MAX 255 /* bytes; RFC 1035, and the length byte of SOCKS5 */

struct endpoint {
    char *host;    /* a name or an address without brackets; NULL for a Unix socket */
    uint16_t port; /* 1..65535 */
    char *path;    /* NULL unless it is a Unix socket */
    char *text;    /* how to call it in a message: db:22, [::1]:22, unix:/run/x */
};

#define ENDPOINT_INIT ((struct endpoint){0, 0, 0, 0})

/*
 * A target as ssh hands it over (%h %p). The host may come from a hostile repository: refused is
 * what is empty, longer than ENDPOINT_HOST_MAX, starts with `-`, holds control bytes, blanks, `/`,
 * `@`, brackets that do not enclose an IPv6 address, or colons without being one. A port is
 * 1..65535 or the name of a TCP service, services(5); reads that file, does not use the network.
 *
 * 0, and the caller releases the endpoint (what was in it before is not freed); or -1 with err set
 * (ERR_USAGE) and the endpoint as it was.
 */
int endpoint_set(struct endpoint *endpoint, const char *host, const char *port, struct err *err);

/*
 * The one-word form: `host:port`, `[v6]:port`, `host` or a bare IPv6 address (`default_port` then;
 * 0 = a port is required), `unix:/path` (absolute, no longer than a sockaddr_un takes). Same rules,
 * same returns.
 */
int endpoint_parse(struct endpoint *endpoint, const char *text, uint16_t default_port,
                   struct err *err);

/* The same where a port may be missing: it is 0 then, and not in the text, until endpoint_set_port
 * says it. */
int endpoint_parse_open(struct endpoint *endpoint, const char *text, struct err *err);

/* 0, or -1 when memory is lacking. */
int endpoint_set_port(struct endpoint *endpoint, uint16_t port);

/* RFC 6761 section 6.3: is this name, localhost or one below it, this machine whatever DNS says, which
 * need not be asked? */
bool endpoint_is_localhost(const char *host);

/* Frees what is in it; may be called on ENDPOINT_INIT and twice. */
void endpoint_release(struct endpoint *endpoint);

#endif
