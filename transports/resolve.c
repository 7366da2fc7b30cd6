/* SPDX-License-Identifier: MIT */
#include "transports/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "transports/nss.h"
#include "transports/search.h"

/* DNS that is silent for so long may be dead while the system knows another way: ask that, too. */
#define DNS_PATIENCE_NS (3 * CLOCK_S)

/* More of a resolv.conf than this is not looked at for options. */
#define RESOLV_CONF_MAX 8192

struct query {
    struct resolve *resolve;
    enum name_family family;
    bool open;
};

struct resolve {
    const char *host;
    uint16_t port;
    int family;
    struct names *names;
    const struct trace *trace;
    bool finished;

    ares_channel channel; /* NULL when DNS is not asked */
    struct search search;
    size_t candidate; /* of search, the one that is being asked for */
    struct query queries[NAMES_FAMILIES];
    int dns_status;
    int64_t patience_ns;

    struct nss_lookup *nss;
    bool nss_asked;
    int nss_status;
};

static const int families[NAMES_FAMILIES] = {[NAMES_V6] = AF_INET6, [NAMES_V4] = AF_INET};

/* --- addresses that need no resolver --- */

/* The common forms. */
static bool parse_address(const char *host, struct address *address)
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

/* The others: a zone (fe80::1%eth0), and what inet_aton(3) takes (127.1). Much more code runs here, which
 * every start would feel. */
static bool parse_odd_address(const char *host, struct address *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;

    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    bool fits = found->ai_addrlen <= sizeof(address->sa);
    if (fits) {
        memcpy(&address->sa, found->ai_addr, found->ai_addrlen);
        address->len = found->ai_addrlen;
    }
    freeaddrinfo(found);
    return fits;
}

int resolve_numeric(const char *host, uint16_t port, int family, struct names *names,
                    struct err *err)
{
    struct address address;

    if (!parse_address(host, &address) && !parse_odd_address(host, &address))
        /* With a colon it can't be a name, so what is wrong is the zone. */
        return strchr(host, ':') ? err_set(err, ERR_NAME, "name: %s: no such network interface", host)
                                 : 0;
    if (family != AF_UNSPEC && address.sa.any.sa_family != family)
        return err_set(err, ERR_NAME, "name: %s: is no %s address", host,
                       family == AF_INET6 ? "IPv6" : "IPv4");
    address_set_port(&address.sa.any, port);
    names_add(names, &address.sa.any, address.len);
    return 1;
}

/* --- what is known so far --- */

static bool resolve_found(const struct resolve *resolve)
{
    return resolve->names->count[NAMES_V6] > 0 || resolve->names->count[NAMES_V4] > 0;
}

static bool resolve_wants(const struct resolve *resolve, enum name_family family)
{
    return resolve->family == AF_UNSPEC || resolve->family == families[family];
}

/* Once something is found, only the other query for the same name may add to it; before that, anything may. */
static void resolve_note_pending(struct resolve *resolve)
{
    bool found = resolve_found(resolve);

    for (int i = 0; i < NAMES_FAMILIES; i++)
        resolve->names->pending[i] = !resolve->finished && resolve_wants(resolve, i) &&
                                     (!found || resolve->queries[i].open);
}

static void resolve_add(struct resolve *resolve, const struct sockaddr *sa, socklen_t len,
                        const char *source)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in6 room;
    } copy;
    struct address shown = {.len = len};
    char text[ADDRESS_TEXT_MAX];

    if (len > sizeof(copy))
        return;
    memcpy(&copy, sa, len);
    address_set_port(&copy.sa, resolve->port);
    memcpy(&shown.sa, &copy, len);
    TRACE(resolve->trace, "name", "%s: %s (%s)", resolve->host, address_text(&shown, text), source);
    names_add(resolve->names, &copy.sa, len);
}

/* --- the system's other sources --- */

static void nss_ask(struct resolve *resolve)
{
    resolve->nss_asked = true;
    resolve->nss_status = EAI_SYSTEM;
    TRACE(resolve->trace, "name", "%s: asking the system (getaddrinfo)", resolve->host);
    resolve->nss = nss_start(resolve->host, resolve->family);
}

static void nss_answer(struct resolve *resolve)
{
    struct addrinfo *found = NULL;

    resolve->nss_status = nss_take(resolve->nss, &found);
    nss_drop(resolve->nss);
    resolve->nss = NULL;
    for (struct addrinfo *at = found; at; at = at->ai_next)
        resolve_add(resolve, at->ai_addr, at->ai_addrlen, "system");
    if (found)
        freeaddrinfo(found);
}

/* --- DNS and the hosts file --- */

static void dns_ask(struct resolve *resolve);

static bool dns_open(const struct resolve *resolve)
{
    return resolve->queries[NAMES_V6].open || resolve->queries[NAMES_V4].open;
}

/* Whether a name that does not exist here may exist under the next search domain; a server that does not
 * answer this one will not answer that one either. */
