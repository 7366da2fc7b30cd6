/* SPDX-License-Identifier: MIT */
#include "transports/ssh/agent.h"

#include <stdlib.h>
#include <string.h>

#include "core/exchange.h"
#include "transports/ssh/wire.h"

/* Message numbers, section 6.1 of the draft. */
enum {
    AGENT_FAILURE = 5,
    AGENT_LIST = 11,
    AGENT_LIST_ANSWER = 12,
    AGENT_SIGN = 13,
    AGENT_SIGN_ANSWER = 14,
    AGENT_EXTENSION_FAILURE = 28,
};

/* Flags of AGENT_SIGN: which signature of an RSA key. */
static const struct {
    const char *algorithm;
    uint32_t flags;
} rsa_flags[] = {{"rsa-sha2-256", 2}, {"rsa-sha2-512", 4}};

static int is_nonsense(struct err *err)
{
    return err_set(err, ERR_AUTH, "the agent's answer makes no sense");
}

/* Takes the number of the message. 0, or -1 with err set. */
static int take_number(struct wire *answer, uint8_t wanted, struct err *err)
{
    uint8_t number;

    if (!wire_take_byte(answer, &number))
        return is_nonsense(err);
    if (number == AGENT_FAILURE || number == AGENT_EXTENSION_FAILURE)
        return err_set(err, ERR_AUTH, "the agent refuses");
    return number == wanted ? 0 : is_nonsense(err);
}

/* --- the list --- */

void agent_keys_release(struct agent_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->key[i].blob);
        free(keys->key[i].comment);
    }
    free(keys->key);
    *keys = AGENT_KEYS_INIT;
}

static int take_key(struct wire *answer, struct agent_key *key, struct err *err)
{
    struct wire blob, comment;

    *key = (struct agent_key){0};
    if (!wire_take_string(answer, &blob) || !wire_take_string(answer, &comment) || !blob.left)
        return is_nonsense(err);
    key->blob = malloc(blob.left);
    key->comment = strndup((const char *)comment.at, comment.left);
    if (!key->blob || !key->comment) {
        free(key->blob);
        free(key->comment);
        return err_no_memory(err);
    }
    memcpy(key->blob, blob.at, blob.left);
    key->size = blob.left;
    return 0;
}

int agent_read_keys(struct agent_keys *keys, const uint8_t *answer, size_t size, struct err *err)
{
    struct wire rest = {answer, size};
    uint32_t count;

    *keys = AGENT_KEYS_INIT;
    if (take_number(&rest, AGENT_LIST_ANSWER, err) == -1)
        return -1;
    if (!wire_take_u32(&rest, &count))
        return is_nonsense(err);
    if (count > AGENT_KEYS_MAX)
        return err_set(err, ERR_AUTH, "the agent claims to have %u keys", count);
    keys->key = calloc(count ? count : 1, sizeof(*keys->key));
    if (!keys->key)
        return err_no_memory(err);
    while (keys->count < count) {
        if (take_key(&rest, &keys->key[keys->count], err) == -1) {
            agent_keys_release(keys);
            return -1;
        }
        keys->count++;
    }
    return 0;
}

/* --- a signature --- */

int agent_read_signature(struct agent_signature *signature, const char *algorithm,
                         const uint8_t *answer, size_t size, struct err *err)
{
    struct wire rest = {answer, size}, whole, name, data;

    *signature = (struct agent_signature){0};
    if (take_number(&rest, AGENT_SIGN_ANSWER, err) == -1)
        return -1;
    if (!wire_take_string(&rest, &whole) || !wire_take_string(&whole, &name) ||
        !wire_take_string(&whole, &data) || whole.left > 0 || data.left == 0)
        return is_nonsense(err);
    if (!wire_is(&name, algorithm))
        return err_set(err, ERR_AUTH, "the agent has signed by another algorithm than %s",
                       algorithm);
    signature->data = malloc(data.left);
    if (!signature->data)
        return err_no_memory(err);
    memcpy(signature->data, data.at, data.left);
    signature->size = data.left;
    return 0;
}

/* --- the conversation --- */

/* Sends a message, its length in front. The answer, which the caller frees, without its length;
 * NULL with ctx->err set. */
static uint8_t *converse(struct stream *agent, const uint8_t *message, size_t message_size,
                         size_t *size, struct ctx *ctx)
{
    uint8_t head[sizeof(uint32_t)], *answer;
    struct wire rest = {head, sizeof(head)};
    uint32_t length;

    if (exchange_send(agent, message, message_size, ctx) == -1 ||
        exchange_receive(agent, head, sizeof(head), ctx) == -1) {
        (void)err_wrap(ctx->err, "the agent");
        return NULL;
    }
    if (!wire_take_u32(&rest, &length) || length == 0 || length > AGENT_MESSAGE_MAX) {
        (void)is_nonsense(ctx->err);
        return NULL;
    }
    answer = malloc(length);
    if (!answer) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    if (exchange_receive(agent, answer, length, ctx) == -1) {
        (void)err_wrap(ctx->err, "the agent");
        free(answer);
        return NULL;
    }
    *size = length;
    return answer;
}

int agent_list(struct stream *agent, struct agent_keys *keys, struct ctx *ctx)
{
    static const uint8_t message[] = {0, 0, 0, 1, AGENT_LIST};
    size_t size;
    uint8_t *answer = converse(agent, message, sizeof(message), &size, ctx);

    *keys = AGENT_KEYS_INIT;
    if (!answer)
        return -1;
    int done = agent_read_keys(keys, answer, size, ctx->err);
    free(answer);
    return done;
}

int agent_sign(struct stream *agent, const struct agent_request *request,
               struct agent_signature *signature, struct ctx *ctx)
{
    /* Length, number, blob, data, flags. */
    size_t fixed = 4 * sizeof(uint32_t) + 1, size;
    uint32_t flags = 0;

    *signature = (struct agent_signature){0};
    if (request->blob_size > AGENT_MESSAGE_MAX || request->data_size > AGENT_MESSAGE_MAX ||
        fixed + request->blob_size + request->data_size > AGENT_MESSAGE_MAX)
        return err_set(ctx->err, ERR_AUTH, "there is too much to sign for an agent");
    for (size_t i = 0; i < sizeof(rsa_flags) / sizeof(rsa_flags[0]); i++)
        if (strcmp(request->algorithm, rsa_flags[i].algorithm) == 0)
            flags = rsa_flags[i].flags;

    size_t message_size = fixed + request->blob_size + request->data_size;
    uint8_t *message = malloc(message_size), *at = message;
    if (!message)
        return err_no_memory(ctx->err);
    at = wire_put_u32(at, (uint32_t)(message_size - sizeof(uint32_t)));
    *at++ = AGENT_SIGN;
    at = wire_put_string(at, request->blob, request->blob_size);
    at = wire_put_string(at, request->data, request->data_size);
    (void)wire_put_u32(at, flags);

    uint8_t *answer = converse(agent, message, message_size, &size, ctx);
    free(message);
    if (!answer)
        return -1;
    int done = agent_read_signature(signature, request->algorithm, answer, size, ctx->err);
    free(answer);
    return done;
}
