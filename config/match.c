/* SPDX-License-Identifier: MIT */
#include "config/match.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/pattern.h"
#include "config/words.h"
#include "core/child.h"
#include "core/guard.h"
#include "core/person.h"
#include "core/prefix.h"
#include "core/text.h"

/* How often a command is looked at that has not ended: ever less. */
#define LOOK_FIRST_NS CLOCK_MS
#define LOOK_MAX_NS (16 * CLOCK_MS)

const char *query_host(const struct query *query)
{
    const struct endpoint *target = query->target;

    return target->host ? target->host : target->text;
}

/* Each holds_… checks what the criterion wants, and says in *holds whether it does if `holds` isn't
 * NULL. 0, or -1 with ctx->err set. */

/* --- names --- */

static int holds_pattern(const char *list, const char *name, bool *holds, struct ctx *ctx)
{
    if (!pattern_list_is_whole(list))
        return err_set(ctx->err, ERR_USAGE, "want patterns, with commas between");
    if (holds)
        *holds = pattern_list(list, name) == PATTERN_YES;
    return 0;
}

static int holds_host(const char *wants, const struct query *query, bool *holds, struct ctx *ctx)
{
    return holds_pattern(wants, query_host(query), holds, ctx);
}

/* Who runs us; the number where there is no name. */
static int holds_user(const char *wants, const struct query *query, bool *holds, struct ctx *ctx)
{
    char digits[TEXT_DIGITS_MAX];
    struct person person = {.name = NULL};
    const char *name =
        holds && person_find(&person, NULL) ? person.name : text_digits(getuid(), digits);
    int done = holds_pattern(wants, name, holds, ctx);

    (void)query;
    person_release(&person);
    return done;
}

/* --- ports --- */

/* Moves a port from *text to *port; false when there is none. */
static bool take_port(const char **text, unsigned *port)
{
    const char *at = *text;

    for (*port = 0; *at >= '0' && *at <= '9' && *port <= UINT16_MAX; at++)
        *port = *port * 10 + (unsigned)(*at - '0');
    *text = at;
    return *port > 0 && *port <= UINT16_MAX;
}

static int holds_port(const char *wants, const struct query *query, bool *holds, struct ctx *ctx)
{
    static const char wanted[] = "want ports 1-65535 or ranges of them, with commas between";
    unsigned port = query->target->port;
    bool found = false;

    for (;; wants++) {
        unsigned first, last;
        if (!take_port(&wants, &first))
            return err_set(ctx->err, ERR_USAGE, "%s", wanted);
        last = first;
        if (*wants == '-') {
            wants++;
            if (!take_port(&wants, &last) || last < first)
                return err_set(ctx->err, ERR_USAGE, "%s", wanted);
        }
        found = found || (port >= first && port <= last);
        if (!*wants)
            break;
        if (*wants != ',')
            return err_set(ctx->err, ERR_USAGE, "%s", wanted);
    }
    if (holds)
        *holds = found;
    return 0;
}

/* --- networks --- */

static int holds_network(const char *wants, const struct query *query, bool *holds, struct ctx *ctx)
{
    bool found = false;

    (void)query;
    for (;; wants++) {
        struct prefix prefix;
        size_t length = text_until(wants, ",");
        if (!prefix_parse(&prefix, wants, length))
            return err_set(ctx->err, ERR_USAGE,
                           "want networks such as 192.168.7.0/24 or 2001:db8::/32, with commas "
                           "between");
        found = found || (holds && prefix_is_here(&prefix));
        wants += length;
        if (!*wants)
            break;
    }
    if (holds)
        *holds = found;
    return 0;
}

/* --- commands --- */

