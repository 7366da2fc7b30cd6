/* SPDX-License-Identifier: MIT */
#include "core/pipe.h"

#include <unistd.h>

void pipe_end_close(int *end)
{
    if (*end != -1)
        (void)close(*end);
    *end = -1;
}

void pipe_close(int ends[PIPE_ENDS])
{
    pipe_end_close(&ends[PIPE_READ]);
    pipe_end_close(&ends[PIPE_WRITE]);
}
