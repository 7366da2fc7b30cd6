/* SPDX-License-Identifier: MIT */
#include "transports/ssh/auth.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
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

/* byte SSH_MSG_USERAUTH_FAILURE, name-list of methods that can continue, boolean partial success. */
static void hear_failure(struct auth *auth, struct wire rest)
{
    struct wire list;
    uint8_t partial;

    if (!wire_take_string(&rest, &list) || !wire_take_byte(&rest, &partial) || !is_plain(&list))
        return;
    char *offers = strndup((const char *)list.at, list.left);
    if (!offers)
        return;
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
        auth->talk_requests++;
}

/* --- the end of a login --- */

static const char *lacking_text(const struct auth *auth)
{
    return auth->ring.ability.lacking ? auth->ring.ability.lacking : auth->ability.lacking;
}

/* Leaves the login to ssh(1), where that can do more. */
static bool leave_to_ssh(struct auth *auth)
{
    const char *text = lacking_text(auth);

    if (!auth->lacking || !text)
        return false;
    *auth->lacking = strdup(text);
    return *auth->lacking;
}

bool login_may_ask(struct auth *auth)
{
    return !leave_to_ssh(auth);
}

/* Adds to a text in fresh memory; it is NULL where memory is lacking. */
static void add_part(char **all, const char *before, const char *text, const char *behind)
{
    char *longer =
        *all ? text_join(*all, **all ? "; " : "", before, text, behind, (char *)NULL) : NULL;

    free(*all);
    *all = longer;
}

/* What was tried, in fresh memory; NULL when there is none. */
static char *report(const struct auth *auth, const char *why)
{
    const char *lacks = lacking_text(auth), *unused = auth->ring.unused;
    char digits[TEXT_DIGITS_MAX];
    char *all = strdup("");

    if (why)
        add_part(&all, why, "", "");
    if (auth->offers)
        add_part(&all, "the gateway offers ", *auth->offers ? auth->offers : "nothing more", "");
    if (auth->tried) {
        char *keys = text_join("tried ", text_digits(auth->keys_tried, digits),
                               auth->keys_tried == 1 ? " key (" : " keys (", (char *)NULL);
        add_part(&all, keys ? keys : "tried (", auth->tried, ")");
        free(keys);
    } else if (auth->has_ring) {
        add_part(&all, "there is no key to try", "", "");
    }
    if (auth->talks_refused)
        add_part(&all, "the answers were not accepted", "", "");
    if (auth->passwords_refused)
        add_part(&all, "the password was not accepted", "", "");
    if (auth->config->batch_mode)
        add_part(&all, "BatchMode asks nobody", "", "");
    if (unused)
        add_part(&all, unused, "", "");
    if (lacks)
        add_part(&all, lacks, "", "");
    if (auth->said)
        add_part(&all, "it says: ", auth->said, "");
    return all;
}

static enum outcome fail(struct auth *auth, const char *why)
{
    char *text = report(auth, why);

    if (text)
        (void)err_set(auth->ctx->err, ERR_AUTH, "%s: no login as %s: %s",
                      auth->session->gateway->name, auth->config->user, text);
    else
        (void)err_no_memory(auth->ctx->err);
    free(text);
    return LOGIN_OVER;
}

/* The gateway has hung up. */
static enum outcome hung_up(struct auth *auth)
{
    const char *goodbye = auth->session->goodbye;
    bool had_enough = goodbye && strstr(goodbye, "oo many authentication failures");

    if (leave_to_ssh(auth))
        return LOGIN_OVER;
    if (had_enough && auth->keys_tried > 0)
        return fail(auth, "too many keys for this gateway, which says: Too many authentication "
                          "failures; IdentitiesOnly and the right IdentityFile offer fewer");
    if (auth->refusals > 0 && goodbye)
        return fail(auth, goodbye);
    if (auth->refusals > 0)
        return fail(auth, session_end(auth->session));
    (void)session_fault(auth->session, ERR_REFUSED, "login", auth->ctx);
    return LOGIN_OVER;
}

enum outcome login_outcome(struct auth *auth, int code, unsigned refusals)
{
    if (code == 0)
        return LOGIN_DONE;
    if (code == LIBSSH2_ERROR_EAGAIN)
        return LOGIN_OVER;
    if (auth->refusals != refusals) {
        TRACE(auth->ctx->trace, LAYER, "%s; the gateway offers %s",
              auth->partial ? "accepted, and more is wanted" : "refused", auth->offers);
        return LOGIN_REFUSED;
    }
    if (session_end(auth->session))
        return hung_up(auth);
    if (code != LIBSSH2_ERROR_AUTHENTICATION_FAILED)
        return LOGIN_EXHAUSTED;
    /* What else it said was not heard. */
    free(auth->offers);
    auth->offers = NULL;
    return LOGIN_REFUSED;
}

