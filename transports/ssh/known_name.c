/* SPDX-License-Identifier: MIT */
#include "transports/ssh/known_name.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/known_hosts.h"

#define PORT_DEFAULT 22
#define PATTERN_MAX 1022 /* bytes of one name; ssh takes no line with a longer one */
#define HASH_MAGIC "|1|"

char *known_name_lower(char *text)
{
    for (char *at = text; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return text;
}

char *known_hosts_name(const char *host, uint16_t port)
{
    char digits[TEXT_DIGITS_MAX];

    if (port == 0 || port == PORT_DEFAULT)
        return known_name_lower(strdup(host));
    return known_name_lower(text_join("[", host, "]:", text_digits(port, digits), (char *)NULL));
}

/* `*` and `?`, without the recursion that lets a pattern take for ever. */
static bool pattern_matches(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL, *tried = NULL;

    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            tried = name;
        } else if (pattern < end && (*pattern == '?' || tolower((unsigned char)*pattern) ==
                                                            tolower((unsigned char)*name))) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++tried;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

static bool list_matches(const char *list, const char *name)
{
    bool matches = false;

    while (*list) {
        bool is_negated = *list == '!';
        list += is_negated;
        size_t length = strcspn(list, ",");
        if (length > PATTERN_MAX)
            return false;
        if (pattern_matches(list, list + length, name)) {
            if (is_negated)
                return false;
            matches = true;
        }
        list += length + (list[length] == ',');
    }
    return matches;
}

char *known_name_hashed(const char *name, const uint8_t salt[KNOWN_SALT_SIZE])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char *hashed = NULL, *coded_salt = NULL, *coded_hash = NULL;

    if (!HMAC(EVP_sha1(), salt, KNOWN_SALT_SIZE, (const unsigned char *)name, strlen(name), hash,
              &size))
        return NULL;
    coded_salt = base64_encode(salt, KNOWN_SALT_SIZE);
    coded_hash = base64_encode(hash, size);
    if (coded_salt && coded_hash)
        hashed = text_join(HASH_MAGIC, coded_salt, "|", coded_hash, (char *)NULL);
    free(coded_salt);
    free(coded_hash);
    return hashed;
}

/* 1, 0, or -1 with err set. */
static int hash_matches(const char *coded, const char *name, struct err *err)
{
    uint8_t salt[BASE64_ROOM(KNOWN_SALT_SIZE)];
    char text[sizeof(salt)] = "";
    const char *start = coded + strlen(HASH_MAGIC);
    const char *end =
        strncmp(coded, HASH_MAGIC, strlen(HASH_MAGIC)) == 0 ? strchr(start, '|') : NULL;

    if (!end || (size_t)(end - start) >= sizeof(text))
        return 0;
    memcpy(text, start, (size_t)(end - start));
    if (base64_decode(text, salt) != KNOWN_SALT_SIZE)
        return 0;
    char *hashed = known_name_hashed(name, salt);
    if (!hashed)
        return err_no_memory(err);
    int matches = strcmp(hashed, coded) == 0;
    free(hashed);
    return matches;
}

int known_name_matches(const char *names, const char *name, struct err *err)
{
    return *names == '|' ? hash_matches(names, name, err) : list_matches(names, name);
}

bool known_name_is_fit(const char *name)
{
    size_t length = strlen(name);

    if (*name == '[') {
        name++;
        length = strcspn(name, "]");
        if (name[length] != ']' || strspn(name + length, "]:0123456789") != strlen(name + length))
            return false;
    }
    if (length == 0 || memchr(name, ',', length) || strcspn(name, "!@?*#[|'\"\\") < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] == ']' || !isgraph((unsigned char)name[i]))
            return false;
    return true;
}
