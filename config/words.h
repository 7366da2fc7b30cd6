/* SPDX-License-Identifier: MIT */
/*
 * A command line as people write it, taken apart without a shell: blanks and line ends part words;
 * '…' and "…" keep them together; a backslash takes the next byte as it is (within "…" only \ and
 * ", within '…' none). Nothing is expanded. Who wants variables or pipes writes sh -c '…'.
 */
#ifndef STILE_CONFIG_WORDS_H
#define STILE_CONFIG_WORDS_H

#include <stdbool.h>

#include "core/err.h"

/* The words, ended by NULL, in fresh memory for words_free. NULL with err set (ERR_USAGE): a quote
 * that is not closed, a backslash at the end, no word at all or an empty one for the command. The
 * message repeats nothing of the text. */
char **words_split(const char *text, struct err *err);

/* NULL is allowed. */
void words_free(char **words);

/*
 * Replaces `%h`, `%p` and `%%` in every word. 0, or -1 with err set (ERR_USAGE) for another letter
 * behind a percent sign, or when memory is lacking; the words stay the caller's.
 */
int words_expand(char **words, const char *host, const char *port, struct err *err);

/* Is it one word for every shell, whatever stands around it, and no option for any program? ASCII
 * letters, digits and -._:% make such a word, unless it begins with a hyphen or is empty. */
bool words_is_plain(const char *text);

/* The words as one text for a POSIX shell, each quoted unless it is plain. Fresh memory that the
 * caller frees; NULL when there is none. */
char *words_quote(char *const *words);

#endif
