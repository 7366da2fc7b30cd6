/* SPDX-License-Identifier: MIT */
/*
 * A client of ssh-agent(1): draft-ietf-sshm-ssh-agent, as far as a login needs it. All that an
 * agent says is bounded, and an agent that says nothing, or asks its person first, is waited for
 * no longer than the ctx allows.
 */
#ifndef STILE_TRANSPORTS_SSH_AGENT_H
#define STILE_TRANSPORTS_SSH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/ctx.h"
#include "core/stream.h"

#define AGENT_MESSAGE_MAX ((size_t)256 * 1024) /* as OpenSSH has it */
#define AGENT_KEYS_MAX 2048

struct agent_key {
    uint8_t *blob; /* the public key, or a certificate */
    size_t size;
    char *comment;
};

struct agent_keys {
    struct agent_key *key;
    size_t count;
};

#define AGENT_KEYS_INIT ((struct agent_keys){0, 0})

/* Asks what keys there are. 0, and the caller releases them; -1 with ctx->err set: ERR_AUTH when
 * the agent refuses or says nonsense, ERR_REFUSED when it hangs up, ERR_TIME. `agent` is a
 * connection to its socket, and of no use any more after a failure. */
int agent_list(struct stream *agent, struct agent_keys *keys, struct ctx *ctx);

/* What is to be signed. */
struct agent_request {
    const uint8_t *blob; /* of the key */
    size_t blob_size;
    const uint8_t *data;
    size_t data_size;
    const char *algorithm; /* ssh-ed25519, rsa-sha2-512, … */
};

struct agent_signature {
    uint8_t *data; /* what stands behind the name of the algorithm */
    size_t size;
};

/* Asks for a signature. Same returns; the caller frees signature->data. */
int agent_sign(struct stream *agent, const struct agent_request *request,
               struct agent_signature *signature, struct ctx *ctx);

/* Frees what is in them; may be called twice. */
void agent_keys_release(struct agent_keys *keys);

/* --- what an agent says, without its length --- */

/* As agent_list. */
int agent_read_keys(struct agent_keys *keys, const uint8_t *answer, size_t size, struct err *err);

/* As agent_sign; a signature by another algorithm is refused. */
int agent_read_signature(struct agent_signature *signature, const char *algorithm,
                         const uint8_t *answer, size_t size, struct err *err);

#endif
