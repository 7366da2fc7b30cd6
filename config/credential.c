/* SPDX-License-Identifier: MIT */
#include "config/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/netrc.h"
#include "config/path.h"
#include "config/words.h"
#include "core/child.h"
#include "core/file.h"
#include "core/prompt.h"
#include "core/secret.h"
#include "core/text.h"

#define PROMPTS_MAX 3

/* There may be more than a line in it, but whoever names a disk image has made a mistake. */
#define PASSWORD_FILE_MAX ((size_t)64 * 1024)
#define NETRC_MAX ((size_t)256 * 1024)

struct secret_slot {
    char *of_url;
    char *secret; /* the one that credential_secret gave */
    bool typed;   /* it was */
    unsigned prompts;
    bool netrc_read;
    struct netrc_entry netrc; /* nothing in it when there is none */
    char *question;           /* of credential_set_question */
};

/* --- the settings --- */

/* A control byte in what goes to a hop would end a line of HTTP, or begin another one. */
static int check_user(const struct setting *setting, struct err *err)
{
    return text_has_control(setting->value)
               ? hop_setting_fault(setting, err, "holds a control byte")
               : 0;
}

static int check_command(const struct setting *setting, struct err *err)
{
    struct err fault = ERR_INIT;
    char **words = words_split(setting->value, &fault);

    if (!words)
        (void)hop_setting_fault(setting, err, "%s", err_text(&fault));
    words_free(words);
    err_release(&fault);
    return words ? 0 : -1;
}

/* What is refused is not repeated: the shell may have put the secret itself there. */
static int check_variable(const struct setting *setting, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    const char *name = setting->value;

    if (name[strspn(name, letters)] || (*name >= '0' && *name <= '9'))
        return hop_setting_fault(setting, err, "want the name of an environment variable");
    return 0;
}

static const struct {
    const char *name;
    int (*check)(const struct setting *setting, struct err *err); /* NULL: anything but nothing */
} rules[] = {
    {"user", check_user},
    {"passwordcommand", check_command},
    {"passwordfile", NULL},
    {"passwordenv", check_variable},
};

static int check_setting(const struct setting *setting, struct err *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(setting->name, rules[i].name) != 0)
            continue;
        if (!setting->value[0])
            return hop_setting_fault(setting, err, "is empty");
        return rules[i].check ? rules[i].check(setting, err) : 0;
    }
    return 0;
}

const struct setting *credential_source(const struct hop *hop)
{
    static const char *const names[] = {"passwordcommand", "passwordfile", "passwordenv"};
    const struct setting *setting = NULL;

    for (size_t i = 0; !setting && i < sizeof(names) / sizeof(names[0]); i++)
        setting = hop_find_setting(hop, names[i]);
    return setting;
}

bool credential_is_in_url(const struct hop *hop)
{
    return hop->secret && hop->secret->of_url;
}

int credential_check(const struct hop *hop, struct err *err)
{
    if (hop->user && text_has_control(hop->user))
        return err_set(err, ERR_USAGE, "column %u: the user holds a control byte", hop->column);
    for (size_t i = 0; i < hop->setting_count; i++)
        if (check_setting(&hop->settings[i], err) == -1)
            return -1;
    return 0;
}

/* --- netrc --- */

static char *netrc_path(void)
{
    const char *path = getenv("NETRC");

    return path && *path ? strdup(path) : path_expand("~/.netrc");
}

/* A hop that may need no login at all must not fail by a file that says nothing about it: 0. With a
 * login, which must come from somewhere, or when memory is lacking: -1. */
static int pass_over(const char *login, struct ctx *ctx)
{
    if (login || ctx->err->code != ERR_USAGE)
        return -1;
    TRACE(ctx->trace, "login", "%s", err_text(ctx->err));
    err_release(ctx->err);
    return 0;
}

/* Fills `entry` from the file; 0, or -1 with ctx->err set. */
static int search_netrc(const char *path, const char *machine, const char *login,
                        struct netrc_entry *entry, struct ctx *ctx)
{
    struct file_text file;
    int got = file_read(&file, path, NETRC_MAX, ctx->err);

    if (got == 0)
        TRACE(ctx->trace, "login", "%s: %s", path, strerror(errno));
    if (got == -1)
        return pass_over(login, ctx);
    if (got != 1)
        return 0;

