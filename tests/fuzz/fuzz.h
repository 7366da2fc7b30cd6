/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target stands on: pieces of the input, checks that end the process, and a peer
 * that says what the fuzzer wants it to say.
 *
 * A target is a file NAME_fuzz.c that defines LLVMFuzzerTestOneInput. With clang it is linked with
 * libFuzzer, else with once.c, which runs it over the files of corpus/NAME.
 */
#ifndef STILE_TESTS_FUZZ_FUZZ_H
#define STILE_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/ctx.h"
#include "transports/dialer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with a message unless it is a fact. */
#define FUZZ_CHECK(fact)                                                                           \
    do {                                                                                           \
        if (!(fact))                                                                               \
            fuzz_fail(#fact, __FILE__, __LINE__);                                                  \
    } while (0)

_Noreturn void fuzz_fail(const char *fact, const char *file, int line);

/* Fails unless the err is set as one that a person will read; releases it. */
void fuzz_check_err(struct err *err, enum err_code code);

/* --- pieces of the input --- */

struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* The next byte, 0 at the end. */
uint8_t fuzz_byte(struct fuzz_input *input);

/* What comes up to the next NUL or the end, as a string of its own that the caller frees. */
char *fuzz_string(struct fuzz_input *input);

/* A string in memory that ends with it, so that a byte too far is seen. The caller frees it. */
char *fuzz_copy(const char *text);

/* Memory that is there. */
void *fuzz_alloc(size_t size);

bool fuzz_same(const char *a, const char *b); /* NULL is equal to NULL */

/* --- a peer --- */

/* Every dial leads to it. It takes all that is said, and says the bytes of the input. */
struct fuzz_peer {
    struct dialer dialer; /* for a transport's dial */
    struct ctx ctx;
    struct err err;
    struct trace trace;
    struct config config;
    const uint8_t *says;
    size_t size;
    size_t piece; /* most bytes of one read; 0 = any */
    size_t taken; /* of what it says */
    unsigned dials;
};

#define FUZZ_DIALS_MAX 8

void fuzz_peer_init(struct fuzz_peer *peer, const struct fuzz_input *says, size_t piece);

/*
 * Dials db:22 through the hop that the URL is. Whether that succeeded; the stream is closed again,
 * and what an err has to be was checked. `hidden` must not be in its text, unless
 * the peer has said it.
 */
bool fuzz_peer_dial(struct fuzz_peer *peer, const struct transport *transport, const char *url,
                    const char *hidden);

#endif