static bool dns_goes_on(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_ESERVFAIL ||
           status == ARES_EBADNAME;
}

static void take_addresses(struct resolve *resolve, const struct ares_addrinfo *result,
                           const char *source)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next)
        resolve_add(resolve, node->ai_addr, node->ai_addrlen, source);
}

/* c-ares hands the result over and calls with ARES_EDESTRUCTION when the channel is destroyed. */
static void dns_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct query *query = arg;
    struct resolve *resolve = query->resolve;
    const char *record = query->family == NAMES_V6 ? "AAAA" : "A";

    (void)timeouts;
    query->open = false;
    if (status == ARES_EDESTRUCTION || resolve->finished)
        goto out;

    if (status == ARES_SUCCESS && result) {
        take_addresses(resolve, result, record);
    } else {
        TRACE(resolve->trace, "name", "%s: %s: %s", resolve->search.names[resolve->candidate], record,
              ares_strerror(status));
        if (resolve->dns_status == ARES_SUCCESS || !dns_goes_on(status))
            resolve->dns_status = status;
    }
    if (!dns_open(resolve) && !resolve_found(resolve) && dns_goes_on(resolve->dns_status) &&
        resolve->candidate + 1 < resolve->search.count) {
        resolve->candidate++;
        dns_ask(resolve);
    }
out:
    if (result)
        ares_freeaddrinfo(result);
}

static void dns_ask(struct resolve *resolve)
{
    /* Both are open before either is asked: c-ares may answer from within. */
    for (int i = 0; i < NAMES_FAMILIES; i++)
        resolve->queries[i] = (struct query){resolve, i, resolve_wants(resolve, i)};

    const char *name = resolve->search.names[resolve->candidate];
    for (int i = 0; i < NAMES_FAMILIES; i++) {
        if (!resolve_wants(resolve, i))
            continue;
        struct ares_addrinfo_hints hints = {.ai_family = families[i], .ai_socktype = SOCK_STREAM};
        ares_getaddrinfo(resolve->channel, name, NULL, &hints, dns_answer, &resolve->queries[i]);
    }
}

static void hosts_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)status;
    (void)timeouts;
    if (!result)
        return;
    take_addresses(arg, result, "hosts file");
    ares_freeaddrinfo(result);
}

/* As the system does it: a name that the hosts file has in either family is not asked for in DNS. */
static void hosts_ask(struct resolve *resolve)
{
    char lookups[] = "f";
    struct ares_options options = {.lookups = lookups};
    struct ares_addrinfo_hints hints = {.ai_family = resolve->family, .ai_socktype = SOCK_STREAM};
    ares_channel channel;

    if (ares_init_options(&channel, &options, ARES_OPT_LOOKUPS) != ARES_SUCCESS)
        return;
    ares_getaddrinfo(channel, resolve->host, NULL, &hints, hosts_answer, resolve);
    ares_destroy(channel);
}

/* RFC 6761 section 6.3: such names are this machine whatever DNS says, which is not even asked. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t length = strlen(host), wanted = sizeof(name) - 1;

    if (length > 0 && host[length - 1] == '.')
        length--;
    if (length < wanted || strncasecmp(host + length - wanted, name, wanted) != 0)
        return false;
    return length == wanted || host[length - wanted - 1] == '.';
}

static void add_loopback(struct resolve *resolve)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (resolve_wants(resolve, NAMES_V6))
        resolve_add(resolve, (const struct sockaddr *)&v6, sizeof(v6), "RFC 6761");
    if (resolve_wants(resolve, NAMES_V4))
        resolve_add(resolve, (const struct sockaddr *)&v4, sizeof(v4), "RFC 6761");
}

/* The file, then the variable, which wins: resolv.conf(5). */
static void resolv_conf_options(int *timeout_s, int *attempts)
{
    char text[RESOLV_CONF_MAX + 1];
    const char *words = getenv("RES_OPTIONS");
    FILE *file = fopen("/etc/resolv.conf", "re");

    if (file) {
        text[fread(text, 1, RESOLV_CONF_MAX, file)] = '\0';
        (void)fclose(file);
        search_options(text, timeout_s, attempts);
    }
    if (words)
        search_option_words(words, timeout_s, attempts);
}

/* 0, or -1 when DNS cannot be asked at all. */
static int dns_start(struct resolve *resolve)
{
    char lookups[] = "b";
    struct ares_options options = {.lookups = lookups}, saved;
    int mask = ARES_OPT_LOOKUPS, saved_mask = 0, timeout_s = 0, attempts = 0;

    resolv_conf_options(&timeout_s, &attempts);
    if (timeout_s) {
        options.timeout = timeout_s * 1000;
        mask |= ARES_OPT_TIMEOUTMS;
    }
    if (attempts) {
        options.tries = attempts;
        mask |= ARES_OPT_TRIES;
    }

    resolve->dns_status = ares_init_options(&resolve->channel, &options, mask);
    if (resolve->dns_status != ARES_SUCCESS) {
        resolve->channel = NULL;
        return -1;
    }
    resolve->dns_status = ares_save_options(resolve->channel, &saved, &saved_mask);
    if (resolve->dns_status != ARES_SUCCESS)
        return -1;
    int made = search_init(&resolve->search, resolve->host, saved.domains, (size_t)saved.ndomains,
                           saved.ndots);
    ares_destroy_options(&saved);
    if (made == -1) {
        resolve->dns_status = ARES_ENOMEM;
        return -1;
    }
    resolve->patience_ns = clock_ns() + DNS_PATIENCE_NS;
    dns_ask(resolve);
    return 0;
}