enum outcome login_fault(struct auth *auth, const char *doing)
{
    (void)session_fault(auth->session, ERR_REFUSED, doing, auth->ctx);
    return LOGIN_OVER;
}

/* --- what the gateway offers --- */

/* libssh2 1.10 compares a length in a round of questions with that of the last list of methods, and
 * takes short rounds for broken ones. A list that is begun and gets no memory leaves the least length
 * there, 27, and forgets the list before. */
static void shorten_list(struct auth *auth)
{
    LIBSSH2_SESSION *lib = auth->session->lib;

    if (!libssh2_version(0x010a00) || libssh2_version(0x010b00) || !auth->has_memory)
        return;
    auth->memory = MEMORY_NONE;
    auth->was_refused = false;
    (void)libssh2_userauth_list(lib, "", 0);
    auth->memory = MEMORY_PLAIN;
    if (auth->was_refused) {
        libssh2_free(lib, auth->list);
        auth->list = NULL;
    }
}

/* Asks by way of a login without anything, which may be enough. LOGIN_REFUSED: it is not. */
static enum outcome ask_methods(struct auth *auth)
{
    LIBSSH2_SESSION *lib = auth->session->lib;
    const char *user = auth->config->user;
    char *list;

    auth->asked_none = true;
    /* It would forget the one before. */
    if (auth->list)
        libssh2_free(lib, auth->list);
    auth->list = NULL;
    do
        list = libssh2_userauth_list(lib, user, (unsigned)strlen(user));
    while (!list && !libssh2_userauth_authenticated(lib) &&
           libssh2_session_last_errno(lib) == LIBSSH2_ERROR_EAGAIN &&
           session_wait(auth->session, auth->ctx) == 0);
    if (list) {
        free(auth->offers);
        auth->offers = strdup(list);
        auth->list = list;
        shorten_list(auth);
        TRACE(auth->ctx->trace, LAYER, "the gateway offers %s", auth->offers ? auth->offers : "?");
        if (auth->offers)
            return LOGIN_REFUSED;
        (void)err_no_memory(auth->ctx->err);
        return LOGIN_OVER;
    }
    if (libssh2_userauth_authenticated(lib))
        return LOGIN_DONE;
    if (libssh2_session_last_errno(lib) == LIBSSH2_ERROR_EAGAIN)
        return LOGIN_OVER;
    return session_end(auth->session) ? hung_up(auth) : login_fault(auth, "login");
}

/* --- giving up --- */

enum outcome login_give_up(struct auth *auth, const char *why)
{
    bool has_answered = auth->talks > 0 || auth->passwords > 0;

    /* Now it costs nothing any more. */
    if (!auth->asked_none && !has_answered && !session_end(auth->session)) {
        char *offers = auth->offers ? strdup(auth->offers) : NULL;
        enum outcome outcome = ask_methods(auth);
        if (outcome == LOGIN_REFUSED && offers) {
            free(auth->offers);
            auth->offers = offers;
        } else {
            free(offers);
        }
        if (outcome != LOGIN_REFUSED)
            return outcome;
    }
    return leave_to_ssh(auth) ? LOGIN_OVER : fail(auth, why);
}

enum outcome login_unanswered(struct auth *auth)
{
    if (keyring_is_over(auth->ctx))
        return LOGIN_OVER;
    char *why = strdup(err_text(auth->ctx->err));
    err_release(auth->ctx->err);
    enum outcome outcome = login_give_up(auth, why);
    free(why);
    return outcome;
}

/* --- secrets of the hop --- */

bool login_has_secret(const struct auth *auth)
{
    static const char *const names[] = {"passwordcommand", "passwordfile", "passwordenv"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hop_setting(auth->session->gateway->hop, names[i]))
            return true;
    return false;
}

const char *login_secret(const struct auth *auth)
{
    /* Whose it is may be known from ssh_config alone. */
    struct hop hop = *auth->session->gateway->hop;

    hop.user = auth->config->user;
    return credential_secret(&hop, auth->ctx);
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
        return auth->offers ? login_give_up(auth, NULL) : ask_methods(auth);
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

/* Does the configuration leave nothing but methods that libssh2 hasn't got? *keys: it leaves keys. */
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
    bool decides = ring.count > 0 || ring.ability.is_preferred;
    if (ring.ability.lacking && (ring.count == 0 || ring.ability.is_preferred)) {
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
