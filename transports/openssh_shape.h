/* SPDX-License-Identifier: MIT */
/* What kind of line ssh(1) has written on stderr, as far as words tell. */
#ifndef STILE_TRANSPORTS_OPENSSH_SHAPE_H
#define STILE_TRANSPORTS_OPENSSH_SHAPE_H

#include <stdbool.h>

struct openssh_shape {
    const char *start; /* NULL: anything */
    const char *part;  /* behind the start; NULL: anything */
};

/* Does the line look like that? *part is then where its part begins, *rest what is behind. */
bool openssh_has_shape(const struct openssh_shape *shape, const char *line, const char **part,
                       const char **rest);

enum openssh_kind {
    OPENSSH_DEBUG, /* LogLevel DEBUG and beyond */
    OPENSSH_NOISE, /* VERBOSE, or what is of no use beside other lines */
    OPENSSH_INFO,  /* INFO, the default: ERROR leaves it out */
    OPENSSH_ERROR, /* ERROR */
    OPENSSH_OTHER, /* an error in other words, or what somebody else says through ssh */
};

enum openssh_kind openssh_kind(const char *line);

#endif
