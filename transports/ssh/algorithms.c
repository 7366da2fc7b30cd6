/* SPDX-License-Identifier: MIT */
#include "transports/ssh/algorithms.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* Where no ssh(1) says what is allowed: what OpenSSH 9.2 does by default. */
static const struct choice {
    const char *keyword;
    size_t field; /* of struct ssh_config */
    int methods[2];
    const char *fallback;
} choices[] = {
    {"KexAlgorithms",
     offsetof(struct ssh_config, kex_algorithms),
     {LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_KEX},
     "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
     "ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"
     "diffie-hellman-group18-sha512,diffie-hellman-group14-sha256"},
    {"HostKeyAlgorithms",
     offsetof(struct ssh_config, host_key_algorithms),
     {LIBSSH2_METHOD_HOSTKEY, LIBSSH2_METHOD_HOSTKEY},
     "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,"
     "rsa-sha2-256"},
    {"Ciphers",
     offsetof(struct ssh_config, ciphers),
     {LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC},
     "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
     "aes256-gcm@openssh.com"},
    {"MACs",
     offsetof(struct ssh_config, macs),
     {LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC},
     "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,"
     "hmac-sha1"},
};

static const char *configured(const struct ssh_config *config, const struct choice *choice)
{
    char *const *list = (char *const *)(const void *)((const char *)config + choice->field);

    return *list ? *list : choice->fallback;
}

const char *algorithms_of_host_key(const struct ssh_config *config)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        if (choices[i].methods[0] == LIBSSH2_METHOD_HOSTKEY)
            return configured(config, &choices[i]);
    return NULL;
}

static bool has_name(const char *const *names, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

/* What of the list the library has, in fresh memory; NULL when there is none. libssh2 1.10 copies
 * over itself when it leaves out names that it doesn't know, so it is given no others. */
static char *known_of(LIBSSH2_SESSION *lib, int method, const char *list)
{
    const char **known = NULL;
    int count = libssh2_session_supported_algs(lib, method, &known);
    char *kept = malloc(strlen(list) + 1), *end = kept;

    while (kept && *list) {
        size_t length = text_until(list, ",");
        if (has_name(known, count, list, length)) {
            if (end != kept)
                *end++ = ',';
            memcpy(end, list, length);
            end += length;
        }
        list += length + (list[length] == ',');
    }
    if (kept)
        *end = '\0';
    if (known)
        libssh2_free(lib, known);
    return kept;
}

bool algorithms_know_key_type(const char *type)
{
    const char *algorithm = strcmp(type, "ssh-rsa") == 0 ? "rsa-sha2-512" : type;
    LIBSSH2_SESSION *lib = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
    char *known = lib ? known_of(lib, LIBSSH2_METHOD_HOSTKEY, algorithm) : NULL;
    bool knows = known && *known;

    free(known);
    if (lib)
        (void)libssh2_session_free(lib);
    return knows;
}

/* Does the library have any of these? */
static bool prefer(LIBSSH2_SESSION *lib, int method, const char *list)
{
    char *known = known_of(lib, method, list);
    bool has_some = known && *known && libssh2_session_method_pref(lib, method, known) == 0;

    free(known);
    return has_some;
}

const char *algorithms_choose(LIBSSH2_SESSION *lib, const struct ssh_config *config,
                              const char *host_key_algorithms)
{
    static const char packed[] = "zlib@openssh.com,zlib,none";

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        const struct choice *choice = &choices[i];
        const char *list = configured(config, choice);
        if (choice->methods[0] == LIBSSH2_METHOD_HOSTKEY && host_key_algorithms)
            list = host_key_algorithms;
        for (size_t way = 0; way < 2; way++)
            if (!prefer(lib, choice->methods[way], list))
                return choice->keyword;
    }
    if (config->compression && (libssh2_session_flag(lib, LIBSSH2_FLAG_COMPRESS, 1) != 0 ||
                                !prefer(lib, LIBSSH2_METHOD_COMP_CS, packed) ||
                                !prefer(lib, LIBSSH2_METHOD_COMP_SC, packed)))
        return "Compression";
    return NULL;
}

char *algorithms_lack(const char *keyword)
{
    return text_join("libssh2 ", libssh2_version(0), " has nothing of what ", keyword, " allows",
                     (char *)NULL);
}

char *algorithms_lacking(const struct ssh_config *config)
{
    LIBSSH2_SESSION *lib = libssh2_session_init_ex(NULL, NULL, NULL, NULL);
    const char *keyword = lib ? algorithms_choose(lib, config, NULL) : NULL;

    if (lib)
        (void)libssh2_session_free(lib);
    return keyword ? algorithms_lack(keyword) : NULL;
}
