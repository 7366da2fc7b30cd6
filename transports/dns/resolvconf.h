/* SPDX-License-Identifier: MIT */
/*
 * What resolv.conf(5) says and c-ares 1.18 does not do for us: the search list with A and AAAA
 * together, and the options `timeout:` and `attempts:` (it has retrans: and retry: of its own).
 */
#ifndef STILE_TRANSPORTS_DNS_RESOLVCONF_H
#define STILE_TRANSPORTS_DNS_RESOLVCONF_H

#include <stddef.h>

/*
 * The names to ask DNS for, in order: the host as it is and under each search domain.
 *
 * c-ares could search by itself, but it would do so for A and for AAAA separately, and a name that
 * has only an A record under the first domain and only an AAAA record under the second would end up
 * as one host with the addresses of two. So each candidate is asked for both before the next one's
 * turn.
 */
struct search {
    char **names; /* absolute: each ends with a dot */
    size_t count;
};

/*
 * Fills `search` for `host`. With at least `ndots` dots the host itself comes first, else last; one
 * that ends with a dot is the only one. 0, and the caller releases it; -1 when memory is lacking.
 */
int search_init(struct search *search, const char *host, char *const *domains, size_t domain_count,
                int ndots);

void search_release(struct search *search);

/* The two options from /etc/resolv.conf, then from the variable RES_OPTIONS, which wins. What is
 * said in neither is left alone. */
void resolvconf_read_options(int *timeout_s, int *attempts);

/* The same from the text of a resolv.conf. Values larger than the man page's 30 and 5 count as
 * those. */
void resolvconf_parse(const char *text, int *timeout_s, int *attempts);

/* The same from one line of options without the keyword, as RES_OPTIONS has it. */
void resolvconf_parse_words(const char *words, int *timeout_s, int *attempts);

#endif