    got = netrc_find(file.text, machine, login, entry, ctx->err);
    if (got == -1) {
        (void)err_wrap(ctx->err, "%s", path);
        if (!entry->is_broken)
            got = pass_over(login, ctx);
    }
    if (got == 1 && file.exposed) {
        got = err_set(ctx->err, ERR_USAGE, "%s: %s", path, file.exposed);
        netrc_release(entry);
    }
    file_release(&file);
    return got == -1 ? -1 : 0;
}

/* Sees to it that the slot has the entry of this login (NULL: any). 0, or -1 with ctx->err set. */
static int need_netrc(const struct hop *hop, const char *login, struct ctx *ctx)
{
    struct secret_slot *slot = hop->secret;

    if (!slot)
        return err_no_memory(ctx->err);
    if (!hop->address.host || slot->netrc_read)
        return 0;

    char *path = netrc_path();
    if (!path)
        return err_no_memory(ctx->err);
    /* It is how people say that they have none. */
    int done = strcmp(path, "/dev/null") == 0
                   ? 0
                   : search_netrc(path, hop->address.host, login, &slot->netrc, ctx);
    slot->netrc_read = done == 0;
    free(path);
    return done;
}

/* --- the sources of a secret --- */

/* Whose secret. */
struct login {
    const struct hop *hop;
    const char *user;
};

/*
 * Each source returns 1 and leaves a secret in fresh memory; 0 when it is not there; -1 with
 * ctx->err set.
 */

static int copy_secret(const char *from, char **secret, struct ctx *ctx)
{
    *secret = strdup(from);
    return *secret ? 1 : err_no_memory(ctx->err);
}

static int from_command(const struct login *login, char **secret, struct ctx *ctx)
{
    const char *command = hop_setting(login->hop, "passwordcommand");

    if (!command)
        return 0;
    char **words = words_split(command, ctx->err);
    if (!words)
        return -1;
    *secret = child_first_line(words, ctx);
    words_free(words);
    return *secret ? 1 : -1;
}

static int first_line(const struct file_text *file, const char *path, char **line, struct err *err)
{
    size_t length = strcspn(file->text, "\n");

    if (length > 0 && file->text[length - 1] == '\r')
        length--;
    if (length == 0)
        return err_set(err, ERR_AUTH, "%s: %s", path,
                       file->size ? "the first line is empty" : "is empty");
    *line = strndup(file->text, length);
    return *line ? 1 : err_no_memory(err);
}

static int from_file(const struct login *login, char **secret, struct ctx *ctx)
{
    const char *setting = hop_setting(login->hop, "passwordfile");
    struct file_text file;

    if (!setting)
        return 0;
    char *path = path_expand(setting);
    if (!path)
        return err_no_memory(ctx->err);

    int got = file_read(&file, path, PASSWORD_FILE_MAX, ctx->err);
    if (got == 0)
        got = err_set(ctx->err, ERR_AUTH, "%s: %s", path, strerror(errno));
    else if (got == 1 && file.exposed)
        got = err_set(ctx->err, ERR_USAGE, "%s: %s", path, file.exposed);
    else if (got == 1)
        got = first_line(&file, path, secret, ctx->err);
    file_release(&file);
    free(path);
    return got;
}

static int from_url(const struct login *login, char **secret, struct ctx *ctx)
{
    const char *password = login->hop->secret->of_url;

    return password ? copy_secret(password, secret, ctx) : 0;
}

static int from_variable(const struct login *login, char **secret, struct ctx *ctx)
{
    const char *name = hop_setting(login->hop, "passwordenv");
    const char *value = name ? getenv(name) : NULL;

    if (!name)
        return 0;
    if (!value || !*value)
        return err_set(ctx->err, ERR_AUTH, "the variable %s is %s", name,
                       value ? "empty" : "not set");
    return copy_secret(value, secret, ctx);
}

static int from_netrc(const struct login *login, char **secret, struct ctx *ctx)
{
    if (need_netrc(login->hop, login->user, ctx) == -1)
        return -1;
    const char *password = login->hop->secret->netrc.password;
    return password ? copy_secret(password, secret, ctx) : 0;
}

static int from_prompt(const struct login *login, char **secret, struct ctx *ctx)
{
    struct secret_slot *slot = login->hop->secret;
    char *question =
        text_join("Password for ", login->user, " at ", login->hop->name, ": ", (char *)NULL);

    if (!question)
        return err_no_memory(ctx->err);
    *secret = prompt_secret(question, ctx);
    free(question);
    if (!*secret)
        return -1;
    slot->typed = true;
    slot->prompts++;
    return 1;
}

