/* SPDX-License-Identifier: MIT */
/*
 * One failure: what the exit status will be, and the line that a person will read.
 *
 * The function that knows the cause sets it; callers on the way up put their layer in front of it;
 * main prints it. Nobody else prints, and nobody below main exits.
 */
#ifndef STILE_CORE_ERR_H
#define STILE_CORE_ERR_H

#include <stdbool.h>

/* The values are the exit status of the process: part of the interface, stile(1). */
enum err_code {
    ERR_NONE = 0,
    ERR_STREAM = 1,  /* the stream broke after it was up */
    ERR_USAGE = 2,   /* command line or configuration */
    ERR_NAME = 3,    /* a name did not resolve */
    ERR_CONNECT = 4, /* could not connect */
    ERR_REFUSED = 5, /* a proxy or gateway refused */
    ERR_AUTH = 6,    /* authentication or host key */
    ERR_TIME = 7,    /* out of time */
    ERR_MODULE = 8,  /* a transport's module or library is missing */
};

struct err {
    enum err_code code;
    bool silent;      /* nobody reads a message, so none is printed */
    bool placed;      /* the text begins with a place: a hop, or a line of a file */
    char *text;       /* owned; ask err_text */
    struct err *next; /* owned: another line of the message; ask err_append */
};

#define ERR_INIT ((struct err){ERR_NONE, false, false, 0, 0})

/*
 * Says what went wrong. The first cause stays: on an err that is already set this does nothing, so
 * a cleanup path cannot hide the reason for the cleanup. Bytes that came from elsewhere may be put
 * in as they are: the text is cut at TEXT_SHOWN_MAX, and whoever prints it escapes it. Always
 * returns -1, so `return err_set(…)` reads well.
 */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, without a message: the one who would have read it has gone. */
int err_set_silent(struct err *err, enum err_code code);

/* As err_set, for malloc(3) and its kind. ERR_CONNECT: nothing was carried yet. */
int err_no_memory(struct err *err);

/* Takes the message away, all lines of it; the code stays. */
void err_silence(struct err *err);

/* Puts "format: " in front of the text of an err that is set and not silent. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As err_wrap with the name of a place, unless a layer further in has named one: no place stands in
 * front of another. */
int err_place(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes `more` another line of err's message, or the first one; its text moves over, and `more` is
 * as after err_release. A silent one is left out. The code stays err's, unless that was ERR_NONE.
 * Always returns -1.
 */
int err_append(struct err *err, struct err *more);

/* The message, "" when there is none to print. Never NULL, even where the memory for it was
 * lacking. */
const char *err_text(const struct err *err);

/* Frees the text and makes the err fit for another attempt. */
void err_release(struct err *err);

#endif
