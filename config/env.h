/* SPDX-License-Identifier: MIT */
/*
 * Proxy variables, as curl(1) and others read them: $stile_proxy, $ssh_proxy, $all_proxy and
 * $https_proxy in this order, each in lower case before upper case. In a CGI program
 * ($REQUEST_METHOD is set) those in upper case may be the client's to choose (CVE-2016-5385), and
 * are left alone; $HTTP_PROXY and $http_proxy are never read, for they are for another purpose.
 * Empty is as if not set.
 *
 * A value is a list of hops (hop.h) or `direct`. One without a scheme is a single hop with http,
 * and `socks://` is socks5. $no_proxy (before $NO_PROXY) lists, with commas or blanks between,
 * targets that need none. Loopback never needs one.
 */
#ifndef STILE_CONFIG_ENV_H
#define STILE_CONFIG_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "core/endpoint.h"
#include "core/err.h"

struct env_way {
    /* For hops_parse with HOP_FROM_FILE, "direct" if there is to be none. A secret. */
    char *hops;

    /* For people: "$https_proxy", "$no_proxy has .corp.example", "loopback", "no proxy variable is
     * set". */
    char *reason;

    /* "$https_proxy" or "$no_proxy", of static life; NULL: no variable says it. */
    const char *variable;
};

/* `lookup` is getenv(3), or a test's. 0, and the caller releases it; -1 when memory is lacking (err
 * set). What is wrong with a value hops_parse says later; where the scheme is not the variable's,
 * its columns are those of `hops`. */
int env_way(struct env_way *way, const struct endpoint *target,
            const char *(*lookup)(const char *name), struct err *err);

/* Wipes and frees; may be called twice. */
void env_way_release(struct env_way *way);

/*
 * Does one entry of a $no_proxy cover the target? `*`; a name, which covers those below it, too,
 * with or without `.` or `*.` in front; an address, in brackets or not; a CIDR (prefix.h), also for
 * an IPv4 address written as IPv6; each may have `:port` behind it, for which IPv6 needs brackets.
 *
 * An address covers every way to write it, and one without a zone those with one. Of names case and
 * a dot at the end don't matter. Whatever else an entry says, it covers nothing.
 */
bool env_covers(const char *entry, size_t length, const struct endpoint *target);

/* 127.0.0.0/8 and ::1, in every way to write them, localhost, and names below localhost. */
bool env_is_loopback(const char *host);

#endif
