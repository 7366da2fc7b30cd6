/* SPDX-License-Identifier: MIT */
/* "password", RFC 4252 section 8. */
#include <stdlib.h>
#include <string.h>

#include "core/prompt.h"
#include "core/secret.h"
#include "core/text.h"
#include "transports/ssh/login.h"

/* For secret_free; NULL with ctx->err set. */
static char *ask(const struct auth *auth)
{
    char *question = text_join(auth->passwords > 0 ? "Permission denied, please try again.\n" : "",
                               auth->config->user, "@", auth->host, "'s password: ", (char *)NULL);
    char *answer = NULL;

    if (question)
        answer = prompt_secret(question, auth->ctx);
    else
        (void)err_no_memory(auth->ctx->err);
    free(question);
    return answer;
}

/* Without a callback libssh2 takes the wish for a refusal. */
static void refuse_change(LIBSSH2_SESSION *lib, char **password, int *size, void **abstract)
{
    (void)lib;
    (void)abstract;
    *password = NULL;
    *size = 0;
}

static enum outcome send_password(struct auth *auth, const char *password)
{
    struct session *session = auth->session;
    const char *user = auth->config->user;
    unsigned before = auth->refusals;
    int code;

    do
        code = libssh2_userauth_password_ex(session->lib, user, (unsigned)strlen(user), password,
                                            (unsigned)strlen(password), refuse_change);
    while (code == LIBSSH2_ERROR_EAGAIN && session_wait(session, auth->ctx) == 0);
    auth->passwords++;
    if (code == LIBSSH2_ERROR_PASSWORD_EXPIRED)
        return login_give_up(auth, "the password has expired and has to be changed, for which "
                                   "ssh(1) is the place");
    enum outcome outcome = login_outcome(auth, code, before);
    return outcome == LOGIN_EXHAUSTED ? login_fault(auth, "password") : outcome;
}

enum outcome password_try(struct auth *auth)
{
    bool has_secret = login_has_secret(auth);
    char *typed = NULL;

    if (auth->passwords >= auth->config->password_prompts || (has_secret && auth->secret_refused))
        return LOGIN_EXHAUSTED;
    if (!has_secret && !login_may_ask(auth))
        return LOGIN_OVER;
    if (!has_secret)
        typed = ask(auth);
    const char *password = has_secret ? login_secret(auth) : typed;
    if (!password)
        return login_unanswered(auth);
    enum outcome outcome = send_password(auth, password);
    secret_free(typed);
    auth->passwords_refused |= outcome == LOGIN_REFUSED && !auth->partial;
    auth->secret_refused |= has_secret && outcome == LOGIN_REFUSED && !auth->partial;
    return outcome;
}
