/* SPDX-License-Identifier: MIT */
/*
 * How many round trips a tool needs from its start to the first byte of its target, by kind of
 * proxy. usage() says how to run it.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <math.h>

#include "series.h"
#include "session.h"

#define PORT 7000 /* of the server without a gate; the others follow, and then https */
#define PORT_HTTPS (PORT + GATES)
#define PATIENCE_S 20
#define TOLERANCE 0.05
#define ROUNDS 11
#define QUICK_ROUNDS 3
#define PASSWORD "STILE_BENCH_PASSWORD"

enum tool_id {
    STILE,
    NC,
    CORKSCREW,
    CONNECT,
    TOOLS,
};

static const struct tool tools[TOOLS] = {
    [STILE] = {"stile", {0}, {0}, ""},
    [NC] = {"nc", {"nc.openbsd", "nc"}, {0}, ""},
    [CORKSCREW] = {"corkscrew", {"corkscrew"}, {0}, ""},
    [CONNECT] = {"connect-proxy", {"connect-proxy", "connect"}, {0}, ""},
};

struct route {
    const char *title;
    uint16_t port;
    int bound; /* round trips that stile promises; 0 = none */
    const char *words[TOOLS][TOOL_WORDS];
};

#define SECRET "user=bench&passwordenv=" PASSWORD

