/* SPDX-License-Identifier: MIT */
#include "transports/ssh/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "transports/ssh/agent.h"
#include "transports/ssh/key_blob.h"
#include "transports/unix.h"

#define LAYER "ssh"

/* --- the ring --- */

/* NULL is allowed. */
static void key_free(struct keyring_key *key)
{
    if (!key)
        return;
    free(key->name);
    free(key->path);
    identity_public_release(&key->public_half);
    free(key);
}

/* Takes the first key out of a list that isn't empty. */
static struct keyring_key *take_key(struct keyring_key **list)
{
    struct keyring_key *key = *list;

    *list = key->next;
    key->next = NULL;
    return key;
}

void keyring_release(struct keyring *ring)
{
    while (ring->first)
        key_free(take_key(&ring->first));
    stream_close(ring->agent);
    ability_release(&ring->ability);
    free(ring->unused);
    *ring = (struct keyring){.gateway = ring->gateway};
}

bool keyring_is_over(const struct ctx *ctx)
{
    return ctx->err->code == ERR_TIME || ctx->err->silent;
}

/* Passes over what could not be read, unless there is no more time. 0, or -1 with ctx->err set. */
static int pass_over(const char *what, struct ctx *ctx)
{
    if (keyring_is_over(ctx))
        return -1;
    TRACE(ctx->trace, LAYER, "%s%s%s", what, *what ? ": " : "", err_text(ctx->err));
    err_release(ctx->err);
    return 0;
}

static bool is_same(const struct identity_public *a, const struct identity_public *b)
{
    return a->blob && b->blob && a->size == b->size && memcmp(a->blob, b->blob, a->size) == 0;
}

/* Where in a list the key with this public half is; at its end when there is none. */
static struct keyring_key **find_key(struct keyring_key **list, const struct identity_public *half)
{
    while (*list && !is_same(half, &(*list)->public_half))
        list = &(*list)->next;
    return list;
}

/* Adds a key behind the others. */
static void add_key(struct keyring *ring, struct keyring_key *key)
{
    struct keyring_key **end = &ring->first;

    while (*end)
        end = &(*end)->next;
    *end = key;
}

/* Takes `name` and `path` over; they are NULL where memory is lacking, or `path` where there is
 * none. NULL with ctx->err set. */
static struct keyring_key *key_new(char *name, char *path, struct ctx *ctx)
{
    struct keyring_key *key = name ? calloc(1, sizeof(*key)) : NULL;

    if (!key) {
        free(name);
        free(path);
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    key->name = name;
    key->path = path;
    return key;
}

/* --- files --- */

/* 1 = it is there and the caller releases it; 0 = it isn't, or of no use; -1 with ctx->err set. */
static int read_file(struct file_text *file, const char *path, struct ctx *ctx)
{
    int got = file_read(file, path, IDENTITY_FILE_MAX, ctx->err);

    if (got == 0 && errno != ENOENT)
        TRACE(ctx->trace, LAYER, "%s: %s", path, strerror(errno));
    return got == -1 ? pass_over("", ctx) : got;
}

/* The public key in the file PATH+SUFFIX. 1, 0 when there is none, -1 with ctx->err set. */
static int read_public(struct identity_public *key, const char *path, const char *suffix,
                       struct ctx *ctx)
{
    char *whole = text_join(path, suffix, (char *)NULL);
    struct file_text file;

    *key = IDENTITY_PUBLIC_NONE;
    if (!whole)
        return err_no_memory(ctx->err);
    int got = read_file(&file, whole, ctx);
    if (got == 1) {
        got = identity_read_public(key, file.text, ctx->err);
        file_release(&file);
    }
    free(whole);
    return got;
}

/* The same for the public half within a private key. */
static int read_public_half(struct identity_public *key, const char *path, struct ctx *ctx)
{
    struct identity_private whole;
    struct file_text file;
    int got = read_file(&file, path, ctx);

    if (got != 1)
        return got;
    got = identity_read_private(&whole, file.text, ctx->err);
    file_release(&file);
    if (got == -1)
        return -1;
    *key = whole.public_half;
    return key->blob ? 1 : 0;
}

/* Notes a certificate that ssh(1) would find. 0, or -1 with ctx->err set. */
static int look_for_certificate(struct keyring *ring, const char *path, const char *suffix,
                                struct ctx *ctx)
{
    char *whole = text_join(path, suffix, (char *)NULL);
    struct identity_public key = IDENTITY_PUBLIC_NONE;
    struct key_blob parts;
    int got = whole ? read_public(&key, whole, "", ctx) : err_no_memory(ctx->err);

