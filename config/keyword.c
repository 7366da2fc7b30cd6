/* SPDX-License-Identifier: MIT */
#include "config/keyword.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/duration.h"
#include "config/path.h"
#include "core/clock.h"
#include "core/text.h"

/* --- words that stand for numbers --- */

struct choice {
    const char *word;
    int value;
};

static const struct choice families[] = {
    {"any", AF_UNSPEC}, {"inet", AF_INET}, {"inet6", AF_INET6}, {NULL, 0}};

static const struct choice levels[] = {{"quiet", LOG_LEVEL_QUIET},
                                       {"error", LOG_LEVEL_ERROR},
                                       {"verbose", LOG_LEVEL_VERBOSE},
                                       {"debug", LOG_LEVEL_DEBUG},
                                       {NULL, 0}};

static const struct choice logs[] = {{"none", false}, {"syslog", true}, {NULL, 0}};

static const struct choice *choice_find(const struct choice *choices, const char *text)
{
    while (choices->word && !text_same(choices->word, text))
        choices++;
    return choices->word ? choices : NULL;
}

/* The word for a value that one of them has. */
static char *choice_text(const struct choice *choices, int value)
{
    while (choices->word && choices->value != value)
        choices++;
    return strdup(choices->word ? choices->word : "?");
}

static int parse_family(const char *text, void *field, struct err *err)
{
    const struct choice *choice = choice_find(families, text);

    if (!choice)
        return err_set(err, ERR_USAGE, "want any, inet or inet6");
    *(int *)field = choice->value;
    return 0;
}

static void print_family(const void *field, char **text)
{
    *text = choice_text(families, *(const int *)field);
}

static int parse_level(const char *text, void *field, struct err *err)
{
    const struct choice *choice = choice_find(levels, text);

    if (!choice)
        return err_set(err, ERR_USAGE, "want quiet, error, verbose or debug");
    *(enum log_level *)field = (enum log_level)choice->value;
    return 0;
}

static void print_level(const void *field, char **text)
{
    *text = choice_text(levels, (int)*(const enum log_level *)field);
}

static int parse_log(const char *text, void *field, struct err *err)
{
    const struct choice *choice = choice_find(logs, text);

    if (!choice)
        return err_set(err, ERR_USAGE, "want syslog or none");
    *(bool *)field = choice->value;
    return 0;
}

static void print_log(const void *field, char **text)
{
    *text = choice_text(logs, *(const bool *)field);
}

/* --- times --- */

static int parse_time(const char *text, void *field, struct err *err)
{
    return duration_parse(text, field, err);
}

/* In the largest unit that shows all of it. */
static void print_time(const void *field, char **text)
{
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{3600 * CLOCK_S, "h"}, {60 * CLOCK_S, "m"}, {CLOCK_S, "s"}};
    int64_t ns = *(const int64_t *)field;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (ns % units[i].ns == 0) {
            *text = text_format("%lld%s", (long long)(ns / units[i].ns), units[i].unit);
            return;
        }
    *text = text_format("%.15gms", (double)ns / (double)CLOCK_MS);
}

/* A time, or the word that stands for an extreme one. */
static int parse_extreme(const char *text, const char *word, int64_t extreme_ns, int64_t *field,
                         struct err *err)
{
    struct err why = ERR_INIT;

    if (text_same(text, word)) {
        *field = extreme_ns;
        return 0;
    }
    if (duration_parse(text, field, &why) == 0)
        return 0;
    (void)err_set(err, ERR_USAGE, "%s; or %s", err_text(&why), word);
    err_release(&why);
    return -1;
}

static int parse_delay(const char *text, void *field, struct err *err)
{
    return parse_extreme(text, "none", CLOCK_NEVER, field, err);
}

static void print_delay(const void *field, char **text)
{
    if (*(const int64_t *)field == CLOCK_NEVER)
        *text = strdup("none");
    else
        print_time(field, text);
}

static int parse_remember(const char *text, void *field, struct err *err)
{
    return parse_extreme(text, "no", 0, field, err);
}

static void print_remember(const void *field, char **text)
{
    if (*(const int64_t *)field == 0)
        *text = strdup("no");
    else
        print_time(field, text);
}

/* --- paths --- */

static int parse_path(const char *text, void *field, struct err *err)
{
    char **path = field;

    if (text_same(text, "none"))
        return 0;
    char *expanded = path_expand(text);
    if (!expanded)
        return err_no_memory(err);
    if (*expanded != '/') {
        free(expanded);
        return err_set(err, ERR_USAGE, "want a path that begins with / or ~/, or none");
    }
    free(*path);
    *path = expanded;
    return 0;
}

static void print_path(const void *field, char **text)
{
    const char *path = *(char *const *)field;

    *text = strdup(path ? path : "none");
}

/* --- the table --- */

#define FIELD(member) offsetof(struct config, member)

const struct keyword keywords[] = {
    {"Host", KEYWORD_HOST, "pattern...", NULL, "begins a block for targets with such names", NULL,
     NULL, 0},
    {"Match", KEYWORD_MATCH, "criterion...", NULL, "begins a block for when all of them hold", NULL,
     NULL, 0},
    {"Hop", KEYWORD_HOP, "url", NULL, "begins a block of settings for one proxy or gateway", NULL,
     NULL, 0},
    {"Include", KEYWORD_INCLUDE, "path...", NULL, "reads other files here", NULL, NULL, 0},
    {"Via", KEYWORD_VIA, "hop[,hop...]|direct|env", "env", "a route; more of them are alternatives",
     NULL, NULL, 0},
    {"AddressFamily", KEYWORD_VALUE, "any|inet|inet6", "any", "IPv4 or IPv6 addresses only",
     parse_family, print_family, FIELD(family)},
    {"AttemptDelay", KEYWORD_VALUE, "time|none", "300ms",
     "within this time all routes have started", parse_delay, print_delay, FIELD(attempt_delay_ns)},
    {"Log", KEYWORD_VALUE, "syslog|none", "none", "keep messages in the system's log", parse_log,
     print_log, FIELD(log_system)},
    {"LogFile", KEYWORD_VALUE, "path|none", "none", "keep messages in a file", parse_path,
     print_path, FIELD(log_file)},
    {"LogLevel", KEYWORD_VALUE, "quiet|error|verbose|debug", "error", "what is kept there",
     parse_level, print_level, FIELD(log_level)},
    {"Remember", KEYWORD_VALUE, "time|no", "1h", "how long a route that won starts first",
     parse_remember, print_remember, FIELD(remember_ns)},
    {"Timeout", KEYWORD_VALUE, "time", "60s", "give up when not connected within this time",
     parse_time, print_time, FIELD(timeout_ns)},
};

const size_t keyword_count = sizeof(keywords) / sizeof(keywords[0]);

_Static_assert(sizeof(keywords) / sizeof(keywords[0]) <= KEYWORDS_MAX, "a place for each");

/* --- names --- */

const struct keyword *keyword_find(const char *name, size_t length)
{
    for (size_t i = 0; i < keyword_count; i++)
        if (strlen(keywords[i].name) == length && text_same_start(keywords[i].name, name, length))
            return &keywords[i];
    return NULL;
}

const struct keyword *keyword_nearest(const char *name, size_t length)
{
    const struct keyword *nearest = NULL;
    size_t best = TEXT_FAR;

    for (size_t i = 0; i < keyword_count; i++) {
        size_t far = text_distance(keywords[i].name, name, length);
        if (far < best) {
            best = far;
            nearest = &keywords[i];
        }
    }
    return nearest;
}
