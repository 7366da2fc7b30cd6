/* SPDX-License-Identifier: MIT */
#include "transports/ssh/login.h"

#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "core/text.h"

#define LAYER "ssh"

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
    if (!*auth->lacking)
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

#define HAD_ENOUGH "Too many authentication failures" /* sshd(8)'s words */

/* Why the gateway has hung up, after it has refused something; NULL: it hasn't. */
static const char *last_words(const struct auth *auth)
{
    const char *goodbye = auth->session->goodbye;

    if (goodbye && strcmp(goodbye, HAD_ENOUGH) == 0 && auth->keys_tried > 0)
        return "too many keys for it: " HAD_ENOUGH
               "; IdentitiesOnly and the right IdentityFile offer fewer";
    return goodbye || auth->refusals > 0 ? session_end(auth->session) : NULL;
}

static enum outcome hung_up(struct auth *auth)
{
    const char *words = last_words(auth);

    /* It allows one try, and we have not asked before what it is to be. */
    if (words && auth->keys_tried == 1 && auth->refusals == 0)
        ability_note(&auth->ability, false, "the gateway hangs up after the first key");

    if (leave_to_ssh(auth))
        return LOGIN_OVER;
    return words ? fail(auth, words) : login_fault(auth, "login");
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
 * takes short rounds for broken ones. A list that is begun and gets no memory leaves the least
 * length there, 27, and forgets the list before. */
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

enum outcome login_ask_methods(struct auth *auth)
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

/* The way in that ssh(1) tries first, and that costs nothing any more. LOGIN_REFUSED: it is
 * none. */
static enum outcome try_nothing(struct auth *auth)
{
    char *offers = auth->offers;
    enum outcome outcome;

    if (auth->asked_none || auth->talks > 0 || auth->passwords > 0 || session_end(auth->session))
        return LOGIN_REFUSED;
    auth->offers = NULL;
    outcome = login_ask_methods(auth);
    if (outcome == LOGIN_OVER && keyring_is_over(auth->ctx)) {
        free(offers);
        return LOGIN_OVER;
    }
    /* That it hangs up now is no news. */
    err_release(auth->ctx->err);
    if (offers) {
        free(auth->offers);
        auth->offers = offers;
    }
    return outcome == LOGIN_DONE ? LOGIN_DONE : LOGIN_REFUSED;
}

enum outcome login_give_up(struct auth *auth, const char *why)
{
    if (leave_to_ssh(auth))
        return LOGIN_OVER;
    enum outcome outcome = try_nothing(auth);
    return outcome == LOGIN_REFUSED ? fail(auth, why) : outcome;
}

enum outcome login_unanswered(struct auth *auth)
{
    if (keyring_is_over(auth->ctx))
        return LOGIN_OVER;
    /* What is wrong with a setting stays that. */
    if (auth->ctx->err->code == ERR_USAGE) {
        (void)err_wrap(auth->ctx->err, "%s", auth->session->gateway->name);
        return LOGIN_OVER;
    }
    char *why = strdup(err_text(auth->ctx->err));
    err_release(auth->ctx->err);
    enum outcome outcome = login_give_up(auth, why);
    free(why);
    return outcome;
}

/* --- secrets of the hop --- */

bool login_has_secret(const struct auth *auth)
{
    return credential_source(auth->session->gateway->hop);
}

const char *login_secret(const struct auth *auth)
{
    /* Whose it is may be known from ssh_config alone. */
    struct hop hop = *auth->session->gateway->hop;

    hop.user = auth->config->user;
    return credential_secret(&hop, auth->ctx);
}
