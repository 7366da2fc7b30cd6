/* SPDX-License-Identifier: MIT */
#include "transports/dns/resolvconf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* More of the file than this is not looked at. */
#define RESOLV_CONF_MAX 8192

static int search_add(struct search *search, char *name)
{
    if (!name)
        return -1;
    search->names[search->count++] = name;
    return 0;
}

static int count_dots(const char *host)
{
    int dots = 0;

    while ((host = strchr(host, '.'))) {
        dots++;
        host++;
    }
    return dots;
}

/* resolv.conf may say `search .` and `search example.org.` as well. */
static char *under(const char *host, const char *domain)
{
    size_t length = strlen(domain);

    while (length > 0 && domain[length - 1] == '.')
        length--;
    return text_format(length ? "%s.%.*s." : "%s.", host, (int)length, domain);
}

int search_init(struct search *search, const char *host, char *const *domains, size_t domain_count,
                int ndots)
{
    size_t length = strlen(host);

    *search = (struct search){.names = calloc(domain_count + 1, sizeof(*search->names))};
    if (!search->names)
        return -1;
    if (length > 0 && host[length - 1] == '.')
        return search_add(search, strdup(host));

    bool as_it_is_first = count_dots(host) >= ndots;
    int failed = 0;
    if (as_it_is_first)
        failed |= search_add(search, text_format("%s.", host));
    for (size_t i = 0; i < domain_count; i++)
        failed |= search_add(search, under(host, domains[i]));
    if (!as_it_is_first)
        failed |= search_add(search, text_format("%s.", host));
    if (failed)
        search_release(search);
    return failed;
}

void search_release(struct search *search)
{
    for (size_t i = 0; i < search->count; i++)
        free(search->names[i]);
    free(search->names);
    *search = (struct search){0};
}

/* The number behind `key` in the option at `word`, at most `max`; or `otherwise`. */
static int option_value(const char *word, const char *key, int max, int otherwise)
{
    size_t length = strlen(key);

    if (strncmp(word, key, length) != 0 || word[length] < '0' || word[length] > '9')
        return otherwise;
    long value = strtol(word + length, NULL, 10);
    return value < 1 ? 1 : value > max ? max : (int)value;
}

static const char blank[] = " \t";

void resolvconf_parse_words(const char *words, int *timeout_s, int *attempts)
{
    words += strspn(words, blank);
    while (*words && *words != '\n') {
        *timeout_s = option_value(words, "timeout:", 30, *timeout_s);
        *attempts = option_value(words, "attempts:", 5, *attempts);
        words += strcspn(words, " \t\n");
        words += strspn(words, blank);
    }
}

void resolvconf_parse(const char *text, int *timeout_s, int *attempts)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "options", 7) == 0 && line[7] && strchr(blank, line[7]))
            resolvconf_parse_words(line + 7, timeout_s, attempts);
    }
}

void resolvconf_read_options(int *timeout_s, int *attempts)
{
    char text[RESOLV_CONF_MAX + 1];
    const char *words = getenv("RES_OPTIONS");
    FILE *file = fopen("/etc/resolv.conf", "re");

    if (file) {
        text[fread(text, 1, RESOLV_CONF_MAX, file)] = '\0';
        (void)fclose(file);
        resolvconf_parse(text, timeout_s, attempts);
    }
    if (words)
        resolvconf_parse_words(words, timeout_s, attempts);
}
