/* SPDX-License-Identifier: MIT */
/* Strings that came from elsewhere: built without a bound on the buffer, printed without harm. */
#ifndef STILE_CORE_TEXT_H
#define STILE_CORE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* printf into fresh memory that the caller frees. NULL when there is none. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *text_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* The strings one behind the other, up to a NULL, in fresh memory that the caller frees. NULL
 * when there is none. printf(3) does that, too, but brings 140 KiB of libc into a process that
 * needs nothing else of it. */
char *text_join(const char *first, ...) __attribute__((sentinel));

/* strcspn(3), strspn(3), strncasecmp(3) == 0 and strcasecmp(3) == 0 for short ASCII texts, whatever
 * the locale. Those of libc have tables and code that cost a start several page faults. */
size_t text_until(const char *text, const char *set);
size_t text_span(const char *text, const char *set);
bool text_same_start(const char *a, const char *b, size_t length);
bool text_same(const char *a, const char *b);

/* A byte that is not shown but moves a cursor or ends a line: below the blank, or 0x7f. */
bool text_is_control(char byte);
bool text_has_control(const char *text);

/* How far `name`, of this length, is from the name that may have been meant: how many bytes must be
 * put in, taken out or changed, 0 where `meant` begins with it; case is ignored. TEXT_FAR: it was not
 * meant, for more than half of it is wrong. */
#define TEXT_FAR ((size_t)-1)
size_t text_distance(const char *meant, const char *name, size_t length);

/* Room for an unsigned in decimal. */
#define TEXT_DIGITS_MAX 11

/* `number` in decimal, somewhere in `out`; returns where. For the same reason. */
const char *text_digits(unsigned number, char out[TEXT_DIGITS_MAX]);

/* Most bytes of a message: words from elsewhere may be of any length, and a pipe that nobody
 * reads is full soon. */
#define TEXT_SHOWN_MAX 1000

/* Shortens `text` to TEXT_SHOWN_MAX bytes, or to `max` (4 at least), with dots at the end where
 * something is missing. NULL is allowed. */
void text_cut(char *text);
void text_cut_to(char *text, size_t max);

/*
 * A copy of `text` in which every byte that is not printable ASCII has become \n, \t, … or \xNN,
 * and a backslash two, so that it cannot move a cursor, colour a terminal or forge a second line.
 * The caller frees it. NULL when there is no memory.
 */
char *text_escape(const char *text);

#endif
