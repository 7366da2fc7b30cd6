/* SPDX-License-Identifier: MIT */
#include "transports/ssh_gateway.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/words.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/text.h"
#include "transports/openssh.h"

/* `ssh -G` prints some 6 KiB. */
#define OUTPUT_MAX ((size_t)256 * 1024)

static const char *const keywords[] = {SSH_GATEWAY_KEYWORDS};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

bool ssh_gateway_takes(const char *name)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (strcmp(keywords[i], name) == 0)
            return true;
    return false;
}

/* Of the URL, else the setting. */
static const char *user_of(const struct hop *hop)
{
    return hop->user ? hop->user : hop_setting(hop, "user");
}

/* --- words for ssh(1) --- */

struct list {
    char **word;
    size_t count;
    bool failed;
};

/* Takes `word` over; NULL: memory is lacking. */
static void list_add(struct list *list, char *word)
{
    list->failed |= !word;
    if (word)
        list->word[list->count++] = word;
}

/* `-oNAME=VALUE`. A value is one word for ssh, unless its keyword takes several or the user has
 * quoted it himself. */
static char *option_word(const struct setting *setting)
{
    static const char *const lists[] = {"userknownhostsfile", "globalknownhostsfile",
                                        "proxycommand"};
    bool is_list = setting->value[text_until(setting->value, "\"")];

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        is_list |= strcmp(lists[i], setting->name) == 0;
    const char *quote = !is_list && setting->value[text_until(setting->value, " \t")] ? "\"" : "";
    return text_join("-o", setting->name, "=", quote, setting->value, quote, (char *)NULL);
}

