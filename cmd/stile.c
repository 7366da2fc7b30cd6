/* SPDX-License-Identifier: MIT */
/* The ProxyCommand: options, config, routes; then connect.c, or what --explain and --check tell. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/check.h"
#include "cmd/command.h"
#include "cmd/connect.h"
#include "cmd/explain.h"
#include "cmd/list.h"
#include "cmd/options.h"
#include "config/config.h"
#include "config/duration.h"
#include "config/file.h"
#include "core/clock.h"
#include "core/ctx.h"
#include "core/endpoint.h"
#include "core/fdpass.h"
#include "core/log.h"
#include "transports/race.h"
#include "transports/registry.h"

/* What the command line says. */
struct request {
    struct config config;
    struct words routes; /* of -x */
    const char *jumps;   /* of -J; NULL: not said */
    const char *file;    /* of -F; NULL: not said */
    struct words settings;
    const char *list;
    bool explain;
    bool check;
    bool json;
    bool help;
    bool version;
};

static int set_timeout(const struct option_row *row, void *field, const char *value,
                       struct err *err)
{
    static const struct place place = {"-w", 0};
    struct config *config = field;

    (void)row;
    config_mark(config, "Timeout", &place);
    return duration_parse(value, &config->timeout_ns, err);
}

static int set_family(const struct option_row *row, void *field, const char *value, struct err *err)
{
    static const struct place v4 = {"-4", 0}, v6 = {"-6", 0};
    struct config *config = field;

    (void)value;
    (void)err;
    config->family = row->constant;
    config_mark(config, "AddressFamily", row->constant == AF_INET ? &v4 : &v6);
    return 0;
}

static int set_once(const struct option_row *row, void *field, const char *value, struct err *err)
{
    const char **text = field;

    if (*text)
        return err_set(err, ERR_USAGE, "-%c may be given once%s", row->letter,
                       row->letter == 'J' ? "; put commas between hops" : "");
    *text = value;
    return 0;
}

static int set_list(const struct option_row *row, void *field, const char *value, struct err *err)
{
    (void)row;
    (void)err;
    *(const char **)field = value;
    return 0;
}

#define FIELD(member) offsetof(struct request, member)

static const struct option_row rows[] = {
    {.letter = '4',
     .help = "use IPv4 addresses only",
     .field = FIELD(config),
     .apply = set_family,
     .constant = AF_INET},
    {.letter = '6',
     .help = "use IPv6 addresses only",
     .field = FIELD(config),
     .apply = set_family,
     .constant = AF_INET6},
    {.letter = 'F',
     .value = "file",
     .help = "read this config, not the usual ones; none: no config",
     .field = FIELD(file),
     .apply = set_once},
    {.letter = 'J',
     .value = "dest[,dest...]",
     .help = "go through these ssh gateways, nearest first",
     .field = FIELD(jumps),
     .apply = set_once},
    {.letter = 'o',
     .value = "name=value",
     .help = "a keyword of the config, or a setting of the hop",
     .field = FIELD(settings),
     .apply = option_word},
    {.letter = 'q',
     .help = "say nothing on failure; the exit status tells",
     .field = FIELD(config.quiet),
     .apply = option_true},
    {.letter = 'v',
     .help = "show what happens, with times; twice for more",
     .field = FIELD(config.verbosity),
     .apply = option_count},
    {.letter = 'w',
     .value = "time",
     .help = "give up when not connected within this time (60s)",
     .field = FIELD(config),
     .apply = set_timeout},
    {.letter = 'x',
     .value = "hop[,hop...]",
     .help = "go through these, nearest first; again: alternatives",
     .field = FIELD(routes),
     .apply = option_word},
    {.name = "check",
     .help = "try every route, and say how it went",
     .field = FIELD(check),
     .apply = option_true},
    {.name = "explain",
     .help = "say what would be tried and why, and try nothing",
     .field = FIELD(explain),
     .apply = option_true},
    {.name = "fdpass",
     .help = "hand the socket to ssh and end (ProxyUseFdpass yes)",
     .field = FIELD(config.fdpass),
     .apply = option_true},
    {.name = "json",
     .help = "--check and --explain for programs",
     .field = FIELD(json),
     .apply = option_true},
    {.name = "list",
     .value = "options|keywords|settings",
     .help = "list what there is to be said",
     .field = FIELD(list),
     .apply = set_list},
    {.name = "help", .help = "show this text", .field = FIELD(help), .apply = option_true},
    {.letter = 'V',
     .name = "version",
     .help = "show the version",
     .field = FIELD(version),
     .apply = option_true},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
    options_usage("stile", rows, ROW_COUNT, stdout);
    (void)fputs(" [--] host port\n"
                "Connects stdin and stdout to a port of a host. In ~/.ssh/config:\n"
                "    ProxyCommand stile %h %p\n\n",
                stdout);
    options_help(rows, ROW_COUNT, stdout);
    (void)fputs("\nA hop is scheme://[user@]host[:port][?name=value&...], and the scheme one of\n"
                "socks5, socks5h, socks4, socks4a, http, https, ssh; the host may be unix:/path.\n"
                "Or it is exec:command. Or direct, alone; or env, alone: the proxy variables.\n"
                "A dest is [user@]host[:port], and short for ssh://[user@]host[:port].\n"
                "A time is in seconds (30, 1.5) or has a unit (300ms, 90s, 2m, 1h).\n"
                "Exit status: 0 done, 1 stream broke, 2 usage, 3 no such name, 4 no connection,\n"
                "5 refused by a proxy, 6 authentication, 7 out of time, 8 module missing.\n"
                "Manual: stile(1), stile_config(5).\n",
                stdout);
}

