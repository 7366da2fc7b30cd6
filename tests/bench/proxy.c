/* SPDX-License-Identifier: MIT */
/*
 * What a proxy on the way costs: the time from the start of a tool to the first byte through each
 * proxy, all tools in turn; and what stile costs once the handshake is over, against itself with no
 * proxy.
 *
 *     proxy [--quick] STILE [NAME=PORT]…        prints Markdown
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "measure.h"

enum tool_id {
    STILE,
    CORKSCREW,
    NC,
    NCAT,
    CONNECT,
    TOOLS,
};

enum family {
    FAMILY_HTTP,
    FAMILY_SOCKS,
    FAMILIES,
};

#define NC_PROGRAMS                                                                                \
    {                                                                                              \
        "nc.openbsd", "nc"                                                                         \
    }
#define CONNECT_PROGRAMS                                                                           \
    {                                                                                              \
        "connect-proxy", "connect"                                                                 \
    }

static struct tool tools[FAMILIES][TOOLS] =
    {
        [FAMILY_HTTP] =
            {
                [STILE] = {"stile", {0}, {"-x", "http://%h:%x", "%h", "%p"}, ""},
                [CORKSCREW] = {"corkscrew", {"corkscrew"}, {"%h", "%x", "%h", "%p"}, ""},
                [NC] = {"nc", NC_PROGRAMS, {"-N", "-X", "connect", "-x", "%h:%x", "%h", "%p"}, ""},
                [NCAT] = {"ncat",
                          {"ncat"},
                          {"--proxy-type", "http", "--proxy", "%h:%x", "%h", "%p"},
                          ""},
                [CONNECT] = {"connect-proxy", CONNECT_PROGRAMS, {"-H", "%h:%x", "%h", "%p"}, ""},
            },
        [FAMILY_SOCKS] =
            {
                [STILE] = {"stile", {0}, {"-x", "socks5://%h:%x", "%h", "%p"}, ""},
                [CORKSCREW] = {"corkscrew", {0}, {0}, ""}, /* speaks no SOCKS */
                [NC] = {"nc", NC_PROGRAMS, {"-N", "-X", "5", "-x", "%h:%x", "%h", "%p"}, ""},
                [NCAT] = {"ncat",
                          {"ncat"},
                          {"--proxy-type", "socks5", "--proxy", "%h:%x", "%h", "%p"},
                          ""},
                [CONNECT] = {"connect-proxy", CONNECT_PROGRAMS, {"-S", "%h:%x", "%h", "%p"}, ""},
            },
};

static struct tool stile_direct = {"stile", {0}, {"%h", "%p"}, ""};

/* What stands between: the first of each family is the bench's own, the others are real. */
enum proxy_id {
    PROXY_HTTP,
    PROXY_SQUID,
    PROXY_TINYPROXY,
    PROXY_SOCKS,
    PROXY_DANTE,
    PROXY_MICROSOCKS,
    PROXIES,
};

struct proxy {
    const char *name;
    const char *title;
    enum family family;
    enum server_gate gate; /* GATE_NONE: it is a real one */
    double bounds[TOOLS];  /* what stile promises, as a ratio to each; 0 = nothing */
};

static const struct proxy proxies[PROXIES] = {
    [PROXY_HTTP] = {"", "http", FAMILY_HTTP, GATE_HTTP, {[CORKSCREW] = 1.1, [NC] = 0.9}},
    [PROXY_SQUID] = {"squid", "http, squid", FAMILY_HTTP, GATE_NONE, {0}},
    [PROXY_TINYPROXY] = {"tinyproxy", "http, tinyproxy", FAMILY_HTTP, GATE_NONE, {0}},
    [PROXY_SOCKS] = {"", "socks5", FAMILY_SOCKS, GATE_SOCKS, {0}},
    [PROXY_DANTE] = {"dante", "socks5, dante", FAMILY_SOCKS, GATE_NONE, {[NC] = 0.9}},
    [PROXY_MICROSOCKS] = {"microsocks", "socks5, microsocks", FAMILY_SOCKS, GATE_NONE, {0}},
};

