/* SPDX-License-Identifier: MIT */
#include "transports/happy.h"

#include <errno.h>

#include "core/clock.h"

struct happy {
    const struct happy_ops *ops;
    void *net;
    const struct addresses *addresses;
    struct happy_report *report;

    size_t used[FAMILIES]; /* addresses of each family that were tried */
    enum family next;      /* whose turn it is: families alternate, section 4 */
    int64_t resolved_ns;   /* when the first IPv4 address was there; CLOCK_NEVER = not yet */
    int64_t attempt_ns;    /* before this the next attempt does not begin */
};

/* Does the family have an address that was not tried? */
static bool happy_has(const struct happy *happy, enum family family)
{
    return happy->used[family] < happy->addresses->count[family];
}

/* The family to try next; FAMILIES when there is nothing to try yet. */
static enum family happy_choose(const struct happy *happy)
{
    enum family other = happy->next == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;

    if (happy_has(happy, happy->next))
        return happy->next;
    return happy_has(happy, other) ? other : FAMILIES;
}

/* When the next attempt may begin. Section 3: IPv4 waits a little for an AAAA answer, at the
 * start only. */
static int64_t happy_due_ns(const struct happy *happy, enum family family)
{
    if (happy->report->count == 0 && family == FAMILY_V4 && happy->addresses->pending[FAMILY_V6])
        return happy->resolved_ns + HAPPY_RESOLUTION_DELAY_MS * CLOCK_MS;
    return happy->attempt_ns;
}

static void happy_end(const struct happy *happy, struct happy_try *try, int error)
{
    try->error = error;
    if (happy->ops->ended)
        happy->ops->ended(happy->net, try);
}

static void happy_fail(struct happy *happy, struct happy_try *try, int error)
{
    happy_end(happy, try, error);
    try->handle = -1;
    /* Section 5: a failure starts the next attempt at once. */
    happy->attempt_ns = happy->ops->now_ns(happy->net);
}

static void happy_begin(struct happy *happy, enum family family)
{
    struct happy_try *try = &happy->report->tries[happy->report->count++];

    *try = (struct happy_try){.address = &happy->addresses->found[family][happy->used[family]++],
                              .error = EINPROGRESS};
    happy->next = family == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;
    try->handle = happy->ops->connect(happy->net, try->address);
    if (try->handle == -1)
        happy_fail(happy, try, errno);
    else
        happy->attempt_ns = happy->ops->now_ns(happy->net) + HAPPY_ATTEMPT_DELAY_MS * CLOCK_MS;
}

/* Begins all attempts that are due. Returns when the next one will be. */
static int64_t happy_begin_due(struct happy *happy)
{
    for (;;) {
        enum family family = happy_choose(happy);
        if (family == FAMILIES)
            return CLOCK_NEVER;

        int64_t now_ns = happy->ops->now_ns(happy->net);
        if (happy->resolved_ns == CLOCK_NEVER)
            happy->resolved_ns = now_ns;
        int64_t due_ns = happy_due_ns(happy, family);
        if (due_ns > now_ns)
            return due_ns;
        happy_begin(happy, family);
    }
}

/* Looks at the attempts that had an event. The winner's index, or -1. */
static int happy_harvest(struct happy *happy, const struct pollfd *pfds, const int *index,
                         nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (!pfds[i].revents)
            continue;
        struct happy_try *try = &happy->report->tries[index[i]];
        int error = happy->ops->result(happy->net, try->handle);
        if (error == 0) {
            happy_end(happy, try, 0);
            return index[i];
        }
        happy->ops->abandon(happy->net, try->handle);
        happy_fail(happy, try, error);
    }
    return -1;
}

/* The open attempts as pollfds; index[i] is the try that pfds[i] belongs to. */
static nfds_t happy_open(const struct happy *happy, struct pollfd *pfds, int *index)
{
    nfds_t count = 0;

    for (size_t i = 0; i < happy->report->count; i++) {
        if (happy->report->tries[i].handle == -1)
            continue;
        pfds[count] = (struct pollfd){.fd = happy->report->tries[i].handle, .events = POLLOUT};
        index[count++] = (int)i;
    }
    return count;
}

/* The index of the winner, or -1. */
static int happy_race(struct happy *happy)
{
    struct pollfd pfds[HAPPY_TRIES_MAX];
    int index[HAPPY_TRIES_MAX];

    for (;;) {
        int64_t due_ns = happy_begin_due(happy);
        nfds_t count = happy_open(happy, pfds, index);
        bool pending = happy->addresses->pending[FAMILY_V6] || happy->addresses->pending[FAMILY_V4];

        if (count == 0 && due_ns == CLOCK_NEVER && !pending)
            return -1;
        if (happy->ops->wait(happy->net, pfds, count, due_ns) == -1) {
            happy->report->given_up = true;
            return -1;
        }
        int winner = happy_harvest(happy, pfds, index, count);
        if (winner != -1)
            return winner;
    }
}

int happy_dial(const struct happy_ops *ops, void *net, const struct addresses *addresses,
               struct happy_report *report)
{
    struct happy happy = {
        .ops = ops,
        .net = net,
        .addresses = addresses,
        .report = report,
        .next = FAMILY_V6,
        .resolved_ns = CLOCK_NEVER,
        .attempt_ns = INT64_MIN,
    };
    report->count = 0;
    report->given_up = false;

    int winner = happy_race(&happy);
    for (size_t i = 0; i < report->count; i++)
        if ((int)i != winner && report->tries[i].handle != -1)
            ops->abandon(net, report->tries[i].handle);
    return winner == -1 ? -1 : report->tries[winner].handle;
}
