/* SPDX-License-Identifier: MIT */
/*
 * What the environment says, and what a file of ours may say that isn't. An entry of $no_proxy
 * means the same in capitals, and with the target's port behind it; a target covers itself; a
 * prefix holds what a count of its bits says; a value that is a list of hops stays this list; of a
 * memory only what we would have written is taken.
 */
#include <stdlib.h>
#include <string.h>

#include "config/env.h"
#include "config/hop.h"
#include "config/memory.h"
#include "core/prefix.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

/* --- prefixes --- */

static size_t bits_of(const struct address *address, const uint8_t **bytes)
{
    if (address->sa.any.sa_family == AF_INET) {
        *bytes = (const uint8_t *)&address->sa.v4.sin_addr;
        return 32;
    }
    FUZZ_CHECK(address->sa.any.sa_family == AF_INET6);
    *bytes = address->sa.v6.sin6_addr.s6_addr;
    return 128;
}

static void check_prefix(const char *text, const struct address *other)
{
    struct prefix prefix;
    const uint8_t *ours, *others;

    if (!prefix_parse(&prefix, text, strlen(text)))
        return;
    size_t length = bits_of(&prefix.address, &ours);
    FUZZ_CHECK(prefix.bits <= length);
    FUZZ_CHECK(prefix_holds(&prefix, &prefix.address) ||
               (IN6_IS_ADDR_V4MAPPED(&prefix.address.sa.v6.sin6_addr) && prefix.bits < 96));
    bool same = other && bits_of(other, &others) == length;
    /* IPv4 in IPv6 is another matter. */
    if (!same || (length == 128 && (IN6_IS_ADDR_V4MAPPED(&prefix.address.sa.v6.sin6_addr) ||
                                    IN6_IS_ADDR_V4MAPPED(&other->sa.v6.sin6_addr))))
        return;
    for (size_t i = 0; i < prefix.bits; i++)
        same = same && !((ours[i / 8] ^ others[i / 8]) & (0x80 >> i % 8));
    FUZZ_CHECK(prefix_holds(&prefix, other) == same);
}

/* --- entries --- */

static char *capitals(const char *text)
{
    char *copy = fuzz_copy(text);

    for (char *at = copy; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    return copy;
}

static bool covers(const char *entry, const char *port, const struct endpoint *target)
{
    char *text = text_join(entry, port, (char *)NULL);

    if (!text)
        abort();
    bool done = env_covers(text, strlen(text), target);
    free(text);
    return done;
}

static void check_entry(const char *entry, const struct endpoint *target)
{
    bool done = covers(entry, "", target);
    bool plain = !strchr(entry, ':') && !strchr(entry, '[');

    if (!strchr(target->host, '%')) {
        char *large = capitals(entry);
        FUZZ_CHECK(covers(large, "", target) == done);
        free(large);
    }
    /* Without a colon of its own there is no other way to read it, if it isn't too long then. */
    if (plain && strlen(entry) <= ENDPOINT_HOST_MAX) {
        FUZZ_CHECK(covers(entry, ":22", target) == done);
        FUZZ_CHECK(!covers(entry, ":23", target));
    }
}

static void check_itself(const struct endpoint *target)
{
    FUZZ_CHECK(covers("*", "", target));
    if (target->host[0] == '.' || target->host[0] == '*')
        return;
    FUZZ_CHECK(covers(target->host, "", target));
    FUZZ_CHECK(covers(target->text, "", target));
}

/* --- variables --- */

/* The lookup is told nothing but a name. */
static const char *proxy, *exceptions;

static const char *lookup(const char *name)
{
    if (strcmp(name, "all_proxy") == 0)
        return proxy;
    return strcmp(name, "no_proxy") == 0 ? exceptions : NULL;
}

static void check_hops(const char *text)
{
    struct hops as_said = HOPS_INIT, made = HOPS_INIT;
    struct err err = ERR_INIT;
    bool good = hops_parse(&as_said, proxy, HOP_FROM_FILE, &err) == 0;

    if (!good)
        fuzz_check_err(&err, ERR_USAGE);
    if (hops_parse(&made, text, HOP_FROM_FILE, &err) == -1) {
        FUZZ_CHECK(!good);
        fuzz_check_err(&err, ERR_USAGE);
    }
    for (size_t i = 0; good && i < as_said.count; i++) {
        const char *scheme = as_said.hop[i].scheme;
        FUZZ_CHECK(made.count == as_said.count);
        FUZZ_CHECK(fuzz_same(strcmp(scheme, "socks") == 0 ? "socks5" : scheme, made.hop[i].scheme));
        FUZZ_CHECK(fuzz_same(as_said.hop[i].command, made.hop[i].command));
        FUZZ_CHECK(fuzz_same(as_said.hop[i].address.text, made.hop[i].address.text));
        FUZZ_CHECK(fuzz_same(as_said.hop[i].user, made.hop[i].user));
    }
    hops_release(&as_said);
    hops_release(&made);
}

static void check_way(const struct endpoint *target)
{
    struct env_way way;
    struct err err = ERR_INIT;

    FUZZ_CHECK(env_way(&way, target, lookup, &err) == 0 && err.code == ERR_NONE);
    FUZZ_CHECK(way.hops[0] && way.reason[0]);
    if (!*proxy)
        FUZZ_CHECK(!way.variable && strcmp(way.hops, "direct") == 0);
    else if (env_is_loopback(target->host))
        FUZZ_CHECK(strcmp(way.reason, "loopback") == 0 && strcmp(way.hops, "direct") == 0);
    else if (strcmp(way.variable, "$no_proxy") == 0)
        FUZZ_CHECK(strncmp(way.reason, "$no_proxy has ", 14) == 0 &&
                   env_covers(way.reason + 14, strlen(way.reason + 14), target) &&
                   strstr(exceptions, way.reason + 14) && strcmp(way.hops, "direct") == 0);
    else
        check_hops(way.hops);
    env_way_release(&way);
}

/* --- the memory --- */

static void check_memory(const char *text)
{
    static struct memory_table table;
    static char again[MEMORY_TEXT_MAX];

    if (memory_read(&table, text)) {
        FUZZ_CHECK(table.count <= MEMORY_ENTRIES_MAX);
        for (size_t i = 0; i < table.count; i++)
            FUZZ_CHECK(table.entry[i].winner != 0 && table.entry[i].time_s >= 0);
        FUZZ_CHECK(memory_write(&table, again) == strlen(text));
        FUZZ_CHECK(strcmp(again, text) == 0);
    } else {
        FUZZ_CHECK(table.count == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *entry = fuzz_string(&input), *host = fuzz_string(&input);
    char *value = fuzz_string(&input), *list = fuzz_string(&input);
    char *text = fuzz_string(&input);
    struct endpoint target = ENDPOINT_INIT;
    struct address address;
    struct err err = ERR_INIT;

    if (endpoint_set(&target, host, "22", &err) == 0) {
        check_entry(entry, &target);
        check_itself(&target);
        proxy = value;
        exceptions = list;
        check_way(&target);
    } else {
        fuzz_check_err(&err, ERR_USAGE);
    }
    check_prefix(entry, address_parse(&address, host) ? &address : NULL);
    check_memory(text);
    endpoint_release(&target);
    free(entry);
    free(host);
    free(value);
    free(list);
    free(text);
    return 0;
}
