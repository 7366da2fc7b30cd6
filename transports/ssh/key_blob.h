/* SPDX-License-Identifier: MIT */
/*
 * Public keys as they go over the wire and stand in files: RFC 4253 section 6.6, RFC 5656, RFC 8709,
 * OpenSSH's PROTOCOL.u2f and PROTOCOL.certkeys. Accepted is what OpenSSH accepts. Pure functions.
 */
#ifndef STILE_TRANSPORTS_SSH_KEY_BLOB_H
#define STILE_TRANSPORTS_SSH_KEY_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_kind;

struct key_blob {
    const struct key_kind *kind;
    const char *type;      /* "ssh-ed25519", static; of a certificate its own */
    bool is_certificate;   /* what stands behind the key in it is not looked at */
    const uint8_t *fields; /* the key alone, in the blob */
    size_t size;
};

/* Takes a blob apart. 0; -1: it is no key that OpenSSH would take: another type, a length that is
 * wrong, a point off its curve, an RSA key of less than 1024 bits, bytes that are left over. */
int key_blob_read(struct key_blob *key, const uint8_t *blob, size_t size);

/* Is `type` a name for keys of this kind? The rsa-sha2-… are, for ssh-rsa. */
bool key_blob_is(const struct key_blob *key, const char *type);

/* Is it the same key, whether in a certificate or not? */
bool key_blob_same(const struct key_blob *a, const struct key_blob *b);

#endif
