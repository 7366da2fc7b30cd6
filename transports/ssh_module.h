/* SPDX-License-Identifier: MIT */
/*
 * A gateway that speaks SSH, and what the module `ssh` (transports/ssh/, libssh2) offers for it.
 *
 * Two engines can lead through a gateway: libssh2 in this process, and ssh(1) as a command
 * (openssh.h). Both get the same struct.
 */
#ifndef STILE_TRANSPORTS_SSH_MODULE_H
#define STILE_TRANSPORTS_SSH_MODULE_H

#include "config/hop.h"
#include "config/ssh_config.h"
#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/stream.h"

/* All that is known before the gateway is dialed. Outlives the streams through it. */
struct ssh_gateway {
    const struct hop *hop;
    struct ssh_config config;
    struct endpoint address; /* HostName and Port */
    int family;              /* AF_UNSPEC, or the only one that may be used (-4, -6) */
    char *name;              /* for messages and prompts: "gateway bastion" */
    bool is_mute;            /* ssh(1) may ask nobody now: it isn't our turn */
    char **exec; /* the words of `?exec=`, %h and %p still in them; NULL: direct-tcpip */
};

struct ssh_module {
    unsigned abi; /* TRANSPORT_ABI */

    /* Does what costs the first session time and needs nothing to be known: for a thread beside. */
    void (*warm)(void);

    /*
     * Why this library cannot serve the gateway as ssh(1) would, as far as can be said before it is
     * dialed: a text that the caller frees, "the only keys are RSA, and libssh2 1.10.0 has no
     * rsa-sha2". NULL: it can. Reads known_hosts, the public halves of the keys and the agent's
     * list; asks nobody.
     */
    char *(*lacks)(const struct ssh_gateway *gateway, struct ctx *ctx);

    /*
     * Logs in over `below`, which it takes over, and opens a channel to `to`. Blocks, never past
     * the ctx; may ask a person. A stream that the caller closes, or NULL with ctx->err set:
     * ERR_AUTH (host key, login), ERR_REFUSED (the channel; nonsense), ERR_TIME.
     *
     * `lacking`: NULL when there is no other engine. Else, before a person is asked or the login is
     * given up, *lacking may be set to why ssh(1) might get in where libssh2 does not; the caller
     * frees it, and ctx->err is not set then.
     */
    struct stream *(*dial)(const struct ssh_gateway *gateway, struct stream *below,
                           const struct endpoint *to, char **lacking, struct ctx *ctx);
};

#endif
