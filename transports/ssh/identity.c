/* SPDX-License-Identifier: MIT */
#include "transports/ssh/identity.h"

#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/wire.h"

#define BLANKS " \t"

#define OPENSSH_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define OPENSSH_END "-----END OPENSSH PRIVATE KEY-----"
#define OPENSSH_MAGIC "openssh-key-v1"

#define SALT_MAX 1024

/* --- public keys --- */

void identity_public_release(struct identity_public *key)
{
    free(key->blob);
    *key = IDENTITY_PUBLIC_NONE;
}

/* `word` is the blob in base64, `type` the word in front of it. As identity_read_public. */
static int read_blob(struct identity_public *key, const char *type, const char *word,
                     struct err *err)
{
    uint8_t *blob = malloc(strlen(word) + 1);
    struct key_blob parts;

    if (!blob)
        return err_no_memory(err);
    ssize_t size = base64_decode(word, blob);
    if (size == -1 || key_blob_read(&parts, blob, (size_t)size) == -1 ||
        strcmp(parts.type, type) != 0) {
        free(blob);
        return 0;
    }
    *key = (struct identity_public){blob, (size_t)size};
    return 1;
}

/* `line` has no end, and is taken apart. */
static int read_line(struct identity_public *key, char *line, struct err *err)
{
    char *type = line + strspn(line, BLANKS);
    char *word = type + strcspn(type, BLANKS);

    if (!*word)
        return 0;
    *word++ = '\0';
    word += strspn(word, BLANKS);
    word[strcspn(word, BLANKS "\r")] = '\0';
    return read_blob(key, type, word, err);
}

int identity_read_public(struct identity_public *key, const char *text, struct err *err)
{
    int found = 0;

    *key = IDENTITY_PUBLIC_NONE;
    while (found == 0 && *text && strncmp(text, "-----BEGIN", 10) != 0) {
        size_t length = strcspn(text, "\n");
        if (*text != '#') {
            char *line = strndup(text, length);
            if (!line)
                return err_no_memory(err);
            found = read_line(key, line, err);
            free(line);
        }
        text += length + (text[length] == '\n');
    }
    return found;
}

/* --- OpenSSH's format --- */

/* What libssh2 can decrypt. */
static const struct cipher {
    const char *name;
    size_t block;
} ciphers[] = {
    {"none", 8},        {"aes256-ctr", 16}, {"aes192-ctr", 16}, {"aes128-ctr", 16},
    {"aes256-cbc", 16}, {"aes192-cbc", 16}, {"aes128-cbc", 16}, {"3des-cbc", 8},
};

/* What it cannot. */
static const char *const other_ciphers[] = {
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
};

static const struct cipher *find_cipher(const struct wire *name)
{
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
        if (wire_is(name, ciphers[i].name))
            return &ciphers[i];
    return NULL;
}

static const char *find_other_cipher(const struct wire *name)
{
    for (size_t i = 0; i < sizeof(other_ciphers) / sizeof(other_ciphers[0]); i++)
        if (wire_is(name, other_ciphers[i]))
            return other_ciphers[i];
    return "of that name";
}

/* string salt, uint32 rounds. libssh2 1.10 frees memory twice where these are of no use. */
static bool is_bcrypt(struct wire options)
{
    struct wire salt;
    uint32_t rounds;

    return wire_take_string(&options, &salt) && wire_take_u32(&options, &rounds) && !options.left &&
           salt.left > 0 && salt.left <= SALT_MAX && rounds > 0;
}

/* What is within the base64. 0, or -1 when memory is lacking. */
static int read_envelope(struct identity_private *key, struct wire all, struct err *err)
{
    struct wire cipher, kdf, options, public_half, private_half;
    struct key_blob parts;
    uint32_t count;

    if (all.left < sizeof(OPENSSH_MAGIC) ||
        memcmp(all.at, OPENSSH_MAGIC, sizeof(OPENSSH_MAGIC)) != 0)
        return 0;
    all.at += sizeof(OPENSSH_MAGIC);
    all.left -= sizeof(OPENSSH_MAGIC);
    if (!wire_take_string(&all, &cipher) || !wire_take_string(&all, &kdf) ||
        !wire_take_string(&all, &options) || !wire_take_u32(&all, &count) || count != 1 ||
        !wire_take_string(&all, &public_half) || !wire_take_string(&all, &private_half) ||
        key_blob_read(&parts, public_half.at, public_half.left) == -1)
        return 0;

    const struct cipher *known = find_cipher(&cipher);
    key->encrypted = !wire_is(&cipher, "none");
    if (key->encrypted ? !wire_is(&kdf, "bcrypt") || !is_bcrypt(options) : !wire_is(&kdf, "none"))
        return 0;
    if (known && (private_half.left < known->block || private_half.left % known->block || all.left))
        return 0;
    key->cipher = known ? NULL : find_other_cipher(&cipher);
    key->public_half.blob = malloc(public_half.left);
    if (!key->public_half.blob)
        return err_no_memory(err);
    memcpy(key->public_half.blob, public_half.at, public_half.left);
    key->public_half.size = public_half.left;
    key->format = IDENTITY_OPENSSH;
    return 0;
}

