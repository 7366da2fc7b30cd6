/* SPDX-License-Identifier: MIT */
#include "config/keyword.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/unit/fake_unit.h"

/* --- the table --- */

static void names(void **state)
{
    (void)state;

    assert_in_range(keyword_count, 1, KEYWORDS_MAX);
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *keyword = &keywords[i];
        assert_in_range(keyword->name[0], 'A', 'Z');
        assert_true(keyword->value && keyword->value[0]);
        assert_true(keyword->help && keyword->help[0]);
        assert_ptr_equal(keyword_find(keyword->name, strlen(keyword->name)), keyword);
    }
}

/* What the table calls the default is what a config begins with. */
static void fallbacks(void **state)
{
    (void)state;

    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *keyword = &keywords[i];
        struct config config, said;
        struct err err = ERR_INIT;
        char *begun = NULL, *after = NULL;
        assert_int_equal(!keyword->parse, keyword->kind != KEYWORD_VALUE);
        assert_int_equal(!keyword->print, keyword->kind != KEYWORD_VALUE);
        if (keyword->kind != KEYWORD_VALUE)
            continue;
        config_init(&config);
        config_init(&said);
        assert_int_equal(keyword->parse(keyword->fallback, (char *)&said + keyword->field, &err),
                         0);
        keyword->print((const char *)&config + keyword->field, &begun);
        keyword->print((const char *)&said + keyword->field, &after);
        assert_string_equal(begun, after);
        free(begun);
        free(after);
        config_release(&config);
        config_release(&said);
    }
}

/* --- names --- */

static const struct find_row {
    const char *name;
    const char *found; /* NULL: none */
} find_rows[] = {
    {"Via", "Via"},   {"via", "Via"},         {"VIA", "Via"},     {"tImEoUt", "Timeout"},
    {"Log", "Log"},   {"LogFile", "LogFile"}, {"LogF", NULL},     {"LogFiles", NULL},
    {"", NULL},       {"Vi", NULL},           {" Via", NULL},     {"Hop", "Hop"},
    {"Host", "Host"}, {"Include", "Include"}, {"match", "Match"},
};

static void find(void **state)
{
    const struct find_row *row = *state;
    const struct keyword *found = keyword_find(row->name, strlen(row->name));

    if (row->found)
        assert_string_equal(found ? found->name : "nothing", row->found);
    else
        assert_null(found);
}

/* Only so many bytes are the name. */
static void find_by_length(void **state)
{
    (void)state;

    assert_string_equal(keyword_find("LogFile", 3)->name, "Log");
    assert_string_equal(keyword_find("Via=x", 3)->name, "Via");
    assert_null(keyword_find("Via=x", 4));
    assert_null(keyword_find("Via", 0));
}

static const struct find_row nearest_rows[] = {
    {"Vai", "Via"},
    {"Vias", "Via"},
    {"Vi", "Via"},
    {"vaI", "Via"},
    {"Hots", "Host"},
    {"Hosts", "Host"},
    {"Hst", "Host"},
    {"Hops", "Hop"},
    {"TimeOuts", "Timeout"},
    {"Timout", "Timeout"},
    {"AttempDelay", "AttemptDelay"},
    {"Attempt-Delay", "AttemptDelay"},
    {"AttemptDelays", "AttemptDelay"},
    {"AddresFamily", "AddressFamily"},
    {"Logfiles", "LogFile"},
    {"LogLevl", "LogLevel"},
    {"Remeber", "Remember"},
    {"Includes", "Include"},
    {"Mtach", "Match"},
    {"Via", "Via"},

    {"", NULL},
    {"x", NULL},
    {"User", NULL},
    {"PasswordCommand", NULL},
    {"ProxyCommand", NULL},
    {"\377\376\375", NULL},
    {"AttemptDelayAttemptDelayAttemptDelay", NULL},
};

static void nearest(void **state)
{
    const struct find_row *row = *state;
    const struct keyword *found = keyword_nearest(row->name, strlen(row->name));

    assert_string_equal(found ? found->name : "nothing", row->found ? row->found : "nothing");
}

static void nearest_of_any_length(void **state)
{
    (void)state;
    char name[100];

    memset(name, 'x', sizeof(name));
    for (size_t length = 0; length < sizeof(name); length++)
        assert_null(keyword_nearest(name, length));
    assert_string_equal(keyword_nearest("Vai direct", 3)->name, "Via");
}

/* --- values --- */

