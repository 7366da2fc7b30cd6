/* SPDX-License-Identifier: MIT */
/* "publickey", RFC 4252 section 7. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/prompt.h"
#include "core/secret.h"
#include "core/text.h"
#include "transports/ssh/agent.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/known_hosts.h"
#include "transports/ssh/login.h"
#include "transports/ssh/memory.h"
#include "transports/ssh/wire.h"

#define LAYER "ssh"

/* --- what people see --- */

static void show_key(const struct auth *auth, const struct keyring_key *key)
{
    const struct identity_public *half = &key->public_half;
    char *print = NULL;

    if (auth->ctx->trace->level == 0)
        return;
    if (half->blob)
        print = known_hosts_fingerprint(half->blob, half->size, auth->config->fingerprint_md5);
    TRACE(auth->ctx->trace, LAYER, "offering %s%s%s%s", key->name, print ? " " : "",
          print ? print : "", key->in_agent && key->path ? " by the agent" : "");
    free(print);
}

/* It goes over the wire. */
static void note_tried(struct auth *auth, const struct keyring_key *key)
{
    char *tried =
        text_join(auth->tried ? auth->tried : "", auth->tried ? ", " : "", key->name, (char *)NULL);

    auth->keys_tried++;
    if (!tried)
        return;
    free(auth->tried);
    auth->tried = tried;
}

/* --- questions without a signature, and signatures by the agent --- */

struct signing {
    struct auth *auth;
    const struct keyring_key *key;
    bool wanted; /* the gateway takes the key */
};

/* string session, byte number, string user, string service, string method, boolean, string
 * algorithm: the name of the last one in fresh memory, or NULL. */
static char *algorithm_of(const uint8_t *data, size_t size)
{
    struct wire rest = {data, size}, text;
    uint8_t byte;

    if (!wire_take_string(&rest, &text) || !wire_take_byte(&rest, &byte) ||
        !wire_take_string(&rest, &text) || !wire_take_string(&rest, &text) ||
        !wire_take_string(&rest, &text) || !wire_take_byte(&rest, &byte) ||
        !wire_take_string(&rest, &text))
        return NULL;
    return strndup((const char *)text.at, text.left);
}

/* 0, or -1 with ctx->err set. */
static int sign_by_agent(struct signing *signing, const uint8_t *data, size_t size,
                         struct agent_signature *signature)
{
    struct auth *auth = signing->auth;
    const struct identity_public *half = &signing->key->public_half;
    char *algorithm = algorithm_of(data, size);
    const struct agent_request request = {half->blob, half->size, data, size, algorithm};
    int done = -1;

    if (!algorithm)
        (void)err_no_memory(auth->ctx->err);
    else if (!auth->ring.agent)
        (void)err_set(auth->ctx->err, ERR_AUTH, "the agent has gone");
    else
        done = agent_sign(auth->ring.agent, &request, signature, auth->ctx);
    free(algorithm);
    return done;
}

static int sign(LIBSSH2_SESSION *lib, unsigned char **signature, size_t *signature_size,
                const unsigned char *data, size_t size, void **abstract)
{
    struct signing *signing = *abstract;
    struct agent_signature made;

    signing->wanted = true;
    if (!signing->key->in_agent || sign_by_agent(signing, data, size, &made) == -1)
        return -1;
    *signature = memory_alloc(made.size, libssh2_session_abstract(lib));
    if (*signature)
        memcpy(*signature, made.data, made.size);
    *signature_size = made.size;
    free(made.data);
    return *signature ? 0 : -1;
}

/* Offers the key, and has the agent sign, if it has the key. LOGIN_EXHAUSTED: the gateway takes the
 * key, and there is no signature; ctx->err says why where the agent was asked. */
static enum outcome offer(struct auth *auth, const struct keyring_key *key)
{
    struct session *session = auth->session;
    struct signing signing = {auth, key, false};
    void *abstract = &signing;
    unsigned before = auth->refusals;
    int code;

    do
        code = libssh2_userauth_publickey(session->lib, auth->config->user, key->public_half.blob,
                                          key->public_half.size, sign, &abstract);
    while (code == LIBSSH2_ERROR_EAGAIN && session_wait(session, auth->ctx) == 0);
    enum outcome outcome = login_outcome(auth, code, before);
    if (outcome == LOGIN_EXHAUSTED && !signing.wanted)
        return login_fault(auth, "publickey");
    return outcome;
}

/* LOGIN_EXHAUSTED: this key is of no use. */
static enum outcome try_agent(struct auth *auth, const struct keyring_key *key)
{
    struct err *err = auth->ctx->err;
    enum outcome outcome = offer(auth, key);

    if (outcome != LOGIN_EXHAUSTED || keyring_is_over(auth->ctx))
        return outcome == LOGIN_EXHAUSTED ? LOGIN_OVER : outcome;
    /* A key of the agent may be bound to hosts, and ssh(1) can prove where it is. */
    char *text = text_join(key->name, ": ", err_text(err), (char *)NULL);
    if (text)
        ability_note(&auth->ability, false, text);
    free(text);
    TRACE(auth->ctx->trace, LAYER, "%s: %s", key->name, err_text(err));
    if (err->code != ERR_AUTH) {
        stream_close(auth->ring.agent);
        auth->ring.agent = NULL;
    }
    err_release(err);
    return LOGIN_EXHAUSTED;
}

/* --- files --- */

/* The key as a line of a FILE.pub, in fresh memory; NULL when there is none. */
static char *public_line(const struct identity_public *half)
{
    char *name = wire_first_text(half->blob, half->size);
    char *blob = base64_encode(half->blob, half->size);
    char *line = name && blob ? text_join(name, " ", blob, (char *)NULL) : NULL;

    free(name);
    free(blob);
    return line;
}