static const struct route routes[] = {
    {"no proxy",
     PORT + GATE_NONE,
     2,
     {
         [STILE] = {"%h", "%p"},
         [NC] = {"-N", "%h", "%p"},
         [CONNECT] = {"-n", "%h", "%p"},
     }},
    {"http",
     PORT + GATE_HTTP,
     2,
     {
         [STILE] = {"-x", "http://%h:%x", "%h", "%p"},
         [NC] = {"-N", "-X", "connect", "-x", "%h:%x", "%h", "%p"},
         [CORKSCREW] = {"%h", "%x", "%h", "%p"},
         [CONNECT] = {"-H", "%h:%x", "%h", "%p"},
     }},
    {"http, `auth=basic`",
     PORT + GATE_BASIC,
     0,
     {[STILE] = {"-x", "http://%h:%x?auth=basic&" SECRET, "%h", "%p"}}},
    {"http, Basic when asked",
     PORT + GATE_BASIC,
     0,
     {[STILE] = {"-x", "http://%h:%x?" SECRET, "%h", "%p"}}},
    {"http, Digest", PORT + GATE_DIGEST, 0, {[STILE] = {"-x", "http://%h:%x?" SECRET, "%h", "%p"}}},
    {"https", PORT_HTTPS, 0, {[STILE] = {"-x", "https://%h:%x?insecure=yes", "%h", "%p"}}},
    {"socks5",
     PORT + GATE_SOCKS,
     3,
     {
         [STILE] = {"-x", "socks5://%h:%x", "%h", "%p"},
         [NC] = {"-N", "-X", "5", "-x", "%h:%x", "%h", "%p"},
         [CONNECT] = {"-S", "%h:%x", "%h", "%p"},
     }},
    {"socks5, password",
     PORT + GATE_SOCKS_PASSWORD,
     4,
     {
         [STILE] = {"-x", "socks5://%h:%x?" SECRET, "%h", "%p"},
         [CONNECT] = {"-S", "bench@%h:%x", "%h", "%p"},
     }},
    {"socks5, `pipeline=yes`",
     PORT + GATE_SOCKS,
     2,
     {[STILE] = {"-x", "socks5://%h:%x?pipeline=yes", "%h", "%p"}}},
    {"socks5, password, `pipeline=yes`",
     PORT + GATE_SOCKS_PASSWORD,
     2,
     {[STILE] = {"-x", "socks5://%h:%x?pipeline=yes&" SECRET, "%h", "%p"}}},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

struct bench {
    const char *host; /* the far end */
    size_t rounds;
    struct tool tools[ROUTES][TOOLS];
    struct series times[ROUTES][TOOLS];
    bool failed[ROUTES][TOOLS];
    struct series trips; /* what a round trip takes, by connect(2) */
};

/* --- the far end --------------------------------------------------------------------------------
 */

static int far_end(const char *address)
{
    for (size_t i = 0; i < GATES; i++) {
        struct server server = {.port = (uint16_t)(PORT + i)};

        if (!server_start(&server, address, (enum server_gate)i, SERVER_GREETER)) {
            perror("trips");
            return 1;
        }
    }
    for (;;)
        (void)pause();
}

/* --- the near end -------------------------------------------------------------------------------
 */

/* Connects and hangs up. What that took is one round trip, to the kernel's own accuracy. */
static bool bench_knock(struct bench *bench, uint16_t port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t start = clock_ns();
    bool good = fd >= 0 && inet_pton(AF_INET, bench->host, &where.sin_addr) == 1 &&
                connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0;

    if (good)
        series_add(&bench->trips, (double)(clock_ns() - start) / (double)CLOCK_MS);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* The two ends start at the same time. */
static bool bench_wait(struct bench *bench, uint16_t port)
{
    int64_t end = clock_ns() + PATIENCE_S * CLOCK_S;
    struct timespec pause = {.tv_nsec = 20 * CLOCK_MS};

    while (!bench_knock(bench, port)) {
        if (clock_ns() > end)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

static void bench_measure(struct bench *bench, size_t route, size_t id)
{
    const struct tool *tool = &bench->tools[route][id];
    uint16_t port = routes[route].port;
    struct goal goal = {bench->host, port, port};
    struct session session;

    if (!tool->path[0] || !tool->words[0] || bench->failed[route][id])
        return;
    if (!session_open(&session, tool, &goal)) {
        (void)fprintf(stderr, "trips: %s: %s failed\n", routes[route].title, tool->name);
        bench->failed[route][id] = true;
        return;
    }
    series_add(&bench->times[route][id], (double)session.first_byte_ns / (double)CLOCK_MS);
    (void)session_close(&session, NULL);
}

static void bench_run(struct bench *bench)
{
    for (size_t round = 0; round < bench->rounds; round++) {
        (void)bench_knock(bench, PORT);
        for (size_t route = 0; route < ROUTES; route++) {
            for (size_t id = 0; id < TOOLS; id++)
                bench_measure(bench, route, id);
        }
    }
}

/* --- printing -----------------------------------------------------------------------------------
 */

/* In round trips; negative where there is none. */
static double bench_value(struct bench *bench, size_t route, size_t id)
{
    struct series *times = &bench->times[route][id];

    if (bench->failed[route][id] || times->count == 0)
        return -1;
    return series_quantile(times, 0.5) / series_quantile(&bench->trips, 0.5);
}

static void print_route(struct bench *bench, size_t route)
{
    int bound = routes[route].bound;
    double stile = bench_value(bench, route, STILE);

    (void)printf("| %s |", routes[route].title);
    for (size_t id = 0; id < TOOLS; id++) {
        double value = bench_value(bench, route, id);

        if (value < 0)
            (void)printf(" %s |", bench->failed[route][id] ? "failed" : "–");
        else
            (void)printf(" %.2f |", value);
    }
    if (bound)
        (void)printf(" %d ± %.0f %% | %s |\n", bound, TOLERANCE * 100,
                     fabs(stile / bound - 1) <= TOLERANCE ? "ok" : "MISSED");
    else
        (void)printf(" | |\n");
}

static void print_table(struct bench *bench)
{
    (void)printf("| round trips to the first byte |");
    for (size_t id = 0; id < TOOLS; id++)
        (void)printf(" %s |", tools[id].name);
    (void)printf(" stile must be | |\n|---|");
    for (size_t id = 0; id < TOOLS; id++)
        (void)printf("--:|");
    (void)printf("--:|---|\n");
    for (size_t route = 0; route < ROUTES; route++)
        print_route(bench, route);
    (void)printf(
        "\nFrom the start of the tool, TCP's round trip among them. Medians of %zu rounds, "
        "all in turn, over a wire on which connect(2) takes %.1f ms.\n",
        bench->rounds, series_quantile(&bench->trips, 0.5));
}

/* --- start --------------------------------------------------------------------------------------
 */

static bool bench_init(struct bench *bench, const char *stile)
{
    for (size_t route = 0; route < ROUTES; route++) {
        for (size_t id = 0; id < TOOLS; id++) {
            struct tool *tool = &bench->tools[route][id];

            *tool = tools[id];
            memcpy(tool->words, routes[route].words[id], sizeof(tool->words));
            if (id == STILE)
                (void)snprintf(tool->path, sizeof(tool->path), "%s", stile);
            else
                (void)tool_find(tool);
        }
    }
    /* The last two are how connect-proxy wants it. */
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR && setenv(PASSWORD, "secret", 1) == 0 &&
           setenv("SOCKS5_PASSWORD", "secret", 1) == 0 && setenv("SOCKS5_PASSWD", "secret", 1) == 0;
}

static int near_end(struct bench *bench, const char *stile)
{
    bool whole = true;

    if (!bench_init(bench, stile)) {
        perror("trips");
        return 1;
    }
    for (size_t route = 0; route < ROUTES; route++) {
        if (bench_wait(bench, routes[route].port))
            continue;
        (void)fprintf(stderr, "trips: nobody answers at %s port %u\n", bench->host,
                      routes[route].port);
        if (routes[route].bound)
            return 1;
        bench->failed[route][STILE] = true;
    }
    bench->trips.count = 0;
    bench_run(bench);
    print_table(bench);
    for (size_t route = 0; route < ROUTES; route++)
        whole = whole && !(routes[route].bound && bench->failed[route][STILE]);
    return whole ? 0 : 1;
}

static int usage(FILE *out, int status)
{
    (void)fprintf(
        out,
        "usage: trips --near [--quick] STILE\n"
        "       trips --far\n"
        "Counts the round trips that the program STILE and others need to the first byte\n"
        "of a target, by kind of proxy, prints Markdown. To be run at the ends of a link:\n"
        "  link 25 'trips --near STILE' 'trips --far'\n"
        "The far end's https proxy, on port %d, is somebody else's work.\n"
        "  --quick    few rounds: a glance, not a figure to publish\n",
        PORT_HTTPS);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"near", no_argument, NULL, 'n'},
                                            {"far", no_argument, NULL, 'f'},
                                            {"quick", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct bench bench = {.rounds = ROUNDS};
    int side = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return usage(stdout, 0);
        if (option == '?')
            return usage(stderr, 2);
        if (option == 'q')
            bench.rounds = QUICK_ROUNDS;
        else
            side = option;
    }
    bench.host = getenv("LINK_FAR");
    if (!bench.host || !side || optind != argc - (side == 'n'))
        return usage(stderr, 2);
    return side == 'f' ? far_end(bench.host) : near_end(&bench, argv[optind]);
}
