/* SPDX-License-Identifier: MIT */
#include "config/pattern.h"

#include <stddef.h>
#include <string.h>

#include "core/text.h"

/* The pattern up to `end`. Only the last `*` is ever tried again: what an earlier one could take
 * more of, the last one can take as well. */
static bool matches(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL, *mark = NULL;

    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            mark = name;
        } else if (pattern < end && (*pattern == '?' || text_same_start(pattern, name, 1))) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++mark;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool pattern_matches(const char *pattern, const char *name)
{
    return matches(pattern, pattern + strlen(pattern), name);
}

/* What is known with one pattern more. */
static enum pattern_verdict add(enum pattern_verdict verdict, const char *pattern, const char *end,
                                const char *name)
{
    bool denies = pattern < end && *pattern == '!';

    if (verdict == PATTERN_DENIED || !matches(pattern + denies, end, name))
        return verdict;
    return denies ? PATTERN_DENIED : PATTERN_YES;
}

enum pattern_verdict pattern_list(const char *list, const char *name)
{
    enum pattern_verdict verdict = PATTERN_NO;

    for (;; list++) {
        const char *end = list + text_until(list, ",");
        verdict = add(verdict, list, end, name);
        if (!*end)
            return verdict;
        list = end;
    }
}

enum pattern_verdict pattern_words(char *const *words, const char *name)
{
    enum pattern_verdict verdict = PATTERN_NO;

    for (; *words; words++)
        verdict = add(verdict, *words, *words + strlen(*words), name);
    return verdict;
}

bool pattern_list_is_whole(const char *list)
{
    for (;; list++) {
        size_t length = text_until(list, ",");
        if (length == (*list == '!'))
            return false;
        list += length;
        if (!*list)
            return true;
    }
}
