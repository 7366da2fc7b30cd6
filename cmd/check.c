/* SPDX-License-Identifier: MIT */
#include "cmd/check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/page.h"
#include "core/stream.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/route.h"

#define BANNER_MAX 255 /* RFC 4253 section 4.2 */

/* A gateway's ProxyJump puts hops in front when it is dialed; nobody has more. */
#define MORE_HOPS 64

/* What has come of a route. */
struct finding {
    const struct check *check;
    size_t index; /* of its way */
    char *route;  /* as it was before hops were put in front */
    struct timing timing;
    struct err err;
    int64_t total_ns;
    char banner[BANNER_MAX + 1];
    size_t banner_size;
};

static const struct hops *hops_of(const struct finding *finding)
{
    return &finding->check->explain.ways->way[finding->index].hops;
}

static bool works(const struct finding *finding)
{
    return finding->err.code == ERR_NONE;
}

/* Was it called off? */
static bool is_over(const struct finding *finding)
{
    return finding->err.silent;
}

/* --- the target's first line --- */

/* Is it all there? Cuts it off then. */
static bool ends_line(struct finding *finding)
{
    char *end = memchr(finding->banner, '\n', finding->banner_size);

    if (!end && finding->banner_size < BANNER_MAX)
        return false;
    if (end)
        finding->banner_size = (size_t)(end - finding->banner);
    return true;
}

/* 1 when there is a line, 0 when there is none yet, -1 when there won't be more. */
static int hear(struct finding *finding, struct stream *stream)
{
    ssize_t got;

    do {
        got = stream_read(stream, finding->banner + finding->banner_size,
                          BANNER_MAX - finding->banner_size);
        if (got > 0)
            finding->banner_size += (size_t)got;
    } while (got > 0 && !ends_line(finding));
    if (got > 0)
        return 1;
    if (got == STREAM_AGAIN)
        return 0;
    if (finding->banner_size > 0)
        return 1;
    if (got == STREAM_FAIL)
        return err_set(&finding->err, ERR_STREAM, "connected, and lost at once: %s",
                       strerror(errno));
    if (stream_finish(stream, &finding->err) == 0)
        (void)err_set(&finding->err, ERR_STREAM,
                      "connected, and the target hung up without a word");
    return -1;
}

static void await_banner(struct finding *finding, struct stream *stream, struct ctx *ctx)
{
    int64_t until_ns = clock_ns() + CHECK_BANNER_NS;

    ctx->deadline_ns = CLOCK_NEVER;
    while (hear(finding, stream) == 0 && clock_ns() < until_ns) {
        struct pollfd pfd = {.fd = -1};
        int64_t tick_ns = stream_tick(stream);
        if (stream_wait(stream, POLLIN, &pfd) == 0 &&
            ctx_wait(ctx, &pfd, 1, tick_ns < until_ns ? tick_ns : until_ns) == -1)
            return;
    }
}

/* Makes a string of what there is. */
static void end_banner(struct finding *finding)
{
    size_t size = finding->banner_size;

    if (size > 0 && finding->banner[size - 1] == '\r')
        size--;
    for (size_t i = 0; i < size; i++)
        if (!finding->banner[i])
            finding->banner[i] = '?';
    finding->banner[size] = '\0';
}

/* --- a route --- */

static void dial(struct finding *finding)
{
    const struct explain *explain = &finding->check->explain;
    struct trace trace = *finding->check->ctx->trace;
    struct ctx ctx = *finding->check->ctx;
    int64_t start_ns = clock_ns();

    if (explain->ways->count > 1)
        trace.route = (unsigned)finding->index + 1;
    ctx.trace = &trace;
    ctx.err = &finding->err;
    ctx.timing = &finding->timing;
    ctx.timeout_ns = explain->config->timeout_ns;
    ctx.deadline_ns = start_ns + ctx.timeout_ns;
    struct stream *stream =
        route_dial(race_route(explain->race, finding->index), explain->target, &ctx);
    finding->total_ns = clock_ns() - start_ns;
    ctx.timing = NULL;
    if (stream)
        await_banner(finding, stream, &ctx);
    end_banner(finding);
    stream_close(stream);
}

static void finding_release(struct finding *finding)
{
    timing_release(&finding->timing);
    err_release(&finding->err);
    free(finding->route);
}

/* Dials route `index`. 0, and the caller releases the finding; -1 when memory is lacking. */
static int finding_init(struct finding *finding, const struct check *check, size_t index)
{
    *finding = (struct finding){.check = check, .index = index, .err = ERR_INIT};
    finding->route = hops_text(hops_of(finding));
    if (!finding->route)
        return -1;
    if (timing_init(&finding->timing, hops_of(finding)->count + MORE_HOPS) == -1) {
        free(finding->route);
        return -1;
    }
    dial(finding);
    return 0;
}

/* The steps are those of the hops, or of the way to the target. */
static size_t row_count(const struct finding *finding)
{
    size_t count = hops_of(finding)->count;

    return count ? count : 1;
}

static const char *row_name(const struct finding *finding, size_t row)
{
    const struct hops *hops = hops_of(finding);

    return hops->count ? hops->hop[row].name : finding->check->explain.target->text;
}

