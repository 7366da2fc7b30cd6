/* SPDX-License-Identifier: MIT */
/* What ssh(1) calls the types of keys when it talks to people. */
#ifndef STILE_TRANSPORTS_SSH_KEY_NAME_H
#define STILE_TRANSPORTS_SSH_KEY_NAME_H

/* "ED25519" for "ssh-ed25519", and for a certificate of such a key; the type itself where it has no
 * other name. */
const char *ssh_key_name(const char *type);

#endif
