/* SPDX-License-Identifier: MIT */
/*
 * Key files. A key that is found is one, and is found again when it stands alone; a line in front
 * that is none hides nothing; what is within an envelope is what was put there.
 */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_keys.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/identity.h"
#include "transports/ssh/key_blob.h"

static int find(struct identity_public *key, const char *text)
{
    struct err err = ERR_INIT;
    struct key_blob parts;
    int found = identity_read_public(key, text, &err);

    FUZZ_CHECK(err.code == ERR_NONE && (found == 0 || found == 1));
    FUZZ_CHECK((found == 1) == (key->blob != NULL));
    if (found == 1)
        FUZZ_CHECK(key_blob_read(&parts, key->blob, key->size) == 0);
    return found;
}

static bool same(const struct identity_public *a, const struct identity_public *b)
{
    return a->size == b->size && memcmp(a->blob, b->blob, a->size) == 0;
}

/* Alone in a file. */
static void check_again(const struct identity_public *key)
{
    char *base64 = base64_encode(key->blob, key->size);
    struct identity_public again;
    struct key_blob parts;

    FUZZ_CHECK(base64 && key_blob_read(&parts, key->blob, key->size) == 0);
    char *text = text_join(parts.type, " ", base64, (char *)NULL);
    FUZZ_CHECK(text && find(&again, text) == 1 && same(key, &again));
    identity_public_release(&again);
    free(text);
    free(base64);
}

static void check_public(const char *text)
{
    struct identity_public key, behind, ours;

    if (find(&key, text) == 1)
        check_again(&key);

    /* Behind it, unless that is the end of the public part. */
    char *all = text_join(text, "\n" KEY_ED25519 "\n", (char *)NULL);
    FUZZ_CHECK(all && find(&ours, KEY_ED25519) == 1);
    if (key.blob)
        FUZZ_CHECK(find(&behind, all) == 1 && same(&key, &behind));
    else if (!strstr(text, "-----BEGIN"))
        FUZZ_CHECK(find(&behind, all) == 1 && same(&ours, &behind));
    else
        (void)find(&behind, all);
    identity_public_release(&behind);
    identity_public_release(&ours);
    identity_public_release(&key);
    free(all);
}

static void check_private(const char *text)
{
    struct err err = ERR_INIT;
    struct identity_private key;
    struct key_blob parts;

    FUZZ_CHECK(identity_read_private(&key, text, &err) == 0 && err.code == ERR_NONE);
    FUZZ_CHECK(key.format <= IDENTITY_PEM);
    FUZZ_CHECK((key.format == IDENTITY_OPENSSH) == (key.public_half.blob != NULL));
    if (key.format == IDENTITY_OPENSSH) {
        FUZZ_CHECK(key_blob_read(&parts, key.public_half.blob, key.public_half.size) == 0);
        FUZZ_CHECK(!key.cipher || key.encrypted);
        check_again(&key.public_half);
    }
    identity_public_release(&key.public_half);
}

/* As the body of a private key, so that the fuzzer need not find out about base64. */
static void check_envelope(const struct fuzz_input *input)
{
    static const char magic[] = "openssh-key-v1";
    size_t size = sizeof(magic) + input->size;
    uint8_t *data = fuzz_alloc(size);

    memcpy(data, magic, sizeof(magic));
    if (input->size > 0)
        memcpy(data + sizeof(magic), input->data, input->size);
    char *base64 = base64_encode(data, size);
    char *text = base64 ? text_join("-----BEGIN OPENSSH PRIVATE KEY-----\n", base64,
                                    "\n-----END OPENSSH PRIVATE KEY-----\n", (char *)NULL)
                        : NULL;
    FUZZ_CHECK(text);
    if (text)
        check_private(text);
    free(text);
    free(base64);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};

    check_envelope(&input);
    char *text = fuzz_string(&input);
    check_public(text);
    check_private(text);
    free(text);
    return 0;
}
