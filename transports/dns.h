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

/* c-ares's sockets: most descriptors that `poll` fills in. */
#define DNS_FDS 16

/*
 * What the dns module offers. A module, because mapping and relocating c-ares costs as much as
 * connecting on a fast network, and an address needs none of it. Without it, getaddrinfo is asked
 * alone.
 */
struct dns_module {
    unsigned abi; /* TRANSPORT_ABI */

    /* Answers from the hosts file, before it returns. */
    void (*ask_hosts)(const struct question *question);

    /* Asks the name servers. `question` must outlive the dns. Never NULL but for lack of memory;
     * that DNS can't be asked shows as a failure that is there at once. */
    struct dns *(*new)(const struct question *question);

    /* Is the query for this family under way? */
    bool (*pending)(const struct dns *dns, enum family family);

    /* Why there was no answer, in words; NULL while nothing went wrong. */
    const char *(*why)(const struct dns *dns);

    /* What to poll for, and lowers *until_ns to when `step` must be called at the latest. Returns
     * the number of pollfds. */
    nfds_t (*poll)(struct dns *dns, struct pollfd fds[DNS_FDS], int64_t *until_ns);

    /* Goes on with what poll's descriptors (revents filled in) or the clock brought. */
    void (*step)(struct dns *dns, const struct pollfd *fds, nfds_t count);

    /* Calls off what is under way and frees; NULL is allowed. */
    void (*free)(struct dns *dns);
};

#endif
