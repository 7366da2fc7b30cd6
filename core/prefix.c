/* SPDX-License-Identifier: MIT */
#include "core/prefix.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define V4_BITS 32
#define V6_BITS 128
#define MAPPED_BITS 96 /* in front of an IPv4 address that is written as IPv6 */

/* --- an address as a row of bits --- */

struct row {
    const uint8_t *bytes;
    unsigned length;
    unsigned bits; /* of the prefix */
};

static unsigned length_of(const struct address *address)
{
    return address->sa.any.sa_family == AF_INET ? V4_BITS : V6_BITS;
}

static const uint8_t *bytes_of(const struct address *address)
{
    return address->sa.any.sa_family == AF_INET ? (const uint8_t *)&address->sa.v4.sin_addr
                                                : address->sa.v6.sin6_addr.s6_addr;
}

/* IPv4 that is written as IPv6 is IPv4, unless the prefix says less than that it is. */
static struct row row_of(const struct address *address, unsigned bits)
{
    bool mapped = length_of(address) == V6_BITS && bits >= MAPPED_BITS &&
                  IN6_IS_ADDR_V4MAPPED(&address->sa.v6.sin6_addr);

    if (mapped)
        return (struct row){bytes_of(address) + MAPPED_BITS / 8, V4_BITS, bits - MAPPED_BITS};
    return (struct row){bytes_of(address), length_of(address), bits};
}

/* Of the byte at `index`, those that the prefix has. */
static uint8_t byte_mask(unsigned bits, unsigned index)
{
    unsigned before = index * 8;

    if (bits >= before + 8)
        return 0xff;
    return bits <= before ? 0 : (uint8_t)(0xff << (8 - (bits - before)));
}

bool prefix_holds(const struct prefix *prefix, const struct address *address)
{
    struct row network = row_of(&prefix->address, prefix->bits);
    struct row given = row_of(address, length_of(address));

    if (network.length != given.length)
        return false;
    for (unsigned i = 0; i * 8 < network.bits; i++)
        if ((network.bytes[i] ^ given.bytes[i]) & byte_mask(network.bits, i))
            return false;
    return true;
}

/* --- text --- */

/* An address without a zone, in one of the forms that everybody reads alike. */
static bool parse_address(struct address *address, const char *text, bool only_v6)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (!only_v6 && inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_set(address, (struct sockaddr *)&v4, sizeof(v4), 0);
    return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
           address_set(address, (struct sockaddr *)&v6, sizeof(v6), 0);
}

/* Up to `max`, in the only way to write it. */
static bool parse_bits(unsigned *bits, const char *text, unsigned max)
{
    size_t digits = text_span(text, "0123456789");
    unsigned number = 0;

    if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
        return false;
    for (; *text; text++)
        number = number * 10 + (unsigned)(*text - '0');
    *bits = number;
    return number <= max;
}

bool prefix_parse(struct prefix *prefix, const char *text, size_t length)
{
    char copy[INET6_ADDRSTRLEN + sizeof("[]/128")];
    struct prefix made;

    if (length >= sizeof(copy) || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';

    char *slash = strchr(copy, '/'), *end = slash ? slash : copy + length;
    bool enclosed = copy[0] == '[' && end - copy > 1 && end[-1] == ']';
    end[enclosed ? -1 : 0] = '\0';
    if (!parse_address(&made.address, copy + enclosed, enclosed))
        return false;
    made.bits = length_of(&made.address);
    if (slash && !parse_bits(&made.bits, slash + 1, made.bits))
        return false;
    *prefix = made;
    return true;
}

/* --- this machine --- */

/* Is it an address of ours, on an interface that is up? */
static bool is_ours(const struct ifaddrs *entry, struct address *address)
{
    return (entry->ifa_flags & IFF_UP) && entry->ifa_addr &&
           address_set(address, entry->ifa_addr, sizeof(struct sockaddr_in6), 0);
}

bool prefix_is_here(const struct prefix *prefix)
{
    struct ifaddrs *list;
    struct address address;
    bool found = false;

    if (getifaddrs(&list) == -1)
        return false;
    for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next)
        found = is_ours(entry, &address) && prefix_holds(prefix, &address);
    freeifaddrs(list);
    return found;
}

