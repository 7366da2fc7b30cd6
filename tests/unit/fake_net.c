/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

#define HANDLE_BASE 1000000 /* no descriptor of the process is that high */
#define WAITS_MAX 100000

static int broken(struct fake_net *net, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int broken(struct fake_net *net, const char *format, ...)
{
    va_list args;
    if (net->broken[0])
        return -1;
    va_start(args, format);
    (void)vsnprintf(net->broken, sizeof(net->broken), format, args);
    va_end(args);
    return -1;
}

/* The address of a family by its number; distinct for each. */
static struct address address_of(enum family family, size_t index)
{
    struct address address;

    memset(&address, 0, sizeof(address));
    if (family == FAMILY_V6) {
        address.len = sizeof(address.sa.v6);
        address.sa.v6.sin6_family = AF_INET6;
        address.sa.v6.sin6_port = htons(22);
        address.sa.v6.sin6_addr.s6_addr[0] = 0x20;
        address.sa.v6.sin6_addr.s6_addr[1] = 0x01;
        address.sa.v6.sin6_addr.s6_addr[15] = (uint8_t)(index + 1);
    } else {
        address.len = sizeof(address.sa.v4);
        address.sa.v4.sin_family = AF_INET;
        address.sa.v4.sin_port = htons(22);
        address.sa.v4.sin_addr.s_addr = htonl(0xc0000200U + (uint32_t)index + 1);
    }
    return address;
}

/* The inverse. */
static size_t index_of(const struct address *address, enum family *family)
{
    if (address->sa.any.sa_family == AF_INET6) {
        *family = FAMILY_V6;
        return address->sa.v6.sin6_addr.s6_addr[15] - 1U;
    }
    *family = FAMILY_V4;
    return (ntohl(address->sa.v4.sin_addr.s_addr) & 0xff) - 1U;
}

static int64_t at_ns(int ms)
{
    return NET_START_NS + ms * CLOCK_MS;
}

static const struct net_answer *next_answer(const struct fake_net *net, int family)
{
    const struct net_family *of = &net->setup->family[family];
    return net->next_answer[family] < of->answers ? &of->answer[net->next_answer[family]] : NULL;
}

/* Lets the answers in that are due. Did `addresses` change? */
static bool take_answers(struct fake_net *net)
{
    bool changed = false;

    for (int family = 0; family < FAMILIES; family++) {
        const struct net_family *of = &net->setup->family[family];
        const struct net_answer *answer;
        while ((answer = next_answer(net, family)) && at_ns(answer->at_ms) <= net->now_ns) {
            for (int i = 0; i < answer->count; i++) {
                size_t index = net->addresses.count[family]++;
                net->addresses.found[family][index] = address_of((enum family)family, index);
            }
            if (++net->next_answer[family] == of->answers && !of->silent)
                net->addresses.pending[family] = false;
            changed = true;
        }
    }
    return changed;
}

void fake_net_init(struct fake_net *net, const struct net_setup *setup, int64_t noise_ms)
{
    memset(net, 0, sizeof(*net));
    net->setup = setup;
    net->now_ns = NET_START_NS;
    net->noise_ms = noise_ms;
    for (int family = 0; family < FAMILIES; family++)
        net->addresses.pending[family] = setup->family[family].asked;
    (void)take_answers(net);
}

static int64_t net_now_ns(void *arg)
{
    const struct fake_net *net = arg;
    return net->now_ns;
}

static int net_connect(void *arg, const struct address *to)
{
    struct fake_net *net = arg;
    enum family family;
    size_t index = index_of(to, &family);
    struct net_fate fate = {NET_BLACK_HOLE, 0, 0};
    struct net_attempt *attempt = &net->attempts[net->begun];

    if (index >= net->addresses.count[family])
        return errno = EINVAL, broken(net, "connect to an address that no answer brought");
    if (net->tried == HAPPY_TRIES_MAX)
        return errno = EINVAL, broken(net, "connect more often than there are addresses");
    if (net->gave_up)
        return errno = EINVAL, broken(net, "connect after wait gave up");
    net->tried_ns[net->tried++] = net->now_ns;

    if (index < NET_FATES)
        fate = net->setup->family[family].fate[index];
    if (fate.what == NET_REFUSES)
        return errno = fate.error, -1;
    *attempt = (struct net_attempt){
        .begun_ns = net->now_ns,
        .event_ns =
            fate.what == NET_BLACK_HOLE ? INT64_MAX : net->now_ns + fate.after_ms * CLOCK_MS,
        .error = fate.error,
        .open = true,
    };
    /* Whoever reads errno of a success reads this. */
    errno = EINPROGRESS;
    return HANDLE_BASE + (int)net->begun++;
}

static struct net_attempt *attempt_of(struct fake_net *net, int handle, const char *what)
{
    size_t index = (size_t)(handle - HANDLE_BASE);

    if (handle < HANDLE_BASE || index >= net->begun) {
        (void)broken(net, "%s of %d, which is no attempt", what, handle);
        return NULL;
    }
    if (!net->attempts[index].open) {
        (void)broken(net, "%s of %d, which is closed", what, handle);
        return NULL;
    }
    return &net->attempts[index];
}

static int net_result(void *arg, int handle)
{
    struct fake_net *net = arg;
    struct net_attempt *attempt = attempt_of(net, handle, "result");

    if (!attempt)
        return EBADF;
    if (!attempt->shown) {
        /* SO_ERROR is 0 then, which looks like success. */
        (void)broken(net, "result of an attempt that had no event yet");
        return 0;
    }
    return attempt->error;
}

static void net_abandon(void *arg, int handle)
{
    struct fake_net *net = arg;
    struct net_attempt *attempt = attempt_of(net, handle, "abandon");

    if (!attempt)
        return;
    attempt->open = false;
    attempt->abandoned = true;
}

/* Are exactly the open attempts in the set, each once and for POLLOUT? */
static void check_set(struct fake_net *net, const struct pollfd *fds, nfds_t count)
{
    size_t open = 0;
    size_t listed = 0;
    bool seen[HAPPY_TRIES_MAX] = {false};

    for (size_t i = 0; i < net->begun; i++)
        open += net->attempts[i].open;
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].fd < 0)
            continue;
        if (!attempt_of(net, fds[i].fd, "wait"))
            return;
        if (seen[fds[i].fd - HANDLE_BASE])
            (void)broken(net, "wait for an attempt twice");
        if (!(fds[i].events & POLLOUT))
            (void)broken(net, "wait for an attempt without POLLOUT");
        seen[fds[i].fd - HANDLE_BASE] = true;
        listed++;
    }
    if (listed != open)
        (void)broken(net, "%zu attempts are open, but wait was given %zu", open, listed);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the next thing happens that ends a wait; INT64_MAX = nothing will. */
