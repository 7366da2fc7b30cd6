/* SPDX-License-Identifier: MIT */
#include "transports/ssh/host_key.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "core/prompt.h"
#include "core/text.h"
#include "transports/ssh/algorithms.h"
#include "transports/ssh/wire.h"
#include "transports/ssh_key_name.h"

#define CERTIFICATE "-cert-v01@openssh.com"

/* A key that the gateway has shown, in words. */
struct shown {
    const uint8_t *blob;
    size_t size;
    char *type;
    char *text; /* "ED25519 SHA256:…" */
};

/* --- what is known --- */

int host_key_book_init(struct host_key_book *book, const struct ssh_gateway *gateway,
                       struct err *err)
{
    const struct ssh_config *config = &gateway->config;

    *book = (struct host_key_book){.gateway = gateway, .known = KNOWN_ENTRIES_INIT};
    book->name = config->host_key_alias
                     ? known_hosts_name(config->host_key_alias, 22)
                     : known_hosts_name(gateway->address.host, gateway->address.port);
    if (!book->name)
        return err_no_memory(err);
    if (known_hosts_read(&book->known, &config->user_known_hosts, book->name, err) == 0 &&
        known_hosts_read(&book->known, &config->global_known_hosts, book->name, err) == 0)
        return 0;
    host_key_book_release(book);
    return -1;
}

void host_key_book_release(struct host_key_book *book)
{
    known_entries_release(&book->known);
    free(book->name);
    *book = (struct host_key_book){.known = KNOWN_ENTRIES_INIT};
}

/* The type of the keys that an algorithm is for, certificates being made of those. */
static bool is_of_type(const char *algorithm, size_t length, const char *type)
{
    size_t suffix = strlen(CERTIFICATE);

    if (length > suffix && strncmp(algorithm + length - suffix, CERTIFICATE, suffix) == 0)
        length -= suffix;
    if (length > 9 && strncmp(algorithm, "rsa-sha2-", 9) == 0)
        return strcmp(type, "ssh-rsa") == 0;
    return strlen(type) == length && strncmp(algorithm, type, length) == 0;
}

static bool knows_type(const struct host_key_book *book, const char *algorithm, size_t length)
{
    for (size_t i = 0; i < book->known.count; i++)
        if (book->known.entry[i].marker == KNOWN_KEY &&
            is_of_type(algorithm, length, book->known.entry[i].type))
            return true;
    return false;
}

/* Appends a name to a list that has room. */
static void append(char *list, const char *name, size_t length)
{
    size_t end = strlen(list);

    if (end > 0)
        list[end++] = ',';
    memcpy(list + end, name, length);
    list[end + length] = '\0';
}

char *host_key_algorithms(const struct host_key_book *book)
{
    const char *list = algorithms_of_host_key(&book->gateway->config);
    size_t room = strlen(list) + 2;
    char *first = calloc(room, 1), *last = calloc(room, 1), *order = NULL;

    if (first && last) {
        for (const char *at = list; *at;) {
            size_t length = strcspn(at, ",");
            append(knows_type(book, at, length) ? first : last, at, length);
            at += length + (at[length] == ',');
        }
        if (*first)
            order = text_join(first, *last ? "," : "", last, (char *)NULL);
    }
    free(first);
    free(last);
    return order;
}

/* --- what libssh2 lacks --- */

static char *unusable_types(const struct host_key_book *book)
{
    const char *unusable = NULL;

    for (size_t i = 0; i < book->known.count; i++) {
        if (book->known.entry[i].marker != KNOWN_KEY)
            continue;
        if (algorithms_know_key_type(book->known.entry[i].type))
            return NULL;
        unusable = book->known.entry[i].type;
    }
    if (!unusable)
        return NULL;
    return text_join("its known host key is ", unusable, ", which libssh2 ", libssh2_version(0),
                     " cannot check", (char *)NULL);
}

static bool has_unclear_files(const struct ssh_config *config)
{
    return config->user_known_hosts.is_unclear || config->global_known_hosts.is_unclear;
}

