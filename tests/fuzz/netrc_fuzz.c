/* SPDX-License-Identifier: MIT */
/*
 * netrc files. An entry that is found is found again by its login; what is written with quotes is
 * read as it was; a text in front of it cannot make it somebody else's.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/netrc.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

static int find(const char *text, const char *machine, const char *login, struct netrc_entry *entry)
{
    struct err err = ERR_INIT;
    int found = netrc_find(text, machine, login, entry, &err);

    FUZZ_CHECK(found == 1 || found == 0 || found == -1);
    if (found == -1)
        fuzz_check_err(&err, ERR_USAGE);
    FUZZ_CHECK(err.code == ERR_NONE);
    if (found != 1)
        FUZZ_CHECK(!entry->login && !entry->password);
    else if (login)
        FUZZ_CHECK(fuzz_same(entry->login, login));
    return found;
}

static void check_text(const char *text, const char *machine, const char *login)
{
    struct netrc_entry any, ours, again;
    int found = find(text, machine, NULL, &any);
    int found_ours = find(text, machine, login, &ours);

    /* Whoever finds one of theirs finds one of anybody, and what stands there first. */
    if (found_ours == 1)
        FUZZ_CHECK(found == 1);
    if (found == 0)
        FUZZ_CHECK(found_ours == 0);
    if (found == 1 && any.login) {
        FUZZ_CHECK(find(text, machine, any.login, &again) == 1);
        FUZZ_CHECK(fuzz_same(any.password, again.password));
        netrc_release(&again);
    }
    netrc_release(&any);
    netrc_release(&ours);
}

/* In quotes, and what has to be escaped there. */
static char *quoted(const char *word)
{
    char *text = fuzz_alloc(2 * strlen(word) + 3);
    char *out = text;

    *out++ = '"';
    for (; *word; word++) {
        static const char bytes[] = "\n\r\t\"\\", letters[] = "nrt\"\\";
        const char *special = strchr(bytes, *word);
        if (special)
            *out++ = '\\';
        *out++ = *word;
        if (special)
            out[-1] = letters[special - bytes];
    }
    *out++ = '"';
    *out = '\0';
    return text;
}

static void check_round_trip(const char *machine, const char *login, const char *password)
{
    char *m = quoted(machine), *l = quoted(login), *p = quoted(password);
    char *text = text_join("machine other login ", l, " password wrong\nmachine ", m,
                           "\n\tlogin somebody password else\nmachine ", m, " password ", p,
                           " account x login ", l, "\nmachine ", m, " login ", l,
                           " password late\n", (char *)NULL);
    struct netrc_entry entry;

    FUZZ_CHECK(text);
    if (strcmp(login, "somebody") != 0 && strcasecmp(machine, "other") != 0) {
        FUZZ_CHECK(find(text, machine, login, &entry) == 1);
        FUZZ_CHECK(fuzz_same(entry.password, password));
        netrc_release(&entry);
        FUZZ_CHECK(find(text, machine, NULL, &entry) == 1);
        FUZZ_CHECK(fuzz_same(entry.login, "somebody"));
        netrc_release(&entry);
    }
    free(text);
    free(m);
    free(l);
    free(p);
}

/* Could it say that name in another way? */
static bool may_name(const char *text)
{
    for (; *text; text++)
        if (*text == '\\' || strncasecmp(text, "unique.example", 14) == 0)
            return true;
    return false;
}

/* An entry that begins a line of its own is not found under another name, nor with less than it
 * has, whatever stands in front of it: it is found whole, or not at all. */
static void check_behind(const char *text)
{
    char *all =
        text_join(text, "\n\nmachine unique.example login bob password hunter2\n", (char *)NULL);
    struct netrc_entry entry;

    FUZZ_CHECK(all);
    if (!may_name(text) && find(all, "unique.example", NULL, &entry) == 1) {
        FUZZ_CHECK(fuzz_same(entry.login, "bob"));
        FUZZ_CHECK(fuzz_same(entry.password, "hunter2"));
        netrc_release(&entry);
    }
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_string(&input);
    char *machine = fuzz_string(&input);
    char *login = fuzz_string(&input);

    check_text(text, machine, login);
    check_round_trip(machine, login, text);
    check_behind(text);
    free(text);
    free(machine);
    free(login);
    return 0;
}
