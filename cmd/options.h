/* SPDX-License-Identifier: MIT */
/*
 * Command lines from a table: one row per option says how it is written, what --help says of it,
 * and what it does. POSIX utility syntax (XBD 12.2) with long names: clusters (-46v), a value
 * behind or in the next word (-w5, -w 5, --name=value), `--`, and no option behind the first
 * operand, because operands may come from strangers.
 */
#ifndef STILE_CMD_OPTIONS_H
#define STILE_CMD_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "core/err.h"

struct option_row {
    char letter;       /* 0: has none */
    const char *name;  /* without the dashes; NULL: has none */
    const char *value; /* what the value is called in --help; NULL: takes none */
    const char *help;
    size_t field; /* offset of what it sets, in the struct that options_parse fills */
    /* Sets the field. `value` is NULL for an option without one. 0, or -1 with err set. */
    int (*apply)(const struct option_row *row, void *field, const char *value, struct err *err);
    int constant; /* for option_int */
};

/* Ready-made apply functions: a bool becomes true; an int becomes row->constant; an int grows by
 * one. */
int option_true(const struct option_row *row, void *field, const char *value, struct err *err);
int option_int(const struct option_row *row, void *field, const char *value, struct err *err);
int option_count(const struct option_row *row, void *field, const char *value, struct err *err);

/* Adds the value to a struct words, whose array the caller frees. */
struct words {
    const char **word;
    size_t count;
};
int option_word(const struct option_row *row, void *field, const char *value, struct err *err);

/*
 * Applies all options of `argv` to `into`, in order. Returns the index of the first operand, or -1
 * with err set (ERR_USAGE), which names the option. Keeps no state and changes nothing in argv.
 */
int options_parse(const struct option_row *rows, size_t count, int argc, char **argv, void *into,
                  struct err *err);

/* Prints the beginning of a usage line: the command and its options, all in brackets, those without
 * a value in one cluster. The operands are left to the caller. */
void options_usage(const char *command, const struct option_row *rows, size_t count, FILE *out);

/* Prints the table for --help. */
void options_help(const struct option_row *rows, size_t count, FILE *out);

#endif