char *host_key_lacks(const struct host_key_book *book)
{
    const struct ssh_config *config = &book->gateway->config;
    const struct {
        bool wanted;
        const char *what;
    } wants[] = {
        {known_hosts_has(&book->known, KNOWN_CA), "a @cert-authority is known for it"},
        {has_unclear_files(config), "a path of known hosts has a blank, or is relative"},
        {config->known_hosts_command, "there is a KnownHostsCommand"},
        {config->revoked_host_keys, "there are RevokedHostKeys"},
        {config->verify_host_key_dns, "VerifyHostKeyDNS is on"},
        {config->no_localhost_check, "NoHostAuthenticationForLocalhost is on"},
    };

    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
        if (wants[i].wanted)
            return strdup(wants[i].what);
    return unusable_types(book);
}

/* --- the verdict --- */

static char *key_text(const struct host_key_book *book, const char *type, const uint8_t *blob,
                      size_t size)
{
    char *print = known_hosts_fingerprint(blob, size, book->gateway->config.fingerprint_md5);
    char *text = print ? text_join(ssh_key_name(type), " ", print, (char *)NULL) : NULL;

    free(print);
    return text;
}

static int refuse_changed(const struct host_key_book *book, const struct shown *shown,
                          const struct known_entry *old, struct ctx *ctx)
{
    char *known = key_text(book, old->type, old->blob, old->size);

    (void)err_set(ctx->err, ERR_AUTH,
                  "%s: its host key has changed, or somebody sits in between: it has %s, and "
                  "%s:%u has %s",
                  book->gateway->name, shown->text, old->file, old->line,
                  known ? known : old->type);
    free(known);
    return -1;
}

static int refuse_revoked(const struct host_key_book *book, const struct shown *shown,
                          const struct known_entry *by, struct ctx *ctx)
{
    return err_set(ctx->err, ERR_AUTH, "%s: its host key %s is revoked in %s:%u",
                   book->gateway->name, shown->text, by->file, by->line);
}

/* As openssh's confirm: 1 = accepted, 0 = not, -1 with ctx->err set. */
static int ask(const char *question, const char *fingerprint, struct ctx *ctx)
{
    for (;; question = "Please type 'yes', 'no' or the fingerprint: ") {
        char *answer = prompt_line(question, ctx);
        if (!answer)
            return -1;
        char *word = answer + strspn(answer, " \t");
        word[strcspn(word, " \t")] = '\0';
        int verdict = -1;
        if (!*word || text_same(word, "no"))
            verdict = 0;
        else if (text_same(word, "yes") || strcmp(word, fingerprint) == 0)
            verdict = 1;
        free(answer);
        if (verdict != -1)
            return verdict;
    }
}

/* 0, or -1 with ctx->err set. */
static int ask_for_new(const struct host_key_book *book, const struct shown *shown, struct ctx *ctx)
{
    char *question = text_join("The authenticity of ", book->gateway->name, " (", book->name,
                               ") can't be established.\n", ssh_key_name(shown->type),
                               " key fingerprint is ", strchr(shown->text, ' ') + 1,
                               ".\nAre you sure you want to continue connecting "
                               "(yes/no/[fingerprint])? ",
                               (char *)NULL);

    if (!question)
        return err_no_memory(ctx->err);
    int accepted = ask(question, strchr(shown->text, ' ') + 1, ctx);
    free(question);
    if (accepted == 1)
        return 0;
    if (accepted == 0)
        return err_set(ctx->err, ERR_AUTH, "%s: its host key %s was not accepted",
                       book->gateway->name, shown->text);
    return err_wrap(ctx->err, "%s: its host key %s is not known", book->gateway->name, shown->text);
}

/* A name with one of these would mean something else in the file; openssh's check_host_key. */
static bool may_be_written(const struct host_key_book *book)
{
    const struct ssh_config *config = &book->gateway->config;
    const char *name =
        config->host_key_alias ? config->host_key_alias : book->gateway->address.host;

    return config->user_known_hosts.count > 0 && !name[strcspn(name, "@?*#[]|'\"\\")];
}

/* An accepted key that cannot be kept is accepted all the same. */
static void remember(const struct host_key_book *book, const struct shown *shown, struct ctx *ctx)
{
    const struct ssh_config *config = &book->gateway->config;
    struct err err = ERR_INIT;
    const char *path = config->user_known_hosts.item[0];

    if (known_hosts_append(path, book->name, shown->type, shown->blob, shown->size,
                           config->hash_known_hosts, &err) == 0)
        TRACE(ctx->trace, "ssh", "%s: added its host key to %s", book->gateway->name, path);
    else if (!ctx->config->quiet)
        trace_notice(ctx->trace, "%s: its host key was not kept: %s", book->gateway->name,
                     err_text(&err));
    err_release(&err);
}

