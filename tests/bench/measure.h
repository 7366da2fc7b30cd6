/* SPDX-License-Identifier: MIT */
/*
 * What is measured, and how: rows of a table, each a tool and the servers that it is sent to, take
 * turns at one job after the other. Only ratios mean anything: the machine is whatever it is today.
 */
#ifndef STILE_BENCH_MEASURE_H
#define STILE_BENCH_MEASURE_H

#include <math.h>
#include <sched.h>

#include "series.h"
#include "session.h"

#define MESSAGE 64 /* bytes that go to and fro: about a key stroke in an ssh packet */
#define ROUND_TRIPS 1000

enum figure_id {
    DOWN_RATE,
    UP_RATE,
    DOWN_CPU,
    UP_CPU,
    ROUND_TRIP,
    FIRST_BYTE,
    PEAK_RSS,
    FIGURES,
};

struct figure {
    const char *title;
    int digits;
    bool more_is_better;
    double quantile; /* of all rounds */
};

static const struct figure figures[FIGURES] = {
    [DOWN_RATE] = {"down, MB/s", 0, true, 0.5},
    [UP_RATE] = {"up, MB/s", 0, true, 0.5},
    [DOWN_CPU] = {"CPU down, s/GB", 3, false, 0.5},
    [UP_CPU] = {"CPU up, s/GB", 3, false, 0.5},
    [ROUND_TRIP] = {"round trip, µs", 1, false, 0.5},
    [FIRST_BYTE] = {"first byte, ms", 2, false, 0.5},
    [PEAK_RSS] = {"peak RSS, KiB", 0, false, 1.0},
};

/* --- bytes --------------------------------------------------------------------------------------
 */

/*
 * How the bench, in ssh's place, takes bytes from the tool and gives it bytes. Each moves up to
 * `size` (> 0) of them and returns as read(2) and write(2) do.
 */
struct feed {
    ssize_t (*drain)(const struct feed *, int from, size_t size);
    ssize_t (*fill)(const struct feed *, int to, size_t size);
    char *payload;  /* SERVER_CHUNK bytes; what is drained goes here too */
    int null;       /* /dev/null */
    uint64_t bytes; /* of one transfer */
};

/* As ssh does it: what a pipe holds, with a copy. */
#define FEED_CHUNK ((size_t)64 << 10)

static ssize_t feed_copy_drain(const struct feed *feed, int from, size_t size)
{
    return read(from, feed->payload, size < FEED_CHUNK ? size : FEED_CHUNK);
}

static ssize_t feed_copy_fill(const struct feed *feed, int to, size_t size)
{
    return write(to, feed->payload, size < FEED_CHUNK ? size : FEED_CHUNK);
}

