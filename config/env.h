/* SPDX-License-Identifier: MIT */
/*
 * Proxy variables, as curl(1) and others read them: $stile_proxy, $ssh_proxy, $all_proxy and
 * $https_proxy in this order, each in lower case before upper case. In a CGI program
 * ($REQUEST_METHOD is set) those in upper case are the client's to choose (CVE-2016-5385), and left
 * alone; $HTTP_PROXY and $http_proxy are never read, for they are for another purpose. Empty is as
 * if not set.
 *
 * A value is a list of hops (hop.h) or `direct`; without a scheme it is http, and `socks` is socks5.
 * $no_proxy (before $NO_PROXY) lists, with commas or blanks between, targets that need none.
 */
#ifndef STILE_CONFIG_ENV_H
#define STILE_CONFIG_ENV_H

#include <stdbool.h>

#include "core/endpoint.h"
#include "core/err.h"

struct env_way {
    char *hops; /* for hops_parse with HOP_FROM_FILE, "direct" if there is to be none; a secret */
    char
        *reason; /* for people: "$https_proxy", "$no_proxy has .corp.example", "loopback", "no proxy
                     variable is set" */
    const char *variable; /* "$https_proxy", of static life; NULL: no variable says it */
};

/* `lookup` is getenv(3), or a test's. 0, and the caller releases it; -1 when memory is lacking (err
 * set). What is wrong with a value hops_parse says later. */
int env_way(struct env_way *way, const struct endpoint *target,
            const char *(*lookup)(const char *name), struct err *err);

/* Wipes and frees; may be called twice. */
void env_way_release(struct env_way *way);

/*
 * Does one entry of a $no_proxy cover the target? `*`; a name, which covers those below it, too, with
 * or without `.` or `*.` in front; an address, in
 * brackets or not; a CIDR, also for an IPv4 address written as IPv6; each may have `:port` behind it.
 * An address covers every way to write it.
 */
bool env_covers(const char *entry, size_t length, const struct endpoint *target);

/* 127.0.0.0/8, ::1, localhost, and names below localhost. */
bool env_is_loopback(const char *host);

#endif