static const struct job first_byte = {"first byte", measure_first_byte, 201, 31, false};

/* The same where nothing is promised. */
static const struct job first_byte_too = {"first byte", measure_first_byte, 51, 11, false};

/*
 * What comes after the handshake, where all three ways of stile should do the same. On one
 * processor, as a row shall be told from the other by a few per cent and not by the scheduler.
 */
static const struct job jobs[] = {
    {"down", measure_down, 21, 7, true},
    {"up", measure_up, 21, 7, true},
    {"round trip", measure_round_trip, 31, 7, true},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

enum way {
    WAY_DIRECT,
    WAY_HTTP,
    WAY_SOCKS,
    WAYS,
};

static const enum server_gate way_gates[WAYS] = {GATE_NONE, GATE_HTTP, GATE_SOCKS};

#define TOLERANCE 0.1

struct bench {
    struct server greeters[GATES][SERVER_KINDS]; /* only those that greet */
    struct server servers[WAYS][SERVER_KINDS];
    uint16_t ports[PROXIES]; /* of the real ones; 0: not there */
    bool steady;             /* the ways were measured with Reno */
    struct feed feed;
    bool quick;
    struct row starts[PROXIES][TOOLS];
    struct row ways[WAYS];
};

static size_t job_rounds(const struct bench *bench, const struct job *job)
{
    return bench->quick ? job->quick_rounds : job->rounds;
}

static bool bench_has(const struct bench *bench, enum proxy_id id)
{
    return proxies[id].gate != GATE_NONE || bench->ports[id] != 0;
}

/* --- from the start to the first byte -----------------------------------------------------------
 */

static bool bench_init_starts(struct bench *bench)
{
    static const enum server_gate gates[] = {GATE_NONE, GATE_HTTP, GATE_SOCKS};

    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
        if (!server_start(&bench->greeters[gates[i]][SERVER_GREETER], "127.0.0.1", gates[i],
                          SERVER_GREETER))
            return false;
    }
    for (size_t i = 0; i < PROXIES; i++) {
        for (size_t j = 0; j < TOOLS; j++) {
            bench->starts[i][j].tool = &tools[proxies[i].family][j];
            bench->starts[i][j].servers = bench->greeters[proxies[i].gate];
            bench->starts[i][j].proxy = bench->ports[i];
        }
    }
    return true;
}

static const struct job *proxy_job(enum proxy_id id)
{
    for (size_t i = 0; i < TOOLS; i++) {
        if (proxies[id].bounds[i] > 0)
            return &first_byte;
    }
    return &first_byte_too;
}

static void bench_run_starts(struct bench *bench)
{
    for (size_t i = 0; i < PROXIES; i++) {
        const struct job *job = proxy_job((enum proxy_id)i);

        if (!bench_has(bench, (enum proxy_id)i))
            continue;
        (void)fprintf(stderr, "proxy: %s through %s …\n", job->name, proxies[i].title);
        rows_run(bench->starts[i], TOOLS, &bench->feed, job, job_rounds(bench, job));
    }
}

/* --- after the handshake ------------------------------------------------------------------------
 */

/*
 * A network of our own with TCP Reno, where we may have one. BBR, which some machines have instead,
 * guesses how fast loopback is, differently for each connection, and then holds the sender back;
 * that alone changes an upload by half.
 */
static bool network_steady(void)
{
    static const char name[] = "reno";
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int sock;
    int file;
    bool good;

    if (unshare(CLONE_NEWNET) < 0)
        return false;
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    file = open("/proc/sys/net/ipv4/tcp_congestion_control", O_WRONLY | O_CLOEXEC);
    good = sock >= 0 && ioctl(sock, SIOCSIFFLAGS, &loopback) == 0 && file >= 0 &&
           write(file, name, sizeof(name) - 1) == (ssize_t)sizeof(name) - 1;
    if (sock >= 0)
        (void)close(sock);
    if (file >= 0)
        (void)close(file);
    return good;
}

