/* SPDX-License-Identifier: MIT */
/*
 * From a host name to addresses: /etc/hosts, then DNS by c-ares with A and AAAA side by side, then
 * whatever else getaddrinfo(3) knows (mDNS, LDAP, nss-resolve, …), in a thread because it blocks.
 *
 * Nothing here waits: the owner polls what resolve_poll says, together with what else it waits for.
 */
#ifndef STILE_TRANSPORTS_RESOLVE_H
#define STILE_TRANSPORTS_RESOLVE_H

#include <poll.h>
#include <stdint.h>

#include "core/err.h"
#include "core/trace.h"
#include "transports/address.h"

struct resolve;

/*
 * The address that `host` spells out (192.0.2.1, 2001:db8::1, fe80::1%eth0), with no resolver at all.
 * 1 = added to `names`; 0 = it is a name; -1 = it can't be used: wrong family, unknown zone; err is set.
 */
int resolve_numeric(const char *host, uint16_t port, int family, struct names *names,
                    struct err *err);

/*
 * Starts to look up `host`; AF_UNSPEC asks for both families. Results arrive in `names`, which must outlive
 * the resolve, as must `host` and `trace`. What is in files is there at once. NULL with err set.
 */
struct resolve *resolve_new(const char *host, uint16_t port, int family, struct names *names,
                            const struct trace *trace, struct err *err);

/* Most descriptors that resolve_poll fills in. */
#define RESOLVE_FDS 17

/* What to poll for, and lowers *until_ns to when resolve_step must be called at the latest. Returns
 * the number of pollfds. */
nfds_t resolve_poll(struct resolve *resolve, struct pollfd fds[RESOLVE_FDS], int64_t *until_ns);

/* Goes on with what resolve_poll's descriptors (revents filled in) or the clock brought. */
void resolve_step(struct resolve *resolve, const struct pollfd *fds, nfds_t count);

/* After everything ended with no address: sets err to the reason (ERR_NAME). Returns -1. */
int resolve_fail(const struct resolve *resolve, struct err *err);

/* Calls off what is under way and frees; NULL is allowed. */
void resolve_free(struct resolve *resolve);

#endif
