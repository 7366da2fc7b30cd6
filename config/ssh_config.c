/* SPDX-License-Identifier: MIT */
#include "config/ssh_config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/person.h"
#include "core/text.h"

#define BLANKS " \t"

#define PORT_DEFAULT 22
#define PORT_MAX 65535
#define PASSWORD_PROMPTS_DEFAULT 3
#define ALIVE_COUNT_DEFAULT 3
#define RSA_SIZE_DEFAULT 1024

/* --- lists --- */

static void list_release(struct ssh_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct ssh_list){0};
}

/* Takes `text` over. 0, or -1 with err set; NULL is what an allocation that failed gives. */
static int list_add(struct ssh_list *list, char *text, struct err *err)
{
    char **item = text ? realloc(list->item, (list->count + 1) * sizeof(*item)) : NULL;

    if (!item) {
        free(text);
        return err_no_memory(err);
    }
    list->item = item;
    list->item[list->count++] = text;
    return 0;
}

/* --- values --- */

/* Each take_… puts a value into the field that it is for. 0; -1 with err set, or without: the value
 * is bad. */

static bool is_none(const char *value)
{
    return text_same(value, "none");
}

static int take_text(void *field, const char *value, struct err *err)
{
    char **text = field;
    char *copy = value[0] ? strdup(value) : NULL;

    if (!copy)
        return value[0] ? err_no_memory(err) : -1;
    free(*text);
    *text = copy;
    return 0;
}

static int take_text_or_none(void *field, const char *value, struct err *err)
{
    char **text = field;

    if (!is_none(value))
        return take_text(field, value, err);
    free(*text);
    *text = NULL;
    return 0;
}

/* One file; an `ssh -G` prints a line for each. */
static int take_file(void *field, const char *value, struct err *err)
{
    if (!value[0])
        return -1;
    return is_none(value) ? 0 : list_add(field, strdup(value), err);
}

/* Does a path begin here? Those of known hosts are absolute, or of somebody's home. */
static bool begins_path(const char *text)
{
    return *text == '/' || *text == '~' || *text == '$' || *text == '%';
}

/* `ssh -G` prints several files with blanks between, and blanks in them as they are: what is no path
 * goes on with the one before. */
static int take_files(void *field, const char *value, struct err *err)
{
    struct ssh_list *list = field;

    list_release(list);
    for (value += text_span(value, BLANKS); *value;) {
        size_t length = text_until(value, BLANKS), blanks;
        while ((blanks = text_span(value + length, BLANKS)) > 0 && value[length + blanks] &&
               !begins_path(value + length + blanks)) {
            length += blanks + text_until(value + length + blanks, BLANKS);
            list->is_unclear = true;
        }
        if (list_add(list, strndup(value, length), err) == -1)
            return -1;
        value += length + text_span(value + length, BLANKS);
    }
    if (list->count == 0)
        return -1;
    if (list->count == 1 && is_none(list->item[0]))
        list_release(list);
    return 0;
}

struct word {
    const char *name;
    int value;
};

/* The value that the word stands for, -1 when it isn't in the list. */
static int find_word(const struct word *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (text_same(name, words[i].name))
            return words[i].value;
    return -1;
}

static const struct word flag_words[] = {{"yes", 1}, {"true", 1}, {"no", 0}, {"false", 0}};

static int take_flag(void *field, const char *value, struct err *err)
{
    int flag = find_word(flag_words, sizeof(flag_words) / sizeof(flag_words[0]), value);

    (void)err;
    if (flag == -1)
        return -1;
    *(bool *)field = flag;
    return 0;
}

static const struct word more_words[] = {{"ask", 1}, {"unbound", 1}, {"host-bound", 1}};

/* Where there is a choice of ways to say yes. */
static int take_flag_or_more(void *field, const char *value, struct err *err)
{
    if (find_word(more_words, sizeof(more_words) / sizeof(more_words[0]), value) == -1)
        return take_flag(field, value, err);
    *(bool *)field = true;
    return 0;
}

