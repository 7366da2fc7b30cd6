/* SPDX-License-Identifier: MIT */
/* Socket addresses of a target, and the growing list of them that name resolution fills. */
#ifndef STILE_TRANSPORTS_ADDRESS_H
#define STILE_TRANSPORTS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;
    socklen_t len;
};

/* "192.0.2.1" or "[fe80::1%eth0]" with ":22" behind it: room for the longest. */
#define ADDRESS_TEXT_MAX 80

/* The address and port as people write it, into `out`, which is returned. */
const char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* Sets the port of an IPv4 or IPv6 address; leaves anything else alone. */
void address_set_port(struct sockaddr *sa, uint16_t port);

enum name_family {
    NAMES_V6,
    NAMES_V4,
    NAMES_FAMILIES,
};

#define NAMES_MAX 32 /* addresses of one family that are looked at; a name with more is not better reached */

/* What resolution has found so far, in order of preference within a family. Only ever grows. */
struct names {
    struct address found[NAMES_FAMILIES][NAMES_MAX];
    size_t count[NAMES_FAMILIES];
    bool pending[NAMES_FAMILIES]; /* more may come */
};

/* Nothing found, nothing pending. */
void names_init(struct names *names);

/* Adds one address. What is neither IPv4 nor IPv6, is there already, or exceeds NAMES_MAX is left out. */
void names_add(struct names *names, const struct sockaddr *sa, socklen_t len);

#endif
