/* SPDX-License-Identifier: MIT */
#include "config/pattern.h"

#include <string.h>

#include "tests/unit/fake_unit.h"

static const struct match_row {
    const char *name;
    const char *pattern, *text;
    bool matches;
} match_rows[] = {
    {"the same", "db", "db", true},
    {"another", "db", "dc", false},
    {"more of it", "db", "dbx", false},
    {"less of it", "dbx", "db", false},
    {"either case", "Db.Example", "dB.eXAMPLE", true},
    {"case does not turn other bytes", "@[`{", "`{@[", false},
    {"bytes above ASCII have no case", "\303\244", "\303\204", false},
    {"bytes above ASCII", "\303\244\377", "\303\244\377", true},
    {"nothing and nothing", "", "", true},
    {"nothing and something", "", "a", false},
    {"something and nothing", "a", "", false},

    {"? any one", "d?", "db", true},
    {"? not none", "db?", "db", false},
    {"? not two", "d?", "dbx", false},
    {"? itself", "?", "?", true},
    {"? nothing", "?", "", false},

    {"* all", "*", "db.example", true},
    {"* nothing", "*", "", true},
    {"* at the end", "db*", "db", true},
    {"* at the end, more", "db*", "db.example", true},
    {"* in front", "*.example", "db.example", true},
    {"* in front, other end", "*.example", "db.example.org", false},
    {"* in front, not without the dot", "*.example", "example", false},
    {"* in the middle", "d*e", "db.example", true},
    {"* in the middle, nothing", "d*b", "db", true},
    {"* in the middle, an overlap", "ab*ba", "aba", false},
    {"two", "*.corp.*", "db.corp.example", true},
    {"two, in order", "*a*b*", "ba", false},
    {"the last one takes more", "*ab", "aab", true},
    {"the last one takes much more", "a*b*c", "abbcbcxc", true},
    {"**", "d**b", "dxb", true},
    {"** alone", "**", "", true},
    {"*?", "*?", "", false},
    {"*? one", "*?", "a", true},
    {"?* two", "?*?", "ab", true},
    {"* itself in a name", "a*b", "a*b", true},
    {"a pattern byte in the name is no pattern", "ab", "a*", false},
    {"dots are bytes", "d.b", "dxb", false},
    {"brackets are bytes", "[ab]", "a", false},
    {"brackets themselves", "[ab]", "[ab]", true},
    {"a backslash is a byte", "a\\*", "a*", false},
    {"an address", "2001:db8:*", "2001:DB8::1", true},
    {"! is a byte here", "!db", "!db", true},
    {"a comma is a byte here", "a,b", "a,b", true},
};

static void match(void **state)
{
    const struct match_row *row = *state;

    assert_int_equal(pattern_matches(row->pattern, row->text), row->matches);
}

#define NO PATTERN_NO
#define YES PATTERN_YES
#define DENIED PATTERN_DENIED

static const struct list_row {
    const char *name;
    const char *list, *text;
    enum pattern_verdict verdict;
} list_rows[] = {
    {"one", "db", "db", YES},
    {"one that does not", "db", "web", NO},
    {"the first", "db,web", "db", YES},
    {"the last", "db,web", "web", YES},
    {"none", "db,web", "gw", NO},
    {"no piece of the list", "db,web", "db,web", NO},
    {"no end of one", "db,web", "eb", NO},
    {"no more than one", "db,web", "dbw", NO},
    {"denied", "*,!db", "db", DENIED},
    {"denied, in front", "!db,*", "db", DENIED},
    {"denied twice", "!db,!d*", "db", DENIED},
    {"not denied", "!db,*", "web", YES},
    {"not denied and not matched", "!db,gw", "web", NO},
    {"nothing but a denial", "!db", "web", NO},
    {"a denial between", "d*,!db?,*b", "dbb", DENIED},
    {"a denial of a denial is none", "!!db,*", "db", YES},
    {"either case", "DB,!WEB", "web", DENIED},
    {"an empty pattern", "a,,b", "", YES},
    {"a blank is a byte", "a, b", "b", NO},
    {"empty", "", "db", NO},
};

