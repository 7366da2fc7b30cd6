/* SPDX-License-Identifier: MIT */
/* Pipes whose ends are closed one by one; -1 is an end that is closed. */
#ifndef STILE_CORE_PIPE_H
#define STILE_CORE_PIPE_H

#include "core/os.h"

#define PIPE_CLOSED                                                                                \
    {                                                                                              \
        -1, -1                                                                                     \
    }

/* Closes an end, and marks it. Both may be called on what is closed. */
void pipe_end_close(int *end);
void pipe_close(int ends[PIPE_ENDS]);

#endif