static bool bench_init_ways(struct bench *bench)
{
    bench->steady = network_steady();
    for (size_t i = 0; i < WAYS; i++) {
        for (size_t kind = 0; kind < SERVER_KINDS; kind++) {
            if (!server_start(&bench->servers[i][kind], "127.0.0.1", way_gates[i],
                              (enum server_kind)kind))
                return false;
        }
        bench->ways[i].servers = bench->servers[i];
    }
    bench->ways[WAY_DIRECT].tool = &stile_direct;
    bench->ways[WAY_HTTP].tool = &tools[FAMILY_HTTP][STILE];
    bench->ways[WAY_SOCKS].tool = &tools[FAMILY_SOCKS][STILE];
    return true;
}

static void bench_run_ways(struct bench *bench)
{
    for (const struct job *job = jobs; job < jobs + JOBS; job++) {
        (void)fprintf(stderr, "proxy: %s after the handshake …\n", job->name);
        rows_run(bench->ways, WAYS, &bench->feed, job, job_rounds(bench, job));
    }
}

/* --- printing -----------------------------------------------------------------------------------
 */

static void print_start(struct bench *bench, enum proxy_id id)
{
    struct row *rows = bench->starts[id];
    double stile = row_value(&rows[STILE], FIRST_BYTE);
    const char *comma = "";
    bool good = true;

    (void)printf("| %s |", proxies[id].title);
    for (size_t i = 0; i < TOOLS; i++) {
        double value = row_value(&rows[i], FIRST_BYTE);

        if (value < 0)
            (void)printf(" %s |", rows[i].failed ? "failed" : "–");
        else if (i == STILE || stile < 0)
            (void)printf(" %.2f |", value);
        else
            (void)printf(" %.2f (%.2f) |", value, stile / value);
    }
    for (size_t i = 0; i < TOOLS; i++) {
        double bound = proxies[id].bounds[i];
        double value = row_value(&rows[i], FIRST_BYTE);

        if (bound == 0)
            continue;
        (void)printf("%s ≤ %.2f × %s", comma, bound, rows[i].tool->name);
        comma = ",";
        good = good && stile > 0 && value > 0 && stile <= bound * value;
    }
    (void)printf(" | %s |\n", !*comma ? "" : good ? "ok" : "MISSED");
}

static void print_starts(struct bench *bench)
{
    (void)printf("| first byte, ms, through |");
    for (size_t i = 0; i < TOOLS; i++)
        (void)printf(" %s |", tools[FAMILY_HTTP][i].name);
    (void)printf(" stile must be | |\n|---|");
    for (size_t i = 0; i < TOOLS; i++)
        (void)printf("--:|");
    (void)printf("---|---|\n");
    for (size_t i = 0; i < PROXIES; i++) {
        if (bench_has(bench, (enum proxy_id)i))
            print_start(bench, (enum proxy_id)i);
    }
    (void)printf(
        "\nIn brackets: stile as a ratio to that tool. Medians of %zu rounds on loopback, %zu "
        "where nothing must be, tools in turn. \"http\" and \"socks5\" alone are proxies "
        "of the bench's own, which cost next to nothing and greet %.2f ms after their reply.",
        job_rounds(bench, &first_byte), job_rounds(bench, &first_byte_too),
        (double)SERVER_PAUSE_NS / 1e6);
    for (size_t i = 0; i < PROXIES; i++) {
        if (!bench_has(bench, (enum proxy_id)i))
            (void)printf(" Not there, so not measured: %s.", proxies[i].name);
    }
    (void)printf("\n\n");
}