    if (got == 1 && key_blob_read(&parts, key.blob, key.size) == 0 && parts.is_certificate)
        (void)ability_has_key(&ring->ability, whole, &key, ctx->trace);
    identity_public_release(&key);
    free(whole);
    return got == -1 ? -1 : 0;
}

/* What can be seen of a key without a passphrase: its public half. As read_public. */
static int look_at(struct keyring *ring, struct keyring_key *key, struct ctx *ctx)
{
    int got = read_public(&key->public_half, key->path, "", ctx);

    if (got == 0)
        got = read_public(&key->public_half, key->path, ".pub", ctx);
    if (got == 0)
        got = read_public_half(&key->public_half, key->path, ctx);
    if (got != -1 && ring->gateway->config.certificate_files.count == 0 &&
        (look_for_certificate(ring, key->path, "-cert", ctx) == -1 ||
         look_for_certificate(ring, key->path, "-cert.pub", ctx) == -1))
        got = -1;
    return got;
}

/* Takes `path` over. */
static int add_file(struct keyring *ring, const char *name, char *path, struct ctx *ctx)
{
    struct keyring_key *key = key_new(strdup(name), path, ctx);
    int got = key ? look_at(ring, key, ctx) : -1;

    if (got == 0 || (got == 1 && !*find_key(&ring->first, &key->public_half)))
        add_key(ring, key);
    else
        key_free(key);
    return got == -1 ? -1 : 0;
}

static char *expand(const struct keyring *ring, const char *path, struct ctx *ctx)
{
    return ssh_config_expand(&ring->gateway->config, ring->gateway->hop->address.host, path,
                             ctx->err);
}

static int add_files(struct keyring *ring, struct ctx *ctx)
{
    const struct ssh_config *config = &ring->gateway->config;

    if (config->pkcs11_provider)
        ability_note_library(&ring->ability, true, "PKCS11Provider", "set", "uses none");
    for (size_t i = 0; i < config->certificate_files.count; i++) {
        char *path = expand(ring, config->certificate_files.item[i], ctx);
        int done = -1;
        if (path)
            done = look_for_certificate(ring, path, "", ctx);
        if (done == 0)
            done = look_for_certificate(ring, path, ".pub", ctx);
        free(path);
        if (done == -1)
            return -1;
    }
    for (size_t i = 0; i < config->identity_files.count; i++) {
        const char *name = config->identity_files.item[i];
        char *path = text_same(name, "none") ? NULL : expand(ring, name, ctx);
        if (path ? add_file(ring, name, path, ctx) == -1 : ctx->err->code != ERR_NONE)
            return -1;
    }
    return 0;
}

/* --- the agent --- */

/* Where it listens, in fresh memory; NULL when there is none, or with ctx->err set. */
static char *agent_path(const struct keyring *ring, struct ctx *ctx)
{
    const char *said = ring->gateway->config.identity_agent;
    const char *variable = "SSH_AUTH_SOCK";

    if (said && strcmp(said, "none") == 0)
        return NULL;
    if (said && strcmp(said, variable) != 0) {
        /* Its older form, for a whole value only. */
        if (said[0] != '$' || said[1] == '{')
            return expand(ring, said, ctx);
        variable = said + 1;
    }
    const char *path = getenv(variable);
    char *copy = path && *path ? strdup(path) : NULL;
    if (path && *path && !copy)
        (void)err_no_memory(ctx->err);
    return copy;
}

/* Adds a key that no file has. 0, or -1 with ctx->err set. */
static int add_agent_key(struct keyring *ring, const struct agent_key *from, struct ctx *ctx)
{
    struct keyring_key *key = key_new(text_join("agent: ", from->comment, (char *)NULL), NULL, ctx);
    uint8_t *blob = key ? malloc(from->size) : NULL;

    if (!blob) {
        key_free(key);
        return err_no_memory(ctx->err);
    }
    memcpy(blob, from->blob, from->size);
    key->public_half = (struct identity_public){blob, from->size};
    key->in_agent = true;
    if (!*find_key(&ring->first, &key->public_half))
        add_key(ring, key);
    else
        key_free(key);
    return 0;
}

/* Puts them all in order. `ring` has those of the files. */
static int merge(struct keyring *ring, const struct agent_keys *keys, struct ctx *ctx)
{
    struct keyring_key *files = ring->first;
    int done = 0;

    ring->first = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct identity_public half = {keys->key[i].blob, keys->key[i].size};
        struct keyring_key **found = find_key(&files, &half);
        if (!*found)
            continue;
        (*found)->in_agent = true;
        add_key(ring, take_key(found));
    }
    for (size_t i = 0; i < keys->count && done == 0; i++)
        if (!ring->gateway->config.identities_only)
            done = add_agent_key(ring, &keys->key[i], ctx);
    while (files)
        add_key(ring, take_key(&files));
    return done;
}

