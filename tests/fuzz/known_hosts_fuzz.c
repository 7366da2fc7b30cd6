/* SPDX-License-Identifier: MIT */
/*
 * known_hosts. Lines are found where they stand, whatever stands around them; a key that is known
 * stays known behind any text, unless the text revokes it; names match as a simple matcher says; a
 * name that a line is written for is found in it, hashed or not, and no other is.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_keys.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/known_hosts.h"
#include "transports/ssh/known_name.h"

/* A text that memory may have lacked for. */
static char *sure(char *text)
{
    if (!text)
        abort();
    return text;
}

static void scan(struct known_entries *entries, const char *text, const char *name)
{
    struct err err = ERR_INIT;

    *entries = KNOWN_ENTRIES_INIT;
    FUZZ_CHECK(known_hosts_scan(entries, text, "FILE", name, &err) == 0);
    FUZZ_CHECK(err.code == ERR_NONE);
}

static void check_entries(const struct known_entries *entries, size_t lines)
{
    unsigned before = 0;

    for (size_t i = 0; i < entries->count; i++) {
        const struct known_entry *entry = &entries->entry[i];
        struct key_blob key;
        FUZZ_CHECK(entry->line > before && entry->line <= lines);
        before = entry->line;
        FUZZ_CHECK(key_blob_read(&key, entry->blob, entry->size) == 0);
        FUZZ_CHECK(strcmp(key.type, entry->type) == 0);
        FUZZ_CHECK(entry->marker <= KNOWN_REVOKED);

        const struct known_entry *decisive;
        enum known_verdict verdict =
            known_hosts_judge(entries, entry->blob, entry->size, &decisive);
        FUZZ_CHECK((verdict == KNOWN_IS_NEW) == !decisive);
        FUZZ_CHECK(entry->marker != KNOWN_REVOKED || verdict == KNOWN_IS_REVOKED);
        FUZZ_CHECK(entry->marker != KNOWN_KEY || verdict == KNOWN_IS_OK ||
                   verdict == KNOWN_IS_REVOKED);
    }
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* A line of ours in front and another behind. */
static void check_between(const char *text)
{
    struct known_entries entries;
    char *all =
        sure(text_join("unique,!x " KEY_P256 "\n", text, "\nunique " KEY_P521 "\n", (char *)NULL));

    scan(&entries, all, "unique");
    FUZZ_CHECK(entries.count >= 2);
    FUZZ_CHECK(entries.entry[0].line == 1);
    FUZZ_CHECK(entries.entry[entries.count - 1].line == count_lines(text) + 2);
    for (size_t i = 0; i < 2; i++) {
        const struct known_entry *entry = &entries.entry[i * (entries.count - 1)];
        enum known_verdict verdict = known_hosts_judge(&entries, entry->blob, entry->size, NULL);
        FUZZ_CHECK(verdict == KNOWN_IS_OK ||
                   (verdict == KNOWN_IS_REVOKED && known_hosts_has(&entries, KNOWN_REVOKED)));
    }
    known_entries_release(&entries);

    scan(&entries, all, "other.name");
    for (size_t i = 0; i < entries.count; i++)
        FUZZ_CHECK(entries.entry[i].line > 1 && entries.entry[i].line < count_lines(text) + 2);
    known_entries_release(&entries);
    free(all);
}

/* --- names --- */

#define SLOW_MAX 24 /* bytes of a pattern for the simple matcher */

static bool slowly_matches(const char *pattern, size_t length, const char *name)
{
    if (length == 0)
        return !*name;
    if (*pattern == '*')
        return slowly_matches(pattern + 1, length - 1, name) ||
               (*name && slowly_matches(pattern, length, name + 1));
    return *name &&
           (*pattern == '?' || tolower((unsigned char)*pattern) == tolower((unsigned char)*name)) &&
           slowly_matches(pattern + 1, length - 1, name + 1);
}

static void check_names(const char *names, const char *name)
{
    struct err err = ERR_INIT;
    int got = known_name_matches(names, name, &err);

    FUZZ_CHECK(got == 0 || got == 1);
    if (*names == '|' || strlen(names) > SLOW_MAX || strlen(name) > SLOW_MAX)
        return;
    int wanted = 0;
    for (const char *at = names; *at && wanted != -1;) {
        bool is_negated = *at == '!';
        at += is_negated;
        size_t length = strcspn(at, ",");
        if (slowly_matches(at, length, name))
            wanted = is_negated ? -1 : 1;
        at += length + (at[length] == ',');
    }
    FUZZ_CHECK(got == (wanted == 1));
}

static void check_written(const char *name, const char *other)
{
    static const uint8_t salt[KNOWN_SALT_SIZE] = {1, 2, 3};
    char *lower = known_name_lower(fuzz_copy(name));
    char *hashed = known_name_hashed(lower, salt);
    const char *const forms[] = {lower, hashed};

    FUZZ_CHECK(hashed);
    for (size_t i = 0; i < 2 && known_name_is_fit(name); i++) {
        char *line = sure(text_join(forms[i], " " KEY_ED25519 "\n", (char *)NULL));
        struct known_entries entries;
        scan(&entries, line, lower);
        FUZZ_CHECK(entries.count == 1 && entries.entry[0].marker == KNOWN_KEY);
        known_entries_release(&entries);
        scan(&entries, line, other);
        FUZZ_CHECK((entries.count == 1) == (i == 0 ? text_same(other, lower) //
                                                   : strcmp(other, lower) == 0));
        known_entries_release(&entries);
        free(line);
    }
    free(hashed);
    free(lower);
}

/* --- base64 --- */

static void check_base64(const char *text)
{
    uint8_t *data = fuzz_alloc(strlen(text));
    ssize_t size = base64_decode(text, data);

    if (size >= 0) {
        char *again = base64_encode(data, (size_t)size);
        FUZZ_CHECK(again);
        const char *at = again;
        for (; *text; text++)
            if (!strchr(" \t\n\v\f\r", *text))
                FUZZ_CHECK(*text == *at++);
        FUZZ_CHECK(!*at);
        free(again);
    }
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct known_entries entries;
    char *text = fuzz_string(&input);
    char *name = fuzz_string(&input);
    char *other = fuzz_string(&input);
    struct key_blob key;

    scan(&entries, text, name);
    check_entries(&entries, count_lines(text));
    known_entries_release(&entries);
    check_between(text);
    check_names(other, name);
    check_written(name, other);
    check_base64(other);
    if (key_blob_read(&key, input.data, input.size) == 0)
        FUZZ_CHECK(key.size > 0 && key_blob_is(&key, key.type) && key_blob_same(&key, &key));
    free(text);
    free(name);
    free(other);
    return 0;
}
