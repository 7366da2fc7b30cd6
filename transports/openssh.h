/* SPDX-License-Identifier: MIT */
/*
 * The other engine for a gateway: ssh(1) itself, as `ssh -W [host]:port`. It knows all of the user's
 * configuration, and everything that an agent, a certificate, a token or Kerberos needs.
 *
 * It ends when the peer ends its direction, so a half-close is not carried back.
 */
#ifndef STILE_TRANSPORTS_OPENSSH_H
#define STILE_TRANSPORTS_OPENSSH_H

#include "transports/ssh_module.h"

/* Is there an ssh(1) in $PATH? */
bool openssh_exists(void);

/*
 * Runs `ssh -W` for the gateway, or with gateway->exec that command there (words and target
 * validated as exec.h's). `below` leads to the gateway and is taken over, and ssh uses no
 * ControlMaster then; NULL: ssh goes there by itself, by its ControlMaster, ProxyJump or
 * ProxyCommand. It may ask a person, at our terminal or by askpass.
 *
 * Waits until the way to `to` is open, as far as ssh says so, and never past the ctx: what ssh says
 * on stderr becomes the err of a failure, one line, with the code that libssh2's would have
 * (ERR_NAME, ERR_CONNECT, ERR_AUTH, ERR_REFUSED, ERR_TIME). Other lines of it are shown with its
 * name in front, as a command's are, if ssh would show them at the user's LogLevel. A stream that the
 * caller closes, or NULL with ctx->err set; ERR_MODULE: there is no ssh(1).
 *
 * The stream is one of two pipes. Its finish says why the gateway has gone (ERR_STREAM).
 */
struct stream *openssh_dial(const struct ssh_gateway *gateway, struct stream *below,
                            const struct endpoint *to, struct ctx *ctx);

/* Is a ControlMaster there that would carry the connection? Connects to its socket, no more. */
bool openssh_has_master(const struct ssh_gateway *gateway);

#endif