/* Answers --help, --version and --list. They stand alone: as a host name from a stranger they are
 * refused, so that nothing but stream bytes can get onto a ProxyCommand's stdout. */
static int answer(const struct request *request, int operands, struct err *err)
{
    int done = 0;

    if (operands > 0)
        return err_set(err, ERR_USAGE,
                       "--help, --list and --version stand alone; a host can't start with '-'");
    if (request->help)
        print_help();
    else if (request->version)
        (void)printf("stile %s\n", STILE_VERSION);
    else
        done = list_print(request->list, rows, ROW_COUNT, stdout, err);
    if (fflush(stdout) == EOF)
        return err_set(err, ERR_STREAM, "stdout: %s", strerror(errno));
    return done;
}

/* --- what is wanted --- */

/* Brings -x, -J and -o into the config. 0, or -1 with err set. */
static int take_words(struct request *request, struct err *err)
{
    static const struct place by_route = {"-x", 0}, by_jump = {"-J", 0};
    struct config *config = &request->config;

    if (request->routes.count && request->jumps)
        return err_set(err, ERR_USAGE, "-J and -x exclude each other; -x takes ssh://... as well");
    for (size_t i = 0; i < request->routes.count; i++)
        if (config_via(config, request->routes.word[i], false, &by_route, err) == -1)
            return -1;
    if (request->jumps && config_via(config, request->jumps, true, &by_jump, err) == -1)
        return -1;
    for (size_t i = 0; i < request->settings.count; i++)
        if (config_option(config, request->settings.word[i], err) == -1)
            return err_wrap(err, "-o");
    return 0;
}

/* What is wrong with a Hop block is said even where the hop is in no route. 0, or -1 with err set. */
static int check_blocks(struct config *config, struct err *err)
{
    for (size_t i = 0; i < config->block_count; i++) {
        struct hop_block *block = &config->block[i];
        if (!block->hop.scheme || route_check_settings(&block->hop, err) == 0)
            continue;
        if (err->placed)
            return -1;
        (void)err_wrap(err, "Hop");
        return place_wrap(&block->place, err);
    }
    return 0;
}

/* Everything of the log that is wanted; what is wrong with it stops nobody. */
static void open_log(struct log *log, struct trace *trace, const struct config *config,
                     const struct endpoint *target)
{
    char *why = NULL;

    log_open(log, config->log_file, config->log_system, config->log_level, target->text, &why);
    log->tell = trace->level > 0 ? trace->fd : -1;
    trace->log = log;
    if (config->log_level >= LOG_LEVEL_VERBOSE)
        trace->log_level = config->log_level == LOG_LEVEL_DEBUG ? 2 : 1;
    if (why)
        TRACE(trace, "log", "%s", why);
    free(why);
}

static void log_failure(struct log *log, const struct err *err)
{
    for (; err; err = err->next)
        if (*err_text(err))
            log_line(log, LOG_LEVEL_ERROR, err_text(err));
}

/* --- what is done --- */

/* 0, or -1 with ctx->err set. */
static int act(const struct request *request, struct journey *journey, struct ctx *ctx)
{
    struct explain explain = {
        .config = ctx->config,
        .ways = journey->ways,
        .race = journey->race,
        .memory = &journey->memory,
        .target = journey->target,
        .json = request->json,
    };

    if (request->explain)
        return explain_run(&explain, ctx->err);
    if (request->check) {
        struct check check = {.explain = explain, .ctx = ctx};
        return check_run(&check, ctx->err);
    }
    return connect_and_carry(journey, ctx);
}

