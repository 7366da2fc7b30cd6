/* SPDX-License-Identifier: MIT */
#include "transports/proxy_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/words.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/fdpass.h"
#include "core/guard.h"
#include "core/os.h"
#include "core/text.h"
#include "transports/command.h"
#include "transports/label.h"

#define SCHEME "proxycommand"
/* Settings that are for this file alone. */
#define FDPASS "fdpass"
#define INSIDE "inside" /* the value of the variable below */

/* The addresses of the gateways whose ProxyCommand runs, for a stile in there: it may lead to the
 * gateway again, and from there to another stile, for ever. */
#define LOOP_VARIABLE "STILE_PROXYCOMMANDS"

/* A command that has passed the connection has nothing left to do. */
#define END_NS CLOCK_S

/* --- the text --- */

/* What stands for a token; NULL: nothing. `digits` is room for a port. */
static const char *token_value(const struct ssh_gateway *gateway, char token,
                               char digits[TEXT_DIGITS_MAX])
{
    const struct ssh_config *config = &gateway->config;
    const char *name = gateway->hop->address.host;
    const struct {
        char token;
        const char *value;
    } values[] = {
        {'h', gateway->address.host},
        {'k', config->host_key_alias ? config->host_key_alias : name},
        {'n', name},
        {'p', text_digits(config->port, digits)},
        {'r', config->user},
        {'%', "%"},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i].token == token)
            return values[i].value;
    return NULL;
}

char *proxy_command_expand(const struct ssh_gateway *gateway, const char *keyword, const char *text,
                           struct err *err)
{
    char digits[TEXT_DIGITS_MAX];
    char *expanded = strdup("");

    for (const char *at = text; expanded && *at; at++) {
        size_t plain = text_until(at, "%");
        char *start = strndup(at, plain);
        const char *value = "";
        at += plain;
        if (*at == '%') {
            at++;
            value = token_value(gateway, *at, digits);
        }
        if (!value || (*value && !words_is_plain(value))) {
            (void)err_set(err, ERR_USAGE,
                          value ? "ssh_config: %s: %.1s is no plain word: '%s'"
                                : "ssh_config: %s: the token %%%.1s is unknown",
                          keyword, at, value);
            free(start);
            free(expanded);
            return NULL;
        }
        char *longer = start ? text_join(expanded, start, value, (char *)NULL) : NULL;
        free(start);
        free(expanded);
        expanded = longer;
        if (!*at)
            break;
    }
    if (!expanded)
        (void)err_no_memory(err);
    return expanded;
}

/* --- the hop --- */

/* Remembers for its children that this gateway's ProxyCommand runs. -1 when it does already. */
static int enter(struct hop *hop, const struct ssh_gateway *gateway, struct err *err)
{
    const char *inside = getenv(LOOP_VARIABLE);
    char *mark = text_join(" ", gateway->hop->name, "=", gateway->address.text, " ", (char *)NULL);
    char *list = mark ? text_join(inside ? inside : "", mark, (char *)NULL) : NULL;
    int done = 0;

    if (list && inside && strstr(inside, mark))
        done = err_set(err, ERR_USAGE,
                       "ssh_config: the ProxyCommand of %s leads to it again, in a circle; "
                       "it may want 'ProxyCommand none'",
                       gateway->hop->address.host);
    else
        done = list ? hop_add_setting(hop, INSIDE, list, 0, err) : err_no_memory(err);
    free(list);
    free(mark);
    return done;
}

int proxy_command_hop(const struct ssh_gateway *gateway, struct hops *before, struct err *err)
{
    const struct ssh_config *config = &gateway->config;
    char *text = proxy_command_expand(gateway, "ProxyCommand", config->proxy_command, err);
    struct hop *hop = text ? calloc(1, sizeof(*hop)) : NULL;

    if (!hop) {
        free(text);
        return err_no_memory(err);
    }
    *before = (struct hops){hop, 1};
    hop->scheme = strdup(SCHEME);
    hop->command = text_join("exec ", text, (char *)NULL);
    hop->name = text_join("ProxyCommand of ", gateway->hop->address.host, (char *)NULL);
    free(text);
    if (hop->scheme && hop->command && hop->name &&
        (!config->proxy_use_fdpass || hop_add_setting(hop, FDPASS, "yes", 0, err) == 0) &&
        enter(hop, gateway, err) == 0)
        return 0;
    hops_release(before);
    return err_no_memory(err);
}

static int check(const struct hop *hop, struct err *err)
{
    return hop->command ? 0 : err_set(err, ERR_USAGE, "column %u: no such scheme", hop->column);
}

/* --- dialing --- */

/* Has the command pass its connection. The descriptor, or -1 with ctx->err set. */
static int fetch(char *const *argv, const struct hop *hop, struct ctx *ctx)
{
    int ends[2], words = -1, label = -1, status = 0, fd = -1;

    if (os_socketpair(ends) == -1)
        return err_set(ctx->err, ERR_CONNECT, "%s", strerror(errno));
    if (!ctx->config->quiet)
        label = label_open(hop->name, ctx->trace, &words);
    struct child_plan plan = {
        .argv = argv, .in = ends[1], .out = ends[1], .err = words, .bound = true};
    pid_t pid = guard_start(&plan, ctx->err);
    (void)close(ends[1]);
    if (pid != -1) {
        fd = fdpass_receive(ends[0], ctx);
        if (child_wait(pid, &status, clock_ns() + END_NS) == -1)
            child_end(pid);
        guard_release(pid);
    }
    (void)close(ends[0]);
    if (words != -1)
        (void)close(words);
    label_finish(label, clock_ns() + LABEL_LAST_WORDS_NS);
    if (fd == -1)
        return err_wrap(ctx->err, "%s", hop->name);
    TRACE(ctx->trace, "ssh", "%s: passed a connection", hop->name);
    return fd;
}

static struct stream *dial(const struct hop *hop, const struct dialer *below,
                           const struct endpoint *to, struct ctx *ctx)
{
    const char *shell = getenv("SHELL");
    char *program = strdup(shell && *shell ? shell : "/bin/sh");
    char *mark = text_join(LOOP_VARIABLE "=", hop_setting(hop, INSIDE), (char *)NULL);
    char env[] = "env", flag[] = "-c";
    char *argv[] = {env, mark, program, flag, hop->command, NULL};
    struct stream *stream = NULL;

    (void)below;
    (void)to;
    if (!program || !mark) {
        (void)err_no_memory(ctx->err);
    } else if (hop_setting(hop, FDPASS)) {
        int fd = fetch(argv, hop, ctx);
        stream = fd == -1 ? NULL : stream_fd_new(fd, fd);
        if (fd != -1 && !stream) {
            (void)err_set(ctx->err, ERR_CONNECT, "%s: %s", hop->name, strerror(errno));
            (void)close(fd);
        }
    } else {
        struct command command = {
            .argv = argv, .name = hop->name, .layer = "ssh_config", .label = hop->name};
        stream = command_start(&command, ctx);
    }
    free(program);
    free(mark);
    return stream;
}

static const char *const schemes[] = {SCHEME, NULL};
static const char *const settings[] = {FDPASS, INSIDE, NULL};

const struct transport proxy_command_transport = {
    .name = SCHEME,
    .schemes = schemes,
    .settings = settings,
    .internal = true,
    .nearest = true,
    .layered = true,
    .check = check,
    .dial = dial,
};
