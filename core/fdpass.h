/* SPDX-License-Identifier: MIT */
/*
 * ProxyUseFdpass: hand the connected socket to ssh and be gone.
 *
 * ssh makes stdout one end of a Unix socket pair and expects one message: a byte of payload, whose
 * value does not matter, and one descriptor (SCM_RIGHTS). ssh_config(5); openssh monitor_fdpass.c.
 */
#ifndef STILE_CORE_FDPASS_H
#define STILE_CORE_FDPASS_H

#include "core/ctx.h"

/* 0 when `sock` can carry a descriptor; -1 with err set (ERR_USAGE) when it is no Unix socket. */
int fdpass_check(int sock, struct err *err);

/*
 * Sends a copy of `fd` over `sock`. The receiver gets it blocking, as connect(2) would have made
 * it. May wait for room in the socket, never past the ctx. 0, or -1 with ctx->err set, silent when
 * the receiver has gone. Both stay open.
 */
int fdpass_send(int sock, int fd, struct ctx *ctx);

/* The descriptor that the next message over `sock` brings, close-on-exec. Blocks, never past the
 * ctx. -1 with ctx->err set: ERR_CONNECT when there is none in it, or the sender has gone. */
int fdpass_receive(int sock, struct ctx *ctx);

#endif
