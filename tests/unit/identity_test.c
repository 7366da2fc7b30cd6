/* SPDX-License-Identifier: MIT */
#include "transports/ssh/identity.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/unit/fake_keys.h"
#include "tests/unit/fake_unit.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/wire.h"

#define BLOB_MAX 1024

static void public_is(const struct identity_public *key, const char *data)
{
    uint8_t blob[BLOB_MAX];

    assert_true(strlen(data) < BLOB_MAX);
    ssize_t size = base64_decode(data, blob);
    assert_int_equal(key->size, size);
    assert_memory_equal(key->blob, blob, key->size);
}

/* --- public keys --- */

struct public_row {
    const char *name;
    const char *text;
    const char *data; /* NULL: there is none */
};

static const struct public_row public_rows[] = {
    {"as ssh-keygen writes it", KEY_ED25519 " alice@laptop\n", DATA_ED25519},
    {"no comment", KEY_ED25519 "\n", DATA_ED25519},
    {"no line end", KEY_ED25519, DATA_ED25519},
    {"a line end of Windows", KEY_ED25519 "\r\n", DATA_ED25519},
    {"blanks in front", " \t" KEY_ED25519 "\n", DATA_ED25519},
    {"several blanks", "ssh-ed25519 \t " DATA_ED25519 "\t alice\n", DATA_ED25519},
    {"comments and empty lines", "# a key\n\n   \n" KEY_ED25519 "\n", DATA_ED25519},
    {"the first of two", KEY_ED25519 "\n" KEY_RSA "\n", DATA_ED25519},
    {"a line that is none in front", "nonsense\n" KEY_ED25519 "\n", DATA_ED25519},
    {"RSA", KEY_RSA " x\n", DATA_RSA},
    {"ECDSA", KEY_P256 " x\n", DATA_P256},
    {"a certificate", KEY_CERTIFICATE " x\n", DATA_CERTIFICATE},
    {"nothing", "", NULL},
    {"a type alone", "ssh-ed25519", NULL},
    {"a type and a blank", "ssh-ed25519 ", NULL},
    {"another type", "ssh-rsa " DATA_ED25519 "\n", NULL},
    {"a type that nobody knows", "ssh-xmss " DATA_ED25519 "\n", NULL},
    {"no base64", "ssh-ed25519 !" DATA_ED25519 "\n", NULL},
    {"cut short", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKRt\n", NULL},
    {"a private key in front", "-----BEGIN OPENSSH PRIVATE KEY-----\n" KEY_ED25519 "\n", NULL},
    {"options in front", "no-pty " KEY_ED25519 "\n", NULL},
};

static void public_key_is_read(void **state)
{
    const struct public_row *row = *state;
    struct identity_public key;
    struct err err = ERR_INIT;
    char *text = strdup(row->text);

    assert_non_null(text);
    assert_int_equal(identity_read_public(&key, text, &err), row->data ? 1 : 0);
    assert_err_unset(&err);
    free(text);
    if (row->data)
        public_is(&key, row->data);
    else
        assert_null(key.blob);
    identity_public_release(&key);
    identity_public_release(&key);
}

/* --- OpenSSH's private keys --- */

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END "\n-----END OPENSSH PRIVATE KEY-----\n"

struct envelope {
    const char *name;
    const char *cipher, *kdf;
    uint32_t salt; /* bytes of it */
    uint32_t rounds;
    uint32_t count;
    const char *data; /* of the public half */
    uint32_t body;    /* bytes of the private half */
    uint32_t tail;    /* bytes behind it */
    enum identity_format format;
    bool encrypted;
    const char *lacks; /* the cipher */
};

#define KEY DATA_ED25519
#define OPENSSH IDENTITY_OPENSSH
#define NONE IDENTITY_NONE

static const struct envelope envelopes[] = {
    {"open", "none", "none", 0, 0, 1, KEY, 136, 0, OPENSSH, false, NULL},
    {"locked", "aes256-ctr", "bcrypt", 16, 16, 1, KEY, 144, 0, OPENSSH, true, NULL},
    {"locked by CBC", "aes128-cbc", "bcrypt", 16, 1, 1, KEY, 16, 0, OPENSSH, true, NULL},
    {"locked by 3DES", "3des-cbc", "bcrypt", 16, 1, 1, KEY, 8, 0, OPENSSH, true, NULL},
    {"of RSA", "none", "none", 0, 0, 1, DATA_RSA, 8, 0, OPENSSH, false, NULL},
    {"by a cipher that libssh2 lacks", "aes256-gcm@openssh.com", "bcrypt", 16, 16, 1, KEY, 136, 16,
     OPENSSH, true, "aes256-gcm@openssh.com"},
    {"by another", "chacha20-poly1305@openssh.com", "bcrypt", 16, 16, 1, KEY, 136, 16, OPENSSH,
     true, "chacha20-poly1305@openssh.com"},
    {"by one that nobody knows", "rot13", "bcrypt", 16, 16, 1, KEY, 136, 0, OPENSSH, true,
     "of that name"},

    {"no salt", "aes256-ctr", "bcrypt", 0, 16, 1, KEY, 144, 0, NONE, true, NULL},
    {"too much of it", "aes256-ctr", "bcrypt", 1025, 16, 1, KEY, 144, 0, NONE, true, NULL},
    {"no rounds", "aes256-ctr", "bcrypt", 16, 0, 1, KEY, 144, 0, NONE, true, NULL},
    {"no kdf", "aes256-ctr", "none", 0, 0, 1, KEY, 144, 0, NONE, true, NULL},
    {"another kdf", "aes256-ctr", "scrypt", 16, 16, 1, KEY, 144, 0, NONE, true, NULL},
    {"a kdf without a cipher", "none", "bcrypt", 16, 16, 1, KEY, 136, 0, NONE, false, NULL},
    {"no keys", "none", "none", 0, 0, 0, KEY, 136, 0, NONE, false, NULL},
    {"two keys", "none", "none", 0, 0, 2, KEY, 136, 0, NONE, false, NULL},
    {"no public half", "none", "none", 0, 0, 1, "AAAA", 136, 0, NONE, false, NULL},
    {"no private half", "none", "none", 0, 0, 1, KEY, 0, 0, NONE, false, NULL},
    {"half a block", "aes256-ctr", "bcrypt", 16, 16, 1, KEY, 152, 0, NONE, true, NULL},
    {"less than a block", "aes256-ctr", "bcrypt", 16, 16, 1, KEY, 8, 0, NONE, true, NULL},
    {"bytes behind it", "none", "none", 0, 0, 1, KEY, 136, 1, NONE, false, NULL},
};

#undef KEY
#undef OPENSSH
#undef NONE

/* The bytes of an envelope in fresh memory. */
static uint8_t *fill_envelope(const struct envelope *row, size_t *size)
{
    uint8_t zeros[2048] = {0}, options[2048], blob[BLOB_MAX];
    uint8_t *data = malloc(8192), *at = data, *end = options;
    ssize_t blob_size = base64_decode(row->data, blob);

    assert_non_null(data);
    assert_true(row->body < sizeof(zeros) && blob_size >= 0);
    if (row->salt || row->rounds) {
        end = wire_put_string(end, zeros, row->salt);
        end = wire_put_u32(end, row->rounds);
    }
    memcpy(at, "openssh-key-v1", 15);
    at = wire_put_string(at + 15, row->cipher, strlen(row->cipher));
    at = wire_put_string(at, row->kdf, strlen(row->kdf));
    at = wire_put_string(at, options, (size_t)(end - options));
    at = wire_put_u32(at, row->count);
    at = wire_put_string(at, blob, (size_t)blob_size);
    at = wire_put_string(at, zeros, row->body);
    memset(at, 0, row->tail);
    *size = (size_t)(at - data) + row->tail;
    return data;
}

static char *write_envelope(const struct envelope *row, size_t size_wanted)
{
    size_t size;
    uint8_t *data = fill_envelope(row, &size);
    char *base64 = base64_encode(data, size_wanted < size ? size_wanted : size);
    char *text = base64 ? text_join(BEGIN, base64, END, (char *)NULL) : NULL;

    assert_non_null(text);
    free(base64);
    free(data);
    return text;
}

static void envelope_is_read(void **state)
{
    const struct envelope *row = *state;
    struct identity_private key;
    struct err err = ERR_INIT;
    char *text = write_envelope(row, SIZE_MAX);

    assert_int_equal(identity_read_private(&key, text, &err), 0);
    assert_err_unset(&err);
    free(text);
    assert_int_equal(key.format, row->format);
    if (row->format == IDENTITY_NONE) {
        assert_null(key.public_half.blob);
    } else {
        assert_int_equal(key.encrypted, row->encrypted);
        public_is(&key.public_half, row->data);
        if (row->lacks)
            assert_string_equal(key.cipher, row->lacks);
        else
            assert_null(key.cipher);
    }
    identity_public_release(&key.public_half);
}

static void an_envelope_that_ends_early_is_none(void **state)
{
    struct identity_private key;
    struct err err = ERR_INIT;
    size_t size;

    (void)state;
    free(fill_envelope(&envelopes[1], &size));
    for (size_t i = 0; i < size; i++) {
        char *text = write_envelope(&envelopes[1], i);
        assert_int_equal(identity_read_private(&key, text, &err), 0);
        assert_err_unset(&err);
        assert_int_equal(key.format, IDENTITY_NONE);
        assert_null(key.public_half.blob);
        free(text);
    }
}

/* --- other files --- */

struct private_row {
    const char *name;
    const char *text;
    enum identity_format format;
    bool encrypted;
    const char *type; /* or NULL */
};

#define PEM(kind, body) "-----BEGIN " kind "-----\n" body "\n-----END " kind "-----\n"

/* What of PKCS #8 comes before the key: SEQUENCE, INTEGER 0, and the algorithm. */
#define P8_RSA "MIICdgIBADANBgkqhkiG9w0BAQEFAASC"
#define P8_DSA "MIIBSgIBADCCASsGByqGSM44BAEwggEe"
#define P8_EC "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0w"
#define P8_ED25519 "MC4CAQAwBQYDK2VwBCIEIDHsl5IcW+RCFGfu"

static const struct private_row private_rows[] = {
    {"RSA", PEM("RSA PRIVATE KEY", "MIIC"), IDENTITY_PEM, false, "ssh-rsa"},
    {"RSA, locked", PEM("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nMIIC"),
     IDENTITY_PEM, true, "ssh-rsa"},
    {"DSA", PEM("DSA PRIVATE KEY", "MIIC"), IDENTITY_PEM, false, "ssh-dss"},
    {"ECDSA", PEM("EC PRIVATE KEY", "MHcC"), IDENTITY_PEM, false, "ecdsa-sha2-nistp256"},
    {"PKCS #8 of RSA", PEM("PRIVATE KEY", P8_RSA), IDENTITY_PEM, false, "ssh-rsa"},
    {"PKCS #8 of DSA", PEM("PRIVATE KEY", P8_DSA), IDENTITY_PEM, false, "ssh-dss"},
    {"PKCS #8 of ECDSA", PEM("PRIVATE KEY", P8_EC), IDENTITY_PEM, false, NULL},
    {"PKCS #8 of ed25519", PEM("PRIVATE KEY", P8_ED25519), IDENTITY_PEM, false, NULL},
    {"PKCS #8, locked", PEM("ENCRYPTED PRIVATE KEY", "MIIF"), IDENTITY_PEM, true, NULL},
    {"words in front", "a key\n" PEM("RSA PRIVATE KEY", "MIIC"), IDENTITY_PEM, false, "ssh-rsa"},
    {"nothing", "", IDENTITY_NONE, false, NULL},
    {"a public key", KEY_ED25519 "\n", IDENTITY_NONE, false, NULL},
    {"a certificate of X.509", PEM("CERTIFICATE", "MIIC"), IDENTITY_NONE, false, NULL},
    {"PuTTY's", "PuTTY-User-Key-File-3: ssh-ed25519\n", IDENTITY_NONE, false, NULL},
    {"no end", "-----BEGIN RSA PRIVATE KEY-----\nMIIC\n", IDENTITY_NONE, false, NULL},
    {"OpenSSH's, no end", BEGIN "AAAA\n", IDENTITY_NONE, false, NULL},
    {"OpenSSH's, empty", BEGIN END, IDENTITY_NONE, false, NULL},
    {"OpenSSH's, no base64", BEGIN "!!!!" END, IDENTITY_NONE, false, NULL},
    {"OpenSSH's, something else", BEGIN DATA_ED25519 END, IDENTITY_NONE, false, NULL},
};

static void private_key_is_read(void **state)
{
    const struct private_row *row = *state;
    struct identity_private key;
    struct err err = ERR_INIT;
    char *text = strdup(row->text);

    assert_non_null(text);
    assert_int_equal(identity_read_private(&key, text, &err), 0);
    assert_err_unset(&err);
    free(text);
    assert_int_equal(key.format, row->format);
    assert_null(key.public_half.blob);
    if (row->format == IDENTITY_NONE)
        return;
    assert_int_equal(key.encrypted, row->encrypted);
    if (row->type)
        assert_string_equal(key.type, row->type);
    else
        assert_null(key.type);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, public_key_is_read, public_rows);
    UNIT_ROWS(&unit, envelope_is_read, envelopes);
    UNIT_TEST(&unit, an_envelope_that_ends_early_is_none);
    UNIT_ROWS(&unit, private_key_is_read, private_rows);
    return unit_run(&unit, "identity");
}
