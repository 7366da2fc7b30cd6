/* SPDX-License-Identifier: MIT */
#include "transports/ssh/key_blob.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_keys.h"
#include "tests/unit/fake_unit.h"
#include "transports/ssh/base64.h"

#define BLOB_MAX 4096

struct blob {
    uint8_t data[BLOB_MAX];
    size_t size;
};

/* The blob of a line's key. */
static void take(struct blob *blob, const char *line)
{
    const char *coded = strchr(line, ' ') + 1;

    assert_in_range(strlen(coded), 1, BLOB_MAX);
    ssize_t size = base64_decode(coded, blob->data);
    assert_true(size > 0);
    blob->size = (size_t)size;
}

/* In memory that ends with it, so that a byte too far is seen. */
static int reads(const struct blob *blob, struct key_blob *key)
{
    uint8_t *copy = malloc(blob->size ? blob->size : 1);

    assert_non_null(copy);
    memcpy(copy, blob->data, blob->size);
    int done = key_blob_read(key, copy, blob->size);
    free(copy);
    return done;
}

static void put(struct blob *blob, const void *data, size_t size)
{
    const uint8_t head[] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                            (uint8_t)size};

    assert_true(blob->size + sizeof(head) + size <= sizeof(blob->data));
    memcpy(blob->data + blob->size, head, sizeof(head));
    memcpy(blob->data + blob->size + sizeof(head), data, size);
    blob->size += sizeof(head) + size;
}

static void put_text(struct blob *blob, const char *text)
{
    put(blob, text, strlen(text));
}

/* A number with this many bytes, of which the first is `first`. */
static void put_number(struct blob *blob, uint8_t first, size_t size)
{
    uint8_t number[BLOB_MAX] = {0};

    memset(number, 0x5a, size);
    number[0] = first;
    put(blob, number, size);
}

static const struct good_row {
    const char *name;
    const char *line;
    const char *alias; /* another name for its type */
    size_t fields;     /* bytes of the key alone */
} good_rows[] = {
    {"ed25519", KEY_ED25519, NULL, 4 + 32},
    {"RSA", KEY_RSA, "rsa-sha2-512", 4 + 3 + 4 + 129},
    {"P-256", KEY_P256, NULL, 4 + 8 + 4 + 65},
    {"P-384", KEY_P384, NULL, 4 + 8 + 4 + 97},
    {"P-521", KEY_P521, NULL, 4 + 8 + 4 + 133},
    {"DSS", KEY_DSS, NULL, 4 + 129 + 4 + 21 + 4 + 128 + 4 + 128},
    {"certificate", KEY_CERTIFICATE, NULL, 4 + 32},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    const size_t length = strcspn(row->line, " ");
    struct blob blob;
    struct key_blob key;

    take(&blob, row->line);
    assert_int_equal(key_blob_read(&key, blob.data, blob.size), 0);
    assert_int_equal(strlen(key.type), length);
    assert_memory_equal(key.type, row->line, length);
    assert_int_equal(key.is_certificate, strstr(row->line, "-cert-") != NULL);
    assert_int_equal(key.size, row->fields);
    assert_true(key.fields > blob.data && key.fields + key.size <= blob.data + blob.size);
    assert_true(key_blob_is(&key, key.type));
    assert_false(key_blob_is(&key, "rsa-sha2-256-cert-v01@openssh.com"));
    assert_false(key_blob_is(&key, ""));
    assert_int_equal(key_blob_is(&key, "rsa-sha2-256"), row->alias != NULL);
    if (row->alias)
        assert_true(key_blob_is(&key, row->alias));
}

/* Whatever is missing, or too much. What stands behind a certificate's key is not looked at. */
static void cut(void **state)
{
    const struct good_row *row = *state;
    struct blob blob;
    struct key_blob key;

    take(&blob, row->line);
    const size_t whole = blob.size;
    size_t least = whole;
    if (strstr(row->line, "-cert-")) {
        assert_int_equal(key_blob_read(&key, blob.data, blob.size), 0);
        least = (size_t)(key.fields + key.size - blob.data) + 1;
    } else {
        blob.data[blob.size++] = 0;
        assert_int_equal(reads(&blob, &key), -1);
    }
    for (blob.size = 0; blob.size < least; blob.size++)
        assert_int_equal(reads(&blob, &key), -1);
    blob.size = least;
    assert_int_equal(reads(&blob, &key), 0);
}

