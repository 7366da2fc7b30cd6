/* SPDX-License-Identifier: MIT */
#include "config/env.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/hop.h"
#include "core/endpoint.h"
#include "core/prefix.h"
#include "core/secret.h"
#include "core/text.h"

#define DIRECT "direct"
#define SOCKS "socks://"

/* The longest that can mean something: "*.", a host, a dot, ":65535". */
#define ENTRY_MAX (ENDPOINT_HOST_MAX + 16)

/* --- addresses and names --- */

/* The address that a host is, its zone left out. */
static bool parse_address(struct address *address, const char *host)
{
    char text[INET6_ADDRSTRLEN];
    size_t length = text_until(host, "%");

    /* Only what may be one: address_parse is dear for everything else. */
    if (!strchr(host, ':') &&
        (host[0] < '0' || host[0] > '9' || host[text_span(host, "0123456789abcdefABCDEFxX.")]))
        return false;
    if (length >= sizeof(text))
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return address_parse(address, text);
}

static bool holds(const char *prefix, const struct address *address)
{
    struct prefix parsed;

    return prefix_parse(&parsed, prefix, strlen(prefix)) && prefix_holds(&parsed, address);
}

/* A dot at the end says that the name is complete: it is the same name. */
static size_t name_length(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

/* Is it this name, or one below it? */
static bool is_within(const char *host, const char *name)
{
    size_t host_length = name_length(host), length = name_length(name);

    if (length == 0 || name[0] == '.' || length > host_length)
        return false;
    const char *tail = host + host_length - length;
    return text_same_start(tail, name, length) && (tail == host || tail[-1] == '.');
}

bool env_is_loopback(const char *host)
{
    struct address address;

    if (parse_address(&address, host))
        return holds("127.0.0.0/8", &address) || holds("::1", &address);
    return endpoint_is_localhost(host);
}

/* --- $no_proxy --- */

/* Ends the text in front of `:port`, and returns the port; NULL where there is none. */
static const char *cut_port(char *text)
{
    char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    char *colon = strchr(bracket ? bracket : text, ':');

    if (!colon || (!bracket && strchr(colon + 1, ':')))
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* Takes the zone out. False when the host has another one. */
static bool cut_zone(char *text, const char *host)
{
    char *zone = strchr(text, '%');
    const char *wanted = strchr(host, '%');

    if (!zone)
        return true;
    size_t length = text_until(zone, "]/");
    if (!wanted || strlen(wanted) != length || memcmp(zone, wanted, length) != 0)
        return false;
    memmove(zone, zone + length, strlen(zone + length) + 1);
    return true;
}

static bool covers_address(char *text, const char *host, const struct address *address)
{
    struct prefix prefix;

    if (!cut_zone(text, host))
        return false;
    if (!prefix_parse(&prefix, text, strlen(text))) {
        /* As inet_aton(3) takes it: the target may be written that way as well. */
        if (!parse_address(&prefix.address, text) || prefix.address.sa.any.sa_family != AF_INET)
            return false;
        prefix.bits = 32;
    }
    return prefix_holds(&prefix, address);
}

static bool covers_name(const char *text, const char *host)
{
    if (text[0] == '*' && text[1] == '.')
        text++;
    return is_within(host, text[0] == '.' ? text + 1 : text);
}

bool env_covers(const char *entry, size_t length, const struct endpoint *target)
{
    char text[ENTRY_MAX], digits[TEXT_DIGITS_MAX];
    struct address address;

    if (!target->host || length >= sizeof(text) || memchr(entry, '\0', length))
        return false;
    memcpy(text, entry, length);
    text[length] = '\0';

    const char *port = cut_port(text);
    if (port && strcmp(port, text_digits(target->port, digits)) != 0)
        return false;
    if (strcmp(text, "*") == 0)
        return true;
    return parse_address(&address, target->host) ? covers_address(text, target->host, &address)
                                                 : covers_name(text, target->host);
}

/* --- variables --- */

/* Each in lower case, then in upper case. */
static const char *const proxies[] = {
    "$stile_proxy", "$STILE_PROXY", "$ssh_proxy",   "$SSH_PROXY",
    "$all_proxy",   "$ALL_PROXY",   "$https_proxy", "$HTTPS_PROXY",
};
static const char *const exceptions[] = {"$no_proxy", "$NO_PROXY"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The value of the first of these variables that says something, and which that is; or NULL. */
static const char *find(const char *const *variables, size_t count,
                        const char *(*lookup)(const char *name), const char **variable)
{
    size_t step = lookup("REQUEST_METHOD") ? 2 : 1;

    for (size_t i = 0; i < count; i += step) {
        const char *value = lookup(variables[i] + 1);
        if (value && *value) {
            *variable = variables[i];
            return value;
        }
    }
    return NULL;
}

/* The first entry that covers the target, and how long it is; or NULL. */
static const char *exception(const char *list, const struct endpoint *target, size_t *length)
{
    static const char between[] = ", \t\r\n";

    for (list += text_span(list, between); *list; list += text_span(list, between)) {
        *length = text_until(list, between);
        if (env_covers(list, *length, target))
            return list;
        list += *length;
    }
    return NULL;
}

/* Puts `socks5` for `socks`, in each hop. Fresh memory, or NULL. */
static char *normalize(const char *value)
{
    size_t length = strlen(value), room = 1;

    for (const char *from = value; (from = strstr(from, "://")); from++)
        room++;
    char *made = malloc(length + room), *out = made;
    if (!made)
        return NULL;
    for (const char *from = value;; from++) {
        const char *end = hop_text_end(from);
        if (text_same_start(from, SOCKS, strlen(SOCKS))) {
            memcpy(out, "socks5", 6);
            out += 6;
            from += 5;
        }
        memcpy(out, from, (size_t)(end - from));
        out += end - from;
        from = end;
        if (!*end)
            break;
        *out++ = ',';
    }
    *out = '\0';
    return made;
}

/* Does it begin as a hop does? */
static bool has_scheme(const char *value)
{
    size_t scheme = text_until(value, ":/@[,");

    return text_same(value, DIRECT) || text_same_start(value, "exec:", 5) ||
           strncmp(value + scheme, "://", 3) == 0;
}

static char *hops_of(const char *value)
{
    if (!has_scheme(value) && !strchr(value, ','))
        return text_join("http://", value, (char *)NULL);
    return normalize(value);
}

/* Fills it; what memory is lacking for is NULL. */
static void settle(struct env_way *way, const struct endpoint *target,
                   const char *(*lookup)(const char *name))
{
    const char *value = find(proxies, COUNT(proxies), lookup, &way->variable);
    const char *variable, *list, *entry = NULL;
    size_t length = 0;

    if (!value) {
        way->reason = strdup("no proxy variable is set");
    } else if (!target->host || env_is_loopback(target->host)) {
        way->variable = NULL;
        way->reason = strdup("loopback");
    } else if ((list = find(exceptions, COUNT(exceptions), lookup, &variable)) &&
               (entry = exception(list, target, &length))) {
        char *copy = strndup(entry, length);
        way->variable = variable;
        way->reason = copy ? text_join(variable, " has ", copy, (char *)NULL) : NULL;
        free(copy);
    } else {
        way->reason = strdup(way->variable);
        way->hops = hops_of(value);
        return;
    }
    way->hops = strdup(DIRECT);
}

int env_way(struct env_way *way, const struct endpoint *target,
            const char *(*lookup)(const char *name), struct err *err)
{
    *way = (struct env_way){.hops = NULL};
    settle(way, target, lookup);
    if (way->hops && way->reason)
        return 0;
    env_way_release(way);
    return err_no_memory(err);
}

void env_way_release(struct env_way *way)
{
    secret_free(way->hops);
    free(way->reason);
    *way = (struct env_way){.hops = NULL};
}
