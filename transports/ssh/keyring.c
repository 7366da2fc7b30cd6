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
#include "transports/unix.h"

#define LAYER "ssh"

/* --- the ring --- */

static void key_release(struct keyring_key *key)
{
    free(key->name);
    free(key->path);
    identity_public_release(&key->public_half);
}

void keyring_release(struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        key_release(&ring->key[i]);
    free(ring->key);
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
    return a->size == b->size && memcmp(a->blob, b->blob, a->size) == 0;
}

/* The one with this public half, or NULL. */
static struct keyring_key *find_key(const struct keyring *ring, const struct identity_public *key)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct identity_public *other = &ring->key[i].public_half;
        if (other->blob && is_same(key, other))
            return &ring->key[i];
    }
    return NULL;
}

/* Takes over what is in the key, also on failure. 0, or -1 with ctx->err set. */
static int add_key(struct keyring *ring, struct keyring_key *key, struct ctx *ctx)
{
    struct keyring_key *larger =
        key->name ? realloc(ring->key, (ring->count + 1) * sizeof(*larger)) : NULL;

    if (!larger) {
        key_release(key);
        return err_no_memory(ctx->err);
    }
    ring->key = larger;
    ring->key[ring->count++] = *key;
    return 0;
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

/* A certificate that ssh(1) would find. 0, or -1 with ctx->err set. */
static int look_for_certificate(struct keyring *ring, const char *path, const char *suffix,
                                struct ctx *ctx)
{
    struct identity_public key;
    int got = read_public(&key, path, suffix, ctx);

    if (got == 1)
        (void)ability_has_key(&ring->ability, path, &key, ctx->trace);
    identity_public_release(&key);
    return got == -1 ? -1 : 0;
}

/* Takes `path` over. */
static int add_file(struct keyring *ring, const char *name, char *path, struct ctx *ctx)
{
    struct keyring_key key = {.name = strdup(name), .path = path};
    int got = read_public(&key.public_half, path, "", ctx);

    if (got == 0)
        got = read_public(&key.public_half, path, ".pub", ctx);
    if (got == 0)
        got = read_public_half(&key.public_half, path, ctx);
    if (got != -1 && ring->gateway->config.certificate_files.count == 0 &&
        (look_for_certificate(ring, path, "-cert", ctx) == -1 ||
         look_for_certificate(ring, path, "-cert.pub", ctx) == -1))
        got = -1;
    if (got == -1 ||
        (got == 1 && (find_key(ring, &key.public_half) ||
                      !ability_has_key(&ring->ability, name, &key.public_half, ctx->trace)))) {
        key_release(&key);
        return got == -1 ? -1 : 0;
    }
    return add_key(ring, &key, ctx);
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
    struct keyring_key key = {
        .name = text_join("agent: ", from->comment, (char *)NULL),
        .public_half = {malloc(from->size), from->size},
        .in_agent = true,
    };

    if (!key.name || !key.public_half.blob) {
        key_release(&key);
        return err_no_memory(ctx->err);
    }
    memcpy(key.public_half.blob, from->blob, from->size);
    if (find_key(ring, &key.public_half) ||
        !ability_has_key(&ring->ability, key.name, &key.public_half, ctx->trace)) {
        key_release(&key);
        return 0;
    }
    return add_key(ring, &key, ctx);
}

/* Moves a key from one ring to the end of another; what is left behind is to be passed over. */
static int move_key(struct keyring *to, struct keyring_key *key, struct ctx *ctx)
{
    struct keyring_key moved = *key;

    *key = (struct keyring_key){0};
    return add_key(to, &moved, ctx);
}

/* Puts them all in order. `ring` has those of the files. */
static int merge(struct keyring *ring, const struct agent_keys *keys, struct ctx *ctx)
{
    struct keyring sorted = *ring;
    int done = 0;

    sorted.key = NULL;
    sorted.count = 0;
    for (size_t i = 0; i < keys->count && done == 0; i++) {
        const struct identity_public key = {keys->key[i].blob, keys->key[i].size};
        struct keyring_key *file = find_key(ring, &key);
        if (!file)
            continue;
        file->in_agent = true;
        done = move_key(&sorted, file, ctx);
    }
    for (size_t i = 0; i < keys->count && done == 0; i++)
        if (!ring->gateway->config.identities_only)
            done = add_agent_key(&sorted, &keys->key[i], ctx);
    for (size_t i = 0; i < ring->count && done == 0; i++)
        if (ring->key[i].name)
            done = move_key(&sorted, &ring->key[i], ctx);
    for (size_t i = 0; i < ring->count; i++)
        key_release(&ring->key[i]);
    free(ring->key);
    *ring = sorted;
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
    TRACE(ctx->trace, LAYER, "the agent has %zu keys", keys.count);
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

static int settle(struct keyring *ring, struct ctx *ctx)
{
    size_t kept = 0;
    int done = 0;

    for (size_t i = 0; i < ring->count; i++) {
        struct keyring_key *key = &ring->key[i];
        int fits = key->in_agent || done == -1 ? 1 : settle_file(ring, key, ctx);
        if (fits == -1)
            done = -1;
        if (fits == 1)
            ring->key[kept++] = *key;
        else
            key_release(key);
    }
    ring->count = kept;
    return done;
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
