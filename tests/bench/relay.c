/* SPDX-License-Identifier: MIT */
/*
 * What a helper costs: each tool carries the same bytes between the same pipes and servers, all
 * tools in turn, and what comes out is compared within the run.
 *
 *     relay [--quick] STILE        prints Markdown
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/uio.h>

#include "measure.h"

enum tool_id {
    STILE,
    NC,
    NCAT,
    SOCAT,
    CONNECT,
    TOOLS,
};

static struct tool tools[TOOLS] = {
    [STILE] = {"stile", {0}, {"%h", "%p"}, ""},
    [NC] = {"nc", {"nc.openbsd", "nc"}, {"-N", "%h", "%p"}, ""},
    [NCAT] = {"ncat", {"ncat"}, {"%h", "%p"}, ""},
    /* Unless told, its buffer is 8 KiB, and it waits half a second after the first end. */
    [SOCAT] = {"socat", {"socat"}, {"-b65536", "-t60", "STDIO", "TCP4:%h:%p,nodelay"}, ""},
    [CONNECT] = {"connect-proxy", {"connect-proxy", "connect"}, {"-n", "%h", "%p"}, ""},
};

/* What stile promises, as a ratio to nc. */
static const double bounds[FIGURES] = {
    [DOWN_RATE] = 3.0,   [UP_RATE] = 1.7,     [DOWN_CPU] = 0.2, [UP_CPU] = 0.65,
    [ROUND_TRIP] = 1.02, [FIRST_BYTE] = 0.85, [PEAK_RSS] = 0.9,
};

static const struct job jobs[] = {
    {"down", measure_down, 21, 5, false},
    {"up", measure_up, 21, 5, false},
    {"round trip", measure_round_trip, 31, 7, true},
    {"first byte", measure_first_byte, 201, 31, false},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

struct bench {
    struct server servers[SERVER_KINDS];
    struct feed feed;
    bool quick;
    struct row rows[TOOLS];
};

/* As if ssh cost nothing: pages are taken away unread, and the same ones are given again and again.
 */
static ssize_t feed_free_drain(const struct feed *feed, int from, size_t size)
{
    return splice(from, NULL, feed->null, NULL, size < SERVER_CHUNK ? size : SERVER_CHUNK,
                  SPLICE_F_NONBLOCK);
}

static ssize_t feed_free_fill(const struct feed *feed, int to, size_t size)
{
    struct iovec part = {feed->payload, size < SERVER_CHUNK ? size : SERVER_CHUNK};

    return vmsplice(to, &part, 1, SPLICE_F_NONBLOCK);
}

static size_t job_rounds(const struct bench *bench, const struct job *job)
{
    return bench->quick ? job->quick_rounds : job->rounds;
}

static void bench_run(struct bench *bench)
{
    for (const struct job *job = jobs; job < jobs + JOBS; job++) {
        (void)fprintf(stderr, "relay: %s …\n", job->name);
        rows_run(bench->rows, TOOLS, &bench->feed, job, job_rounds(bench, job));
    }
}

/* --- printing -----------------------------------------------------------------------------------
 */

static double bench_value(struct bench *bench, enum tool_id id, enum figure_id figure)
{
    return row_value(&bench->rows[id], figure);
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
        (void)printf("\n| %s%s |", tools[id].name, bench->rows[id].failed ? " (failed)" : "");
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
    double bound = bounds[id];
    enum tool_id best = bench_best_peer(bench, id);
    double stile = bench_value(bench, STILE, id);
    double nc = bench_value(bench, NC, id);
    double ratio = stile / nc;
    bool good = figure->more_is_better ? ratio >= bound : ratio <= bound;

    if (stile < 0 || nc < 0) {
        (void)printf("| %s | – | – | – | MISSED: not measured |\n", figure->title);
        return;
    }
    (void)printf("| %s | %.2f (%s) | %.3f | %s %.2f | %s |\n", figure->title,
                 stile / bench_value(bench, best, id), tools[best].name, ratio,
                 figure->more_is_better ? "≥" : "≤", bound, good ? "ok" : "MISSED");
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
        (double)bench->feed.bytes / 1e9, ROUND_TRIPS, MESSAGE,
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

static bool bench_init(struct bench *bench, const char *stile)
{
    (void)snprintf(tools[STILE].path, sizeof(tools[STILE].path), "%s", stile);
    for (size_t i = 0; i < TOOLS; i++) {
        bench->rows[i].tool = &tools[i];
        bench->rows[i].servers = bench->servers;
        if (i != STILE)
            (void)tool_find(&tools[i]);
    }
    for (size_t i = 0; i < SERVER_KINDS; i++) {
        if (!server_start(&bench->servers[i], "127.0.0.1", GATE_NONE, (enum server_kind)i))
            return false;
    }
    return feed_init(&bench->feed, UINT64_C(1) << (bench->quick ? 28 : 29));
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
    static struct bench bench;

    if (!bench_parse(&bench, argc, argv))
        return usage(stderr, 2);
    if (!bench_init(&bench, argv[optind])) {
        perror("relay");
        return 1;
    }
    bench_run(&bench);
    print_tools(&bench);
    print_bounds(&bench);
    print_method(&bench);
    return bench.rows[STILE].failed ? 1 : 0;
}