static int refuse_new(const struct host_key_book *book, const struct shown *shown, const char *why,
                      struct ctx *ctx)
{
    return err_set(ctx->err, ERR_AUTH, "%s: its host key %s is not known under the name %s, and %s",
                   book->gateway->name, shown->text, book->name, why);
}

static int judge_new(const struct host_key_book *book, const struct shown *shown, struct ctx *ctx)
{
    const struct ssh_config *config = &book->gateway->config;

    if (!may_be_written(book))
        return refuse_new(book, shown, "there is no file to keep it in", ctx);
    switch (config->host_key_policy) {
    case SSH_HOST_KEY_YES:
        return refuse_new(book, shown, "StrictHostKeyChecking is yes", ctx);
    case SSH_HOST_KEY_ASK:
        if (config->batch_mode)
            return refuse_new(book, shown, "nobody may be asked (BatchMode)", ctx);
        if (ask_for_new(book, shown, ctx) == -1)
            return -1;
        break;
    case SSH_HOST_KEY_ACCEPT_NEW:
    case SSH_HOST_KEY_NO:
        break;
    }
    remember(book, shown, ctx);
    return 0;
}

/* Is the key known for the host on port 22? Then it is good for every port of it. */
static bool is_known_without_port(const struct host_key_book *book, const struct shown *shown)
{
    const struct ssh_config *config = &book->gateway->config;
    struct known_entries known = KNOWN_ENTRIES_INIT;
    struct err err = ERR_INIT;
    bool is_known = false;

    if (config->host_key_alias || book->gateway->address.port == 22)
        return false;
    char *name = known_hosts_name(book->gateway->address.host, 22);
    if (name && known_hosts_read(&known, &config->user_known_hosts, name, &err) == 0 &&
        known_hosts_read(&known, &config->global_known_hosts, name, &err) == 0)
        is_known = known_hosts_judge(&known, shown->blob, shown->size, NULL) == KNOWN_IS_OK;
    err_release(&err);
    known_entries_release(&known);
    free(name);
    return is_known;
}

static int judge(const struct host_key_book *book, const struct shown *shown, struct ctx *ctx)
{
    const struct known_entry *by = NULL;

    TRACE(ctx->trace, "ssh", "%s has the host key %s", book->gateway->name, shown->text);
    const struct ssh_config *config = &book->gateway->config;
    if (config->revoked_host_keys || has_unclear_files(config))
        return err_set(
            ctx->err, ERR_AUTH, "%s: %s, which only engine=openssh looks at", book->gateway->name,
            config->revoked_host_keys ? "there are RevokedHostKeys"
                                      : "known hosts are in a path with a blank, or in a "
                                        "relative one");
    switch (known_hosts_judge(&book->known, shown->blob, shown->size, &by)) {
    case KNOWN_IS_OK:
        TRACE(ctx->trace, "ssh", "%s: its host key is in %s:%u", book->gateway->name, by->file,
              by->line);
        return 0;
    case KNOWN_IS_CHANGED:
        return refuse_changed(book, shown, by, ctx);
    case KNOWN_IS_REVOKED:
        return refuse_revoked(book, shown, by, ctx);
    case KNOWN_IS_NEW:
        break;
    }
    return is_known_without_port(book, shown) ? 0 : judge_new(book, shown, ctx);
}

int host_key_check(const struct host_key_book *book, struct session *session, struct ctx *ctx)
{
    struct shown shown = {.type = NULL};
    int kind, done = -1;

    shown.blob = (const uint8_t *)libssh2_session_hostkey(session->lib, &shown.size, &kind);
    if (shown.blob)
        shown.type = wire_first_text(shown.blob, shown.size);
    if (shown.type)
        shown.text = key_text(book, shown.type, shown.blob, shown.size);
    if (shown.type && shown.text)
        done = judge(book, &shown, ctx);
    else
        (void)err_set(ctx->err, ERR_REFUSED, "%s: it has shown no host key", book->gateway->name);
    free(shown.text);
    free(shown.type);
    return done;
}