/* As AddKeysToAgent: a time, or words and a time, are a yes. */
static int take_unless_no(void *field, const char *value, struct err *err)
{
    if (take_flag(field, value, err) == -1)
        *(bool *)field = true;
    return 0;
}

static int take_rekey_limit(void *field, const char *value, struct err *err)
{
    static const struct word words[] = {{"0 0", 0}, {"default", 0}, {"default none", 0}};

    (void)err;
    *(bool *)field = find_word(words, sizeof(words) / sizeof(words[0]), value) == -1;
    return 0;
}

/* Any of several keywords is a yes; none takes it back. */
static int take_said(void *field, const char *value, struct err *err)
{
    (void)err;
    *(bool *)field |= !text_same(value, "any") && !is_none(value);
    return 0;
}

static int take_md5(void *field, const char *value, struct err *err)
{
    (void)err;
    *(bool *)field = text_same(value, "md5");
    return 0;
}

static int take_policy(void *field, const char *value, struct err *err)
{
    static const struct word words[] = {
        {"ask", SSH_HOST_KEY_ASK},  {"yes", SSH_HOST_KEY_YES},
        {"true", SSH_HOST_KEY_YES}, {"accept-new", SSH_HOST_KEY_ACCEPT_NEW},
        {"no", SSH_HOST_KEY_NO},    {"false", SSH_HOST_KEY_NO},
        {"off", SSH_HOST_KEY_NO},
    };
    int policy = find_word(words, sizeof(words) / sizeof(words[0]), value);

    (void)err;
    if (policy == -1)
        return -1;
    *(enum ssh_host_key_policy *)field = (enum ssh_host_key_policy)policy;
    return 0;
}

static int take_log_level(void *field, const char *value, struct err *err)
{
    /* `ssh -G` prints QUIET as SILENT. */
    static const struct word words[] = {
        {"quiet", SSH_LOG_QUIET},
        {"silent", SSH_LOG_QUIET},
        {"fatal", SSH_LOG_FATAL},
        {"error", SSH_LOG_ERROR},
    };
    int level = find_word(words, sizeof(words) / sizeof(words[0]), value);

    (void)err;
    *(enum ssh_log_level *)field = level == -1 ? SSH_LOG_INFO : (enum ssh_log_level)level;
    return 0;
}

/* Moves a number from *text to `number`. 0, or -1 when there is none or it is too large. */
static int read_number(const char **text, unsigned *number)
{
    const char *at = *text;

    for (*number = 0; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (*number > (INT_MAX - digit) / 10)
            return -1;
        *number = *number * 10 + digit;
    }
    if (at == *text)
        return -1;
    *text = at;
    return 0;
}

static int take_number(void *field, const char *value, struct err *err)
{
    unsigned number;

    (void)err;
    if (read_number(&value, &number) == -1 || *value)
        return -1;
    *(unsigned *)field = number;
    return 0;
}

static int take_port(void *field, const char *value, struct err *err)
{
    unsigned port;

    if (take_number(&port, value, err) == -1 || port == 0 || port > PORT_MAX)
        return -1;
    *(uint16_t *)field = (uint16_t)port;
    return 0;
}

/* Seconds, ssh_config(5) TIME FORMATS. */
static int take_time(void *field, const char *value, struct err *err)
{
    static const struct word units[] = {
        {"s", 1}, {"m", 60}, {"h", 60 * 60}, {"d", 24 * 60 * 60}, {"w", 7 * 24 * 60 * 60}};
    unsigned total = 0;

    (void)err;
    if (is_none(value))
        value = "0";
    do {
        unsigned number;
        if (read_number(&value, &number) == -1)
            return -1;
        int unit = 1;
        if (*value) {
            const char name[] = {*value++, '\0'};
            unit = find_word(units, sizeof(units) / sizeof(units[0]), name);
        }
        if (unit == -1 || number > (INT_MAX - total) / (unsigned)unit)
            return -1;
        total += number * (unsigned)unit;
    } while (*value);
    *(unsigned *)field = total;
    return 0;
}

/* --- keywords --- */

