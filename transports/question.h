/* SPDX-License-Identifier: MIT */
/* What is asked of each source of names: the hosts file, DNS, the system. And where the answers
 * go. */
#ifndef STILE_TRANSPORTS_QUESTION_H
#define STILE_TRANSPORTS_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/trace.h"

/* Owns nothing: all that it points to outlives it. */
struct question {
    const char *host;
    uint16_t port;
    int family; /* AF_UNSPEC: both */
    struct addresses *addresses;
    const struct trace *trace;
};

/* Is this family asked for? */
bool question_wants(const struct question *question, enum family family);

/* Is there an answer yet? */
bool question_answered(const struct question *question);

/* Adds an address that `source` knows, with the port of the question. */
void question_answer(const struct question *question, const struct sockaddr *sa, socklen_t len,
                     const char *source);

#endif
