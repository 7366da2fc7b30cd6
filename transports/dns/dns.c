/* SPDX-License-Identifier: MIT */
#include "transports/dns.h"

#include <ares.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "transports/dns/resolvconf.h"
#include "transports/transport.h"

_Static_assert(DNS_FDS == ARES_GETSOCK_MAXNUM, "all the sockets that ares_getsock knows");

struct query {
    struct dns *dns;
    enum family family;
    bool open;
};

struct dns {
    const struct question *question;
    ares_channel channel; /* NULL when DNS cannot be asked */
    struct search search;
    size_t candidate; /* of search, the one that is being asked for */
    struct query queries[FAMILIES];
    int status; /* the first failure, or one that ends the search */
    bool due;   /* the candidate is still to be asked for */
    bool leaving;
};

/* The library counts its users without a lock, and routes are dialed in threads. It stays for good. */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_init_status;

static void library_init(void)
{
    library_init_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int library_status(void)
{
    (void)pthread_once(&library_once, library_init);
    return library_init_status;
}

static void take_addresses(const struct question *question, const struct ares_addrinfo *result,
                           const char *source)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next)
        question_answer(question, node->ai_addr, node->ai_addrlen, source);
}

/* --- the hosts file --- */

static void hosts_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)status;
    (void)timeouts;
    if (!result)
        return;
    take_addresses(arg, result, "hosts file");
    ares_freeaddrinfo(result);
}

static void dns_ask_hosts(const struct question *question)
{
    char lookups[] = "f";
    struct question answers = *question;
    struct ares_options options = {.lookups = lookups};
    struct ares_addrinfo_hints hints = {.ai_family = question->family, .ai_socktype = SOCK_STREAM};
    ares_channel channel;

    if (library_status() != ARES_SUCCESS)
        return;
    if (ares_init_options(&channel, &options, ARES_OPT_LOOKUPS) == ARES_SUCCESS) {
        ares_getaddrinfo(channel, question->host, NULL, &hints, hosts_answer, &answers);
        ares_destroy(channel);
    }
}

/* --- queries --- */

static bool dns_pending(const struct dns *dns, enum family family)
{
    return dns->queries[family].open;
}

/* Whether a name that does not exist here may exist under the next search domain; a server that
 * does not answer this one will not answer that one either. */
static bool dns_goes_on(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_ESERVFAIL ||
           status == ARES_EBADNAME;
}

/* Both queries for a candidate have ended. */
static void dns_next_candidate(struct dns *dns)
{
    if (question_answered(dns->question) || !dns_goes_on(dns->status) ||
        dns->candidate + 1 >= dns->search.count)
        return;
    dns->candidate++;
    dns->due = true;
}

/* c-ares hands the result over, and calls once more for each open query when its channel is
 * destroyed. */
static void dns_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct query *query = arg;
    struct dns *dns = query->dns;
    const struct question *question = dns->question;
    const char *record = query->family == FAMILY_V6 ? "AAAA" : "A";

    (void)timeouts;
    query->open = false;
    if (dns->leaving)
        goto out;
    if (status == ARES_SUCCESS && result) {
        take_addresses(question, result, record);
    } else {
        TRACE(question->trace, "name", "%s: %s: %s", dns->search.names[dns->candidate], record,
              ares_strerror(status));
        if (dns->status == ARES_SUCCESS || !dns_goes_on(status))
            dns->status = status;
    }
    if (!dns_pending(dns, FAMILY_V6) && !dns_pending(dns, FAMILY_V4))
        dns_next_candidate(dns);
out:
    if (result)
        ares_freeaddrinfo(result);
}

static void dns_ask(struct dns *dns)
{
    const char *name = dns->search.names[dns->candidate];

    /* Both are open before either is asked: c-ares may answer from within. */
    for (int i = 0; i < FAMILIES; i++)
        dns->queries[i] = (struct query){dns, i, question_wants(dns->question, i)};
    for (int i = 0; i < FAMILIES; i++) {
        struct ares_addrinfo_hints hints = {.ai_family = i == FAMILY_V6 ? AF_INET6 : AF_INET,
                                            .ai_socktype = SOCK_STREAM};
        if (question_wants(dns->question, i))
            ares_getaddrinfo(dns->channel, name, NULL, &hints, dns_answer, &dns->queries[i]);
    }
}