/* --- hints --- */

#define DIRECT "direct"

static const struct hint {
    enum err_code code;
    const char *scheme; /* of the hop that has failed; NULL: any */
    const char *text;
} hints[] = {
    {ERR_STREAM, NULL, "ask whoever runs the target: it may turn this machine, or the proxy, away"},
    {ERR_USAGE, NULL, "see stile(1) and stile_config(5), and what --explain says"},
    {ERR_NAME, DIRECT,
     "does this network know the name? A proxy may: -x socks5h://PROXY, -x http://PROXY"},
    {ERR_NAME, "socks4", "socks4a:// or socks5:// leave the name to the proxy"},
    {ERR_NAME, "ssh", "is there a HostName for it in ssh_config?"},
    {ERR_NAME, NULL, "is the proxy's name right, and does this network know it?"},
    {ERR_CONNECT, DIRECT, "does it listen there? If a firewall is in the way: -x http://PROXY"},
    {ERR_CONNECT, "exec", "run the command by hand"},
    {ERR_CONNECT, NULL,
     "is the proxy up, at this address and port? Not every network reaches it: `Via direct` is the "
     "other way"},
    {ERR_REFUSED, "http",
     "does the target listen, and may it? Many proxies let port 443 through and no other"},
    {ERR_REFUSED, "https",
     "does the target listen, and may it? Many proxies let port 443 through and no other"},
    {ERR_REFUSED, "ssh", "is forwarding allowed there? ?exec=nc %h %p does without"},
    {ERR_REFUSED, NULL,
     "is this a proxy of that kind, do its rules allow this target, and does the target listen?"},
    {ERR_AUTH, "ssh", "does `ssh` to this gateway log in? The same keys and known hosts are used"},
    {ERR_AUTH, NULL,
     "say who you are there: User and PasswordCommand in a Hop block, stile_config(5)"},
    {ERR_TIME, DIRECT, "a firewall may drop it in silence: -x http://PROXY; for more time: -w 2m"},
    {ERR_TIME, NULL,
     "the hop or its network may be down, or drop it in silence; for more time: -w 2m"},
    {ERR_MODULE, "http", "install libcurl (Debian: libcurl4) and the module curl"},
    {ERR_MODULE, "https", "install libcurl (Debian: libcurl4) and the module curl"},
    {ERR_MODULE, "ssh", "install ssh(1) (Debian: openssh-client), or libssh2 and the module ssh"},
    {ERR_MODULE, NULL, "is the module installed?"},
};

/* The nearest hop that isn't up is the one that has failed. */
static const char *failed_scheme(const struct finding *finding)
{
    const struct hops *hops = hops_of(finding);

    for (size_t i = 0; i < hops->count && i < finding->timing.count; i++)
        if (!finding->timing.hop[i].is_up)
            return hops->hop[i].scheme;
    return DIRECT;
}

static const char *find_hint(const struct finding *finding)
{
    const char *scheme = failed_scheme(finding);

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (hints[i].code == finding->err.code &&
            (!hints[i].scheme || strcmp(hints[i].scheme, scheme) == 0))
            return hints[i].text;
    return NULL;
}

/* --- for people --- */

#define ROUTE_WIDTH_MAX 60
#define STEP_WIDTH 10

static const char *const code_words[] = {
    [ERR_NONE] = "ok",       [ERR_STREAM] = "hung up",        [ERR_USAGE] = "usage",
    [ERR_NAME] = "no name",  [ERR_CONNECT] = "no connection", [ERR_REFUSED] = "refused",
    [ERR_AUTH] = "no login", [ERR_TIME] = "out of time",      [ERR_MODULE] = "no module",
};

/* Of the first column. */
static int route_width(const struct check *check)
{
    const struct explain *explain = &check->explain;
    size_t width = strlen(explain->target->text);

    for (size_t i = 0; i < explain->ways->count; i++) {
        char *route = hops_text(&explain->ways->way[i].hops);
        if (route && strlen(route) > width)
            width = strlen(route);
        free(route);
    }
    return width < ROUTE_WIDTH_MAX ? (int)width : ROUTE_WIDTH_MAX;
}

static void text_head(struct page *page, const struct check *check, int width)
{
    page_line(page, "target: %s", check->explain.target->text);
    page_colour(page, PAGE_DIM);
    page_text(page, "%*s", width + 3, "");
    for (size_t i = 0; i < TIMING_STEPS; i++)
        page_text(page, "%*s", STEP_WIDTH, timing_names[i]);
    page_text(page, "%*s", STEP_WIDTH, "total ms");
    page_colour(page, PAGE_PLAIN);
    page_line(page, "%s", "");
}

static double in_ms(int64_t ns)
{
    return (double)ns / (double)CLOCK_MS;
}

static void text_steps(struct page *page, const struct timing_hop *hop)
{
    for (size_t i = 0; i < TIMING_STEPS; i++)
        if (hop->taken[i])
            page_text(page, "%*.1f", STEP_WIDTH, in_ms(hop->spent_ns[i]));
        else
            page_text(page, "%*s", STEP_WIDTH, "-");
}

