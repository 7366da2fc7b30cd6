/* SPDX-License-Identifier: MIT */
/* SOCKS proxies. The handshake leaves nothing behind: the stream is the one from below. */
#ifndef STILE_TRANSPORTS_SOCKS_H
#define STILE_TRANSPORTS_SOCKS_H

#include "transports/transport.h"

/*
 * socks5:// and socks5h://, RFC 1928 with no authentication or RFC 1929. The proxy looks names up;
 * `resolve=local` does it here and tries the addresses one after the other. `pipeline=yes` sends
 * everything at once, before the proxy has answered anything.
 */
extern const struct transport socks5_transport;

/* socks4:// (names are looked up here, IPv4) and socks4a:// (by the proxy). */
extern const struct transport socks4_transport;

#endif
