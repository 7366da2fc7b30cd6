/* SPDX-License-Identifier: MIT */
/* "keyboard-interactive", RFC 4256: rounds of questions, each with a text in front. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/prompt.h"
#include "core/secret.h"
#include "core/text.h"
#include "transports/ssh/login.h"
#include "transports/ssh/memory.h"

/* A packet has no more. */
#define FIELD_MAX 40000

#define ROUNDS_MAX 64

/* Ends the conversation: libssh2 gets no memory to say anything more. */
static void stop(struct auth *auth, const char *fault)
{
    auth->talk_broken = true;
    auth->talk_fault = fault;
    auth->memory = MEMORY_NONE;
}

/* --- what the gateway says --- */

/* Lines that a person will see, of a peer: without the line ends around them, and cut. Fresh
 * memory, NULL when there is none. */
static char *lines_of(const char *text, size_t size)
{
    while (size > 0 && strchr("\r\n", *text)) {
        text++;
        size--;
    }
    while (size > 0 && strchr(" \r\n", text[size - 1]))
        size--;
    char *lines = strndup(size ? text : "", size);
    text_cut(lines);
    return lines;
}

/* Keeps what is said besides the questions until somebody sees it. */
static void keep(struct auth *auth, const char *text, size_t size)
{
    char *lines = lines_of(text, size);
    char *all = lines && *lines ? text_join(auth->said ? auth->said : "", auth->said ? "\n" : "",
                                            lines, (char *)NULL)
                                : NULL;

    free(lines);
    if (!all)
        return;
    free(auth->said);
    auth->said = all;
    text_cut(auth->said);
}

static bool is_field(int size)
{
    return size >= 0 && size <= FIELD_MAX;
}

/* --- answers --- */

/* Hands an answer to libssh2, which frees it. */
static void put_answer(struct auth *auth, LIBSSH2_USERAUTH_KBDINT_RESPONSE *response,
                       const char *answer)
{
    size_t size = strlen(answer);
    void *copy = memory_alloc(size + 1, libssh2_session_abstract(auth->session->lib));

    if (!copy) {
        (void)err_no_memory(auth->ctx->err);
        stop(auth, NULL);
        return;
    }
    memcpy(copy, answer, size + 1);
    response->text = copy;
    response->length = (unsigned)size;
}

/* For secret_free; NULL with ctx->err set. */
static char *ask(struct auth *auth, const char *prompt, size_t size, bool echo)
{
    char *asked = strndup(prompt ? prompt : "", size < TEXT_SHOWN_MAX ? size : TEXT_SHOWN_MAX);
    char *question = NULL, *answer = NULL;

    if (asked)
        question = text_join(auth->said ? auth->said : "", auth->said ? "\n" : "", "(",
                             auth->config->user, "@", auth->host, ") ", asked, (char *)NULL);
    free(asked);
    free(auth->said);
    auth->said = NULL;
    auth->talk_by_person = true;
    if (question)
        answer = echo ? prompt_line(question, auth->ctx) : prompt_secret(question, auth->ctx);
    else
        (void)err_no_memory(auth->ctx->err);
    free(question);
    return answer;
}

static void answer_prompt(struct auth *auth, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompt,
                          bool is_only, LIBSSH2_USERAUTH_KBDINT_RESPONSE *response)
{
    if (is_only && !prompt->echo && login_has_secret(auth) && !auth->secret_used) {
        const char *secret = login_secret(auth);
        auth->secret_used = true;
        if (secret)
            put_answer(auth, response, secret);
        else
            stop(auth, NULL);
        return;
    }
    char *answer = NULL;
    if (login_may_ask(auth))
        answer = ask(auth, (const char *)prompt->text, prompt->length, prompt->echo);
    if (answer)
        put_answer(auth, response, answer);
    else
        stop(auth, NULL);
    secret_free(answer);
}

static void answer_round(const char *name, int name_size, const char *instruction,
                         int instruction_size, int count,
                         const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                         LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct auth *auth = ((struct session *)*abstract)->auth;

    if (++auth->talk_rounds > ROUNDS_MAX) {
        stop(auth, "questions without an end");
        return;
    }
    if (!is_field(name_size) || !is_field(instruction_size)) {
        stop(auth, "questions that make no sense");
        return;
    }
    keep(auth, name, (size_t)name_size);
    keep(auth, instruction, (size_t)instruction_size);
    for (int i = 0; i < count && !auth->talk_broken; i++)
        answer_prompt(auth, &prompts[i], count == 1, &responses[i]);
}

/* --- the method --- */

/* libssh2 1.10 passes over a round that it takes for broken, and goes on waiting. */
static bool is_lost(const struct auth *auth)
{
    return auth->talk_requests > auth->talk_rounds;
}

static enum outcome lost(struct auth *auth)
{
    char *text = text_join("libssh2 ", libssh2_version(0),
                           " takes a round of the gateway's questions for broken", (char *)NULL);

    if (text)
        ability_note(&auth->ability, false, text);
    free(text);
    return login_give_up(auth, NULL);
}

/* Why the conversation was ended. */
static enum outcome broken(struct auth *auth)
{
    if (is_lost(auth))
        return lost(auth);
    if (auth->talk_fault) {
        (void)err_set(auth->ctx->err, ERR_REFUSED, "%s: %s", auth->session->gateway->name,
                      auth->talk_fault);
        return LOGIN_OVER;
    }
    return auth->ctx->err->code == ERR_NONE ? LOGIN_OVER : login_unanswered(auth);
}

static enum outcome talk(struct auth *auth)
{
    struct session *session = auth->session;
    const char *user = auth->config->user;
    unsigned before = auth->refusals;
    int code;

    auth->talking = true;
    auth->talk_rounds = auth->talk_requests = 0;
    auth->talk_by_person = auth->talk_broken = auth->secret_used = false;
    /* It checks some lengths too late. */
    auth->memory = libssh2_version(0x010b00) ? MEMORY_PLAIN : MEMORY_SPACIOUS;
    do
        code = libssh2_userauth_keyboard_interactive_ex(session->lib, user, (unsigned)strlen(user),
                                                        answer_round);
    while (code == LIBSSH2_ERROR_EAGAIN && !auth->talk_broken && !is_lost(auth) &&
           session_wait(session, auth->ctx) == 0);
    auth->memory = MEMORY_PLAIN;
    auth->talking = false;
    if (code != 0 && (auth->talk_broken || is_lost(auth)))
        return broken(auth);
    enum outcome outcome = login_outcome(auth, code, before);
    return outcome == LOGIN_EXHAUSTED ? login_fault(auth, "keyboard-interactive") : outcome;
}

enum outcome keyboard_try(struct auth *auth)
{
    bool has_secret = login_has_secret(auth);
    bool has_no_questions = auth->talks > 0 && auth->talk_rounds == 0;

    if (auth->talks >= auth->config->password_prompts || has_no_questions || auth->secret_refused)
        return LOGIN_EXHAUSTED;
    if (!has_secret && !login_may_ask(auth))
        return LOGIN_OVER;
    auth->talks++;
    enum outcome outcome = talk(auth);
    if (outcome == LOGIN_REFUSED && !auth->partial) {
        auth->talks_refused |= auth->talk_rounds > 0;
        auth->secret_refused |= auth->secret_used && !auth->talk_by_person;
    }
    return outcome;
}