static int add_agent(struct keyring *ring, struct ctx *ctx)
{
    struct agent_keys keys = AGENT_KEYS_INIT;
    char *path = agent_path(ring, ctx);

    if (!path)
        return ctx->err->code == ERR_NONE ? 0 : -1;
    ring->agent = unix_dial(path, ctx);
    free(path);
    if (!ring->agent)
        return pass_over("no agent", ctx);
    if (agent_list(ring->agent, &keys, ctx) == -1) {
        stream_close(ring->agent);
        ring->agent = NULL;
        return pass_over("no agent", ctx);
    }
    TRACE(ctx->trace, LAYER, "keys of the agent: %zu", keys.count);
    int done = merge(ring, &keys, ctx);
    agent_keys_release(&keys);
    return done;
}

/* --- private halves --- */

void keyring_note(struct keyring *ring, const struct keyring_key *key, const char *why)
{
    char *unused = text_join(ring->unused ? ring->unused : "", ring->unused ? "; " : "", key->name,
                             ": ", why, (char *)NULL);

    if (!unused)
        return;
    free(ring->unused);
    ring->unused = unused;
}

/* As ssh(1) has it: that of another user is as it is. */
static bool is_exposed(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_uid == getuid() &&
           (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

/* Is the private half fit for use? */
static bool is_fit(struct keyring *ring, const struct keyring_key *key,
                   const struct identity_private *half, const struct trace *trace)
{
    const struct identity_public *within = &half->public_half;

    if (half->format == IDENTITY_NONE) {
        TRACE(trace, LAYER, "%s: no private key", key->name);
        return false;
    }
    if (is_exposed(key->path)) {
        keyring_note(ring, key, "others have access to it, so it is not used; chmod 600");
        return false;
    }
    if (half->cipher) {
        ability_note_library(&ring->ability, false, key->name, "encrypted",
                             "doesn't have the cipher");
        return false;
    }
    if (key->public_half.blob && within->blob && !is_same(&key->public_half, within)) {
        keyring_note(ring, key, "its .pub is of another key");
        return false;
    }
    if (key->public_half.blob)
        return true;
    if (half->type)
        return ability_has_type(&ring->ability, key->name, half->type);
    if (half->encrypted)
        ability_note_library(&ring->ability, false, key->name, "a key of an unknown type",
                             "may not know it");
    return true;
}

/* The same for the file. 1, 0, or -1 with ctx->err set. */
static int settle_file(struct keyring *ring, struct keyring_key *key, struct ctx *ctx)
{
    struct identity_private half;
    struct file_text file;
    int got = file_read(&file, key->path, IDENTITY_FILE_MAX, ctx->err);

    if (got == 0 && errno != ENOENT)
        keyring_note(ring, key, strerror(errno));
    if (got == 0)
        TRACE_LEVEL(2, ctx->trace, LAYER, "%s: %s", key->name, strerror(errno));
    if (got != 1)
        return got == -1 ? pass_over("", ctx) : 0;
    got = identity_read_private(&half, file.text, ctx->err);
    file_release(&file);
    if (got == -1)
        return -1;
    key->encrypted = half.encrypted;
    got = is_fit(ring, key, &half, ctx->trace);
    identity_public_release(&half.public_half);
    return got;
}

/* Keeps those that can be used. 0, or -1 with ctx->err set. */
static int settle(struct keyring *ring, struct ctx *ctx)
{
    struct keyring_key **at = &ring->first;

    while (*at) {
        struct keyring_key *key = *at;
        const struct identity_public *half = &key->public_half;
        int fits = key->in_agent ? 1 : settle_file(ring, key, ctx);
        if (fits == -1)
            return -1;
        if (fits == 1 &&
            (!half->blob || ability_has_key(&ring->ability, key->name, half, ctx->trace)))
            at = &key->next;
        else
            key_free(take_key(at));
    }
    return 0;
}

int keyring_init(struct keyring *ring, const struct ssh_gateway *gateway, enum keyring_scope scope,
                 struct ctx *ctx)
{
    *ring = (struct keyring){.gateway = gateway, .ability.config = &gateway->config};
    if (add_files(ring, ctx) == 0 && (scope == KEYRING_FILES || add_agent(ring, ctx) == 0) &&
        settle(ring, ctx) == 0)
        return 0;
    keyring_release(ring);
    return -1;
}
