/* SPDX-License-Identifier: MIT */
#include "transports/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

const char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX - 8], port[6];

    if (getnameinfo(&address->sa.any, address->len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return memcpy(out, "?", 2);
    (void)snprintf(out, ADDRESS_TEXT_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return out;
}

void address_set_port(struct sockaddr *sa, uint16_t port)
{
    uint16_t wire = htons(port);

    /* By memcpy, because a sockaddr need not be aligned for its family's struct. */
    if (sa->sa_family == AF_INET)
        memcpy((char *)sa + offsetof(struct sockaddr_in, sin_port), &wire, sizeof(wire));
    else if (sa->sa_family == AF_INET6)
        memcpy((char *)sa + offsetof(struct sockaddr_in6, sin6_port), &wire, sizeof(wire));
}

void names_init(struct names *names)
{
    /* The addresses themselves are not looked at beyond the counts. */
    memset(names->count, 0, sizeof(names->count));
    memset(names->pending, 0, sizeof(names->pending));
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

void names_add(struct names *names, const struct sockaddr *sa, socklen_t len)
{
    struct address address;
    enum name_family family = sa->sa_family == AF_INET6 ? NAMES_V6 : NAMES_V4;
    socklen_t wanted = family == NAMES_V6 ? sizeof(address.sa.v6) : sizeof(address.sa.v4);

    if ((sa->sa_family != AF_INET6 && sa->sa_family != AF_INET) || len < wanted ||
        names->count[family] == NAMES_MAX)
        return;
    memcpy(&address.sa, sa, wanted);
    address.len = wanted;

    struct address *found = names->found[family];
    for (size_t i = 0; i < names->count[family]; i++)
        if (same_address(&found[i], &address))
            return;
    found[names->count[family]++] = address;
}
