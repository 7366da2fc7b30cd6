/* SPDX-License-Identifier: MIT */
/* Which algorithms a session may use: those that the configuration allows and libssh2 has. */
#ifndef STILE_TRANSPORTS_SSH_ALGORITHMS_H
#define STILE_TRANSPORTS_SSH_ALGORITHMS_H

#include <libssh2.h>
#include <stdbool.h>

#include "config/ssh_config.h"

/* Tells the library what is allowed, host keys in the order of `host_key_algorithms` (NULL: the
 * configuration's). The keyword of a list of which the library has nothing, or NULL. */
const char *algorithms_choose(LIBSSH2_SESSION *lib, const struct ssh_config *config,
                              const char *host_key_algorithms);

/* That the library has nothing of what a keyword allows, in words that the caller frees; NULL when
 * memory is lacking. */
char *algorithms_lack(const char *keyword);

/* The same about a configuration, without a session. NULL: it has enough. */
char *algorithms_lacking(const struct ssh_config *config);

/* HostKeyAlgorithms of the configuration, or what stands for it where nothing is said. */
const char *algorithms_of_host_key(const struct ssh_config *config);

/* Can this library sign, and check signatures, with keys of the type? With ssh-rsa only by
 * rsa-sha2-512: SHA-1 does not count. */
bool algorithms_know_key_type(const char *type);

#endif
