/* SPDX-License-Identifier: MIT */
/*
 * What ssh -G prints. A text that was taken says the same when it is taken again, and no unknown
 * line in it matters; what came of it is sound. Paths without a token are what they were.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/ssh_config.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

/* A text that memory may have lacked for. */
static char *sure(char *text)
{
    if (!text)
        abort();
    return text;
}

static void check_list(const struct ssh_list *list, bool has_blanks)
{
    FUZZ_CHECK(list->count == 0 || list->item);
    for (size_t i = 0; i < list->count; i++) {
        const char *item = list->item[i];
        FUZZ_CHECK(item[0] && !strchr(item, '\n'));
        FUZZ_CHECK(has_blanks || list->is_unclear || !strpbrk(item, " \t"));
        FUZZ_CHECK(!text_same(item, "none") || (!has_blanks && list->count > 1));
    }
}

static void check_text(const char *text, bool is_needed)
{
    FUZZ_CHECK(text || !is_needed);
    FUZZ_CHECK(!text || (text[0] && !strchr(text, '\n')));
}

static void check(const struct ssh_config *config)
{
    check_text(config->host_name, true);
    check_text(config->user, true);
    check_text(config->home, true);
    check_text(config->local_user, true);
    check_text(config->identity_agent, false);
    check_text(config->proxy_jump, false);
    check_text(config->proxy_command, false);
    check_text(config->ciphers, false);
    FUZZ_CHECK(config->port > 0);
    FUZZ_CHECK(config->host_key_policy <= SSH_HOST_KEY_NO);
    FUZZ_CHECK(config->password_prompts <= INT_MAX && config->connect_timeout <= INT_MAX);
    FUZZ_CHECK(config->server_alive_interval <= INT_MAX);
    check_list(&config->identity_files, true);
    check_list(&config->certificate_files, true);
    check_list(&config->user_known_hosts, false);
    check_list(&config->global_known_hosts, false);
}

static bool same_list(const struct ssh_list *a, const struct ssh_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->item[i], b->item[i]) != 0)
            return false;
    return true;
}

static void check_same(const struct ssh_config *a, const struct ssh_config *b)
{
    FUZZ_CHECK(fuzz_same(a->host_name, b->host_name) && a->port == b->port);
    FUZZ_CHECK(fuzz_same(a->user, b->user) && fuzz_same(a->identity_agent, b->identity_agent));
    FUZZ_CHECK(fuzz_same(a->proxy_jump, b->proxy_jump));
    FUZZ_CHECK(fuzz_same(a->proxy_command, b->proxy_command));
    FUZZ_CHECK(a->host_key_policy == b->host_key_policy && a->pubkey == b->pubkey);
    FUZZ_CHECK(a->connect_timeout == b->connect_timeout && a->rekey_limit == b->rekey_limit);
    FUZZ_CHECK(same_list(&a->identity_files, &b->identity_files));
    FUZZ_CHECK(same_list(&a->certificate_files, &b->certificate_files));
    FUZZ_CHECK(same_list(&a->user_known_hosts, &b->user_known_hosts));
    FUZZ_CHECK(same_list(&a->global_known_hosts, &b->global_known_hosts));
}

static bool parse(struct ssh_config *config, const char *text)
{
    struct err err = ERR_INIT;

    if (ssh_config_parse(config, text, &err) == 0) {
        FUZZ_CHECK(err.code == ERR_NONE);
        return true;
    }
    FUZZ_CHECK(strstr(err_text(&err), ": bad value '"));
    fuzz_check_err(&err, ERR_USAGE);
    return false;
}

static void init(struct ssh_config *config)
{
    struct err err = ERR_INIT;

    FUZZ_CHECK(ssh_config_init(config, "bastion", &err) == 0);
}

static void check_parse(const char *text)
{
    struct ssh_config once, again;
    char *padded = sure(text_join("\nhost x\n\nsendenv port 1\nport\n", text,
                                  "\nport\ncontrolpersist no\n", (char *)NULL));

    init(&once);
    init(&again);
    bool good = parse(&once, text);
    check(&once);
    FUZZ_CHECK(parse(&again, padded) == good);
    if (good)
        check_same(&once, &again);
    FUZZ_CHECK(parse(&again, text) == good);
    if (good)
        check_same(&once, &again);
    check(&again);
    ssh_config_release(&once);
    ssh_config_release(&again);
    free(padded);
}

static void check_set(const char *name, const char *value)
{
    struct ssh_config config;
    struct err err = ERR_INIT;

    init(&config);
    if (ssh_config_set(&config, name, value, &err) == -1)
        fuzz_check_err(&err, ERR_USAGE);
    else if (!strchr(value, '\n'))
        check(&config);
    FUZZ_CHECK(err.code == ERR_NONE);
    ssh_config_release(&config);
}

static void check_expand(const char *path)
{
    struct ssh_config config;
    struct err err = ERR_INIT;

    init(&config);
    char *expanded = ssh_config_expand(&config, "bastion", path, &err);
    if (expanded) {
        FUZZ_CHECK(err.code == ERR_NONE);
        FUZZ_CHECK(strpbrk(path, "%$~") || strcmp(path, expanded) == 0);
    } else {
        FUZZ_CHECK(strpbrk(path, "%$~"));
        fuzz_check_err(&err, ERR_USAGE);
    }
    free(expanded);
    ssh_config_release(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_string(&input);
    char *name = fuzz_string(&input);
    char *value = fuzz_string(&input);

    check_parse(text);
    check_set(name, value);
    check_expand(value);
    free(text);
    free(name);
    free(value);
    return 0;
}
