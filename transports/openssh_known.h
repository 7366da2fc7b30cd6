/* SPDX-License-Identifier: MIT */
/* What stands in the files that ssh(1) has looked into for a host key. */
#ifndef STILE_TRANSPORTS_OPENSSH_KNOWN_H
#define STILE_TRANSPORTS_OPENSSH_KNOWN_H

#include "config/ssh_config.h"
#include "core/ctx.h"

/*
 * The key at `place` ("/root/.ssh/known_hosts:3", a file of the configuration) for the host with
 * this name there, as "ED25519 SHA256:…" in fresh memory that the caller frees. Asks ssh-keygen(1),
 * for a few seconds at most and never past the ctx. NULL when nothing comes of it; ctx->err is left
 * alone.
 */
char *openssh_known_key(const struct ssh_config *config, const char *name, const char *place,
                        const struct ctx *ctx);

#endif
