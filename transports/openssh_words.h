/* SPDX-License-Identifier: MIT */
/* How ssh(1) is called to lead through a gateway. */
#ifndef STILE_TRANSPORTS_OPENSSH_WORDS_H
#define STILE_TRANSPORTS_OPENSSH_WORDS_H

#include "transports/handover.h"
#include "transports/ssh_module.h"

/*
 * `ssh -W [host]:port`, or with gateway->exec that command there; its LogLevel is DEBUG2, its log
 * goes to the file `log`, or where that is NULL to stderr. With an open `handover` it takes its
 * connection from there. For words_free; NULL with err set (no memory, or a target that the command
 * can't be given).
 */
char **openssh_words(const struct ssh_gateway *gateway, const struct endpoint *to,
                     const struct handover *handover, const char *log, struct err *err);

#endif
