/* SPDX-License-Identifier: MIT */
/*
 * Config files: stile_config(5). The reader is given a line at a time, so that a file and a fuzzer
 * use the same.
 *
 * Every line is checked, in blocks that don't match as well. A value counts where it is said first
 * in what matches. A block goes from its Host, Match or Hop line to the next one or to the end of
 * the file; what stands before the first counts always. An Include is as if the file stood there:
 * what comes before its first block belongs to the block with the Include, and counts where that
 * does; the blocks of the file end with it, and count only where the one with the Include does.
 *
 * Routes come from one block: all Via lines of the first that matches and has any. What stands
 * before the first block of a file is one, too.
 */
#ifndef STILE_CONFIG_FILE_H
#define STILE_CONFIG_FILE_H

#include "config/config.h"
#include "config/match.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define FILE_DEPTH_MAX 16  /* Includes in Includes */
#define FILE_COUNT_MAX 256 /* files altogether, however they include each other */

#define FILE_OF_USER "stile/config" /* in $XDG_CONFIG_HOME, an absolute path, else ~/.config */
#define FILE_OF_MACHINE "/etc/stile/config"

/*
 * Reads `path`, or where that is NULL first FILE_OF_USER and then FILE_OF_MACHINE, of which either
 * may be missing; "none": nothing. Values that are said already stay, and where there are routes
 * already those of files are only checked. What belongs to whom and who may write it is checked:
 * refused is a file that neither we nor root own or that others may write, no regular file, one with
 * a NUL, one above FILE_BYTES_MAX.
 *
 * Include takes paths and glob(3) patterns; `~/` is the home, and what isn't absolute stands in the
 * folder of the file with the Include. A path that is missing is an error, a pattern that nothing
 * matches is not.
 *
 * A route may have a password where nobody else can read the file.
 *
 * Blocks as long as a `Match exec` does, never past the ctx. 0, or -1 with ctx->err set (ERR_USAGE)
 * "/etc/stile/config:12: Vai: no such keyword; did you mean Via?"; ERR_TIME.
 */
int file_load(struct config *config, const char *path, const struct query *query, struct ctx *ctx);

/* --- the reader, line by line --- */

/* What the files of one file_load have in common. */
struct reading {
    struct config *config;
    const struct query *query;
    struct ctx *ctx;
    struct config unread; /* of blocks that don't match: checked, and nothing else */
    bool has_routes;      /* somebody has said them before: Via is only checked */
    unsigned files;       /* so far */
    unsigned blocks;      /* so far; they are numbered from 1 */
    unsigned via_block;   /* the one that gives the routes; 0: none yet */
};

/* One of them. */
struct reader {
    struct reading *reading;
    const struct reader *outer; /* the one with our Include; NULL: none */
    const char *source;         /* in the config's keeping (config_source) */
    const char *exposed; /* file.h in core/: why it is no place for a password; NULL: it is */
    unsigned line;       /* the last one taken */
    unsigned depth;      /* of Includes */
    unsigned block;      /* its number */
    bool active;         /* does it match? */
    bool enclosing;      /* does the one with our Include? */
    bool in_hop;         /* it is a Hop */
    size_t hop;          /* which block of the config, or of `unread` where it isn't active */
};

void reading_init(struct reading *reading, struct config *config, const struct query *query,
                  struct ctx *ctx);

/* Wipes and frees what is the reading's own; the config stays. */
void reading_release(struct reading *reading);

/* At the beginning of a file that nobody includes. */
void reader_init(struct reader *reader, struct reading *reading, const char *source);

/* Takes a line, without its line feed. 0, or -1 with ctx->err set. */
int reader_take(struct reader *reader, const char *text, size_t size);

#endif