static int64_t next_event(const struct fake_net *net)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < net->begun; i++) {
        if (net->attempts[i].open)
            next = sooner(next, net->attempts[i].event_ns);
    }
    for (int family = 0; family < FAMILIES; family++) {
        const struct net_answer *answer = next_answer(net, family);
        if (answer)
            next = sooner(next, at_ns(answer->at_ms));
    }
    return next;
}

static int net_wait(void *arg, struct pollfd *fds, nfds_t count, int64_t until_ns)
{
    struct fake_net *net = arg;
    int64_t next = sooner(next_event(net), until_ns);

    check_set(net, fds, count);
    if (net->gave_up)
        return broken(net, "wait after wait gave up");
    if (++net->waits > WAITS_MAX)
        return broken(net, "waits without end");
    if (next == INT64_MAX && !net->setup->give_up_ms)
        return broken(net, "sleeps for ever: no attempt, answer or time can end the wait");

    if (net->noise_ms)
        next = sooner(next, net->now_ns + net->noise_ms * CLOCK_MS);
    if (net->setup->give_up_ms && at_ns(net->setup->give_up_ms) <= next) {
        net->now_ns = at_ns(net->setup->give_up_ms);
        net->gave_up = true;
        return -1;
    }
    if (next > net->now_ns)
        net->now_ns = next;

    (void)take_answers(net);
    for (nfds_t i = 0; i < count; i++) {
        struct net_attempt *attempt = NULL;
        fds[i].revents = 0;
        if (fds[i].fd >= 0)
            attempt = attempt_of(net, fds[i].fd, "wait");
        if (!attempt || attempt->event_ns > net->now_ns)
            continue;
        attempt->shown = true;
        fds[i].revents = attempt->error ? POLLOUT | POLLERR | POLLHUP : POLLOUT;
    }
    return 0;
}

