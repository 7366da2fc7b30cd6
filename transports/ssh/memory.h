/* SPDX-License-Identifier: MIT */
/*
 * The memory of libssh2's sessions: wiped when it is given back during the set-up, for keys and
 * passwords are in it; bounded, for the peer decides how much is kept; and looked at, for libssh2
 * forgets some of what the peer has said.
 *
 * The functions are what libssh2_session_init_ex wants; `abstract` leads to the struct session.
 */
#ifndef STILE_TRANSPORTS_SSH_MEMORY_H
#define STILE_TRANSPORTS_SSH_MEMORY_H

#include <stddef.h>

/* No packet is larger than 40000 bytes; the rest is libssh2's own, and its list of algorithms. */
#define MEMORY_BLOCK_MAX ((size_t)256 * 1024)

/* Of a session: a window that is full (window.h), and the packets around it. */
#define MEMORY_MAX ((size_t)24 * 1024 * 1024)

void *memory_alloc(size_t size, void **abstract);
void *memory_realloc(void *data, size_t size, void **abstract);
void memory_free(void *data, void **abstract);

#endif
