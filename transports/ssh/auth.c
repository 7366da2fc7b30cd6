/* SPDX-License-Identifier: MIT */
#include "transports/ssh/auth.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/ssh/login.h"
#include "transports/ssh/wire.h"

#define LAYER "ssh"

#define USERAUTH_FAILURE 51
#define USERAUTH_PK_OK 60        /* "publickey" */
#define USERAUTH_INFO_REQUEST 60 /* "keyboard-interactive" */

/* No packet is larger. */
#define PACKET_MAX ((size_t)64 * 1024)

/* An agent that needs longer for its list asks its person, or is broken. */
#define AGENT_PATIENCE_NS CLOCK_S

/* --- what libssh2 keeps to itself --- */

size_t auth_room(struct auth *auth, size_t size)
{
    auth->has_memory = true;
    if (auth->memory == MEMORY_PLAIN)
        return size;
    if (auth->memory == MEMORY_SPACIOUS && size <= PACKET_MAX)
        return size + PACKET_MAX;
    auth->was_refused = true;
    return SIZE_MAX;
}

static bool is_plain(const struct wire *text)
{
    for (size_t i = 0; i < text->left; i++)
        if (text->at[i] <= ' ' || text->at[i] > '~')
            return false;
    return true;
}

/* byte SSH_MSG_USERAUTH_FAILURE, name-list of methods that can continue, boolean partial success.
 * */
static void hear_failure(struct auth *auth, struct wire rest)
{
    struct wire list;
    uint8_t partial;

    if (!wire_take_string(&rest, &list) || !wire_take_byte(&rest, &partial) || !is_plain(&list))
        return;
    char *offers = strndup((const char *)list.at, list.left);
    if (!offers)
        return;
    text_cut(offers);
    free(auth->offers);
    auth->offers = offers;
    auth->partial = partial;
    auth->refusals++;
}

/* byte SSH_MSG_USERAUTH_PK_OK, string algorithm, string key. */
static void hear_key(struct auth *auth, struct wire rest)
{
    struct wire algorithm, key;

    if (!wire_take_string(&rest, &algorithm) || !wire_take_string(&rest, &key))
        return;
    if (key.left == auth->offered->size && memcmp(key.at, auth->offered->blob, key.left) == 0)
        auth->accepted = true;
}

/* byte SSH_MSG_USERAUTH_INFO_REQUEST, string name, string instruction, string language, uint32
 * number of prompts, … */
static void hear_questions(struct auth *auth, struct wire rest)
{
    struct wire text;
    uint32_t count;

    for (int i = 0; i < 3; i++)
        if (!wire_take_string(&rest, &text))
            return;
    if (wire_take_u32(&rest, &count))
        auth->talk_requests++;
}

/* What is no packet doesn't look like one: in a text all lengths would be beyond its end. */
void auth_heard(struct auth *auth, const uint8_t *block, size_t size)
{
    struct wire rest = {block, size};
    uint8_t number;

    if (!wire_take_byte(&rest, &number))
        return;
    if (number == USERAUTH_FAILURE)
        hear_failure(auth, rest);
    else if (number == USERAUTH_PK_OK && auth->offered)
        hear_key(auth, rest);
    else if (number == USERAUTH_INFO_REQUEST && auth->talking)
        hear_questions(auth, rest);
}

/* --- methods --- */

static const struct method {
    const char *name;
    size_t enabled;                         /* a flag of struct ssh_config */
    bool asks;                              /* somebody */
    enum outcome (*try)(struct auth *auth); /* NULL: ssh(1) alone can */
} methods[] = {
#define FLAG(field) offsetof(struct ssh_config, field)
    {"gssapi-with-mic", FLAG(gssapi), false, NULL},
    {"hostbased", FLAG(hostbased), false, NULL},
    {"publickey", FLAG(pubkey), false, publickey_try},
    {"keyboard-interactive", FLAG(keyboard_interactive), true, keyboard_try},
    {"password", FLAG(password), true, password_try},
#undef FLAG
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))
_Static_assert(METHODS == LOGIN_METHODS, "struct auth has a place for each");
#define PREFERRED "gssapi-with-mic,hostbased,publickey,keyboard-interactive,password"

static const char *preferred(const struct ssh_config *config)
{
    return config->preferred_authentications ? config->preferred_authentications : PREFERRED;
}

static bool is_enabled(const struct ssh_config *config, const struct method *method)
{
    return *(const bool *)((const char *)config + method->enabled) &&
           !(method->asks && config->batch_mode);
}