static void print_way(struct bench *bench, enum way way)
{
    static const char *const titles[WAYS] = {"no proxy", "http", "socks5"};
    bool good = true;

    (void)printf("| %s |", titles[way]);
    for (size_t i = 0; i < FIGURES; i++) {
        double value = row_value(&bench->ways[way], (enum figure_id)i);
        double ratio = value / row_value(&bench->ways[WAY_DIRECT], (enum figure_id)i);

        if (i == FIRST_BYTE)
            continue;
        if (value < 0)
            (void)printf(" – |");
        else if (way == WAY_DIRECT)
            (void)printf(" %.*f |", figures[i].digits, value);
        else
            (void)printf(" %.*f (%.2f) |", figures[i].digits, value, ratio);
        good = good && value >= 0 &&
               (figures[i].more_is_better ? ratio >= 1 - TOLERANCE : ratio <= 1 + TOLERANCE);
    }
    (void)printf(" %s |\n", way == WAY_DIRECT ? "" : good ? "ok" : "MISSED");
}

static void print_ways(struct bench *bench)
{
    (void)printf("| stile, after the handshake |");
    for (size_t i = 0; i < FIGURES; i++) {
        if (i != FIRST_BYTE)
            (void)printf(" %s |", figures[i].title);
    }
    (void)printf(" within %.0f %% |\n|---|", TOLERANCE * 100);
    for (size_t i = 0; i < FIGURES - 1; i++)
        (void)printf("--:|");
    (void)printf("---|\n");
    for (size_t i = 0; i < WAYS; i++)
        print_way(bench, (enum way)i);
    (void)printf("\nIn brackets: ratio to no proxy. Medians of");
    for (const struct job *job = jobs; job < jobs + JOBS; job++)
        (void)printf("%s %zu (%s)", job == jobs ? "" : ",", job_rounds(bench, job), job->name);
    (void)printf(" rounds, all on one processor%s.\n", bench->steady ? ", TCP Reno" : "");
}

/* --- start --------------------------------------------------------------------------------------
 */

static int usage(FILE *out, int status)
{
    (void)fputs("usage: proxy [--quick] STILE [NAME=PORT]…\n"
                "Measures the program STILE and others through proxies, prints Markdown.\n"
                "  --quick    few rounds: a glance, not a figure to publish\n"
                "  NAME=PORT  a real proxy that listens on 127.0.0.1: squid, tinyproxy (HTTP),\n"
                "             dante, microsocks (SOCKS5)\n",
                out);
    return status;
}

static bool bench_add_proxy(struct bench *bench, const char *text)
{
    const char *port = strchr(text, '=');

    for (size_t i = 0; port && i < PROXIES; i++) {
        size_t size = strlen(proxies[i].name);

        if (size > 0 && size == (size_t)(port - text) && strncmp(text, proxies[i].name, size) == 0)
            return (bench->ports[i] = (uint16_t)strtoul(port + 1, NULL, 10)) != 0;
    }
    return false;
}

static bool bench_parse(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {
        {"quick", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            exit(usage(stdout, 0));
        if (option == '?')
            return false;
        bench->quick = true;
    }
    for (int i = optind + 1; i < argc; i++) {
        if (!bench_add_proxy(bench, argv[i]))
            return false;
    }
    return optind < argc;
}

static void bench_find_tools(const char *stile)
{
    (void)snprintf(stile_direct.path, sizeof(stile_direct.path), "%s", stile);
    for (size_t i = 0; i < FAMILIES; i++) {
        (void)snprintf(tools[i][STILE].path, sizeof(tools[i][STILE].path), "%s", stile);
        for (size_t j = STILE + 1; j < TOOLS; j++)
            (void)tool_find(&tools[i][j]);
    }
}

static bool bench_failed(const struct bench *bench)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (bench->ways[i].failed)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (!bench_parse(&bench, argc, argv))
        return usage(stderr, 2);
    bench_find_tools(argv[optind]);
    if (!feed_init(&bench.feed, UINT64_C(1) << (bench.quick ? 28 : 29)) ||
        !bench_init_starts(&bench)) {
        perror("proxy");
        return 1;
    }
    bench_run_starts(&bench);
    print_starts(&bench);
    if (!bench_init_ways(&bench)) {
        perror("proxy");
        return 1;
    }
    bench_run_ways(&bench);
    print_ways(&bench);
    return bench_failed(&bench) ? 1 : 0;
}
