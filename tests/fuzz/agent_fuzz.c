/* SPDX-License-Identifier: MIT */
/*
 * What an agent answers. The first byte picks a list or a signature; what is taken is written down
 * again, and has to be what was there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transports/ssh/agent.h"
#include "transports/ssh/wire.h"

#define LIST_ANSWER 12
#define SIGN_ANSWER 14

static void check_list(const uint8_t *answer, size_t size)
{
    struct err err = ERR_INIT;
    struct agent_keys keys;

    if (agent_read_keys(&keys, answer, size, &err) == -1) {
        fuzz_check_err(&err, ERR_AUTH);
        FUZZ_CHECK(!keys.key && keys.count == 0);
        return;
    }
    FUZZ_CHECK(err.code == ERR_NONE && keys.count <= AGENT_KEYS_MAX);

    /* A NUL ends a comment. */
    uint8_t *again = fuzz_alloc(size), *at = again;
    const uint8_t *from = answer + 5;
    *at++ = LIST_ANSWER;
    at = wire_put_u32(at, (uint32_t)keys.count);
    for (size_t i = 0; i < keys.count; i++) {
        struct wire rest = {from, size - (size_t)(from - answer)}, blob, comment;
        FUZZ_CHECK(wire_take_string(&rest, &blob) && wire_take_string(&rest, &comment));
        FUZZ_CHECK(keys.key[i].size > 0);
        FUZZ_CHECK(strlen(keys.key[i].comment) <= comment.left);
        FUZZ_CHECK(strncmp(keys.key[i].comment, (const char *)comment.at, comment.left) == 0);
        at = wire_put_string(at, keys.key[i].blob, keys.key[i].size);
        at = wire_put_string(at, comment.at, comment.left);
        from = rest.at;
    }
    FUZZ_CHECK(memcmp(again, answer, (size_t)(at - again)) == 0);
    free(again);
    agent_keys_release(&keys);
}

static void check_signature(const char *algorithm, const uint8_t *answer, size_t size)
{
    struct agent_signature signature;
    struct err err = ERR_INIT;

    if (agent_read_signature(&signature, algorithm, answer, size, &err) == -1) {
        fuzz_check_err(&err, ERR_AUTH);
        FUZZ_CHECK(!signature.data);
        return;
    }
    FUZZ_CHECK(err.code == ERR_NONE && signature.size > 0);

    size_t length = strlen(algorithm), whole = 8 + length + signature.size;
    FUZZ_CHECK(5 + whole <= size);
    uint8_t *again = fuzz_alloc(5 + whole), *at = again;
    *at++ = SIGN_ANSWER;
    at = wire_put_u32(at, (uint32_t)whole);
    at = wire_put_string(at, algorithm, length);
    at = wire_put_string(at, signature.data, signature.size);
    FUZZ_CHECK(memcmp(again, answer, (size_t)(at - again)) == 0);
    free(again);
    free(signature.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    bool is_list = fuzz_byte(&input) % 2 == 0;
    char *algorithm = is_list ? NULL : fuzz_string(&input);
    /* In memory that ends with it. */
    uint8_t *answer = fuzz_alloc(input.size ? input.size : 1);

    if (input.size > 0)
        memcpy(answer, input.data, input.size);
    if (is_list)
        check_list(answer, input.size);
    else
        check_signature(algorithm, answer, input.size);
    free(answer);
    free(algorithm);
    return 0;
}