/* Those that say nothing about where we are. */
static bool is_everywhere(const struct address *address)
{
    static const char *const texts[] = {"127.0.0.0/8", "::1", "169.254.0.0/16", "fe80::/10"};
    struct prefix prefix;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (prefix_parse(&prefix, texts[i], strlen(texts[i])) && prefix_holds(&prefix, address))
            return true;
    return false;
}

/* How many bits the mask has in front; all where there is none. */
static unsigned mask_bits(const struct sockaddr *netmask, const struct address *address)
{
    struct address mask;
    unsigned max = length_of(address), bits = 0;

    if (!netmask || !address_set(&mask, netmask, address->len, 0) || length_of(&mask) != max)
        return max;
    while (bits < max && (bytes_of(&mask)[bits / 8] & (0x80 >> bits % 8)))
        bits++;
    return bits;
}

#define PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

static char *put(char *out, const char *text)
{
    size_t length = strlen(text);

    memcpy(out, text, length + 1);
    return out + length;
}

static char *put_number(char *out, unsigned number)
{
    char digits[TEXT_DIGITS_MAX];

    return put(out, text_digits(number, digits));
}

static char *put_hex(char *out, unsigned group)
{
    static const char digits[] = "0123456789abcdef";
    int shift = 12;

    while (shift > 0 && !(group >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = digits[(group >> shift) & 15];
    *out = '\0';
    return out;
}

/* The text of a network, whose zeros are at the end. inet_ntop(3) knows more, and brings printf(3)
 * into the process (text.h). */
static void put_prefix(char out[PREFIX_TEXT_MAX], const struct address *address, unsigned bits)
{
    bool v6 = address->sa.any.sa_family == AF_INET6;
    unsigned size = v6 ? 2 : 1, count = v6 ? 8 : 4, shown = count, group[8] = {0};

    for (unsigned i = 0; i < count * size; i++)
        group[i / size] = group[i / size] << 8 | (bytes_of(address)[i] & byte_mask(bits, i));
    while (v6 && shown > 0 && group[shown - 1] == 0)
        shown--;
    /* RFC 5952 section 4.2.2: one zero alone is written. */
    if (shown == count - 1)
        shown = count;
    for (unsigned i = 0; i < shown; i++) {
        if (i > 0)
            out = put(out, v6 ? ":" : ".");
        out = v6 ? put_hex(out, group[i]) : put_number(out, group[i]);
    }
    if (shown < count)
        out = put(out, "::");
    (void)put_number(put(out, "/"), bits);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Joins what is sorted. */
static char *join(char (*texts)[PREFIX_TEXT_MAX], size_t count)
{
    char *joined = malloc(count * PREFIX_TEXT_MAX + 1), *out = joined;

    if (!joined)
        return NULL;
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(texts[i], texts[i - 1]) == 0)
            continue;
        if (i > 0)
            out = put(out, " ");
        out = put(out, texts[i]);
    }
    return joined;
}

char *prefix_list_here(void)
{
    struct ifaddrs *list;
    struct address address;
    size_t count = 0;

    if (getifaddrs(&list) == -1)
        return NULL;
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
        count++;
    char(*texts)[PREFIX_TEXT_MAX] = calloc(count + 1, sizeof(*texts)), *joined = NULL;
    if (texts) {
        count = 0;
        for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
            if (is_ours(entry, &address) && !(entry->ifa_flags & IFF_LOOPBACK) &&
                !is_everywhere(&address))
                put_prefix(texts[count++], &address, mask_bits(entry->ifa_netmask, &address));
        qsort(texts, count, sizeof(*texts), compare);
        joined = join(texts, count);
    }
    free(texts);
    freeifaddrs(list);
    return joined;
}