static bool feed_init(struct feed *feed, uint64_t bytes)
{
    feed->drain = feed->drain ? feed->drain : feed_copy_drain;
    feed->fill = feed->fill ? feed->fill : feed_copy_fill;
    feed->bytes = bytes;
    feed->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    feed->payload = aligned_alloc(4096, SERVER_CHUNK);
    if (!feed->payload || feed->null < 0)
        return false;
    memset(feed->payload, 'x', SERVER_CHUNK);
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

static bool session_write(const struct session *session, const void *data, size_t size)
{
    /* No message of the bench is larger than a pipe, and one is only sent into an empty pipe. */
    return write(session->to, data, size) == (ssize_t)size;
}

static bool session_drain(const struct session *session, const struct feed *feed)
{
    for (uint64_t left = feed->bytes; left > 0;) {
        ssize_t got = feed->drain(feed, session->from, (size_t)left);

        if (got > 0)
            left -= (uint64_t)got;
        else if (!session_again(got, session->from, POLLIN))
            return false;
    }
    return true;
}

static bool session_fill(const struct session *session, const struct feed *feed)
{
    char receipt;

    for (uint64_t left = feed->bytes; left > 0;) {
        ssize_t put = feed->fill(feed, session->to, (size_t)left);

        if (put > 0)
            left -= (uint64_t)put;
        else if (!session_again(put, session->to, POLLOUT))
            return false;
    }
    return session_read(session, &receipt, 1);
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

/* A row: who is measured, through which servers. */
struct row {
    const struct tool *tool;
    const struct server *servers; /* SERVER_KINDS of them */
    uint16_t proxy;               /* 0: the servers are their own proxies, if any */
    bool failed;
    struct series results[FIGURES];
};

static struct goal row_goal(const struct row *row, enum server_kind kind)
{
    uint16_t port = row->servers[kind].port;

    return (struct goal){"127.0.0.1", port, row->proxy ? row->proxy : port};
}

/* The most memory that was resident so far, in KiB, or -1. Not ru_maxrss: across fork and exec that
 * keeps the size of the parent. */
static double session_peak_kib(const struct session *session)
{
    char name[64];
    char line[256];
    double peak = -1;
    FILE *status;

    (void)snprintf(name, sizeof(name), "/proc/%jd/status", (intmax_t)session->pid);
    status = fopen(name, "r");
    if (!status)
        return -1;
    while (peak < 0 && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtod(line + 6, NULL);
    }
    (void)fclose(status);
    return peak;
}

static double cpu_seconds(const struct rusage *used)
{
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
           (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_ns() - start_ns) / (double)CLOCK_S;
}

struct direction {
    enum server_kind server;
    bool (*carry)(const struct session *, const struct feed *);
    enum figure_id rate;
    enum figure_id cpu;
};

static bool measure_transfer(const struct feed *feed, const struct row *row,
                             const struct direction *direction, double out[FIGURES])
{
    struct goal goal = row_goal(row, direction->server);
    double gigabytes = (double)feed->bytes / 1e9;
    struct session session;
    struct rusage used;
    int64_t start;
    bool good;

    if (!session_open(&session, row->tool, &goal))
        return false;
    start = clock_ns();
    good = session_write(&session, &feed->bytes, sizeof(feed->bytes)) &&
           direction->carry(&session, feed);
    out[direction->rate] = gigabytes * 1e3 / seconds_since(start);
    out[PEAK_RSS] = session_peak_kib(&session);
    good = session_close(&session, &used) && good;
    out[direction->cpu] = cpu_seconds(&used) / gigabytes;
    return good;
}

static bool measure_down(const struct feed *feed, const struct row *row, double out[FIGURES])
{
    static const struct direction down = {SERVER_SOURCE, session_drain, DOWN_RATE, DOWN_CPU};

    return measure_transfer(feed, row, &down, out);
}

static bool measure_up(const struct feed *feed, const struct row *row, double out[FIGURES])
{
    static const struct direction up = {SERVER_SINK, session_fill, UP_RATE, UP_CPU};

    return measure_transfer(feed, row, &up, out);
}

static bool measure_round_trip(const struct feed *feed, const struct row *row, double out[FIGURES])
{
    struct goal goal = row_goal(row, SERVER_ECHO);
    struct session session;
    struct series *trips = calloc(1, sizeof(*trips));
    char message[MESSAGE];
    bool good = trips != NULL;

    if (!good || !session_open(&session, row->tool, &goal)) {
        free(trips);
        return false;
    }
    while (good && trips->count < ROUND_TRIPS) {
        int64_t start = clock_ns();

        good = session_write(&session, feed->payload, MESSAGE) &&
               session_read(&session, message, MESSAGE);
        series_add(trips, seconds_since(start) * 1e6);
    }
    out[ROUND_TRIP] = series_quantile(trips, 0.5);
    free(trips);
    return session_close(&session, NULL) && good;
}

static bool measure_first_byte(const struct feed *feed, const struct row *row, double out[FIGURES])
{
    struct goal goal = row_goal(row, SERVER_GREETER);
    struct session session;

    (void)feed;
    if (!session_open(&session, row->tool, &goal))
        return false;
    out[FIRST_BYTE] = (double)session.first_byte_ns / 1e6;
    return session_close(&session, NULL);
}

struct job {
    const char *name;
    bool (*measure)(const struct feed *, const struct row *, double out[FIGURES]);
    size_t rounds;
    size_t quick_rounds;
    bool one_cpu;
};

/* --- in turn ------------------------------------------------------------------------------------
 */

static void row_measure(struct row *row, const struct feed *feed, const struct job *job)
{
    double out[FIGURES];

    for (size_t i = 0; i < FIGURES; i++)
        out[i] = NAN;
    if (!job->measure(feed, row, out)) {
        (void)fprintf(stderr, "bench: %s: %s failed\n", job->name, row->tool->name);
        row->failed = true;
        return;
    }
    for (size_t i = 0; i < FIGURES; i++) {
        if (!isnan(out[i]))
            series_add(&row->results[i], out[i]);
    }
}

/*
 * Ourselves, the servers and the tools to come onto one processor, or onto all. A message wakes
 * four processes in turn; on which processors they are changes its time by half, and that is the
 * scheduler's luck, not the tool's merit.
 */
static void rows_gather(const struct row *rows, size_t count, const cpu_set_t *all, bool one_cpu)
{
    cpu_set_t cpus = *all;

    for (int cpu = 0; one_cpu && cpu < CPU_SETSIZE && CPU_COUNT(&cpus) > 1; cpu++)
        CPU_CLR(cpu, &cpus);
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    for (size_t i = 0; i < count * SERVER_KINDS; i++)
        (void)sched_setaffinity(rows[i / SERVER_KINDS].servers[i % SERVER_KINDS].pid, sizeof(cpus),
                                &cpus);
}

#define ROWS_MAX 8

/* Another order each time, so that nobody always comes after the same: whoever follows a large
 * program finds cold caches. The orders of two runs of the bench are the same. */
static void rows_shuffle(size_t order[ROWS_MAX], size_t count, uint32_t *seed)
{
    for (size_t left = count; left > 1; left--) {
        size_t other;
        size_t last = order[left - 1];

        *seed = *seed * 1664525U + 1013904223U;
        other = (*seed >> 16) % left;
        order[left - 1] = order[other];
        order[other] = last;
    }
}

/* A row that failed is not tried again: each failure may take long, and half a series tells
 * nothing. */
static void rows_run(struct row *rows, size_t count, const struct feed *feed, const struct job *job,
                     size_t rounds)
{
    size_t order[ROWS_MAX];
    uint32_t seed = 1;
    cpu_set_t all;

    if (sched_getaffinity(0, sizeof(all), &all) < 0)
        CPU_ZERO(&all);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    rows_gather(rows, count, &all, job->one_cpu);
    for (size_t round = 0; round < rounds; round++) {
        rows_shuffle(order, count, &seed);
        for (size_t turn = 0; turn < count; turn++) {
            struct row *row = &rows[order[turn]];

            if (row->tool->path[0] && !row->failed)
                row_measure(row, feed, job);
        }
    }
    rows_gather(rows, count, &all, false);
}

/* Negative where there is none. */
static double row_value(struct row *row, enum figure_id figure)
{
    struct series *series = &row->results[figure];

    if (row->failed || series->count == 0)
        return -1;
    return series_quantile(series, figures[figure].quantile);
}

#endif
