/* SPDX-License-Identifier: MIT */
/*
 * The hosts file and DNS, by c-ares: A and AAAA as separate queries side by side, one candidate of
 * the search list after the other.
 *
 * c-ares is set up and left with each lookup, which its manual allows in one thread at a time.
 */
#ifndef STILE_TRANSPORTS_DNS_H
#define STILE_TRANSPORTS_DNS_H

#include <poll.h>

#include "transports/question.h"

struct dns;

/* Answers from the hosts file, before it returns. */
void dns_ask_hosts(const struct question *question);

/* Asks the name servers. `question` must outlive the dns. Never NULL but for lack of memory;
 * that DNS can't be asked shows as a failure that is there at once. */
struct dns *dns_new(const struct question *question);

/* Is the query for this family under way? */
bool dns_pending(const struct dns *dns, enum family family);

/* Why there was no answer, in words; NULL while nothing went wrong. */
const char *dns_why(const struct dns *dns);

/* c-ares's sockets: most descriptors that dns_poll fills in. */
#define DNS_FDS 16

/* What to poll for, and lowers *until_ns to when dns_step must be called at the latest. Returns
 * the number of pollfds. */
nfds_t dns_poll(struct dns *dns, struct pollfd fds[DNS_FDS], int64_t *until_ns);

/* Goes on with what dns_poll's descriptors (revents filled in) or the clock brought. */
void dns_step(struct dns *dns, const struct pollfd *fds, nfds_t count);

/* Calls off what is under way and frees; NULL is allowed. */
void dns_free(struct dns *dns);

#endif
