/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"
#include "transports/dns/resolvconf.h"

#define DOMAINS_MAX 3

static const struct list_row {
    const char *name;
    const char *host;
    const char *domains[DOMAINS_MAX];
    int ndots;
    const char *wanted; /* in order, joined by blanks */
} list_rows[] = {
    {"no search list", "db", {NULL}, 1, "db."},
    {"no dot: the list first",
     "db",
     {"a.example", "b.example"},
     1,
     "db.a.example. db.b.example. db."},
    {"a dot: itself first", "db.c", {"a.example"}, 1, "db.c. db.c.a.example."},
    {"fewer dots than ndots", "db.c", {"a.example"}, 2, "db.c.a.example. db.c."},
    {"as many dots as ndots", "db.c.d", {"a.example"}, 2, "db.c.d. db.c.d.a.example."},
    {"ndots 0", "db", {"a.example"}, 0, "db. db.a.example."},
    {"a dot at the end", "db.", {"a.example"}, 1, "db."},
    {"a dot at the end and ndots", "db.c.", {"a.example"}, 5, "db.c."},
    {"a domain with a dot at its end", "db", {"a.example."}, 1, "db.a.example. db."},
    {"the root as a domain", "db", {"."}, 1, "db. db."},
    {"only a dot", ".", {"a.example"}, 1, "."},
};

static void list(void **state)
{
    const struct list_row *row = *state;
    struct search search;
    char *domains[DOMAINS_MAX];
    size_t count = 0;
    char joined[200] = "";

    for (; count < DOMAINS_MAX && row->domains[count]; count++) {
        domains[count] = strdup(row->domains[count]);
        assert_non_null(domains[count]);
    }
    assert_int_equal(search_init(&search, row->host, domains, count, row->ndots), 0);
    for (size_t i = 0; i < search.count; i++) {
        (void)strncat(joined, i ? " " : "", sizeof(joined) - strlen(joined) - 1);
        (void)strncat(joined, search.names[i], sizeof(joined) - strlen(joined) - 1);
    }
    assert_string_equal(joined, row->wanted);
    search_release(&search);
    search_release(&search);
    for (size_t i = 0; i < count; i++)
        free(domains[i]);
}

#define UNSAID (-1)

static const struct options_row {
    const char *name;
    const char *text;
    int timeout_s;
    int attempts;
} options_rows[] = {
    {"nothing", "", UNSAID, UNSAID},
    {"both", "options timeout:2 attempts:3\n", 2, 3},
    {"no new line at the end", "options attempts:3", UNSAID, 3},
    {"among others", "nameserver 192.0.2.1\noptions rotate timeout:1 edns0\nsearch x\n", 1, UNSAID},
    {"tabs", "options\ttimeout:4\t attempts:1\n", 4, 1},
    {"the last one wins", "options timeout:2\noptions timeout:7\n", 7, UNSAID},
    {"more than the man page's most", "options timeout:31 attempts:6\n", 30, 5},
    {"more than an int", "options timeout:99999999999999999999\n", 30, UNSAID},
    {"nought", "options timeout:0 attempts:0\n", 1, 1},
    {"negative", "options timeout:-1\n", UNSAID, UNSAID},
    {"no number", "options timeout: attempts:x\n", UNSAID, UNSAID},
    {"a comment", "#options timeout:2\n;options timeout:2\n", UNSAID, UNSAID},
    {"another word", "optionstimeout:2\noption timeout:2\n", UNSAID, UNSAID},
    {"not at the start of the line", " options timeout:2\n", UNSAID, UNSAID},
    {"the word alone", "options\noptions \n", UNSAID, UNSAID},
    {"on the next line", "options \ntimeout:2\n", UNSAID, UNSAID},
};

static void options(void **state)
{
    const struct options_row *row = *state;
    int timeout_s = UNSAID, attempts = UNSAID;

    resolvconf_parse(row->text, &timeout_s, &attempts);
    assert_int_equal(timeout_s, row->timeout_s);
    assert_int_equal(attempts, row->attempts);
}

static void words_are_options_without_the_keyword(void **state)
{
    int timeout_s = UNSAID, attempts = UNSAID;

    (void)state;
    resolvconf_parse_words(" ndots:2 timeout:3 attempts:4", &timeout_s, &attempts);
    assert_int_equal(timeout_s, 3);
    assert_int_equal(attempts, 4);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, list, list_rows);
    UNIT_ROWS(&unit, options, options_rows);
    UNIT_TEST(&unit, words_are_options_without_the_keyword);
    return unit_run(&unit, "resolvconf");
}