static const struct curve_row {
    const char *name;
    const char *line;
} curve_rows[] = {
    {"P-256", KEY_P256},
    {"P-384", KEY_P384},
    {"P-521", KEY_P521},
};

/* No bit of an ECDSA key can be another: it would be off the curve, or of another type. */
static void flipped(void **state)
{
    const struct curve_row *row = *state;
    struct blob blob;
    struct key_blob key;

    take(&blob, row->line);
    for (size_t bit = 0; bit < 8 * blob.size; bit += 3) {
        blob.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(reads(&blob, &key), -1);
        blob.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(reads(&blob, &key), 0);
}

static const struct rsa_row {
    const char *name;
    uint8_t first;
    size_t size;
    int wanted;
} rsa_rows[] = {
    {"1024 bits without a zero are below 0", 0x80, 128, -1},
    {"1023 bits", 0x7f, 128, -1},
    {"1032 bits less one", 0x7f, 129, 0},
    {"1025 bits", 0x01, 129, 0},
    {"1016 bits and a zero", 0, 128, -1},
    {"1024 bits less one and a zero", 0, 129, -1},
    {"none", 0, 0, -1},
    {"16384 bits", 0x7f, 2048, 0},
    {"16384 bits and a zero", 0, 2049, 0},
    {"more bits", 0x01, 2049, -1},
};

static void rsa(void **state)
{
    const struct rsa_row *row = *state;
    struct blob blob = {.size = 0};
    struct key_blob key;

    put_text(&blob, "ssh-rsa");
    put_number(&blob, 3, 1);
    put_number(&blob, row->first, row->size);
    assert_int_equal(reads(&blob, &key), row->wanted);
}

static void rsa_of_1024_bits(void **state)
{
    (void)state;
    struct blob blob = {.size = 0};
    struct key_blob key;
    uint8_t modulus[129] = {0, 0x80};

    put_text(&blob, "ssh-rsa");
    put_number(&blob, 3, 1);
    put(&blob, modulus, sizeof(modulus));
    assert_int_equal(reads(&blob, &key), 0);
    assert_string_equal(key.type, "ssh-rsa");
}

/* FIDO keys have the name of an application behind. */
static void security_keys(void **state)
{
    (void)state;
    static const struct {
        const char *line, *type;
    } rows[] = {{KEY_ED25519, "sk-ssh-ed25519@openssh.com"},
                {KEY_P256, "sk-ecdsa-sha2-nistp256@openssh.com"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct blob plain, blob = {.size = 0};
        struct key_blob key, other;
        take(&plain, rows[i].line);
        assert_int_equal(key_blob_read(&other, plain.data, plain.size), 0);
        put_text(&blob, rows[i].type);
        memcpy(blob.data + blob.size, other.fields, other.size);
        blob.size += other.size;
        assert_int_equal(reads(&blob, &key), -1);
        const size_t before = blob.size;
        put_text(&blob, "ssh:");
        assert_int_equal(reads(&blob, &key), 0);
        assert_string_equal(key.type, rows[i].type);
        assert_false(key_blob_same(&key, &other));
        assert_false(key_blob_is(&key, other.type));

        blob.size = before;
        put(&blob, "ssh:", 5);
        assert_int_equal(reads(&blob, &key), 0);
        blob.size = before;
        put(&blob, "s\0h:", 5);
        assert_int_equal(reads(&blob, &key), -1);
    }
}

static const struct bad_row {
    const char *name;
    const char *type;
    size_t size; /* of the one field */
} bad_rows[] = {
    {"no type", "", 32},
    {"an unknown type", "ssh-ed448", 57},
    {"a type in capitals", "SSH-ED25519", 32},
    {"the start of a type", "ssh-ed2551", 32},
    {"more than a type", "ssh-ed25519x", 32},
    {"ed25519 of 31 bytes", "ssh-ed25519", 31},
    {"ed25519 of 33 bytes", "ssh-ed25519", 33},
    {"a certificate without a key", "ssh-ed25519-cert-v01@openssh.com", 32},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    struct blob blob = {.size = 0};
    struct key_blob key;

    put_text(&blob, row->type);
    put_number(&blob, 1, row->size);
    assert_int_equal(reads(&blob, &key), -1);
}

static void curves_are_not_mixed(void **state)
{
    (void)state;
    struct blob p256, blob = {.size = 0};
    struct key_blob key, other;

    take(&p256, KEY_P256);
    assert_int_equal(key_blob_read(&other, p256.data, p256.size), 0);
    put_text(&blob, "ecdsa-sha2-nistp384");
    memcpy(blob.data + blob.size, other.fields, other.size);
    blob.size += other.size;
    assert_int_equal(reads(&blob, &key), -1);
}

static void same(void **state)
{
    (void)state;
    struct blob a, other, certificate, rsa;
    struct key_blob key_a, key_other, key_certificate, key_rsa;

    take(&a, KEY_ED25519);
    take(&other, KEY_ED25519_OTHER);
    take(&certificate, KEY_CERTIFICATE);
    take(&rsa, KEY_RSA);
    assert_int_equal(key_blob_read(&key_a, a.data, a.size), 0);
    assert_int_equal(key_blob_read(&key_other, other.data, other.size), 0);
    assert_int_equal(key_blob_read(&key_certificate, certificate.data, certificate.size), 0);
    assert_int_equal(key_blob_read(&key_rsa, rsa.data, rsa.size), 0);
    assert_true(key_blob_same(&key_a, &key_a));
    assert_true(key_blob_same(&key_a, &key_certificate));
    assert_false(key_blob_same(&key_a, &key_other));
    assert_false(key_blob_same(&key_certificate, &key_other));
    assert_false(key_blob_same(&key_a, &key_rsa));
}

/* --- base64 --- */

static const struct decode_row {
    const char *name;
    const char *text;
    const char *wanted; /* NULL: it is none */
} decode_rows[] = {
    {"nothing", "", ""},
    {"one byte", "YQ==", "a"},
    {"two bytes", "YWI=", "ab"},
    {"three bytes", "YWJj", "abc"},
    {"four bytes", "YWJjZA==", "abcd"},
    {"all kinds of letters", "fn5+Pz8/MDk=", "~~~???09"},
    {"blanks", " Y\tW\rI\n=\v\f", "ab"},
    {"a CR behind", "YWJj\r", "abc"},
    {"a blank between the pads", "YQ= =", "a"},
    {"one letter", "Y", NULL},
    {"two letters without pads", "YQ", NULL},
    {"three letters without a pad", "YWI", NULL},
    {"a pad too few", "YQ=", NULL},
    {"a pad too many", "YWI==", NULL},
    {"a pad behind a whole group", "YWJj=", NULL},
    {"pads alone", "====", NULL},
    {"letters behind a pad", "YQ==YQ==", NULL},
    {"bits that are left over", "YR==", NULL},
    {"one bit that is left over", "YWJ=", NULL},
    {"another byte", "YW-j", NULL},
    {"a byte above ASCII", "YW\303\244", NULL},
};

static void decode(void **state)
{
    const struct decode_row *row = *state;
    uint8_t *out = malloc(strlen(row->text) + 1);

    assert_non_null(out);
    ssize_t size = base64_decode(row->text, out);
    if (row->wanted) {
        assert_int_equal(size, strlen(row->wanted));
        assert_memory_equal(out, row->wanted, strlen(row->wanted));
    } else {
        assert_int_equal(size, -1);
    }
    free(out);
}

static void there_and_back(void **state)
{
    (void)state;
    uint8_t data[100], back[BASE64_ROOM(sizeof(data))];

    for (uint32_t size = 0; size <= sizeof(data); size++) {
        unit_pattern(data, size, size);
        char *text = base64_encode(data, size);
        assert_non_null(text);
        assert_int_equal(strlen(text) + 1, BASE64_ROOM(size));
        assert_int_equal(base64_decode(text, back), size);
        assert_memory_equal(back, data, size);
        free(text);
    }
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, cut, good_rows);
    UNIT_ROWS(&unit, flipped, curve_rows);
    UNIT_ROWS(&unit, rsa, rsa_rows);
    UNIT_TEST(&unit, rsa_of_1024_bits);
    UNIT_TEST(&unit, security_keys);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, curves_are_not_mixed);
    UNIT_TEST(&unit, same);
    UNIT_ROWS(&unit, decode, decode_rows);
    UNIT_TEST(&unit, there_and_back);
    return unit_run(&unit, "key_blob");
}
