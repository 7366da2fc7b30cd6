/* SPDX-License-Identifier: MIT */
/* Networks: a prefix of addresses (RFC 4632), and those that this machine is in. */
#ifndef STILE_CORE_PREFIX_H
#define STILE_CORE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"

struct prefix {
    struct address address;
    unsigned bits;
};

/*
 * "192.168.7.0/24", "2001:db8::/32", "[2001:db8::]/32", or an address alone. Strict: IPv4 has four
 * numbers and no brackets, an address has no zone, bits are in range and have no zero in front.
 * Bits behind the prefix don't matter. False when it is none.
 */
bool prefix_parse(struct prefix *prefix, const char *text, size_t length);

/* An IPv4 address that is written as IPv6 (::ffff:192.0.2.1) is an IPv4 one, on either side. */
bool prefix_holds(const struct prefix *prefix, const struct address *address);

/* Does an address of this machine, on an interface that is up, lie in it? getifaddrs(3), no
 * network. False where it can't be found out. */
bool prefix_is_here(const struct prefix *prefix);

/*
 * The networks of this machine, by which one recognizes where one is, in byte order, each once:
 * "192.168.7.0/24 2001:db8:1::/64". Only of interfaces that are up, and without loopback and
 * link-local ones, which are the same everywhere. Fresh memory that the caller frees; "" where
 * there are none, NULL where it can't be found out.
 */
char *prefix_list_here(void);

#endif
