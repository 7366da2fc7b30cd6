/* SPDX-License-Identifier: MIT */
#include "cmd/page.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

/* https://no-color.org: set and not empty. */
static bool wants_colour(void)
{
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return !(refused && *refused) && terminal && *terminal && strcmp(terminal, "dumb") != 0 &&
           isatty(STDOUT_FILENO);
}

void page_init(struct page *page)
{
    *page = (struct page){.out = stdout, .is_colourful = wants_colour()};
}

/* --- text --- */

static void put_escaped(struct page *page, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void put_escaped(struct page *page, const char *format, va_list args)
{
    char *text = text_vformat(format, args);
    char *escaped = text ? text_escape(text) : NULL;

    if (escaped)
        (void)fputs(escaped, page->out);
    else
        page->no_memory = true;
    free(text);
    free(escaped);
}

void page_text(struct page *page, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_escaped(page, format, args);
    va_end(args);
}

void page_line(struct page *page, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_escaped(page, format, args);
    va_end(args);
    (void)fputc('\n', page->out);
}

void page_colour(struct page *page, enum page_colour colour)
{
    static const char *const sequences[] = {
        [PAGE_PLAIN] = "\033[0m",
        [PAGE_GOOD] = "\033[32m",
        [PAGE_BAD] = "\033[31m",
        [PAGE_DIM] = "\033[2m",
    };

    if (page->is_colourful)
        (void)fputs(sequences[colour], page->out);
}

void page_flush(struct page *page)
{
    (void)fflush(page->out);
}

int page_end(struct page *page, struct err *err)
{
    if (fflush(page->out) == EOF || ferror(page->out))
        return err_set(err, ERR_STREAM, "stdout: %s", strerror(errno));
    return page->no_memory ? err_no_memory(err) : 0;
}

/* --- what several say --- */

void page_json_target(struct json *json, const struct endpoint *target)
{
    json_text(json, "host", target->host);
    json_integer(json, "port", target->port);
}

void page_json_way(struct json *json, const struct ways *ways, size_t index, const char *route)
{
    const struct way *way = &ways->way[index];
    char *place = place_text(&way->place);

    json_integer(json, "number", (int64_t)index + 1);
    json_text(json, "route", route);
    json_text(json, "place", place);
    json_text(json, "reason", way->reason);
    free(place);
}
