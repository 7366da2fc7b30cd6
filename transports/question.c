/* SPDX-License-Identifier: MIT */
#include "transports/question.h"

bool question_wants(const struct question *question, enum family family)
{
    return question->family == AF_UNSPEC ||
           question->family == (family == FAMILY_V6 ? AF_INET6 : AF_INET);
}

bool question_answered(const struct question *question)
{
    return question->addresses->count[FAMILY_V6] > 0 || question->addresses->count[FAMILY_V4] > 0;
}

void question_answer(const struct question *question, const struct sockaddr *sa, socklen_t len,
                     const char *source)
{
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    if (!address_set(&address, sa, len, question->port))
        return;
    TRACE(question->trace, "name", "%s: %s (%s)", question->host, address_text(&address, text),
          source);
    addresses_add(question->addresses, &address);
}
