/* SPDX-License-Identifier: MIT */
/*
 * The names to ask DNS for, in order: the host as it is and under each search domain, resolv.conf(5).
 *
 * c-ares could search by itself, but it would do so for A and for AAAA separately, and a name that
 * has only an A record under the first domain and only an AAAA record under the second would end up as
 * one host with the addresses of two. So each candidate is asked for both before the next one's turn.
 */
#ifndef STILE_TRANSPORTS_SEARCH_H
#define STILE_TRANSPORTS_SEARCH_H

#include <stddef.h>

struct search {
    char **names; /* absolute: each ends with a dot */
    size_t count;
};

/*
 * Fills `search` for `host`. With at least `ndots` dots the host itself comes first, else last; one that
 * ends with a dot is the only one. 0, and the caller releases it; -1 when memory is lacking.
 */
int search_init(struct search *search, const char *host, char *const *domains, size_t domain_count,
                int ndots);

void search_release(struct search *search);

/*
 * `timeout:` and `attempts:` from the options lines of the text of a resolv.conf, which c-ares 1.18 does not
 * know (it has retrans: and retry:). Values that are not there are left alone; larger ones than the
 * man page's 30 and 5 count as those.
 */
void search_options(const char *text, int *timeout_s, int *attempts);

/* The same from one line of options, as the variable RES_OPTIONS holds it. */
void search_option_words(const char *words, int *timeout_s, int *attempts);

#endif
