/* SPDX-License-Identifier: MIT */
/* The commands that live in this program. main.c picks one by the name it was started under. */
#ifndef STILE_CMD_COMMAND_H
#define STILE_CMD_COMMAND_H

#include "core/err.h"

/*
 * Runs a command to its end. Returns the exit status; what is in `err` then, main prints, unless it
 * is silent. argv[0] is the program's name.
 */
int stile_run(int argc, char **argv, struct err *err);

/* What an ssh(1) of ours runs; handover.h in transports. */
int handover_run(int argc, char **argv, struct err *err);

#endif