/* --- all together --- */

/* Draws the conclusion from whatever came last: another source's turn, or the end. */
static void resolve_conclude(struct resolve *resolve)
{
    bool asking = dns_open(resolve);

    if (resolve_found(resolve)) {
        /* The other family may still come from where the first came, not from elsewhere. */
        nss_drop(resolve->nss);
        resolve->nss = NULL;
        resolve->finished = !asking || resolve->nss_status == 0;
    } else {
        if (!resolve->nss_asked && (!asking || clock_ns() >= resolve->patience_ns))
            nss_ask(resolve);
        resolve->finished = !asking && !resolve->nss;
    }
    resolve_note_pending(resolve);
}

struct resolve *resolve_new(const char *host, uint16_t port, int family, struct names *names,
                            const struct trace *trace, struct err *err)
{
    struct resolve *resolve = malloc(sizeof(*resolve));

    if (!resolve) {
        (void)err_set(err, ERR_NAME, "name: out of memory");
        return NULL;
    }
    *resolve = (struct resolve){.host = host,
                                .port = port,
                                .family = family,
                                .names = names,
                                .trace = trace,
                                .patience_ns = CLOCK_NEVER,
                                .nss_status = EAI_NONAME};
    /* Without a c-ares that works, the system is asked. */
    if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS) {
        hosts_ask(resolve);
        if (!resolve_found(resolve) && is_localhost(host))
            add_loopback(resolve);
        if (!resolve_found(resolve))
            (void)dns_start(resolve);
    }
    resolve_conclude(resolve);
    return resolve;
}

nfds_t resolve_poll(struct resolve *resolve, struct pollfd fds[RESOLVE_FDS], int64_t *until_ns)
{
    nfds_t count = 0;

    if (resolve->finished)
        return 0;
    if (resolve->channel) {
        ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
        struct timeval left;
        int bits = ares_getsock(resolve->channel, sockets, ARES_GETSOCK_MAXNUM);
        for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
            short events = (short)((ARES_GETSOCK_READABLE(bits, i) ? POLLIN : 0) |
                                   (ARES_GETSOCK_WRITABLE(bits, i) ? POLLOUT : 0));
            if (events)
                fds[count++] = (struct pollfd){.fd = sockets[i], .events = events};
        }
        if (ares_timeout(resolve->channel, NULL, &left)) {
            int64_t at_ns = clock_ns() + left.tv_sec * CLOCK_S + left.tv_usec * INT64_C(1000);
            *until_ns = at_ns < *until_ns ? at_ns : *until_ns;
        }
    }
    if (resolve->nss)
        fds[count++] = (struct pollfd){.fd = nss_fd(resolve->nss), .events = POLLIN};
    if (!resolve->nss_asked && resolve->patience_ns < *until_ns)
        *until_ns = resolve->patience_ns;
    return count;
}

void resolve_step(struct resolve *resolve, const struct pollfd *fds, nfds_t count)
{
    if (resolve->finished)
        return;

    bool nss_answered = false;
    for (nfds_t i = 0; i < count; i++) {
        if (resolve->nss && fds[i].fd == nss_fd(resolve->nss)) {
            nss_answered = fds[i].revents != 0;
        } else if (fds[i].revents) {
            bool in = fds[i].revents & ~POLLOUT, out = fds[i].revents & POLLOUT;
            ares_process_fd(resolve->channel, in ? fds[i].fd : ARES_SOCKET_BAD,
                            out ? fds[i].fd : ARES_SOCKET_BAD);
        }
    }
    if (resolve->channel)
        ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (nss_answered && !resolve_found(resolve))
        nss_answer(resolve);
    resolve_conclude(resolve);
}

int resolve_fail(const struct resolve *resolve, struct err *err)
{
    if (resolve->dns_status == ARES_SUCCESS)
        return err_set(err, ERR_NAME, "name: %s: %s", resolve->host, gai_strerror(resolve->nss_status));
    return err_set(err, ERR_NAME, "name: %s: %s (DNS: %s)", resolve->host,
                   gai_strerror(resolve->nss_status), ares_strerror(resolve->dns_status));
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    resolve->finished = true;
    if (resolve->channel)
        ares_destroy(resolve->channel);
    nss_drop(resolve->nss);
    search_release(&resolve->search);
    ares_library_cleanup();
    free(resolve);
}
