/* SPDX-License-Identifier: MIT */
/*
 * What a helper costs: each tool carries the same bytes between the same pipes and servers, all
 * tools in turn, and what comes out is compared within the run. Only ratios mean anything: the
 * machine is whatever it is today.
 *
 *     relay [--quick] STILE        prints Markdown
 */
#define _GNU_SOURCE
#include <getopt.h>
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
    double bound;    /* what stile promises, as a ratio to nc */
};

static const struct figure figures[FIGURES] = {
    [DOWN_RATE] = {"down, MB/s", 0, true, 0.5, 3.0},
    [UP_RATE] = {"up, MB/s", 0, true, 0.5, 1.7},
    [DOWN_CPU] = {"CPU down, s/GB", 3, false, 0.5, 0.2},
    [UP_CPU] = {"CPU up, s/GB", 3, false, 0.5, 0.65},
    [ROUND_TRIP] = {"round trip, µs", 1, false, 0.5, 1.02},
    [FIRST_BYTE] = {"first byte, ms", 2, false, 0.5, 0.85},
    [PEAK_RSS] = {"peak RSS, KiB", 0, false, 1.0, 0.9},
};

enum tool_id {
    STILE,
    NC,
    NCAT,
    SOCAT,
    CONNECT,
    TOOLS,
};

static struct tool tools[TOOLS] = {
    [STILE] = {"stile", {0}, {"127.0.0.1", "%p"}, ""},
    [NC] = {"nc", {"nc.openbsd", "nc"}, {"-N", "127.0.0.1", "%p"}, ""},
    [NCAT] = {"ncat", {"ncat"}, {"127.0.0.1", "%p"}, ""},
    /* Unless told, its buffer is 8 KiB, and it waits half a second after the first end. */
    [SOCAT] = {"socat", {"socat"}, {"-b65536", "-t60", "STDIO", "TCP4:127.0.0.1:%p,nodelay"}, ""},
    [CONNECT] = {"connect-proxy", {"connect-proxy", "connect"}, {"-n", "127.0.0.1", "%p"}, ""},
};

struct bench {
    struct server servers[SERVER_KINDS];
    struct feed feed;
    cpu_set_t cpus; /* all that we may use */
    uint64_t bytes; /* of one transfer */
    bool quick;
    struct series results[TOOLS][FIGURES];
    bool failed[TOOLS];
};

/* --- measuring ----------------------------------------------------------------------------------
 */

static double cpu_seconds(const struct rusage *used)
{
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
           (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

static bool carry_down(const struct bench *bench, const struct session *session)
{
    return session_drain(session, &bench->feed, bench->bytes);
}

static bool carry_up(const struct bench *bench, const struct session *session)
{
    char receipt;

    return session_fill(session, &bench->feed, bench->bytes) && session_read(session, &receipt, 1);
}

struct direction {
    enum server_kind server;
    bool (*carry)(const struct bench *, const struct session *);
    enum figure_id rate;
    enum figure_id cpu;
};

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_ns() - start_ns) / (double)CLOCK_S;
}

static bool measure_transfer(const struct bench *bench, const struct tool *tool,
                             const struct direction *direction, double out[FIGURES])
{
    double gigabytes = (double)bench->bytes / 1e9;
    struct session session;
    struct rusage used;
    int64_t start;
    bool good;

    if (!session_open(&session, tool, bench->servers[direction->server].port))
        return false;
    start = clock_ns();
    good = session_write(&session, &bench->bytes, sizeof(bench->bytes)) &&
           direction->carry(bench, &session);
    out[direction->rate] = gigabytes * 1e3 / seconds_since(start);
    out[PEAK_RSS] = session_peak_kib(&session);
    good = session_close(&session, &used) && good;
    out[direction->cpu] = cpu_seconds(&used) / gigabytes;
    return good;
}

static bool measure_down(const struct bench *bench, const struct tool *tool, double out[FIGURES])
{
    static const struct direction down = {SERVER_SOURCE, carry_down, DOWN_RATE, DOWN_CPU};

    return measure_transfer(bench, tool, &down, out);
}

static bool measure_up(const struct bench *bench, const struct tool *tool, double out[FIGURES])
{
    static const struct direction up = {SERVER_SINK, carry_up, UP_RATE, UP_CPU};

    return measure_transfer(bench, tool, &up, out);
}

static bool measure_round_trip(const struct bench *bench, const struct tool *tool,
                               double out[FIGURES])
{
    struct session session;
    struct series *trips = calloc(1, sizeof(*trips));
    char message[MESSAGE];
    bool good = trips != NULL;

    if (!good || !session_open(&session, tool, bench->servers[SERVER_ECHO].port)) {
        free(trips);
        return false;
    }
    while (good && trips->count < ROUND_TRIPS) {
        int64_t start = clock_ns();

        good = session_write(&session, bench->feed.payload, MESSAGE) &&
               session_read(&session, message, MESSAGE);
        series_add(trips, seconds_since(start) * 1e6);
    }
    out[ROUND_TRIP] = series_quantile(trips, 0.5);
    free(trips);
    return session_close(&session, NULL) && good;
}

