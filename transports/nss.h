/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo(3) beside us: what the system's name service switch knows and c-ares does not (mDNS,
 * LDAP, nss-resolve, …). It blocks for as long as it likes, so it runs in a thread that can be left
 * behind.
 */
#ifndef STILE_TRANSPORTS_NSS_H
#define STILE_TRANSPORTS_NSS_H

#include <netdb.h>

struct nss_lookup;

/* Starts to look up `host`; AF_UNSPEC for both families. NULL with errno when no thread can be
 * had. */
struct nss_lookup *nss_start(const char *host, int family);

/* Readable (or hung up) when the answer is there. */
int nss_fd(const struct nss_lookup *lookup);

/* The answer, once nss_fd is readable: 0, and *out belongs to the caller (freeaddrinfo), or an
 * EAI_ code. */
int nss_take(struct nss_lookup *lookup, struct addrinfo **out);

/* Forgets it, answered or not; the thread ends by itself. NULL is allowed. */
void nss_drop(struct nss_lookup *lookup);

#endif