/* A hop that was never spoken to. */
static bool is_untouched(const struct timing_hop *hop)
{
    for (size_t i = 0; i < TIMING_STEPS; i++)
        if (hop->taken[i])
            return false;
    return !hop->is_up;
}

static void text_finding(struct page *page, const struct finding *finding, int width)
{
    bool good = works(finding);

    page_text(page, "%-2zu %-*s%*.1f  ", finding->index + 1, width + TIMING_STEPS * STEP_WIDTH,
              finding->route, STEP_WIDTH, in_ms(finding->total_ns));
    page_colour(page, good ? PAGE_GOOD : PAGE_BAD);
    page_text(page, "%s", code_words[finding->err.code]);
    page_colour(page, PAGE_PLAIN);
    if (good && *finding->banner)
        page_text(page, "  %s", finding->banner);
    else if (good)
        page_text(page, "  connected; the target said nothing within %d s",
                  (int)(CHECK_BANNER_NS / CLOCK_S));
    page_line(page, "%s", "");
    if (!good) {
        const char *hint = find_hint(finding);
        page_line(page, "   %s", err_text(&finding->err));
        if (hint)
            page_line(page, "   hint: %s", hint);
    }
    for (size_t i = 0; i < row_count(finding) && i < finding->timing.count; i++) {
        if (is_untouched(&finding->timing.hop[i]))
            continue;
        page_text(page, "   %-*s", width, row_name(finding, i));
        text_steps(page, &finding->timing.hop[i]);
        page_line(page, "%s", "");
    }
}

/* --- for programs --- */

static void json_head(struct json *json, const struct check *check)
{
    json_object(json, NULL);
    json_object(json, "target");
    page_json_target(json, check->explain.target);
    json_object_end(json);
    json_array(json, "routes");
}

static void json_row(struct json *json, const struct finding *finding, size_t row)
{
    const struct timing_hop *hop = &finding->timing.hop[row];

    json_object(json, NULL);
    json_text(json, "hop", row_name(finding, row));
    json_bool(json, "up", hop->is_up);
    json_object(json, "ms");
    for (size_t i = 0; i < TIMING_STEPS; i++)
        if (hop->taken[i])
            json_ms(json, timing_names[i], hop->spent_ns[i]);
        else
            json_null(json, timing_names[i]);
    json_object_end(json);
    json_object_end(json);
}

static void json_finding(struct json *json, const struct finding *finding)
{
    bool good = works(finding);

    json_object(json, NULL);
    page_json_way(json, finding->check->explain.ways, finding->index, finding->route);
    json_bool(json, "ok", good);
    json_integer(json, "code", (int64_t)finding->err.code);
    json_ms(json, "total_ms", finding->total_ns);
    json_text(json, "banner", good && *finding->banner ? finding->banner : NULL);
    json_text(json, "failure", good ? NULL : err_text(&finding->err));
    json_text(json, "hint", good ? NULL : find_hint(finding));
    json_array(json, "hops");
    for (size_t i = 0; i < row_count(finding) && i < finding->timing.count; i++)
        json_row(json, finding, i);
    json_array_end(json);
    json_object_end(json);
}

static void json_foot(struct json *json, enum err_code code)
{
    json_array_end(json);
    json_bool(json, "ok", code == ERR_NONE);
    json_integer(json, "code", (int64_t)code);
    json_object_end(json);
    (void)fputc('\n', json->out);
}

/* --- all of them --- */

/* Who got as far as the target got furthest. */
static int rank(enum err_code code)
{
    return code == ERR_STREAM ? INT_MAX : race_rank(code);
}

static enum err_code better(enum err_code a, enum err_code b)
{
    if (a == ERR_NONE || b == ERR_NONE)
        return ERR_NONE;
    return rank(a) < rank(b) ? b : a;
}

/* Tells of each route as soon as it is known. The best code; or -1 with err set. */
static int check_each(const struct check *check, struct page *page, struct json *json,
                      struct err *err)
{
    int width = route_width(check), best = -1;

    if (check->explain.json)
        json_head(json, check);
    else
        text_head(page, check, width);
    for (size_t i = 0; i < check->explain.ways->count; i++) {
        struct finding finding;
        page_flush(page);
        if (finding_init(&finding, check, i) == -1)
            return err_no_memory(err);
        bool over = is_over(&finding);
        if (check->explain.json)
            json_finding(json, &finding);
        else
            text_finding(page, &finding, width);
        best =
            best == -1 ? (int)finding.err.code : (int)better((enum err_code)best, finding.err.code);
        finding_release(&finding);
        if (over)
            return err_set_silent(err, ERR_STREAM);
    }
    return best;
}

int check_run(const struct check *check, struct err *err)
{
    struct page page;

    page_init(&page);
    struct json json = JSON_INIT(page.out);
    int code = check_each(check, &page, &json, err);
    if (code == -1)
        return -1;
    if (check->explain.json)
        json_foot(&json, (enum err_code)code);
    if (page_end(&page, err) == -1)
        return -1;
    return code == ERR_NONE ? 0 : err_set_silent(err, (enum err_code)code);
}
