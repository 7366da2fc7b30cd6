/* SPDX-License-Identifier: MIT */
/* The commands that live in this program. main.c picks one by the name it was started under. */
#ifndef STILE_CMD_COMMAND_H
#define STILE_CMD_COMMAND_H

#include <stdbool.h>

#include "core/err.h"

/* What a command leaves behind for main. */
struct outcome {
    struct err err;
    bool quiet; /* the user wants no message */
};

/*
 * Runs a command to its end. On failure outcome->err is set: main prints it and makes its code the exit
 * status. argv[0] is the program's name.
 */
void stile_run(int argc, char **argv, struct outcome *outcome);

#endif
