/* SPDX-License-Identifier: MIT */
/*
 * What ssh(1) would do for a host: the part of its configuration that a gateway needs, as `ssh -G`
 * prints it, which has read all files and matched all blocks. ssh_config(5) says what each keyword
 * means.
 */
#ifndef STILE_CONFIG_SSH_CONFIG_H
#define STILE_CONFIG_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum ssh_host_key_policy {
    SSH_HOST_KEY_ASK, /* the default */
    SSH_HOST_KEY_YES,
    SSH_HOST_KEY_ACCEPT_NEW,
    SSH_HOST_KEY_NO, /* `off`, too */
};

/* What ssh(1) shows, ever less; what would show more than the default is no matter here. */
enum ssh_log_level {
    SSH_LOG_INFO, /* the default */
    SSH_LOG_ERROR,
    SSH_LOG_FATAL,
    SSH_LOG_QUIET,
};

struct ssh_list {
    char **item;
    size_t count;
    bool is_unclear; /* `ssh -G` quotes nothing: a blank may be part of a path, or part two */
};

/* Texts are NULL where nothing is said or `none` is. Nothing in it is for a shell, or to be printed
 * without an escape. */
struct ssh_config {
    char *home; /* both as the user database has them, which ssh(1) asks, not $HOME */
    char *local_user;

    char *host_name;
    uint16_t port;
    char *user;

    struct ssh_list identity_files; /* ssh_config_expand them */
    struct ssh_list certificate_files;
    bool identities_only;
    char *identity_agent; /* a path, `none`, `SSH_AUTH_SOCK` or `$VARIABLE`; NULL: not said, so it
                           * is $SSH_AUTH_SOCK */
    char *pkcs11_provider;
    bool add_keys_to_agent; /* said, and other than `no` */

    struct ssh_list user_known_hosts;
    struct ssh_list global_known_hosts;
    char *known_hosts_command;
    char *revoked_host_keys;
    char *host_key_alias;
    bool hash_known_hosts;
    bool verify_host_key_dns; /* `yes` or `ask` */
    bool no_localhost_check;  /* NoHostAuthenticationForLocalhost */
    bool fingerprint_md5;     /* FingerprintHash md5 */
    enum ssh_host_key_policy host_key_policy;

    char *preferred_authentications; /* a list with commas; NULL: ssh's own order */
    bool pubkey, password, keyboard_interactive, gssapi, hostbased; /* …Authentication */
    bool batch_mode;                                                /* nobody may be asked */
    unsigned password_prompts;

    char *host_key_algorithms, *ciphers, *macs, *kex_algorithms, *pubkey_algorithms;
    unsigned required_rsa_size;
    bool compression;
    bool rekey_limit; /* said, and other than the default */

    unsigned server_alive_interval; /* seconds; 0 = none is sent */
    unsigned server_alive_count_max;
    unsigned connect_timeout; /* seconds; 0 = none */

    bool binds; /* BindAddress, BindInterface, or an AddressFamily other than any */
    char *proxy_jump, *proxy_command;
    bool proxy_use_fdpass;
    char *control_path; /* NULL: no sharing */

    enum ssh_log_level log_level;
};

/* The defaults of ssh_config(5) for `host`, what holds where no ssh(1) is installed; the user is
 * the one who runs us. Texts are the struct's own. 0, or -1 when memory is lacking (err set); then
 * nothing is to be released. Asks the user database. */
int ssh_config_init(struct ssh_config *config, const char *host, struct err *err);

/*
 * Takes one line of the configuration: a keyword in any case, and its value as `ssh -G` prints it
 * (lists of files with blanks between, so none in a name; `none`; yes/no/true/false). Times may be
 * written as people do, too (1m30s). Replaces what was there, but the first of several IdentityFile
 * or CertificateFile in a run of ssh_config_parse takes the place of the defaults and the others are
 * added. Unknown keywords are passed over. 0, or -1 with err set (ERR_USAGE): "port: bad value 'x'".
 */
int ssh_config_set(struct ssh_config *config, const char *name, const char *value, struct err *err);

/* Takes the whole output of `ssh -G`, over what is there. Same returns; lines without a blank and
 * empty ones are passed over. */
int ssh_config_parse(struct ssh_config *config, const char *text, struct err *err);

/*
 * IdentityFile and CertificateFile (`ssh -G` has expanded the others) as a path: `~/` and `~user/`,
 * the tokens %% %d %h %i %k %L %l %n %p %r %u and ${VARIABLE}, ssh_config(5) TOKENS. `host` is as
 * the user wrote it (%n). Fresh memory that the caller frees; NULL with err set (ERR_USAGE) for
 * another token (%C, too), an unknown user, a variable that is not set, or when memory is lacking.
 */
char *ssh_config_expand(const struct ssh_config *config, const char *host, const char *path,
                        struct err *err);

/* Frees what is in it; may be called twice, and on one that is all zeros. */
void ssh_config_release(struct ssh_config *config);

#endif
