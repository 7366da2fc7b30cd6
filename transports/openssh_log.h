/* SPDX-License-Identifier: MIT */
/*
 * What ssh(1) logs with `-o LogLevel=DEBUG2`: how far it has come, and why it ended. No
 * part of it is a promise, so whatever is not understood must do no harm.
 */
#ifndef STILE_TRANSPORTS_OPENSSH_LOG_H
#define STILE_TRANSPORTS_OPENSSH_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/ssh_config.h"
#include "core/err.h"

/* What becomes of a line. */
enum openssh_line {
    OPENSSH_SHOW,  /* it is for the user */
    OPENSSH_TRACE, /* it is there only because of the level that we run it with */
    OPENSSH_KEEP,  /* it belongs to the reason of an end */
};

/* All zeros at the start, but for what the caller knows: the first group. */
struct openssh_log {
    const char *target;  /* "db:22", in messages */
    const char *command; /* what the gateway runs instead of connecting there; or NULL */
    const char *nobody; /* why nobody is asked about a new host key: "nobody may be …"; or NULL */
    bool has_timeout;   /* ConnectTimeout is set */
    enum ssh_log_level level; /* that the user wants */

    bool may_greet; /* up to the login the gateway may say anything */
    bool is_in;     /* logged in */
    bool is_up;     /* the way to the target is open */
    bool will_tell; /* this ssh says when it is */

    /* Since when there is nothing to wait for that this ssh is known to say; 0 = there is. */
    int64_t silent_ns;

    enum err_code code; /* of the first reason; ERR_NONE = there is none */
    char *reason;
    bool changed;      /* that is a host key that has changed */
    bool in_banner;    /* …and it was said before the login, where the gateway may say anything */
    char *host_key;    /* of the gateway: "ED25519 SHA256:…" */
    char *notice;      /* what the last line means for the user, besides; or NULL */
    char *other_key;   /* where another one is known: "/root/.ssh/known_hosts:3" */
    char *known_name;  /* for which host: "[bastion]:2222" */
    char *known_key;   /* which one: the caller's to find out, freed with the rest; or NULL */
    char *no_terminal; /* why there is none to ask at: "/dev/tty: …" */
};

/* Takes a line without its end. `now_ns` is when it came. */
enum openssh_line openssh_log_take(struct openssh_log *log, const char *line, int64_t now_ns);

/* Takes a line that is none of ssh's log, which goes elsewhere: its programs and the gateway say
 * that. It tells nothing of how far ssh has come, but may be the reason of an end. */
enum openssh_line openssh_log_overhear(struct openssh_log *log, const char *line);

/* The reason of an end, in fresh memory that the caller frees: "Permission denied (publickey).".
 * NULL: none was said, or memory is lacking. */
char *openssh_log_reason(const struct openssh_log *log);

/* The exit status of the process that goes with it: ERR_REFUSED where no reason was said. */
enum err_code openssh_log_code(const struct openssh_log *log);

/* Forgets a reason that was none, for ssh goes on. */
void openssh_log_forget(struct openssh_log *log);

/* Frees what is in it. */
void openssh_log_release(struct openssh_log *log);

#endif
