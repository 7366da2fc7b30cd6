/* SPDX-License-Identifier: MIT */
#include "transports/ssh/key_blob.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define RSA_BITS_MIN 1024
#define NUMBER_MAX (16384 / 8)
#define ED25519_SIZE 32

struct curve {
    const char *name;
    int nid; /* OpenSSL's number for it */
};

static const struct curve p256 = {"nistp256", NID_X9_62_prime256v1};
static const struct curve p384 = {"nistp384", NID_secp384r1};
static const struct curve p521 = {"nistp521", NID_secp521r1};

#define CERT "-cert-v01@openssh.com"

struct key_kind {
    const char *type;
    const char *certificate;
    const char *fields; /* a letter each, field_readers has them */
    const struct curve *curve;
};

static const struct key_kind kinds[] = {
    {"ssh-ed25519", "ssh-ed25519" CERT, "e", NULL},
    {"ssh-rsa", "ssh-rsa" CERT, "nm", NULL},
    {"ssh-dss", "ssh-dss" CERT, "nnnn", NULL},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" CERT, "cp", &p256},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" CERT, "cp", &p384},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" CERT, "cp", &p521},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519" CERT, "et", NULL},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256" CERT, "cpt", &p256},
};

/* What an RSA key is called where the kind of its signatures is meant. */
static const struct alias {
    const char *name, *type;
} aliases[] = {
    {"rsa-sha2-256", "ssh-rsa"},
    {"rsa-sha2-512", "ssh-rsa"},
    {"rsa-sha2-256" CERT, "ssh-rsa" CERT},
    {"rsa-sha2-512" CERT, "ssh-rsa" CERT},
};

/* --- pieces --- */

struct span {
    const uint8_t *data;
    size_t size;
};

/* Moves a string (RFC 4251 section 5) from the front of `from` to `string`. */
static int take_string(struct span *from, struct span *string)
{
    const uint8_t *data = from->data;
    const size_t head = sizeof(uint32_t);

    if (from->size < head)
        return -1;
    size_t size = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    if (size > from->size - head)
        return -1;
    *string = (struct span){data + head, size};
    from->data += head + size;
    from->size -= head + size;
    return 0;
}

static bool span_is(const struct span *span, const char *text)
{
    return span->size == strlen(text) && memcmp(span->data, text, span->size) == 0;
}

/* --- fields --- */

/* The zeros in front taken away. -1 for a negative number, or one that is too long. */
static int number_size(const struct span *field, size_t *size)
{
    size_t zeros = 0;

    if (field->size > 0 && field->data[0] & 0x80)
        return -1;
    if (field->size > NUMBER_MAX + 1 || (field->size == NUMBER_MAX + 1 && field->data[0] != 0))
        return -1;
    while (zeros < field->size && field->data[zeros] == 0)
        zeros++;
    *size = field->size - zeros;
    return 0;
}

static bool is_number(const struct span *field, const struct curve *curve)
{
    size_t size;

    (void)curve;
    return number_size(field, &size) == 0;
}

static bool is_modulus(const struct span *field, const struct curve *curve)
{
    size_t size;

    (void)curve;
    if (number_size(field, &size) == -1)
        return false;
    return size > RSA_BITS_MIN / 8 ||
           (size == RSA_BITS_MIN / 8 && field->data[field->size - size] & 0x80);
}

static bool is_ed25519(const struct span *field, const struct curve *curve)
{
    (void)curve;
    return field->size == ED25519_SIZE;
}

static bool is_curve(const struct span *field, const struct curve *curve)
{
    return span_is(field, curve->name);
}

/* Uncompressed, and on the curve. */
static bool is_point(const struct span *field, const struct curve *curve)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    bool good = point && field->size > 0 && field->data[0] == POINT_CONVERSION_UNCOMPRESSED &&
                EC_POINT_oct2point(group, point, field->data, field->size, NULL) == 1;

    EC_POINT_free(point);
    EC_GROUP_free(group);
    return good;
}

/* A NUL may end it. */
static bool is_text(const struct span *field, const struct curve *curve)
{
    const uint8_t *end = field->size ? memchr(field->data, '\0', field->size) : NULL;

    (void)curve;
    return !end || end == field->data + field->size - 1;
}

static const struct field_reader {
    char letter;
    bool (*is_good)(const struct span *field, const struct curve *curve);
} field_readers[] = {
    {'n', is_number}, {'m', is_modulus}, {'e', is_ed25519},
    {'c', is_curve},  {'p', is_point},   {'t', is_text},
};

static int take_field(struct span *from, char letter, const struct curve *curve)
{
    struct span field;

    if (take_string(from, &field) == -1)
        return -1;
    for (size_t i = 0; i < sizeof(field_readers) / sizeof(field_readers[0]); i++)
        if (field_readers[i].letter == letter)
            return field_readers[i].is_good(&field, curve) ? 0 : -1;
    return -1;
}

/* --- keys --- */

static int find_kind(struct key_blob *key, const struct span *type)
{
    struct span name = *type;

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (span_is(&name, aliases[i].name))
            name = (struct span){(const uint8_t *)aliases[i].type, strlen(aliases[i].type)};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        key->kind = &kinds[i];
        key->is_certificate = span_is(&name, kinds[i].certificate);
        key->type = key->is_certificate ? kinds[i].certificate : kinds[i].type;
        if (span_is(&name, key->type))
            return 0;
    }
    return -1;
}

int key_blob_read(struct key_blob *key, const uint8_t *blob, size_t size)
{
    struct span rest = {blob, size}, string;

    if (take_string(&rest, &string) == -1 || find_kind(key, &string) == -1)
        return -1;
    if (key->is_certificate && take_string(&rest, &string) == -1)
        return -1;
    key->fields = rest.data;
    for (const char *letter = key->kind->fields; *letter; letter++)
        if (take_field(&rest, *letter, key->kind->curve) == -1)
            return -1;
    key->size = (size_t)(rest.data - key->fields);
    return key->is_certificate == (rest.size > 0) ? 0 : -1;
}

bool key_blob_is(const struct key_blob *key, const char *type)
{
    struct key_blob other;
    const struct span name = {(const uint8_t *)type, strlen(type)};

    return find_kind(&other, &name) == 0 && other.kind == key->kind &&
           other.is_certificate == key->is_certificate;
}

bool key_blob_same(const struct key_blob *a, const struct key_blob *b)
{
    return a->kind == b->kind && a->size == b->size && memcmp(a->fields, b->fields, a->size) == 0;
}
