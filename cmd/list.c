/* SPDX-License-Identifier: MIT */
#include "cmd/list.h"

#include <string.h>

#include "config/keyword.h"
#include "transports/registry.h"

static void print_option(FILE *out, const struct option_row *row, const char *dashes,
                         const char *name)
{
    (void)fprintf(out, "%s%s\t%s\t%s\n", dashes, name, row->value ? row->value : "-", row->help);
}

static void print_options(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const char letter[] = {rows[i].letter, '\0'};
        if (rows[i].letter)
            print_option(out, &rows[i], "-", letter);
        if (rows[i].name)
            print_option(out, &rows[i], "--", rows[i].name);
    }
}

static void print_keywords(FILE *out)
{
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *keyword = &keywords[i];
        (void)fprintf(out, "%s\t%s\t%s\t%s\n", keyword->name, keyword->value,
                      keyword->fallback ? keyword->fallback : "-", keyword->help);
    }
}

static void print_settings(FILE *out)
{
    const struct transport *transport;

    for (size_t i = 0; (transport = registry_at(i)); i++)
        for (const char *const *scheme = transport->schemes; *scheme; scheme++)
            for (const char *const *name = transport->settings;
                 !transport->internal && name && *name; name++)
                (void)fprintf(out, "%s\t%s\n", *scheme, *name);
}

int list_print(const char *what, const struct option_row *rows, size_t count, FILE *out,
               struct err *err)
{
    if (strcmp(what, "options") == 0)
        print_options(rows, count, out);
    else if (strcmp(what, "keywords") == 0)
        print_keywords(out);
    else if (strcmp(what, "settings") == 0)
        print_settings(out);
    else
        return err_set(err, ERR_USAGE, "--list: want options, keywords or settings");
    return 0;
}
