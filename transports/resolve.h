/* SPDX-License-Identifier: MIT */
/*
 * From a host to addresses. The order of the sources: what is an address already; localhost itself
 * (RFC 6761); /etc/hosts; names under .localhost; DNS; and whatever else getaddrinfo(3) knows
 * (mDNS, LDAP, nss-resolve, …), in a thread because it blocks.
 *
 * Nothing here waits: the owner polls what resolve_poll says, together with what else it waits for.
 */
#ifndef STILE_TRANSPORTS_RESOLVE_H
#define STILE_TRANSPORTS_RESOLVE_H

#include <poll.h>
#include <stdint.h>

#include "core/err.h"
#include "transports/question.h"

struct resolve;

/*
 * Takes the host as an address, with no resolver at all. 1 = added; 0 = it is a name; -1 = it can't
 * be used: an address of the other family, a zone that is none; err is set (ERR_NAME).
 */
int resolve_numeric(const struct question *question, struct err *err);

/*
 * Starts to look up a name. Answers go where the question says, those from files before this
 * returns. What the question points to must outlive the resolve. NULL with err set when there is no
 * memory.
 */
struct resolve *resolve_new(const struct question *question, struct err *err);

/* Most descriptors that resolve_poll fills in: those of DNS, and one for the thread. */
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