/* Decodes the base64 from `text` up to `end` into fresh memory of *size bytes; NULL where it is
 * none, or memory is lacking (err set). */
static uint8_t *decode(const char *text, const char *end, size_t *size, struct err *err)
{
    size_t length = (size_t)(end - text);
    char *copy = strndup(text, length);
    uint8_t *data = malloc(length + 1);
    ssize_t got = -1;

    if (copy && data)
        got = base64_decode(copy, data);
    else
        (void)err_no_memory(err);
    if (copy)
        secret_wipe(copy, length);
    free(copy);
    if (got == -1) {
        if (data)
            secret_wipe(data, length + 1);
        free(data);
        return NULL;
    }
    *size = (size_t)got;
    return data;
}

static int read_openssh(struct identity_private *key, const char *text, struct err *err)
{
    const char *end = strstr(text, "\n" OPENSSH_END);
    size_t size;

    if (!end)
        return 0;
    uint8_t *data = decode(text + strlen(OPENSSH_BEGIN), end, &size, err);
    if (!data)
        return err->code ? -1 : 0;
    int done = read_envelope(key, (struct wire){data, size}, err);
    secret_wipe(data, size);
    free(data);
    return done;
}

/* --- PEM --- */

static const struct pem {
    const char *begin;
    const char *type; /* "" is to be looked for; NULL: not known */
    bool encrypted;
} pems[] = {
    {"-----BEGIN RSA PRIVATE KEY-----", "ssh-rsa", false},
    {"-----BEGIN DSA PRIVATE KEY-----", "ssh-dss", false},
    {"-----BEGIN EC PRIVATE KEY-----", "ecdsa-sha2-nistp256", false},
    {"-----BEGIN PRIVATE KEY-----", "", false},
    {"-----BEGIN ENCRYPTED PRIVATE KEY-----", NULL, true},
};

/* In the AlgorithmIdentifier of PKCS #8, RFC 5208 section 5, with tag and length. */
static const struct oid {
    const char *bytes;
    size_t size;
    const char *type;
} oids[] = {
    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 11, "ssh-rsa"},
    {"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", 9, "ssh-dss"},
};

/* SEQUENCE, INTEGER 0, SEQUENCE come before it, each with a length of at most four bytes. */
#define OID_WITHIN 16

static const char *find_oid(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < OID_WITHIN; at++)
        for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
            if (at + oids[i].size <= size && memcmp(data + at, oids[i].bytes, oids[i].size) == 0)
                return oids[i].type;
    return NULL;
}

static int read_pem(struct identity_private *key, const struct pem *pem, const char *body,
                    struct err *err)
{
    const char *end = strstr(body, "\n-----END ");
    size_t size;

    if (!end)
        return 0;
    key->format = IDENTITY_PEM;
    key->encrypted = pem->encrypted || strstr(body, "Proc-Type: 4,ENCRYPTED");
    key->type = pem->type && !*pem->type ? NULL : pem->type;
    if (!pem->type || *pem->type)
        return 0;
    uint8_t *data = decode(body, end, &size, err);
    if (!data)
        return err->code ? -1 : 0;
    key->type = find_oid(data, size);
    secret_wipe(data, size);
    free(data);
    return 0;
}

int identity_read_private(struct identity_private *key, const char *text, struct err *err)
{
    *key = (struct identity_private){.format = IDENTITY_NONE};
    if (strncmp(text, OPENSSH_BEGIN, strlen(OPENSSH_BEGIN)) == 0)
        return read_openssh(key, text, err);
    for (size_t i = 0; i < sizeof(pems) / sizeof(pems[0]); i++) {
        const char *found = strstr(text, pems[i].begin);
        if (found)
            return read_pem(key, &pems[i], found + strlen(pems[i].begin), err);
    }
    return 0;
}
