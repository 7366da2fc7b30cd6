/* SPDX-License-Identifier: MIT */
/* Internet socket addresses: one, and the growing list of them that resolving a name fills. */
#ifndef STILE_CORE_ADDRESS_H
#define STILE_CORE_ADDRESS_H

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

/*
 * The address that `host` spells out: 192.0.2.1, 2001:db8::1, fe80::1%eth0, and what inet_aton(3)
 * takes besides (127.1). No resolver is asked. False when it is none; the port is 0.
 */
bool address_parse(struct address *address, const char *host);

/* "192.0.2.1:22", "[fe80::1%eth0]:22": room for the longest. */
#define ADDRESS_TEXT_MAX 80

/* The address and port as people write them, into `out`, which is returned. */
const char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* Takes over a sockaddr with another port. False when it is neither IPv4 nor IPv6, or cut short. */
bool address_set(struct address *address, const struct sockaddr *sa, socklen_t len, uint16_t port);

enum family {
    FAMILY_V6,
    FAMILY_V4,
    FAMILIES,
};

/* Of one family. A name that has more is not better reached by trying them. */
#define ADDRESSES_MAX 32

/* What was found so far, in order of preference within a family. Only ever grows. */
struct addresses {
    struct address found[FAMILIES][ADDRESSES_MAX];
    size_t count[FAMILIES];
    bool pending[FAMILIES]; /* more may come */
};

/* Nothing found, nothing pending. */
void addresses_init(struct addresses *addresses);

/* Adds a copy. Left out is what is there already, or exceeds ADDRESSES_MAX. */
void addresses_add(struct addresses *addresses, const struct address *address);

#endif