static const struct value_row {
    const char *name; /* of the keyword, with a note in brackets */
    const char *value;
    const char *shown;
} value_rows[] = {
    {"AddressFamily (any)", "any", "any"},
    {"AddressFamily (inet)", "INET", "inet"},
    {"AddressFamily (inet6)", "inet6", "inet6"},
    {"AttemptDelay (none)", "None", "none"},
    {"AttemptDelay (ms)", "300ms", "300ms"},
    {"AttemptDelay (s)", "1.5", "1500ms"},
    {"AttemptDelay (less than a ms)", "0.0005", "0.5ms"},
    {"Log (none)", "none", "none"},
    {"Log (syslog)", "SysLog", "syslog"},
    {"LogFile (none)", "none", "none"},
    {"LogFile (a path)", "/var/log/x y", "/var/log/x y"},
    {"LogFile (in the home)", "~/log", "/home-of/log"},
    {"LogFile (the home)", "~", "/home-of"},
    {"LogLevel (quiet)", "quiet", "quiet"},
    {"LogLevel (error)", "Error", "error"},
    {"LogLevel (verbose)", "verbose", "verbose"},
    {"LogLevel (debug)", "debug", "debug"},
    {"Remember (no)", "no", "no"},
    {"Remember (h)", "24h", "24h"},
    {"Remember (m)", "90m", "90m"},
    {"Timeout (long and exact)", "1234.5678", "1234567.8ms"},
    {"Timeout (s)", "90", "90s"},
    {"Timeout (m)", "120s", "2m"},
    {"Timeout (h)", "60m", "1h"},
    {"Timeout (part of a s)", "2.25s", "2250ms"},
};

/* The one that `name` begins with. */
static const struct keyword *keyword_of(const char *name)
{
    const struct keyword *keyword = keyword_find(name, text_until(name, " "));

    assert_non_null(keyword);
    return keyword;
}

/* What is shown can be said again. */
static void value(void **state)
{
    const struct value_row *row = *state;
    const struct keyword *keyword = keyword_of(row->name);
    struct config config;
    struct err err = ERR_INIT;
    char *shown = NULL, *again = NULL;

    assert_int_equal(setenv("HOME", "/home-of", 1), 0);
    config_init(&config);
    assert_int_equal(keyword->parse(row->value, (char *)&config + keyword->field, &err), 0);
    assert_err_unset(&err);
    keyword->print((const char *)&config + keyword->field, &shown);
    assert_string_equal(shown, row->shown);
    assert_int_equal(keyword->parse(shown, (char *)&config + keyword->field, &err), 0);
    keyword->print((const char *)&config + keyword->field, &again);
    assert_string_equal(again, shown);
    free(shown);
    free(again);
    config_release(&config);
}

#define WANT_LEVEL "want quiet, error, verbose or debug"
#define WANT_PATH "want a path that begins with / or ~/, or none"
#define WANT_TIME "want more than 0, such as 30, 1.5, 300ms, 2m, 1h"

static const struct value_row bad_rows[] = {
    {"AddressFamily (a number)", "4", "want any, inet or inet6"},
    {"AddressFamily (empty)", "", "want any, inet or inet6"},
    {"AttemptDelay (empty)", "", "bad time '': " WANT_TIME "; or none"},
    {"AttemptDelay (no)", "no", "bad time 'no': " WANT_TIME "; or none"},
    {"AttemptDelay (0)", "0", "bad time '0': " WANT_TIME "; or none"},
    {"Log (yes)", "yes", "want syslog or none"},
    {"LogFile (empty)", "", WANT_PATH},
    {"LogFile (relative)", "log", WANT_PATH},
    {"LogFile (somebody's)", "~alice/log", WANT_PATH},
    {"LogLevel (of ssh)", "DEBUG3", WANT_LEVEL},
    {"LogLevel (empty)", "", WANT_LEVEL},
    {"Remember (none)", "none", "bad time 'none': " WANT_TIME "; or no"},
    {"Remember (yes)", "yes", "bad time 'yes': " WANT_TIME "; or no"},
    {"Timeout (none)", "none", "bad time 'none': " WANT_TIME},
    {"Timeout (negative)", "-1", "bad time '-1': " WANT_TIME},
};

/* The field stays as it is. */
static void bad(void **state)
{
    const struct value_row *row = *state;
    const struct keyword *keyword = keyword_of(row->name);
    struct config config, before;
    struct err err = ERR_INIT;

    config_init(&config);
    config_init(&before);
    assert_int_equal(keyword->parse(row->value, (char *)&config + keyword->field, &err), -1);
    assert_string_equal(err_text(&err), row->shown);
    assert_err(&err, ERR_USAGE, NULL);
    assert_memory_equal(&config, &before, sizeof(config));
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, names);
    UNIT_TEST(&unit, fallbacks);
    UNIT_ROWS(&unit, find, find_rows);
    UNIT_TEST(&unit, find_by_length);
    UNIT_ROWS(&unit, nearest, nearest_rows);
    UNIT_TEST(&unit, nearest_of_any_length);
    UNIT_ROWS(&unit, value, value_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    return unit_run(&unit, "keyword");
}
