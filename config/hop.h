/* SPDX-License-Identifier: MIT */
/*
 * What the user wrote for the hops of a route:
 *
 *     hop[,hop…]          nearest first; `direct` alone = no hops
 *     scheme://[user@]host[:port][?name=value[&name=value…]]
 *     scheme://[user@]unix:/path[?…]
 *     exec:command        a local command, to the next comma; `\,` is a comma of its own
 *
 * Scheme and names are in lower case afterwards. %XX is undone in users, passwords, addresses and
 * values, %00 is refused; a comma, a `?` or an `@` of one's own is written that way. In the value of
 * a setting %h and %p stay what they are.
 */
#ifndef STILE_CONFIG_HOP_H
#define STILE_CONFIG_HOP_H

#include <stdbool.h>
#include <stddef.h>

#include "config/place.h"
#include "core/endpoint.h"
#include "core/err.h"

/* A parameter of the URL, or a `-o` that was meant for this hop. */
struct setting {
    char *name;
    char *value;
    unsigned column;    /* in the text that was parsed, from 1; 0 = it came from elsewhere */
    struct place place; /* where from; none where there is a column */
};

struct secret_slot; /* credential.h */

struct hop {
    char *scheme;
    struct endpoint address; /* of the hop itself; nothing in it for exec */
    char *command;           /* of exec, else NULL */
    char *user;              /* of the URL, or NULL */
    struct setting *settings;
    size_t setting_count;
    char *name;                 /* for messages: socks5://gw:1080, without user and parameters */
    unsigned column;            /* of its first byte */
    struct secret_slot *secret; /* of credential.c; NULL for exec */

    /* What a transport has found out about it, once and for all dials; NULL: nothing yet. */
    void *known;
    void (*forget)(void *known);
};

struct hops {
    struct hop *hop; /* nearest first */
    size_t count;
};

#define HOPS_INIT ((struct hops){0, 0})

/* What a password on the command line is answered with. */
#define HOP_NO_PASSWORD                                                                            \
    "no password here: every user of the machine can read it; use PasswordCommand, PasswordFile, " \
    "PasswordEnv, ~/.netrc or the prompt"

/* Who can read the text. Others see the words of a command line, so a password in it is refused. */
enum hop_origin {
    HOP_FROM_ARGV,
    HOP_FROM_FILE
};

/*
 * Parses a list. The address of a hop that names no port has port 0 until hop_default_port. 0, and
 * the caller releases it; -1 with err set (ERR_USAGE) "column 8: …", which never repeats a
 * password.
 */
int hops_parse(struct hops *hops, const char *text, enum hop_origin origin, struct err *err);

/* The comma that ends the first hop of a list, or the end of the text. */
const char *hop_text_end(const char *from);

/* Their names with commas between, "direct" where there are none; in fresh memory that the caller frees.
 * NULL: there is none. */
char *hops_text(const struct hops *hops);

/* Wipes and frees; may be called on HOPS_INIT and twice. */
void hops_release(struct hops *hops);

/* The same for one hop that is in no list; all zeros are one. */
void hop_release(struct hop *hop);

/* Completes an address without a port. 0 = the scheme has none: -1 with err set (ERR_USAGE). */
int hop_default_port(struct hop *hop, uint16_t port, struct err *err);

/* Adds a setting behind the others. 0, or -1 when memory is lacking (err set). */
int hop_add_setting(struct hop *hop, const char *name, const char *value, unsigned column,
                    struct err *err);

/* The same for one that was said outside of the URL. */
int hop_add_setting_of(struct hop *hop, const char *name, const char *value,
                       const struct place *place, struct err *err);

/* The first setting of this name, or NULL; and its value. */
const struct setting *hop_find_setting(const struct hop *hop, const char *name);
const char *hop_setting(const struct hop *hop, const char *name);

/* A setting that is `yes` or `no`; `fallback` when it isn't there. 0, or -1 with err set. */
int hop_setting_flag(const struct hop *hop, const char *name, bool fallback, bool *out,
                     struct err *err);

/* Says in err (ERR_USAGE) what is wrong with a setting: "column 20: auth: …", "config:12: auth: …".
 * Returns -1. */
int hop_setting_fault(const struct setting *setting, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
