/* SPDX-License-Identifier: MIT */
#include "core/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static bool parse_common(struct address *address, const char *host)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, host, &address->sa.v4.sin_addr) == 1) {
        address->sa.v4.sin_family = AF_INET;
        address->len = sizeof(address->sa.v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->sa.v6.sin6_addr) == 1) {
        address->sa.v6.sin6_family = AF_INET6;
        address->len = sizeof(address->sa.v6);
        return true;
    }
    return false;
}

bool address_parse(struct address *address, const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;

    /* getaddrinfo knows all forms, but it is so much code that every start would feel it. */
    if (parse_common(address, host))
        return true;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    bool fits = address_set(address, found->ai_addr, found->ai_addrlen, 0);
    freeaddrinfo(found);
    return fits;
}

const char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX - 8], port[6];

    if (getnameinfo(&address->sa.any, address->len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return memcpy(out, "?", 2);
    (void)snprintf(out, ADDRESS_TEXT_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return out;
}

bool address_set(struct address *address, const struct sockaddr *sa, socklen_t len, uint16_t port)
{
    struct address made;

    memset(&made, 0, sizeof(made));
    if (sa->sa_family == AF_INET && len >= sizeof(made.sa.v4)) {
        made.len = sizeof(made.sa.v4);
        memcpy(&made.sa.v4, sa, sizeof(made.sa.v4));
        made.sa.v4.sin_port = htons(port);
    } else if (sa->sa_family == AF_INET6 && len >= sizeof(made.sa.v6)) {
        made.len = sizeof(made.sa.v6);
        memcpy(&made.sa.v6, sa, sizeof(made.sa.v6));
        made.sa.v6.sin6_port = htons(port);
    } else {
        return false;
    }
    *address = made;
    return true;
}

void addresses_init(struct addresses *addresses)
{
    /* The addresses themselves are not looked at beyond the counts. */
    memset(addresses->count, 0, sizeof(addresses->count));
    memset(addresses->pending, 0, sizeof(addresses->pending));
}

static bool same_address(const struct address *a, const struct address *b)
{
    if (a->sa.any.sa_family == AF_INET)
        return a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr &&
               a->sa.v4.sin_port == b->sa.v4.sin_port;
    return memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, sizeof(a->sa.v6.sin6_addr)) == 0 &&
           a->sa.v6.sin6_port == b->sa.v6.sin6_port &&
           a->sa.v6.sin6_scope_id == b->sa.v6.sin6_scope_id;
}

void addresses_add(struct addresses *addresses, const struct address *address)
{
    enum family family = address->sa.any.sa_family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
    struct address *found = addresses->found[family];

    if (addresses->count[family] == ADDRESSES_MAX)
        return;
    for (size_t i = 0; i < addresses->count[family]; i++)
        if (same_address(&found[i], address))
            return;
    found[addresses->count[family]++] = *address;
}
