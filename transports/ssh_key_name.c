/* SPDX-License-Identifier: MIT */
#include "transports/ssh_key_name.h"

#include <stddef.h>
#include <string.h>

#define CERTIFICATE "-cert-v01@openssh.com"

static const struct {
    const char *type;
    const char *name;
} names[] = {
    {"ssh-ed25519", "ED25519"},
    {"ecdsa-sha2-nistp256", "ECDSA"},
    {"ecdsa-sha2-nistp384", "ECDSA"},
    {"ecdsa-sha2-nistp521", "ECDSA"},
    {"ssh-rsa", "RSA"},
    {"ssh-dss", "DSA"},
};

const char *ssh_key_name(const char *type)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t length = strlen(names[i].type);
        if (strncmp(type, names[i].type, length) == 0 &&
            (!type[length] || strcmp(type + length, CERTIFICATE) == 0))
            return names[i].name;
    }
    return type;
}