char **ssh_gateway_words(const struct hop *hop, const char *const *before, struct err *err)
{
    struct list list = {.word = NULL};
    char digits[TEXT_DIGITS_MAX];
    size_t count = 0;

    while (before[count])
        count++;
    /* Of the hop: -l, -p, --, the host. */
    list.word = calloc(count + hop->setting_count + 7, sizeof(*list.word));
    if (!list.word) {
        (void)err_no_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        list_add(&list, strdup(before[i]));
    for (size_t i = 0; i < hop->setting_count; i++)
        if (ssh_gateway_takes(hop->settings[i].name))
            list_add(&list, option_word(&hop->settings[i]));
    if (user_of(hop)) {
        list_add(&list, strdup("-l"));
        list_add(&list, strdup(user_of(hop)));
    }
    if (hop->address.port) {
        list_add(&list, strdup("-p"));
        list_add(&list, strdup(text_digits(hop->address.port, digits)));
    }
    list_add(&list, strdup("--"));
    list_add(&list, strdup(hop->address.host));
    if (!list.failed)
        return list.word;
    words_free(list.word);
    (void)err_no_memory(err);
    return NULL;
}

/* --- what ssh_config says --- */

/* 0, or -1 with ctx->err set. */
static int ask_ssh(struct ssh_gateway *gateway, struct ctx *ctx)
{
    static const char *const before[] = {"ssh", "-G", "-N", "-T", NULL};
    char **words = ssh_gateway_words(gateway->hop, before, ctx->err);
    struct child_output output;
    int done = words ? child_read(words, OUTPUT_MAX, &output, ctx) : -1;

    words_free(words);
    if (done == -1)
        return -1;
    if (output.status == 0)
        done = ssh_config_parse(&gateway->config, output.text, ctx->err);
    else
        done = err_set(ctx->err, ERR_USAGE, "ssh -G: %s",
                       output.complaint ? output.complaint : "failed");
    child_output_release(&output);
    return done;
}

/* What ssh(1) would have been told on its command line. 0, or -1 with err set. */
static int take_settings(struct ssh_gateway *gateway, struct err *err)
{
    const struct hop *hop = gateway->hop;
    char digits[TEXT_DIGITS_MAX];

    for (size_t i = 0; i < hop->setting_count; i++)
        if (ssh_gateway_takes(hop->settings[i].name) &&
            ssh_config_set(&gateway->config, hop->settings[i].name, hop->settings[i].value, err) ==
                -1)
            return hop_setting_fault(&hop->settings[i], err, "bad value");
    if (user_of(hop) && ssh_config_set(&gateway->config, "user", user_of(hop), err) == -1)
        return -1;
    if (hop->address.port &&
        ssh_config_set(&gateway->config, "port", text_digits(hop->address.port, digits), err) == -1)
        return -1;
    return 0;
}

/* Expands a text of the configuration in place. 0, or -1 with err set. */
static int expand(struct ssh_gateway *gateway, char **text, struct err *err)
{
    if (!*text)
        return 0;
    char *path = ssh_config_expand(&gateway->config, gateway->hop->address.host, *text, err);
    if (!path)
        return -1;
    free(*text);
    *text = path;
    return 0;
}

/* `ssh -G` prints some paths as they are written, and without ssh(1) all are. Expanded once more,
 * an absolute one stays what it is. 0, or -1 with err set. */
static int expand_paths(struct ssh_gateway *gateway, bool by_ssh, struct err *err)
{
    struct ssh_config *config = &gateway->config;

    for (size_t i = 0; i < config->global_known_hosts.count; i++)
        if (expand(gateway, &config->global_known_hosts.item[i], err) == -1)
            return err_wrap(err, "GlobalKnownHostsFile");
    if (by_ssh)
        return 0;
    for (size_t i = 0; i < config->user_known_hosts.count; i++)
        if (expand(gateway, &config->user_known_hosts.item[i], err) == -1)
            return err_wrap(err, "UserKnownHostsFile");
    return expand(gateway, &config->control_path, err);
}

/* 0, or -1 with err set. */
static int settle(struct ssh_gateway *gateway, struct err *err)
{
    const struct ssh_config *config = &gateway->config;
    const char *command = hop_setting(gateway->hop, "exec");
    char digits[TEXT_DIGITS_MAX];

    gateway->name = text_join("gateway ", gateway->hop->address.host, (char *)NULL);
    if (!gateway->name)
        return err_no_memory(err);
    if (endpoint_set(&gateway->address, config->host_name, text_digits(config->port, digits),
                     err) == -1)
        return err_wrap(err, "ssh_config: HostName");
    if (command) {
        gateway->exec = words_split(command, err);
        return gateway->exec ? 0 : -1;
    }
    return 0;
}

int ssh_gateway_init(struct ssh_gateway *gateway, const struct hop *hop, struct ctx *ctx)
{
    int done = -1;

    *gateway =
        (struct ssh_gateway){.hop = hop, .address = ENDPOINT_INIT, .family = ctx->config->family};
    if (ssh_config_init(&gateway->config, hop->address.host, ctx->err) == -1)
        return -1;
    bool by_ssh = openssh_exists();
    if (by_ssh) {
        done = ask_ssh(gateway, ctx);
    } else {
        TRACE(ctx->trace, "ssh", "there is no ssh: its defaults hold for %s", hop->name);
        done = take_settings(gateway, ctx->err);
    }
    if (done == 0)
        done = settle(gateway, ctx->err);
    if (done == 0)
        done = expand_paths(gateway, by_ssh, ctx->err);
    if (done == -1)
        ssh_gateway_release(gateway);
    return done;
}

void ssh_gateway_release(struct ssh_gateway *gateway)
{
    ssh_config_release(&gateway->config);
    endpoint_release(&gateway->address);
    words_free(gateway->exec);
    free(gateway->name);
    gateway->exec = NULL;
    gateway->name = NULL;
}

struct ctx ssh_gateway_hurry(const struct ssh_gateway *gateway, const struct ctx *ctx)
{
    struct ctx hurried = *ctx;
    int64_t patience_ns = (int64_t)gateway->config.connect_timeout * CLOCK_S;
    int64_t until_ns = clock_ns() + patience_ns;

    if (patience_ns > 0 && until_ns < hurried.deadline_ns) {
        hurried.deadline_ns = until_ns;
        hurried.timeout_ns = patience_ns;
    }
    return hurried;
}

char *ssh_gateway_command(const struct ssh_gateway *gateway, const struct endpoint *to,
                          struct err *err)
{
    char digits[TEXT_DIGITS_MAX];
    char *command = NULL;
    size_t count = 0;

    if (!words_is_plain(to->host)) {
        (void)err_set(err, ERR_USAGE,
                      "%s: only ASCII letters, digits and -._:%% may be in a host for a command",
                      to->text);
        return NULL;
    }
    while (gateway->exec[count])
        count++;
    char **words = calloc(count + 1, sizeof(*words));
    bool whole = words;
    for (size_t i = 0; whole && i < count; i++) {
        words[i] = strdup(gateway->exec[i]);
        whole = words[i];
    }
    if (!whole)
        (void)err_no_memory(err);
    else if (words_expand(words, to->host, text_digits(to->port, digits), err) == 0)
        command = words_quote(words);
    words_free(words);
    return command;
}
