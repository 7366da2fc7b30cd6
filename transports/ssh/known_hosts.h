/* SPDX-License-Identifier: MIT */
/*
 * sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: what the files say of a name, and new lines for them. As
 * OpenSSH's hostfile.c decides it, so both engines come to the same verdict. No network; files only
 * where that is said.
 */
#ifndef STILE_TRANSPORTS_SSH_KNOWN_HOSTS_H
#define STILE_TRANSPORTS_SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/ssh_config.h"
#include "core/err.h"

enum known_marker {
    KNOWN_KEY,
    KNOWN_CA,      /* @cert-authority */
    KNOWN_REVOKED, /* @revoked */
};

/* One line that is about the name. */
struct known_entry {
    enum known_marker marker;
    char *type;    /* ssh-ed25519, … */
    uint8_t *blob; /* the key as RFC 4253 section 6.6 has it */
    size_t size;
    char *file;
    unsigned line;
};

struct known_entries {
    struct known_entry *entry;
    size_t count;
};

#define KNOWN_ENTRIES_INIT ((struct known_entries){0, 0})

/* The name under which a key is kept: `host`, or `[host]:port` where the port isn't 22, letters in
 * lower case. Fresh memory that the caller frees; NULL when there is none. */
char *known_hosts_name(const char *host, uint16_t port);

/*
 * Adds the lines of `text` (a file's, called `file` in the entries) that are about `name`: plain
 * names, lists with `*`, `?` and `!`, hashed names (|1|salt|hash). Lines that are broken in any way
 * and those of SSH1 are passed over, as ssh does. 0, or -1 when memory is lacking (err set).
 */
int known_hosts_scan(struct known_entries *entries, const char *text, const char *file,
                     const char *name, struct err *err);

/* The same for files, in their order; those that can't be read or are no regular files (/dev/null)
 * have no lines. */
int known_hosts_read(struct known_entries *entries, const struct ssh_list *files, const char *name,
                     struct err *err);

enum known_verdict {
    KNOWN_IS_NEW,     /* there is no key for the name */
    KNOWN_IS_OK,      /* this very key is there */
    KNOWN_IS_CHANGED, /* there are keys, but not this one */
    KNOWN_IS_REVOKED, /* a line takes it back */
};

/* What the entries say of a key. *decisive (may be NULL) gets the entry that decided, NULL for a new
 * one: of a changed key the last line with another key, the one of the same type before all. */
enum known_verdict known_hosts_judge(const struct known_entries *entries, const uint8_t *blob,
                                     size_t size, const struct known_entry **decisive);

/* Is there an entry with this marker? */
bool known_hosts_has(const struct known_entries *entries, enum known_marker marker);

/*
 * Appends a line for a key to `path`, whose folder is made (0700) where it is missing, the file too
 * (0600); a symbolic link is followed. The name is hashed with a fresh salt where `hash` says so.
 * Locked (fcntl, so that two of us do not mix their lines; in one write), begins a new line
 * where the last one has no end. 0, or -1 with err set (ERR_AUTH) "PATH: why".
 */
int known_hosts_append(const char *path, const char *name, const char *type, const uint8_t *blob,
                       size_t size, bool hash, struct err *err);

/* "SHA256:…" (or "MD5:…"), as ssh-keygen -l prints it. Fresh memory that the caller frees; NULL when
 * there is none. */
char *known_hosts_fingerprint(const uint8_t *blob, size_t size, bool md5);

void known_entries_release(struct known_entries *entries);

#endif