static bool measure_first_byte(const struct bench *bench, const struct tool *tool,
                               double out[FIGURES])
{
    struct session session;

    if (!session_open(&session, tool, bench->servers[SERVER_GREETER].port))
        return false;
    out[FIRST_BYTE] = (double)session.first_byte_ns / 1e6;
    return session_close(&session, NULL);
}

struct job {
    const char *name;
    bool (*measure)(const struct bench *, const struct tool *, double out[FIGURES]);
    size_t rounds;
    size_t quick_rounds;
    bool one_cpu;
};

static const struct job jobs[] = {
    {"down", measure_down, 21, 5, false},
    {"up", measure_up, 21, 5, false},
    {"round trip", measure_round_trip, 31, 7, true},
    {"first byte", measure_first_byte, 201, 31, false},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static size_t job_rounds(const struct bench *bench, const struct job *job)
{
    return bench->quick ? job->quick_rounds : job->rounds;
}

static void bench_measure(struct bench *bench, const struct job *job, enum tool_id id)
{
    double out[FIGURES];

    for (size_t i = 0; i < FIGURES; i++)
        out[i] = NAN;
    if (!job->measure(bench, &tools[id], out)) {
        (void)fprintf(stderr, "relay: %s: %s failed\n", job->name, tools[id].name);
        bench->failed[id] = true;
        return;
    }
    for (size_t i = 0; i < FIGURES; i++) {
        if (!isnan(out[i]))
            series_add(&bench->results[id][i], out[i]);
    }
}

/*
 * Ourselves, the servers and the tools to come onto one processor, or onto all. A message wakes
 * four processes in turn; on which processors they are changes its time by half, and that is the
 * scheduler's luck, not the tool's merit.
 */
static void bench_gather(const struct bench *bench, bool one_cpu)
{
    cpu_set_t cpus = bench->cpus;

    for (int cpu = 0; one_cpu && cpu < CPU_SETSIZE && CPU_COUNT(&cpus) > 1; cpu++)
        CPU_CLR(cpu, &cpus);
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    for (size_t i = 0; i < SERVER_KINDS; i++)
        (void)sched_setaffinity(bench->servers[i].pid, sizeof(cpus), &cpus);
}

/* A tool that failed is not tried again: each failure may take long, and half a series tells
 * nothing. */
static void bench_run(struct bench *bench)
{
    for (const struct job *job = jobs; job < jobs + JOBS; job++) {
        (void)fprintf(stderr, "relay: %s …\n", job->name);
        bench_gather(bench, job->one_cpu);
        for (size_t round = 0; round < job_rounds(bench, job); round++) {
            for (size_t turn = 0; turn < TOOLS; turn++) {
                /* Another one begins each time, so that nobody always comes after the same. */
                enum tool_id id = (enum tool_id)((round + turn) % TOOLS);

                if (tools[id].path[0] && !bench->failed[id])
                    bench_measure(bench, job, id);
            }
        }
    }
}

/* --- printing -----------------------------------------------------------------------------------
 */

/* Negative where there is none. */
static double bench_value(struct bench *bench, enum tool_id id, enum figure_id figure)
{
    struct series *series = &bench->results[id][figure];

    if (bench->failed[id] || series->count == 0)
        return -1;
    return series_quantile(series, figures[figure].quantile);
}

/* The tool other than stile that does best, or STILE when no other has a value. */
static enum tool_id bench_best_peer(struct bench *bench, enum figure_id figure)
{
    enum tool_id best = STILE;

    for (size_t i = STILE + 1; i < TOOLS; i++) {
        double value = bench_value(bench, (enum tool_id)i, figure);
        double record = bench_value(bench, best, figure);

        if (value < 0)
            continue;
        if (best == STILE || (figures[figure].more_is_better ? value > record : value < record))
            best = (enum tool_id)i;
    }
    return best;
}

static void print_cell(struct bench *bench, enum tool_id id, enum figure_id figure)
{
    const char *mark = id != STILE && id == bench_best_peer(bench, figure) ? "**" : "";
    double value = bench_value(bench, id, figure);
    double nc = bench_value(bench, NC, figure);

    if (value < 0)
        (void)printf(" – |");
    else if (nc < 0)
        (void)printf(" %s%.*f%s |", mark, figures[figure].digits, value, mark);
    else
        (void)printf(" %s%.*f%s (%.2f) |", mark, figures[figure].digits, value, mark, value / nc);
}

static void print_tools(struct bench *bench)
{
    (void)printf("| tool |");
    for (size_t i = 0; i < FIGURES; i++)
        (void)printf(" %s |", figures[i].title);
    (void)printf("\n|---|");
    for (size_t i = 0; i < FIGURES; i++)
        (void)printf("--:|");
    for (size_t id = 0; id < TOOLS; id++) {
        if (!tools[id].path[0])
            continue;
        (void)printf("\n| %s%s |", tools[id].name, bench->failed[id] ? " (failed)" : "");
        for (size_t i = 0; i < FIGURES; i++)
            print_cell(bench, (enum tool_id)id, (enum figure_id)i);
    }
    (void)printf("\n\nIn brackets: ratio to nc. Bold: the best one but stile.");
    for (size_t id = 0; id < TOOLS; id++) {
        if (!tools[id].path[0])
            (void)printf(" Not installed, so not measured: %s.", tools[id].name);
    }
    (void)printf("\n");
}

static void print_bound(struct bench *bench, enum figure_id id)
{
    const struct figure *figure = &figures[id];
    enum tool_id best = bench_best_peer(bench, id);
    double stile = bench_value(bench, STILE, id);
    double nc = bench_value(bench, NC, id);
    double ratio = stile / nc;
    bool good = figure->more_is_better ? ratio >= figure->bound : ratio <= figure->bound;

    if (stile < 0 || nc < 0) {
        (void)printf("| %s | – | – | – | MISSED: not measured |\n", figure->title);
        return;
    }
    (void)printf("| %s | %.2f (%s) | %.3f | %s %.2f | %s |\n", figure->title,
                 stile / bench_value(bench, best, id), tools[best].name, ratio,
                 figure->more_is_better ? "≥" : "≤", figure->bound, good ? "ok" : "MISSED");
}

static void print_bounds(struct bench *bench)
{
    (void)printf("\n| stile, as a ratio | to the best peer | to nc | must be | |\n"
                 "|---|--:|--:|--:|---|\n");
    for (size_t i = 0; i < FIGURES; i++)
        print_bound(bench, (enum figure_id)i);
}

static void print_method(const struct bench *bench)
{
    (void)printf("\nMedians of ");
    for (const struct job *job = jobs; job < jobs + JOBS; job++)
        (void)printf("%s%zu (%s)", job == jobs ? "" : ", ", job_rounds(bench, job), job->name);
    (void)printf(
        " rounds on loopback, tools in turn; the highest of all peaks; %.2f GB per "
        "transfer; %d messages of %d bytes to and fro per round, all on one processor.%s\n",
        (double)bench->bytes / 1e9, ROUND_TRIPS, MESSAGE,
        bench->feed.fill == feed_free_fill ? " Pipes were fed without copies." : "");
}

/* --- start --------------------------------------------------------------------------------------
 */

static int usage(FILE *out, int status)
{
    (void)fputs(
        "usage: relay [--quick] [--zero-copy] STILE\n"
        "Measures the program STILE against nc, ncat, socat and connect-proxy, prints Markdown.\n"
        "  --quick      few rounds: a glance, not a figure to publish\n"
        "  --zero-copy  feeds and drains the tools without copying, as if ssh cost nothing\n",
        out);
    return status;
}

static bool bench_init(struct bench *bench)
{
    bench->bytes = UINT64_C(1) << (bench->quick ? 28 : 29);
    bench->feed.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bench->feed.payload = aligned_alloc(4096, SERVER_CHUNK);
    if (!bench->feed.payload || bench->feed.null < 0)
        return false;
    memset(bench->feed.payload, 'x', SERVER_CHUNK);
    if (sched_getaffinity(0, sizeof(bench->cpus), &bench->cpus) < 0)
        return false;
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR && servers_start(bench->servers);
}

static bool bench_parse(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"zero-copy", no_argument, NULL, 'z'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            exit(usage(stdout, 0));
        if (option == '?')
            return false;
        if (option == 'q')
            bench->quick = true;
        if (option == 'z') {
            bench->feed.drain = feed_free_drain;
            bench->feed.fill = feed_free_fill;
        }
    }
    return optind == argc - 1;
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .feed = {.drain = feed_copy_drain, .fill = feed_copy_fill, .null = -1}};

    if (!bench_parse(&bench, argc, argv))
        return usage(stderr, 2);
    (void)snprintf(tools[STILE].path, sizeof(tools[STILE].path), "%s", argv[optind]);
    for (size_t i = STILE + 1; i < TOOLS; i++)
        (void)tool_find(&tools[i]);
    if (!bench_init(&bench)) {
        perror("relay");
        return 1;
    }
    bench_run(&bench);
    print_tools(&bench);
    print_bounds(&bench);
    print_method(&bench);
    return bench.failed[STILE] ? 1 : 0;
}
