/* SPDX-License-Identifier: MIT */
#include "transports/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/endpoint.h"
#include "transports/dns.h"
#include "transports/module.h"
#include "transports/nss.h"

_Static_assert(RESOLVE_FDS == DNS_FDS + 1, "DNS and the pipe of the thread");

/* DNS that is silent for so long may be dead while the system knows another way: ask that, too. */
#define DNS_PATIENCE_NS (3 * CLOCK_S)

struct resolve {
    struct question question;
    bool finished;

    const struct dns_module *module; /* NULL when there is none */
    struct dns *dns;                 /* NULL when DNS is not asked */
    int64_t patience_ns;

    struct nss_lookup *nss; /* NULL when the system is not being asked */
    bool nss_asked;
    int nss_status;
};

int resolve_numeric(const struct question *question, struct err *err)
{
    struct address address;
    const char *host = question->host;

    if (!address_parse(&address, host))
        /* With a colon it can't be a name, so what is wrong is the zone. */
        return strchr(host, ':')
                   ? err_set(err, ERR_NAME, "name: %s: no such network interface", host)
                   : 0;
    bool v6 = address.sa.any.sa_family == AF_INET6;
    if (!question_wants(question, v6 ? FAMILY_V6 : FAMILY_V4))
        return err_set(err, ERR_NAME, "name: %s: not an %s address", host, v6 ? "IPv4" : "IPv6");
    (void)address_set(&address, &address.sa.any, address.len, question->port);
    addresses_add(question->addresses, &address);
    return 1;
}

static void answer_loopback(const struct question *question)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (question_wants(question, FAMILY_V6))
        question_answer(question, (const struct sockaddr *)&v6, sizeof(v6), "RFC 6761");
    if (question_wants(question, FAMILY_V4))
        question_answer(question, (const struct sockaddr *)&v4, sizeof(v4), "RFC 6761");
}

static void resolve_ask_system(struct resolve *resolve)
{
    resolve->nss_asked = true;
    resolve->nss_status = EAI_SYSTEM;
    TRACE(resolve->question.trace, "name", "%s: asking the system, by getaddrinfo",
          resolve->question.host);
    resolve->nss = nss_start(resolve->question.host, resolve->question.family);
}

static void resolve_take_system(struct resolve *resolve)
{
    struct addrinfo *found = NULL;

    resolve->nss_status = nss_take(resolve->nss, &found);
    nss_drop(resolve->nss);
    resolve->nss = NULL;
    for (struct addrinfo *at = found; at; at = at->ai_next)
        question_answer(&resolve->question, at->ai_addr, at->ai_addrlen, "system");
    if (found)
        freeaddrinfo(found);
}

static bool resolve_dns_pending(const struct resolve *resolve, enum family family)
{
    return resolve->module && resolve->dns && resolve->module->pending(resolve->dns, family);
}

/* Draws the conclusion from whatever came last: another source's turn, or the end. */
static void resolve_conclude(struct resolve *resolve)
{
    bool answered = question_answered(&resolve->question);
    bool asking =
        resolve_dns_pending(resolve, FAMILY_V6) || resolve_dns_pending(resolve, FAMILY_V4);

    if (answered) {
        /* The other family may still come from where the first came, not from elsewhere. */
        nss_drop(resolve->nss);
        resolve->nss = NULL;
        resolve->finished = !asking || resolve->nss_status == 0;
    } else {
        if (!resolve->nss_asked && (!asking || clock_ns() >= resolve->patience_ns))
            resolve_ask_system(resolve);
        resolve->finished = !asking && !resolve->nss;
    }
    /* Once something is found, only the other query for the same name may add to it. */
    for (int i = 0; i < FAMILIES; i++)
        resolve->question.addresses->pending[i] = !resolve->finished &&
                                                  question_wants(&resolve->question, i) &&
                                                  (!answered || resolve_dns_pending(resolve, i));
}

/* Without the module the system is all that can be asked, and it has the hosts file, too. */
static void resolve_ask_hosts(struct resolve *resolve)
{
    struct err why = ERR_INIT;

    resolve->module = module_load("dns", resolve->question.trace, &why);
    if (resolve->module)
        resolve->module->ask_hosts(&resolve->question);
    else
        TRACE(resolve->question.trace, "name", "%s", err_text(&why));
    err_release(&why);
}

struct resolve *resolve_new(const struct question *question, struct err *err)
{
    struct resolve *resolve = malloc(sizeof(*resolve));

    if (!resolve) {
        (void)err_no_memory(err);
        return NULL;
    }
    *resolve = (struct resolve){.question = *question,
                                .patience_ns = clock_ns() + DNS_PATIENCE_NS,
                                .nss_status = EAI_NONAME};
    /* As the system does it: a name that the hosts file has in either family is not asked for in
     * DNS. The very name localhost needs no file, and c-ares 1.18 leaks it where the file lacks
     * it. */
    if (strcasecmp(question->host, "localhost") != 0)
        resolve_ask_hosts(resolve);
    if (!question_answered(question) && endpoint_is_localhost(question->host))
        answer_loopback(question);
    if (!question_answered(question) && resolve->module)
        resolve->dns = resolve->module->new (&resolve->question);
    resolve_conclude(resolve);
    return resolve;
}

nfds_t resolve_poll(struct resolve *resolve, struct pollfd fds[RESOLVE_FDS], int64_t *until_ns)
{
    nfds_t count = 0;

    if (resolve->finished)
        return 0;
    if (resolve->nss)
        fds[count++] = (struct pollfd){.fd = nss_fd(resolve->nss), .events = POLLIN};
    if (resolve->dns)
        count += resolve->module->poll(resolve->dns, fds + count, until_ns);
    if (!resolve->nss_asked && resolve->patience_ns < *until_ns)
        *until_ns = resolve->patience_ns;
    return count;
}

void resolve_step(struct resolve *resolve, const struct pollfd *fds, nfds_t count)
{
    if (resolve->finished)
        return;

    bool system_answered = false;
    if (resolve->nss && count > 0) {
        system_answered = fds[0].revents;
        fds++;
        count--;
    }
    if (resolve->dns)
        resolve->module->step(resolve->dns, fds, count);
    if (system_answered && !question_answered(&resolve->question))
        resolve_take_system(resolve);
    resolve_conclude(resolve);
}

int resolve_fail(const struct resolve *resolve, struct err *err)
{
    const char *host = resolve->question.host, *system = gai_strerror(resolve->nss_status);
    const char *why = resolve->dns ? resolve->module->why(resolve->dns) : NULL;

    return why ? err_set(err, ERR_NAME, "name: %s: %s (DNS: %s)", host, system, why)
               : err_set(err, ERR_NAME, "name: %s: %s", host, system);
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    if (resolve->module)
        resolve->module->free(resolve->dns);
    nss_drop(resolve->nss);
    free(resolve);
}
