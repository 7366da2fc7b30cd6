/* SPDX-License-Identifier: MIT */
/* A page on stdout for people: what comes from elsewhere is escaped (text_escape), colours are for
 * terminals. And what --explain and --check both say, for people and for programs. */
#ifndef STILE_CMD_PAGE_H
#define STILE_CMD_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/json.h"
#include "config/hop.h"
#include "config/ways.h"
#include "core/endpoint.h"
#include "core/err.h"

struct page {
    FILE *out;
    bool is_colourful;
    bool no_memory;
};

/* stdout; with colours where it is a terminal that has them and $NO_COLOR does not refuse them. */
void page_init(struct page *page);

/* Prints it escaped; page_line with a line end behind it. */
void page_text(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_line(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From here on; PAGE_PLAIN takes it back. Nothing on a page without colours. */
enum page_colour {
    PAGE_PLAIN,
    PAGE_GOOD,
    PAGE_BAD,
    PAGE_DIM
};
void page_colour(struct page *page, enum page_colour colour);

/* So that a reader sees what is there while the next thing takes its time. */
void page_flush(struct page *page);

/* 0, or -1 with err set: stdout cannot be written (ERR_STREAM), no memory. */
int page_end(struct page *page, struct err *err);

/* The members "host" and "port" of the object that was begun. */
void page_json_target(struct json *json, const struct endpoint *target);

/* The members "number" (from 1), "route" (hops_text), "place" and "reason". */
void page_json_way(struct json *json, const struct ways *ways, size_t index, const char *route);

#endif