/* In a loop, not from within dns_answer: c-ares may answer at once, for each of a thousand
 * domains. */
static void dns_ask_due(struct dns *dns)
{
    while (dns->due) {
        dns->due = false;
        dns_ask(dns);
    }
}

/* --- setting up --- */

static int dns_init_channel(struct dns *dns)
{
    char lookups[] = "b";
    struct ares_options options = {.lookups = lookups};
    int mask = ARES_OPT_LOOKUPS, timeout_s = 0, attempts = 0;

    resolvconf_read_options(&timeout_s, &attempts);
    if (timeout_s) {
        options.timeout = timeout_s * 1000;
        mask |= ARES_OPT_TIMEOUTMS;
    }
    if (attempts) {
        options.tries = attempts;
        mask |= ARES_OPT_TRIES;
    }
    int status = ares_init_options(&dns->channel, &options, mask);
    if (status != ARES_SUCCESS)
        dns->channel = NULL;
    return status;
}

static int dns_init_search(struct dns *dns)
{
    struct ares_options saved;
    int mask = 0, status = ares_save_options(dns->channel, &saved, &mask);

    if (status != ARES_SUCCESS)
        return status;
    int made = search_init(&dns->search, dns->question->host, saved.domains, (size_t)saved.ndomains,
                           saved.ndots);
    ares_destroy_options(&saved);
    return made == 0 ? ARES_SUCCESS : ARES_ENOMEM;
}

static struct dns *dns_new(const struct question *question)
{
    struct dns *dns = malloc(sizeof(*dns));

    if (!dns)
        return NULL;
    *dns = (struct dns){.question = question, .status = library_status()};
    if (dns->status == ARES_SUCCESS)
        dns->status = dns_init_channel(dns);
    if (dns->status == ARES_SUCCESS)
        dns->status = dns_init_search(dns);
    dns->due = dns->status == ARES_SUCCESS;
    dns_ask_due(dns);
    return dns;
}

static const char *dns_why(const struct dns *dns)
{
    return dns->status == ARES_SUCCESS ? NULL : ares_strerror(dns->status);
}

/* --- waiting --- */

static nfds_t dns_poll(struct dns *dns, struct pollfd fds[DNS_FDS], int64_t *until_ns)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct timeval left;
    nfds_t count = 0;

    if (!dns->channel)
        return 0;
    unsigned bits = (unsigned)ares_getsock(dns->channel, sockets, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* As ARES_GETSOCK_READABLE and _WRITABLE, which shift an int into its sign. */
        bool readable = bits >> i & 1u, writable = bits >> (i + ARES_GETSOCK_MAXNUM) & 1u;
        short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
        if (events)
            fds[count++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    if (ares_timeout(dns->channel, NULL, &left)) {
        int64_t at_ns = clock_ns() + left.tv_sec * CLOCK_S + left.tv_usec * CLOCK_US;
        *until_ns = at_ns < *until_ns ? at_ns : *until_ns;
    }
    return count;
}

static void dns_step(struct dns *dns, const struct pollfd *fds, nfds_t count)
{
    if (!dns->channel)
        return;
    for (nfds_t i = 0; i < count; i++) {
        bool in = fds[i].revents & ~POLLOUT, out = fds[i].revents & POLLOUT;
        if (in || out)
            ares_process_fd(dns->channel, in ? fds[i].fd : ARES_SOCKET_BAD,
                            out ? fds[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    dns_ask_due(dns);
}

static void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    dns->leaving = true;
    if (dns->channel)
        ares_destroy(dns->channel);
    search_release(&dns->search);
    free(dns);
}

extern const struct dns_module STILE_MODULE;

const struct dns_module STILE_MODULE = {
    .abi = TRANSPORT_ABI,
    .ask_hosts = dns_ask_hosts,
    .new = dns_new,
    .pending = dns_pending,
    .why = dns_why,
    .poll = dns_poll,
    .step = dns_step,
    .free = dns_free,
};