/* 0, or -1 with ctx->err set. */
static int run_routes(const struct request *request, struct ways *ways,
                      const struct endpoint *target, struct ctx *ctx)
{
    struct journey journey = {.ways = ways, .target = target};
    size_t first = ways->count;

    journey.race = race_new(ways, ctx->trace, ctx->err);
    if (!journey.race)
        return -1;
    if (ways->count > 1) {
        memory_recall(&journey.memory, ways, ctx->config->remember_ns, ctx->trace);
        first = memory_first(&journey.memory, ways);
    }
    if (first < ways->count)
        race_prefer(journey.race, first);
    int done = act(request, &journey, ctx);
    race_free(journey.race);
    memory_release(&journey.memory);
    return done;
}

/* 0, or -1 with err set. */
static int load_and_run(struct request *request, const struct endpoint *target, int64_t start_ns,
                        struct err *err)
{
    struct config *config = &request->config;
    /* Threads that were left behind may still have something to say. */
    static struct log log;
    struct trace trace = {
        .level = config->verbosity, .start_ns = start_ns, .fd = STDERR_FILENO, .log = &log};
    struct ctx ctx = {
        .deadline_ns = start_ns + config->timeout_ns,
        .timeout_ns = config->timeout_ns,
        .cancel_fd = STDOUT_FILENO,
        .lost_fd = -1,
        .err = err,
        .trace = &trace,
        .config = config,
    };
    struct query query = {.target = target, .check = route_check};
    struct ways ways = WAYS_INIT;

    log = LOG_INIT;
    int done = file_load(config, request->file, &query, &ctx);
    ctx.timeout_ns = config->timeout_ns;
    ctx.deadline_ns = start_ns + config->timeout_ns;
    /* What is wrong with the config belongs there, too, as far as it says where that is. */
    if (!request->explain)
        open_log(&log, &trace, config, target);
    if (done == 0)
        done = check_blocks(config, err);
    if (done == 0)
        done = ways_settle(&ways, config, target, registry_default_port, err);
    if (done == 0)
        done = run_routes(request, &ways, target, &ctx);
    if (done == -1)
        log_failure(&log, err);
    ways_release(&ways);
    return done;
}

/* 0, or -1 with err set. */
static int check_words(const struct request *request, int operands, char *const *operand,
                       struct err *err)
{
    if (operands > 2)
        return err_set(err, ERR_USAGE,
                       "'%s' is one word too many: options stand in front of the host, and a value "
                       "with blanks in quotes; see --help",
                       operand[2]);
    if (operands != 2)
        return err_set(err, ERR_USAGE, "want a host and a port, as two words; see --help");
    if (request->explain && request->check)
        return err_set(err, ERR_USAGE, "--explain and --check exclude each other");
    if (request->json && !request->explain && !request->check)
        return err_set(err, ERR_USAGE, "--json goes with --explain or --check");
    if (request->config.fdpass && (request->explain || request->check))
        return err_set(err, ERR_USAGE, "--fdpass goes neither with --explain nor with --check");
    if (request->config.fdpass && fdpass_check(STDOUT_FILENO, err) == -1)
        return err_wrap(err, "--fdpass: stdout");
    return 0;
}

/* 0, or -1 with err set. */
static int serve(struct request *request, int operands, char **operand, int64_t start_ns,
                 struct err *err)
{
    struct endpoint target = ENDPOINT_INIT;

    if (request->help || request->version || request->list)
        return answer(request, operands, err);
    if (check_words(request, operands, operand, err) == -1 || take_words(request, err) == -1 ||
        endpoint_set(&target, operand[0], operand[1], err) == -1)
        return -1;
    int done = load_and_run(request, &target, start_ns, err);
    endpoint_release(&target);
    return done;
}

int stile_run(int argc, char **argv, struct err *err)
{
    int64_t start_ns = clock_ns();
    struct request request = {.help = false};

    config_init(&request.config);
    int first = options_parse(rows, ROW_COUNT, argc, argv, &request, err);
    if (first != -1)
        (void)serve(&request, argc - first, argv + first, start_ns, err);
    if (request.config.quiet)
        err_silence(err);
    config_release(&request.config);
    free(request.routes.word);
    free(request.settings.word);
    return (int)err->code;
}