static void list(void **state)
{
    const struct list_row *row = *state;

    assert_int_equal(pattern_list(row->list, row->text), row->verdict);
}

#define WORDS_MAX 5

static const struct words_row {
    const char *name;
    const char *words[WORDS_MAX];
    const char *text;
    enum pattern_verdict verdict;
} words_rows[] = {
    {"one", {"db"}, "db", YES},
    {"the last", {"a", "b", "db"}, "db", YES},
    {"none", {"a", "b"}, "db", NO},
    {"no words", {NULL}, "db", NO},
    {"denied", {"*", "!db"}, "db", DENIED},
    {"denied in front", {"!db", "*"}, "db", DENIED},
    {"not denied", {"!web", "*"}, "db", YES},
    {"nothing but a denial", {"!web"}, "db", NO},
    {"a comma is a byte", {"db,web"}, "db", NO},
    {"a comma itself", {"db,web"}, "db,web", YES},
};

static void words(void **state)
{
    const struct words_row *row = *state;
    char text[WORDS_MAX][20];
    char *words[WORDS_MAX] = {NULL};

    for (int i = 0; row->words[i]; i++) {
        assert_true(strlen(row->words[i]) < sizeof(text[i]));
        words[i] = memcpy(text[i], row->words[i], strlen(row->words[i]) + 1);
    }
    assert_int_equal(pattern_words(words, row->text), row->verdict);
}

static const struct whole_row {
    const char *name;
    const char *list;
    bool is_whole;
} whole_rows[] = {
    {"one", "a", true},
    {"several", "a,!b,*", true},
    {"empty", "", false},
    {"an empty one in front", ",a", false},
    {"an empty one between", "a,,b", false},
    {"an empty one at the end", "a,", false},
    {"nothing behind !", "!", false},
    {"nothing behind ! at the end", "a,!", false},
    {"nothing behind ! between", "a,!,b", false},
    {"! twice", "!!", true},
};

static void whole(void **state)
{
    const struct whole_row *row = *state;

    assert_int_equal(pattern_list_is_whole(row->list), row->is_whole);
}

/* What takes others for ever: the limit of a test ends this one then. */
static void time_bound(void **state)
{
    (void)state;
    enum {
        LENGTH = 4000,
        STARS = 2000
    };
    static char pattern[2 * STARS + 2], name[LENGTH + 1];

    for (size_t i = 0; i < sizeof(pattern) - 2; i++)
        pattern[i] = "*a"[i % 2];
    memset(name, 'a', LENGTH);
    assert_true(pattern_matches(pattern, name));
    pattern[sizeof(pattern) - 2] = 'b';
    assert_false(pattern_matches(pattern, name));
}

/* As the definition says it, which takes its time. */
static bool slowly(const char *pattern, const char *name)
{
    if (*pattern == '*')
        return slowly(pattern + 1, name) || (*name && slowly(pattern, name + 1));
    if (!*name)
        return !*pattern;
    return (*pattern == '?' || *pattern == *name) && slowly(pattern + 1, name + 1);
}

static void as_defined(void **state)
{
    (void)state;
    static const char bytes[] = "ab*?";
    unsigned matched = 0;

    for (uint32_t seed = 1; seed <= 20000; seed++) {
        uint32_t random = seed;
        char pattern[7] = "", name[9] = "";
        for (uint32_t i = unit_below(&random, sizeof(pattern)); i-- > 0;)
            pattern[i] = bytes[unit_below(&random, 4)];
        for (uint32_t i = unit_below(&random, sizeof(name)); i-- > 0;)
            name[i] = bytes[unit_below(&random, 2)];
        if (pattern_matches(pattern, name) != slowly(pattern, name))
            unit_fail("seed %u: %s and %s", seed, pattern, name);
        matched += pattern_matches(pattern, name);
    }
    assert_in_range(matched, 1000, 19000);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, match, match_rows);
    UNIT_ROWS(&unit, list, list_rows);
    UNIT_ROWS(&unit, words, words_rows);
    UNIT_ROWS(&unit, whole, whole_rows);
    UNIT_TEST(&unit, time_bound);
    UNIT_TEST(&unit, as_defined);
    return unit_run(&unit, "pattern");
}