static const struct keyword {
    const char *name; /* in lower case, as `ssh -G` prints it */
    size_t offset;    /* of its field */
    int (*take)(void *field, const char *value, struct err *err);
    bool several; /* a line each */
} keywords[] = {
#define FIELD(field) offsetof(struct ssh_config, field)
    {"hostname", FIELD(host_name), take_text, false},
    {"port", FIELD(port), take_port, false},
    {"user", FIELD(user), take_text, false},
    {"identityfile", FIELD(identity_files), take_file, true},
    {"certificatefile", FIELD(certificate_files), take_file, true},
    {"identitiesonly", FIELD(identities_only), take_flag, false},
    {"identityagent", FIELD(identity_agent), take_text, false},
    {"pkcs11provider", FIELD(pkcs11_provider), take_text_or_none, false},
    {"addkeystoagent", FIELD(add_keys_to_agent), take_unless_no, false},
    {"userknownhostsfile", FIELD(user_known_hosts), take_files, false},
    {"globalknownhostsfile", FIELD(global_known_hosts), take_files, false},
    {"knownhostscommand", FIELD(known_hosts_command), take_text_or_none, false},
    {"revokedhostkeys", FIELD(revoked_host_keys), take_text_or_none, false},
    {"hostkeyalias", FIELD(host_key_alias), take_text, false},
    {"hashknownhosts", FIELD(hash_known_hosts), take_flag, false},
    {"verifyhostkeydns", FIELD(verify_host_key_dns), take_flag_or_more, false},
    {"nohostauthenticationforlocalhost", FIELD(no_localhost_check), take_flag, false},
    {"fingerprinthash", FIELD(fingerprint_md5), take_md5, false},
    {"stricthostkeychecking", FIELD(host_key_policy), take_policy, false},
    {"preferredauthentications", FIELD(preferred_authentications), take_text, false},
    {"pubkeyauthentication", FIELD(pubkey), take_flag_or_more, false},
    {"passwordauthentication", FIELD(password), take_flag, false},
    {"kbdinteractiveauthentication", FIELD(keyboard_interactive), take_flag, false},
    {"gssapiauthentication", FIELD(gssapi), take_flag, false},
    {"hostbasedauthentication", FIELD(hostbased), take_flag, false},
    {"batchmode", FIELD(batch_mode), take_flag, false},
    {"numberofpasswordprompts", FIELD(password_prompts), take_number, false},
    {"hostkeyalgorithms", FIELD(host_key_algorithms), take_text, false},
    {"ciphers", FIELD(ciphers), take_text, false},
    {"macs", FIELD(macs), take_text, false},
    {"kexalgorithms", FIELD(kex_algorithms), take_text, false},
    {"pubkeyacceptedalgorithms", FIELD(pubkey_algorithms), take_text, false},
    {"requiredrsasize", FIELD(required_rsa_size), take_number, false},
    {"compression", FIELD(compression), take_flag, false},
    {"rekeylimit", FIELD(rekey_limit), take_rekey_limit, false},
    {"serveraliveinterval", FIELD(server_alive_interval), take_time, false},
    {"serveralivecountmax", FIELD(server_alive_count_max), take_number, false},
    {"connecttimeout", FIELD(connect_timeout), take_time, false},
    {"bindaddress", FIELD(binds), take_said, false},
    {"bindinterface", FIELD(binds), take_said, false},
    {"addressfamily", FIELD(binds), take_said, false},
    {"proxyjump", FIELD(proxy_jump), take_text_or_none, false},
    {"proxycommand", FIELD(proxy_command), take_text_or_none, false},
    {"proxyusefdpass", FIELD(proxy_use_fdpass), take_flag, false},
    {"controlpath", FIELD(control_path), take_text_or_none, false},
    {"loglevel", FIELD(log_level), take_log_level, false},
    /* As OpenSSH before 8.7 and 8.5 calls them. */
    {"challengeresponseauthentication", FIELD(keyboard_interactive), take_flag, false},
    {"pubkeyacceptedkeytypes", FIELD(pubkey_algorithms), take_text, false},
#undef FIELD
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (text_same(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

static int take(struct ssh_config *config, const struct keyword *keyword, const char *value,
                bool added, struct err *err)
{
    void *field = (char *)config + keyword->offset;

    if (keyword->several && !added)
        list_release(field);
    if (keyword->take(field, value, err) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "%s: bad value '%s'", keyword->name, value);
}

int ssh_config_set(struct ssh_config *config, const char *name, const char *value, struct err *err)
{
    const struct keyword *keyword = find_keyword(name);

    return keyword ? take(config, keyword, value, false, err) : 0;
}

int ssh_config_parse(struct ssh_config *config, const char *text, struct err *err)
{
    bool seen[KEYWORDS] = {false};
    int done = 0;

    while (*text && done == 0) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        if (!line)
            return err_no_memory(err);
        text += length + (text[length] == '\n');

        char *blank = strchr(line, ' ');
        if (blank)
            *blank = '\0';
        const struct keyword *keyword = blank ? find_keyword(line) : NULL;
        if (keyword) {
            done = take(config, keyword, blank + 1, seen[keyword - keywords], err);
            seen[keyword - keywords] = true;
        }
        free(line);
    }
    return done;
}

/* --- defaults --- */

/* Who runs us. 0, or -1 when memory is lacking. */
static int set_person(struct ssh_config *config)
{
    struct person person;
    bool is_known = person_find(&person, NULL);
    const char *home = is_known ? person.home : getenv("HOME");
    const char *user = is_known ? person.name : getenv("LOGNAME");
    char digits[TEXT_DIGITS_MAX];

    if (!user || !*user)
        user = text_digits(getuid(), digits);
    config->home = strdup(home ? home : "");
    config->local_user = strdup(user);
    config->user = strdup(user);
    person_release(&person);
    return config->home && config->local_user && config->user ? 0 : -1;
}

static int set_files(struct ssh_config *config, struct err *err)
{
    static const char *const identities[] = {
        "id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"};
    static const char *const users[] = {"known_hosts", "known_hosts2"};
    static const char *const globals[] = {"ssh_known_hosts", "ssh_known_hosts2"};
    const struct {
        struct ssh_list *list;
        const char *home, *folder;
        const char *const *name;
        size_t count;
    } rows[] = {
        {&config->identity_files, "~", "/.ssh/", identities,
         sizeof(identities) / sizeof(identities[0])},
        {&config->user_known_hosts, config->home, "/.ssh/", users,
         sizeof(users) / sizeof(users[0])},
        {&config->global_known_hosts, "", "/etc/ssh/", globals,
         sizeof(globals) / sizeof(globals[0])},
    };

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
        for (size_t i = 0; i < rows[row].count; i++)
            if (list_add(
                    rows[row].list,
                    text_join(rows[row].home, rows[row].folder, rows[row].name[i], (char *)NULL),
                    err) == -1)
                return -1;
    return 0;
}

int ssh_config_init(struct ssh_config *config, const char *host, struct err *err)
{
    *config = (struct ssh_config){
        .host_name = strdup(host),
        .port = PORT_DEFAULT,
        .pubkey = true,
        .password = true,
        .keyboard_interactive = true,
        .password_prompts = PASSWORD_PROMPTS_DEFAULT,
        .required_rsa_size = RSA_SIZE_DEFAULT,
        .server_alive_count_max = ALIVE_COUNT_DEFAULT,
    };
    if (config->host_name && set_person(config) == 0 && set_files(config, err) == 0)
        return 0;
    ssh_config_release(config);
    return err_no_memory(err);
}

void ssh_config_release(struct ssh_config *config)
{
    list_release(&config->identity_files);
    list_release(&config->certificate_files);
    list_release(&config->user_known_hosts);
    list_release(&config->global_known_hosts);
    for (size_t i = 0; i < KEYWORDS; i++)
        if (keywords[i].take == take_text || keywords[i].take == take_text_or_none)
            (void)take_text_or_none((char *)config + keywords[i].offset, "none", NULL);
    free(config->home);
    free(config->local_user);
    *config = (struct ssh_config){0};
}
