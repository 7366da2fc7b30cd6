/* SPDX-License-Identifier: MIT */
/*
 * `exec:command`: a local command as a hop. Its stdin and stdout are the stream, as they are for an
 * ssh that runs it as its ProxyCommand; %h and %p in it are the host and the port where it is to
 * lead. No shell is started, but the user may have written `sh -c '… %h …'`, so a host that a shell
 * would take for more than a word is refused.
 *
 * The command dies with the stream, and with us. What it says on stderr gets its name in front.
 */
#ifndef STILE_TRANSPORTS_EXEC_H
#define STILE_TRANSPORTS_EXEC_H

#include "transports/transport.h"

extern const struct transport exec_transport;

#endif
