/* SPDX-License-Identifier: MIT */
/*
 * The files that hold keys of users: FILE.pub as ssh-keygen(1) writes it, OpenSSH's PROTOCOL.key,
 * and PEM. Only as far as can be seen without a passphrase; libssh2 reads the rest. Pure functions.
 */
#ifndef STILE_TRANSPORTS_SSH_IDENTITY_H
#define STILE_TRANSPORTS_SSH_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define IDENTITY_FILE_MAX ((size_t)64 * 1024)

/* A public key. */
struct identity_public {
    uint8_t *blob; /* as it goes over the wire; NULL: not known */
    size_t size;
};

#define IDENTITY_PUBLIC_NONE ((struct identity_public){0, 0})

/*
 * The first line that is a key of a type that OpenSSH knows: type, blob in base64, comment. 1, and
 * the caller releases it; 0 when there is none, or a private key begins before; -1 when memory is
 * lacking (err set).
 */
int identity_read_public(struct identity_public *key, const char *text, struct err *err);

void identity_public_release(struct identity_public *key);

enum identity_format {
    IDENTITY_NONE, /* no private key */
    IDENTITY_OPENSSH,
    IDENTITY_PEM,
};

struct identity_private {
    enum identity_format format;
    bool encrypted;
    const char *cipher;                 /* that libssh2 hasn't got; NULL: it can read the file */
    const char *type;                   /* of a PEM that says so: "ssh-rsa"; or NULL */
    struct identity_public public_half; /* of OpenSSH's format */
};

/* Looks at a file with a private key. 0, and the caller releases public_half; -1 when memory is
 * lacking (err set). A file that libssh2 would choke on, in whatever way, is IDENTITY_NONE. */
int identity_read_private(struct identity_private *key, const char *text, struct err *err);

#endif