/* The enabled method whose name is the first in a list; NULL: there is none of that name. */
static const struct method *first_method(const struct ssh_config *config, const char *list)
{
    size_t length = strcspn(list, ",");

    for (size_t i = 0; i < METHODS; i++)
        if (strlen(methods[i].name) == length && strncmp(methods[i].name, list, length) == 0)
            return is_enabled(config, &methods[i]) ? &methods[i] : NULL;
    return NULL;
}

/* What to try next; NULL: there is nothing, or the gateway has to be asked what it offers. */
static const struct method *next_method(struct auth *auth)
{
    for (const char *at = preferred(auth->config); *at; at += strcspn(at, ",")) {
        at += *at == ',';
        const struct method *method = first_method(auth->config, at);
        if (!method || auth->exhausted[method - methods])
            continue;
        if (!auth->offers && !method->try)
            continue;
        if (!auth->offers)
            return method->try == publickey_try ? method : NULL;
        if (!wire_list_has(auth->offers, method->name))
            continue;
        if (method->try)
            return method;
        ability_note_library(&auth->ability, false, method->name, "offered", "doesn't have it");
    }
    return NULL;
}

static enum outcome next_step(struct auth *auth)
{
    const struct method *method = next_method(auth);
    enum outcome outcome;

    if (!method)
        return auth->offers ? login_give_up(auth, NULL) : login_ask_methods(auth);
    outcome = method->try(auth);
    if (outcome == LOGIN_EXHAUSTED)
        auth->exhausted[method - methods] = true;
    if (outcome == LOGIN_DONE)
        TRACE(auth->ctx->trace, LAYER, "logged in as %s by %s", auth->config->user, method->name);
    return outcome;
}

static void auth_release(struct auth *auth)
{
    if (auth->has_ring)
        keyring_release(&auth->ring);
    ability_release(&auth->ability);
    free(auth->offers);
    free(auth->tried);
    free(auth->said);
}

int auth_log_in(struct session *session, char **lacking, struct ctx *ctx)
{
    const struct ssh_gateway *gateway = session->gateway;
    struct auth auth = {
        .session = session,
        .ctx = ctx,
        .lacking = lacking,
        .config = &gateway->config,
        .host = gateway->hop->address.host,
    };
    enum outcome outcome;

    session->auth = &auth;
    do
        outcome = next_step(&auth);
    while (outcome != LOGIN_DONE && outcome != LOGIN_OVER);
    session->auth = NULL;
    auth_release(&auth);
    return outcome == LOGIN_DONE ? 0 : -1;
}

/* --- before the gateway is dialed --- */

/* Does the configuration leave nothing but methods that libssh2 hasn't got? *keys: it leaves keys.
 * */
static bool wants_other_methods(const struct ssh_config *config, bool *keys)
{
    bool ours = false, others = false;

    *keys = false;
    for (const char *at = preferred(config); *at; at += strcspn(at, ",")) {
        at += *at == ',';
        const struct method *method = first_method(config, at);
        ours |= method && method->try;
        others |= method && !method->try;
        *keys |= method && method->try == publickey_try;
    }
    return others && !ours;
}

/* A look at the keys. Takes what is lacking over into *lacks; true when that decides. */
static bool look_at_keys(const struct ssh_gateway *gateway, enum keyring_scope scope, char **lacks,
                         struct ctx *ctx)
{
    struct keyring ring;

    if (keyring_init(&ring, gateway, scope, ctx) == -1)
        return true;
    bool decides = ring.first || ring.ability.is_preferred;
    if (ring.ability.lacking && (!ring.first || ring.ability.is_preferred)) {
        *lacks = ring.ability.lacking;
        ring.ability.lacking = NULL;
    }
    keyring_release(&ring);
    return decides;
}

char *auth_lacks(const struct ssh_gateway *gateway, struct ctx *ctx)
{
    struct err err = ERR_INIT;
    struct ctx brief = *ctx;
    char *lacks = NULL;
    bool keys;

    if (wants_other_methods(&gateway->config, &keys))
        return strdup("the configuration leaves no method of login that libssh2 has");
    if (!keys)
        return NULL;
    /* The login looks again, and says what is wrong. */
    brief.err = &err;
    if (brief.deadline_ns > clock_ns() + AGENT_PATIENCE_NS)
        brief.deadline_ns = clock_ns() + AGENT_PATIENCE_NS;
    if (!look_at_keys(gateway, KEYRING_FILES, &lacks, &brief)) {
        free(lacks);
        lacks = NULL;
        (void)look_at_keys(gateway, KEYRING_ALL, &lacks, &brief);
    }
    err_release(&err);
    return lacks;
}