static const struct source {
    const char *layer; /* of its failures; NULL: those speak for themselves */
    const char *name;
    int (*fetch)(const struct login *login, char **secret, struct ctx *ctx);
} sources[] = {
    {"passwordcommand", "passwordcommand", from_command},
    {"passwordfile", "passwordfile", from_file},
    {NULL, "the URL", from_url},
    {"passwordenv", "passwordenv", from_variable},
    {NULL, "netrc", from_netrc},
    {"a password is needed", "a prompt", from_prompt},
};

static int check_secret(const char *secret, struct err *err)
{
    size_t length = strlen(secret);

    if (length >= SECRET_MAX)
        return err_set(err, ERR_AUTH, "the secret has more than %d bytes", SECRET_MAX - 1);
    if (text_has_control(secret))
        return err_set(err, ERR_AUTH, "the secret holds a control byte");
    return 1;
}

/* Same returns as those of the sources. */
static int fetch(const struct source *source, const struct login *login, struct ctx *ctx)
{
    char *secret = NULL;
    int got = source->fetch(login, &secret, ctx);

    if (secret)
        got = check_secret(secret, ctx->err);
    if (got == 1) {
        TRACE(ctx->trace, "login", "%s: the secret comes from %s", login->hop->name, source->name);
        login->hop->secret->secret = secret;
        return 1;
    }
    secret_free(secret);
    if (got == -1 && source->layer)
        (void)err_wrap(ctx->err, "%s", source->layer);
    return got;
}

/* --- a hop's login --- */

int credential_user(const struct hop *hop, const char **user, struct ctx *ctx)
{
    *user = hop->user ? hop->user : hop_setting(hop, "user");
    if (*user)
        return 0;
    if (need_netrc(hop, NULL, ctx) == -1)
        return -1;
    *user = hop->secret->netrc.login;
    if (!*user || !text_has_control(*user))
        return 0;
    *user = NULL;
    return err_set(ctx->err, ERR_USAGE, "netrc: the login holds a control byte");
}

static int no_user(const struct hop *hop, struct err *err)
{
    return err_set(err, ERR_AUTH, "no user is known: write it into the URL, as in %s://USER@%s",
                   hop->scheme, hop->address.text);
}

const char *credential_secret(const struct hop *hop, struct ctx *ctx)
{
    struct secret_slot *slot = hop->secret;
    struct login login = {.hop = hop};
    int got;

    if (!slot) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    if (slot->secret)
        return slot->secret;
    got = credential_user(hop, &login.user, ctx);
    if (got == 0 && !login.user)
        got = no_user(hop, ctx->err);
    for (size_t i = 0; got == 0 && i < sizeof(sources) / sizeof(sources[0]); i++)
        got = fetch(&sources[i], &login, ctx);
    return slot->secret;
}

/* Forgets the secret alone. */
static void slot_reset(struct secret_slot *slot)
{
    secret_free(slot->secret);
    slot->secret = NULL;
    slot->typed = false;
}

bool credential_retry(const struct hop *hop)
{
    struct secret_slot *slot = hop->secret;

    if (!slot || !slot->typed || slot->prompts >= PROMPTS_MAX)
        return false;
    slot_reset(slot);
    return true;
}

int credential_set_question(const struct hop *hop, const char *question)
{
    struct secret_slot *slot = hop->secret;
    char *copy = slot ? strdup(question) : NULL;

    if (!copy)
        return -1;
    free(slot->question);
    slot->question = copy;
    return 0;
}

const char *credential_question(const struct hop *hop)
{
    return hop->secret ? hop->secret->question : NULL;
}

/* Forgets all but the password of the URL. */
static void slot_clear(struct secret_slot *slot)
{
    slot_reset(slot);
    netrc_release(&slot->netrc);
    free(slot->question);
    slot->question = NULL;
    slot->netrc_read = false;
    slot->prompts = 0;
}

void credential_forget(const struct hop *hop)
{
    if (hop->secret)
        slot_clear(hop->secret);
}

struct secret_slot *secret_slot_new(const char *password)
{
    struct secret_slot *slot = calloc(1, sizeof(*slot));

    if (!slot || !password)
        return slot;
    slot->of_url = strdup(password);
    if (slot->of_url)
        return slot;
    free(slot);
    return NULL;
}

void secret_slot_free(struct secret_slot *slot)
{
    if (!slot)
        return;
    slot_clear(slot);
    secret_free(slot->of_url);
    free(slot);
}