/* Runs it to its end. 0, or -1 with ctx->err set. */
static int run(char *const *words, int *status, struct ctx *ctx)
{
    struct child_plan plan = {.argv = words, .in = -1, .out = -1, .err = -1, .apart = true};
    struct err why = ERR_INIT;
    pid_t pid = guard_start(&plan, &why);

    if (pid == -1)
        (void)err_set(ctx->err, ERR_USAGE, "%s", err_text(&why));
    err_release(&why);
    if (pid == -1)
        return -1;
    int done = 0;
    for (int64_t pause_ns = LOOK_FIRST_NS; child_wait(pid, status, 0) == -1; pause_ns *= 2) {
        if (pause_ns > LOOK_MAX_NS)
            pause_ns = LOOK_MAX_NS;
        done = ctx_wait(ctx, NULL, 0, clock_ns() + pause_ns);
        if (done == -1) {
            child_end(pid);
            (void)err_wrap(ctx->err, "%s", words[0]);
            break;
        }
    }
    guard_release(pid);
    return done;
}

static bool wants_host(char *const *words)
{
    for (; *words; words++)
        for (const char *at = strchr(*words, '%'); at && at[1]; at = strchr(at + 2, '%'))
            if (at[1] == 'h')
                return true;
    return false;
}

/* Nobody runs a shell here, but a command that gets the host may. */
static int check_host(char *const *words, const char *host, struct err *err)
{
    if (!wants_host(words) || words_is_plain(host))
        return 0;
    return err_set(err, ERR_USAGE,
                   "%s: only ASCII letters, digits and -._:%% may be in a host for a command",
                   host);
}

static int holds_exec(const char *wants, const struct query *query, bool *holds, struct ctx *ctx)
{
    char digits[TEXT_DIGITS_MAX];
    const char *port = text_digits(query->target->port, digits);
    const char *host = query_host(query);
    char **words = words_split(wants, ctx->err);
    int done = words ? 0 : -1;
    int status = -1;

    if (done == 0 && holds)
        done = check_host(words, host, ctx->err);
    if (done == 0)
        done = words_expand(words, host, port, ctx->err);
    if (done == 0 && holds) {
        done = run(words, &status, ctx);
        *holds = done == 0 && status == 0;
        if (done == 0)
            TRACE(ctx->trace, "config", "Match exec %s: %s", words[0], *holds ? "yes" : "no");
    }
    words_free(words);
    return done;
}

/* --- all of them --- */

static const struct criterion {
    const char *name;
    int (*holds)(const char *wants, const struct query *query, bool *holds, struct ctx *ctx);
} criteria[] = {
    {"exec", holds_exec}, {"host", holds_host}, {"network", holds_network},
    {"port", holds_port}, {"user", holds_user},
};

static const struct criterion *find(const char *name)
{
    for (size_t i = 0; i < sizeof(criteria) / sizeof(criteria[0]); i++)
        if (text_same(name, criteria[i].name))
            return &criteria[i];
    return NULL;
}

/* A pair of words. *still becomes false where it doesn't hold. */
static int match_pair(const char *name, const char *wants, const struct query *query, bool *still,
                      struct ctx *ctx)
{
    bool denies = *name == '!';
    const struct criterion *criterion = find(name + denies);
    bool holds = false;

    if (text_same(name + denies, "all"))
        return err_set(ctx->err, ERR_USAGE, "all stands alone");
    if (!criterion)
        return err_set(ctx->err, ERR_USAGE,
                       "%s: no such criterion; want all, exec, host, network, port or user", name);
    if (!wants)
        return err_set(ctx->err, ERR_USAGE, "%s: a value is missing", criterion->name);
    if (criterion->holds(wants, query, *still ? &holds : NULL, ctx) == -1)
        return err_wrap(ctx->err, "%s", criterion->name);
    if (holds == denies)
        *still = false;
    return 0;
}

int match_words(char *const *words, const struct query *query, bool really, bool *matches,
                struct ctx *ctx)
{
    bool still = really;

    *matches = false;
    if (!words[0])
        return err_set(ctx->err, ERR_USAGE, "want all, exec, host, network, port or user");
    if (!words[1] && (text_same(words[0], "all") || text_same(words[0], "!all"))) {
        *matches = really && *words[0] != '!';
        return 0;
    }
    for (; *words; words += words[1] ? 2 : 1)
        if (match_pair(words[0], words[1], query, &still, ctx) == -1)
            return -1;
    *matches = still;
    return 0;
}
