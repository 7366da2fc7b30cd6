/* SPDX-License-Identifier: MIT */
/* A login that is under way: what auth.c and its methods share. */
#ifndef STILE_TRANSPORTS_SSH_LOGIN_H
#define STILE_TRANSPORTS_SSH_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ctx.h"
#include "transports/ssh/auth.h"
#include "transports/ssh/keyring.h"
#include "transports/ssh/session.h"

/* What became of one attempt. */
enum outcome {
    LOGIN_DONE,
    LOGIN_REFUSED,   /* the gateway has turned it down */
    LOGIN_EXHAUSTED, /* nothing was sent: the method has no more to try */
    LOGIN_OVER,      /* ctx->err or *lacking is set */
};

#define LOGIN_METHODS 5

/* What libssh2 is to be given memory for. */
enum memory_mode {
    MEMORY_PLAIN,
    MEMORY_SPACIOUS, /* with room behind each block, which libssh2 1.10 may read */
    MEMORY_NONE,     /* nothing, so that it does not go on */
};

struct auth {
    struct session *session;
    struct ctx *ctx;
    char **lacking; /* of auth_log_in */
    const struct ssh_config *config;
    const char *host; /* as the user wrote it */
    enum memory_mode memory;
    bool has_memory;  /* auth_room was asked */
    bool was_refused; /* and has refused */

    /* What the gateway has said last, RFC 4252 section 5.1. */
    char *offers;      /* the methods that can continue, with commas between; NULL: not known */
    unsigned refusals; /* so far */
    bool partial;      /* the last one was a success, and more is wanted */
    char *list;        /* of libssh2_userauth_list, which is libssh2's */
    char *said;        /* besides, and nobody has read it */

    bool asked_none;
    bool exhausted[LOGIN_METHODS];
    struct ability ability; /* of methods; that of keys is the ring's */

    bool has_ring;
    struct keyring ring;
    unsigned keys_tried;
    char *tried;                           /* their names, with commas between */
    const struct identity_public *offered; /* the key that is offered; or NULL */
    bool accepted;                         /* the gateway would take it */

    unsigned passwords; /* tries */
    bool passwords_refused;

    unsigned talks; /* keyboard-interactive, tries */
    bool talks_refused;
    bool talking;
    unsigned talk_rounds;   /* of the present one, that libssh2 has understood */
    unsigned talk_requests; /* all that libssh2 is done with */
    bool talk_by_person;    /* a person has answered in it */
    bool talk_broken;       /* it is to be ended */
    const char *talk_fault; /* why, where no ctx->err says so */
    bool secret_used;       /* that of the hop, in it */
    bool secret_refused;
};

/* Has the hop a secret of its own, so that nobody need be asked? */
bool login_has_secret(const struct auth *auth);

/* It, or NULL with ctx->err set. It stays the hop's. */
const char *login_secret(const struct auth *auth);

/* Before a person is asked: can ssh(1) do more than we? Then *lacking is set, and LOGIN_OVER. */
bool login_may_ask(struct auth *auth);

/* Asks what the gateway offers, by way of a login with nothing, which may be enough. LOGIN_REFUSED:
 * it is not. */
enum outcome login_ask_methods(struct auth *auth);

/* What a call of libssh2 that returned `code`, other than LIBSSH2_ERROR_EAGAIN, has brought.
 * `refusals` is what they were before. LOGIN_EXHAUSTED: the gateway has said nothing. */
enum outcome login_outcome(struct auth *auth, int code, unsigned refusals);

/* The same for an answer of the gateway that makes no sense: ctx->err is set. */
enum outcome login_fault(struct auth *auth, const char *doing);

/* Gives up: `why` (NULL: nothing was left to try) and what was tried in ctx->err, or *lacking. */
enum outcome login_give_up(struct auth *auth, const char *why);

/* Gives up on a question that has no answer: ctx->err says why. */
enum outcome login_unanswered(struct auth *auth);

/* One attempt each. */
enum outcome publickey_try(struct auth *auth);
enum outcome keyboard_try(struct auth *auth);
enum outcome password_try(struct auth *auth);

#endif