const struct happy_ops fake_net_ops = {
    .now_ns = net_now_ns,
    .connect = net_connect,
    .result = net_result,
    .abandon = net_abandon,
    .wait = net_wait,
};

/* Every address of the report points into addresses, and none was tried twice. */
static void check_report(struct fake_net *net, const struct happy_report *report)
{
    if (report->count != net->tried)
        (void)broken(net, "%zu tries reported, %zu made", report->count, net->tried);
    for (size_t i = 0; i < report->count; i++) {
        const struct address *address = report->tries[i].address;
        const struct address *first = &net->addresses.found[0][0];
        if (address < first || address >= first + HAPPY_TRIES_MAX)
            (void)broken(net, "try %zu does not point into addresses", i);
        for (size_t j = 0; j < i; j++) {
            if (report->tries[j].address == address)
                (void)broken(net, "try %zu is try %zu again", i, j);
        }
    }
}

void fake_net_finish(struct fake_net *net, int handle, const struct happy_report *report)
{
    check_report(net, report);
    if (report->given_up != net->gave_up)
        (void)broken(net, "given_up is %d", report->given_up);
    if (handle >= 0) {
        struct net_attempt *winner = attempt_of(net, handle, "win");
        size_t wins = 0;
        if (!winner)
            return;
        if (!winner->shown || winner->error)
            (void)broken(net, "the winner is not connected");
        for (size_t i = 0; i < report->count; i++) {
            if (report->tries[i].error)
                continue;
            wins++;
            if (report->tries[i].handle != handle)
                (void)broken(net, "the winner of the report has another handle");
        }
        if (wins != 1)
            (void)broken(net, "%zu winners in the report", wins);
        winner->open = false;
    }
    for (size_t i = 0; i < net->begun; i++) {
        if (net->attempts[i].open)
            (void)broken(net, "attempt %zu was neither returned nor abandoned", i);
    }
}

static const char *error_name(int error, char out[16])
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {0, "won"},
        {EINPROGRESS, "open"},
        {ECONNREFUSED, "refused"},
        {ENETUNREACH, "no net"},
        {EHOSTUNREACH, "no host"},
        {ETIMEDOUT, "timed out"},
        {ECONNRESET, "reset"},
        {EACCES, "forbidden"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].error == error)
            return names[i].name;
    }
    (void)snprintf(out, 16, "errno %d", error);
    return out;
}

/* Whole milliseconds stay so; anything else shows its rest. */
static size_t put_ms(char *out, size_t size, int64_t ns)
{
    int64_t rest = ns % CLOCK_MS;
    int n = rest ? snprintf(out, size, "%lld.%06lld", (long long)(ns / CLOCK_MS), (long long)rest)
                 : snprintf(out, size, "%lld", (long long)(ns / CLOCK_MS));
    return n > 0 ? (size_t)n : 0;
}

void fake_net_story(const struct fake_net *net, const struct happy_report *report, char *out,
                    size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < report->count && at + 64 < size; i++) {
        char number[16];
        enum family family;
        size_t index = index_of(report->tries[i].address, &family);
        int n = snprintf(out + at, size - at, "%s%c%c@", i ? ", " : "",
                         family == FAMILY_V6 ? '6' : '4', (char)('a' + index));
        at += n > 0 ? (size_t)n : 0;
        at += put_ms(out + at, size - at, i < net->tried ? net->tried_ns[i] - NET_START_NS : -1);
        n = snprintf(out + at, size - at, " %s", error_name(report->tries[i].error, number));
        at += n > 0 ? (size_t)n : 0;
    }
    if (at + 64 < size) {
        (void)snprintf(out + at, size - at, "%s", report->count ? "; " : "nothing tried; ");
        at += strlen(out + at);
        at += put_ms(out + at, size - at, net->now_ns - NET_START_NS);
        (void)snprintf(out + at, size - at, " ms%s", report->given_up ? ", given up" : "");
    }
}
