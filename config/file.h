/* SPDX-License-Identifier: MIT */
/*
 * Config files: stile_config(5). The reader is given a line at a time, so that a file and a fuzzer
 * use the same.
 *
 * Every line is checked, in blocks that don't match as well. A value counts in the first block that
 * matches. What stands before the first Host, Match or Hop counts always; an Include inside of a
 * block counts where the block does, and its blocks end with it.
 */
#ifndef STILE_CONFIG_FILE_H
#define STILE_CONFIG_FILE_H

#include "config/config.h"
#include "config/match.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define FILE_DEPTH_MAX 16  /* Includes in Includes */
#define FILE_COUNT_MAX 256 /* files altogether, however they include each other */

/*
 * Reads `path`, or where that is NULL ~/.config/stile/config ($XDG_CONFIG_HOME) and then
 * /etc/stile/config, of which either may be missing; "none": nothing. Values that are said already
 * stay. What belongs to whom and who may write it is checked: refused is a file that neither we nor
 * root own or that others may write, no regular file, one with a NUL, one above FILE_BYTES_MAX.
 *
 * Blocks as long as a `Match exec` does, never past the ctx. 0, or -1 with ctx->err set (ERR_USAGE)
 * "/etc/stile/config:12: Vai: no such keyword; did you mean Via?".
 */
int file_load(struct config *config, const char *path, const struct query *query, struct ctx *ctx);

/* --- the reader, line by line --- */

struct reader {
    struct config *config;
    const struct query *query;
    struct ctx *ctx;
    const char *source;    /* in the config's keeping (config_source) */
    unsigned line;         /* the last one taken */
    unsigned depth;        /* of Includes */
    bool active;           /* does the block match? */
    bool enclosing;        /* does the one with our Include? */
    struct hop_block *hop; /* we are in it; or NULL */
    bool exposed;          /* others can read the file: no place for a password */
};

/* 0, or -1 with ctx->err set. */
int reader_take(struct reader *reader, const char *text, size_t size);

#endif