/* Offers the key and signs with what is in the file. LOGIN_EXHAUSTED: that can't be done with this
 * passphrase. */
static enum outcome use_file(struct auth *auth, const struct keyring_key *key,
                             const struct file_text *file, const char *passphrase)
{
    const struct identity_public *half = &key->public_half;
    struct session *session = auth->session;
    const char *user = auth->config->user;
    char *line = half->blob ? public_line(half) : NULL;
    unsigned before = auth->refusals;
    int code;

    if (half->blob && !line) {
        (void)err_no_memory(auth->ctx->err);
        return LOGIN_OVER;
    }
    auth->offered = half->blob ? half : NULL;
    auth->accepted = false;
    do
        code = libssh2_userauth_publickey_frommemory(session->lib, user, strlen(user), line,
                                                     line ? strlen(line) : 0, file->text,
                                                     file->size, passphrase);
    while (code == LIBSSH2_ERROR_EAGAIN && session_wait(session, auth->ctx) == 0);
    auth->offered = NULL;
    free(line);
    enum outcome outcome = login_outcome(auth, code, before);
    if (outcome == LOGIN_EXHAUSTED && half->blob && !auth->accepted)
        return login_fault(auth, "publickey");
    return outcome;
}

/* The same, as long as the file is what it was. */
static enum outcome try_file(struct auth *auth, const struct keyring_key *key,
                             const char *passphrase)
{
    struct file_text file;
    int got = file_read(&file, key->path, IDENTITY_FILE_MAX, auth->ctx->err);

    if (got != 1) {
        keyring_note(&auth->ring, key, got == 0 ? strerror(errno) : err_text(auth->ctx->err));
        err_release(auth->ctx->err);
        return LOGIN_EXHAUSTED;
    }
    enum outcome outcome = use_file(auth, key, &file, passphrase);
    file_release(&file);
    return outcome;
}

static enum outcome try_open(struct auth *auth, const struct keyring_key *key)
{
    enum outcome outcome = try_file(auth, key, NULL);

    if (outcome == LOGIN_EXHAUSTED)
        keyring_note(&auth->ring, key, "libssh2 can't read it");
    return outcome;
}

/* --- passphrases --- */

/* For secret_free; NULL: there is none, and what ctx->err says is noted with the key. */
static char *ask_passphrase(struct auth *auth, const struct keyring_key *key)
{
    char *question = text_join("Enter passphrase for key '", key->path, "' (",
                               auth->session->gateway->name, "): ", (char *)NULL);
    char *answer = NULL;

    if (question)
        answer = prompt_secret(question, auth->ctx);
    else
        (void)err_no_memory(auth->ctx->err);
    free(question);
    if (!answer && !keyring_is_over(auth->ctx)) {
        keyring_note(&auth->ring, key, err_text(auth->ctx->err));
        err_release(auth->ctx->err);
    }
    return answer;
}

static enum outcome unlock(struct auth *auth, const struct keyring_key *key)
{
    for (unsigned i = 0; i < auth->config->password_prompts; i++) {
        char *passphrase = ask_passphrase(auth, key);
        if (!passphrase)
            return keyring_is_over(auth->ctx) ? LOGIN_OVER : LOGIN_EXHAUSTED;
        bool is_empty = !*passphrase;
        enum outcome outcome = is_empty ? LOGIN_EXHAUSTED : try_file(auth, key, passphrase);
        secret_free(passphrase);
        if (is_empty)
            keyring_note(&auth->ring, key, "no passphrase was given");
        if (is_empty || outcome != LOGIN_EXHAUSTED)
            return outcome;
        TRACE(auth->ctx->trace, LAYER, "%s: the passphrase is wrong", key->name);
    }
    keyring_note(&auth->ring, key, "the passphrase is wrong");
    return LOGIN_EXHAUSTED;
}

/* Nobody is asked for a passphrase before the gateway wants the key, if that can be known. */
static enum outcome try_locked(struct auth *auth, const struct keyring_key *key)
{
    if (key->public_half.blob) {
        enum outcome outcome = offer(auth, key);
        if (outcome != LOGIN_EXHAUSTED)
            return outcome;
        TRACE(auth->ctx->trace, LAYER, "the gateway takes %s", key->name);
    }
    if (auth->config->batch_mode) {
        keyring_note(&auth->ring, key, "is locked");
        return LOGIN_EXHAUSTED;
    }
    if (auth->config->add_keys_to_agent && auth->lacking)
        ability_note(&auth->ability, false, "AddKeysToAgent is said, which only ssh(1) does");
    return login_may_ask(auth) ? unlock(auth, key) : LOGIN_OVER;
}

/* --- the method --- */

static enum outcome try_key(struct auth *auth, struct keyring_key *key)
{
    key->tried = true;
    show_key(auth, key);
    note_tried(auth, key);
    if (key->in_agent)
        return try_agent(auth, key);
    return key->encrypted ? try_locked(auth, key) : try_open(auth, key);
}

enum outcome publickey_try(struct auth *auth)
{
    enum outcome outcome = LOGIN_EXHAUSTED;

    if (!auth->has_ring) {
        auth->has_ring =
            keyring_init(&auth->ring, auth->session->gateway, KEYRING_ALL, auth->ctx) == 0;
        if (!auth->has_ring)
            return LOGIN_OVER;
    }
    struct keyring_key *key = auth->ring.first;
    for (; key && outcome == LOGIN_EXHAUSTED; key = key->next)
        if (!key->tried)
            outcome = try_key(auth, key);
    return outcome;
}
