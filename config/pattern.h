/* SPDX-License-Identifier: MIT */
/* Patterns of names, ssh_config(5), PATTERNS: `*` any bytes, `?` any one; case is ignored. */
#ifndef STILE_CONFIG_PATTERN_H
#define STILE_CONFIG_PATTERN_H

#include <stdbool.h>

/* Takes time proportional to the product of the lengths at most, whatever the pattern. */
bool pattern_matches(const char *pattern, const char *name);

enum pattern_verdict {
    PATTERN_NO,
    PATTERN_YES,
    PATTERN_DENIED, /* one with `!` in front matches, so nothing else counts */
};

/* A list with commas between. */
enum pattern_verdict pattern_list(const char *list, const char *name);

/* The words of a Host line, ended by NULL. */
enum pattern_verdict pattern_words(char *const *words, const char *name);

/* Is there a pattern in every place of the list, if only behind a `!`? */
bool pattern_list_is_whole(const char *list);

#endif
