/* SPDX-License-Identifier: MIT */
#include "config/ssh_config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/text.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_unit.h"

#define SHOWN_MAX 16384

/* --- all of it as a text --- */

static void show_list(FILE *out, const char *name, const struct ssh_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        (void)fprintf(out, "%s=%s\n", name, list->item[i]);
}

static void show_texts(FILE *out, const struct ssh_config *c)
{
    const struct {
        const char *name, *text;
    } rows[] = {
        {"hostname", c->host_name},
        {"user", c->user},
        {"agent", c->identity_agent},
        {"pkcs11", c->pkcs11_provider},
        {"known_command", c->known_hosts_command},
        {"revoked", c->revoked_host_keys},
        {"alias", c->host_key_alias},
        {"preferred", c->preferred_authentications},
        {"hostkeys", c->host_key_algorithms},
        {"ciphers", c->ciphers},
        {"macs", c->macs},
        {"kex", c->kex_algorithms},
        {"pubkeys", c->pubkey_algorithms},
        {"jump", c->proxy_jump},
        {"command", c->proxy_command},
        {"control", c->control_path},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].text)
            (void)fprintf(out, "%s=%s\n", rows[i].name, rows[i].text);
}

static void show_numbers(FILE *out, const struct ssh_config *c)
{
    static const char *const policies[] = {"ask", "yes", "accept-new", "no"};
    static const char *const levels[] = {"info", "error", "fatal", "quiet"};
    const struct {
        const char *name;
        unsigned number;
    } rows[] = {
        {"port", c->port},
        {"only", c->identities_only},
        {"add", c->add_keys_to_agent},
        {"hash", c->hash_known_hosts},
        {"dns", c->verify_host_key_dns},
        {"localhost", c->no_localhost_check},
        {"md5", c->fingerprint_md5},
        {"pubkey", c->pubkey},
        {"password", c->password},
        {"keyboard", c->keyboard_interactive},
        {"gssapi", c->gssapi},
        {"hostbased", c->hostbased},
        {"batch", c->batch_mode},
        {"prompts", c->password_prompts},
        {"rsa", c->required_rsa_size},
        {"compression", c->compression},
        {"rekey", c->rekey_limit},
        {"alive", c->server_alive_interval},
        {"alives", c->server_alive_count_max},
        {"timeout", c->connect_timeout},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)fprintf(out, "%s=%u\n", rows[i].name, rows[i].number);
    (void)fprintf(out, "policy=%s\n", policies[c->host_key_policy]);
    (void)fprintf(out, "level=%s\n", levels[c->log_level]);
}

/* A line for everything that is said, into `text`, which is returned. */
static char *show(const struct ssh_config *config, char text[SHOWN_MAX])
{
    FILE *out = fmemopen(text, SHOWN_MAX, "w");

    assert_non_null(out);
    show_texts(out, config);
    show_numbers(out, config);
    show_list(out, "identity", &config->identity_files);
    show_list(out, "certificate", &config->certificate_files);
    show_list(out, "known", &config->user_known_hosts);
    show_list(out, "globals", &config->global_known_hosts);
    assert_int_equal(fclose(out), 0);
    assert_true(strlen(text) < SHOWN_MAX - 1);
    return text;
}

static bool has_line(const char *text, const char *line, size_t length)
{
    for (; *text; text += strcspn(text, "\n") + 1)
        if (strcspn(text, "\n") == length && strncmp(text, line, length) == 0)
            return true;
    return false;
}

/* The lines of `now` that `before` doesn't have, those of `before` that are gone with a minus. */
static void show_changes(const char *before, const char *now, char changes[SHOWN_MAX])
{
    const char *const from[] = {before, now}, *const other[] = {now, before};
    char *out = changes;

    for (int i = 0; i < 2; i++) {
        size_t length;
        for (const char *line = from[i]; *line; line += length + 1) {
            length = strcspn(line, "\n");
            if (has_line(other[i], line, length))
                continue;
            if (i == 0)
                *out++ = '-';
            memcpy(out, line, length + 1);
            out += length + 1;
        }
    }
    *out = '\0';
}

static void init(struct ssh_config *config)
{
    struct err err = ERR_INIT;

    assert_int_equal(ssh_config_init(config, "bastion", &err), 0);
    assert_err_unset(&err);
}

static void release(struct ssh_config *config)
{
    static const struct ssh_config nothing;

    ssh_config_release(config);
    assert_memory_equal(config, &nothing, sizeof(nothing));
    ssh_config_release(config);
}

/* What a text changes in the defaults. */
static void changes_are(const char *text, const char *wanted)
{
    char before[SHOWN_MAX], now[SHOWN_MAX], changes[SHOWN_MAX];
    struct ssh_config config;
    struct err err = ERR_INIT;

    init(&config);
    (void)show(&config, before);
    assert_int_equal(ssh_config_parse(&config, text, &err), 0);
    assert_err_unset(&err);
    show_changes(before, show(&config, now), changes);
    assert_string_equal(changes, wanted);
    release(&config);
}

/* --- tests --- */

static void defaults(void **state)
{
    (void)state;
    const struct passwd *person = getpwuid(getuid());
    char shown[SHOWN_MAX], wanted[SHOWN_MAX];
    struct ssh_config config;

    if (!person) {
        unit_skip("this user is not in the user database");
        return;
    }
    init(&config);
    (void)snprintf(wanted, sizeof(wanted),
                   "hostname=bastion\nuser=%s\nport=22\nonly=0\nadd=0\nhash=0\ndns=0\n"
                   "localhost=0\nmd5=0\npubkey=1\npassword=1\nkeyboard=1\ngssapi=0\nhostbased=0\n"
                   "batch=0\nprompts=3\nrsa=1024\ncompression=0\nrekey=0\nalive=0\nalives=3\n"
                   "timeout=0\npolicy=ask\nlevel=info\n"
                   "identity=~/.ssh/id_rsa\nidentity=~/.ssh/id_ecdsa\n"
                   "identity=~/.ssh/id_ecdsa_sk\nidentity=~/.ssh/id_ed25519\n"
                   "identity=~/.ssh/id_ed25519_sk\nidentity=~/.ssh/id_xmss\n"
                   "identity=~/.ssh/id_dsa\nknown=%s/.ssh/known_hosts\n"
                   "known=%s/.ssh/known_hosts2\nglobals=/etc/ssh/ssh_known_hosts\n"
                   "globals=/etc/ssh/ssh_known_hosts2\n",
                   person->pw_name, person->pw_dir, person->pw_dir);
    assert_string_equal(show(&config, shown), wanted);
    release(&config);
}

#define NO_IDENTITIES                                                                              \
    "-identity=~/.ssh/id_rsa\n-identity=~/.ssh/id_ecdsa\n-identity=~/.ssh/id_ecdsa_sk\n"           \
    "-identity=~/.ssh/id_ed25519\n-identity=~/.ssh/id_ed25519_sk\n-identity=~/.ssh/id_xmss\n"      \
    "-identity=~/.ssh/id_dsa\n"
#define NO_GLOBALS "-globals=/etc/ssh/ssh_known_hosts\n-globals=/etc/ssh/ssh_known_hosts2\n"

static const struct parse_row {
    const char *name;
    const char *text;
    const char *changes;
} parse_rows[] = {
    {"nothing", "", ""},
    {"empty lines", "\n\n\n", ""},
    {"lines without a blank", "port\nuser\nhostname", ""},
    {"unknown keywords", "host x\nsendenv LANG\nport2 x\npor x\n port 23\n", ""},
    {"host name", "hostname 10.0.0.1\n", "-hostname=bastion\nhostname=10.0.0.1\n"},
    {"no line end", "hostname ::1", "-hostname=bastion\nhostname=::1\n"},
    {"a host that is called none", "hostname none", "-hostname=bastion\nhostname=none\n"},
    {"a keyword in other letters", "HostName x\nPORT 23",
     "-hostname=bastion\n-port=22\n"
     "hostname=x\nport=23\n"},
    {"port", "port 65535", "-port=22\nport=65535\n"},
    {"the last one counts", "port 1\nport 2\n", "-port=22\nport=2\n"},
    {"identities only", "identitiesonly yes", "-only=0\nonly=1\n"},
    {"agent", "identityagent /run/a b", "agent=/run/a b\n"},
    {"agent none", "identityagent none", "agent=none\n"},
    {"agent in a variable", "identityagent $SOCK", "agent=$SOCK\n"},
    {"pkcs11", "pkcs11provider /x.so", "pkcs11=/x.so\n"},
    {"pkcs11 none", "pkcs11provider /x.so\npkcs11provider none", ""},
    {"add keys: yes", "addkeystoagent true", "-add=0\nadd=1\n"},
    {"add keys: no", "addkeystoagent false", ""},
    {"add keys: ask", "addkeystoagent ask", "-add=0\nadd=1\n"},
    {"add keys: time", "addkeystoagent confirm 300", "-add=0\nadd=1\n"},

    {"one identity", "identityfile ~/a b/c", NO_IDENTITIES "identity=~/a b/c\n"},
    {"several identities", "identityfile a\nport 22\nidentityfile b\nidentityfile a\n",
     NO_IDENTITIES "identity=a\nidentity=b\nidentity=a\n"},
    {"no identity", "identityfile none", NO_IDENTITIES},
    {"no identity, and one", "identityfile NONE\nidentityfile a", NO_IDENTITIES "identity=a\n"},
    {"certificates", "certificatefile a\ncertificatefile b", "certificate=a\ncertificate=b\n"},
    {"a certificate is no identity", "certificatefile a\nidentityfile b",
     NO_IDENTITIES "identity=b\ncertificate=a\n"},

    {"known hosts", "globalknownhostsfile /a /b\t/c ",
     NO_GLOBALS "globals=/a\nglobals=/b\nglobals=/c\n"},
    {"known hosts: none", "globalknownhostsfile none", NO_GLOBALS},
    {"known hosts: none and blanks", "globalknownhostsfile  none ", NO_GLOBALS},
    {"known hosts: the last line", "globalknownhostsfile /a /b\nglobalknownhostsfile /c",
     NO_GLOBALS "globals=/c\n"},
    {"known hosts command", "knownhostscommand /x %h", "known_command=/x %h\n"},
    {"revoked", "revokedhostkeys /etc/krl", "revoked=/etc/krl\n"},
    {"alias", "hostkeyalias Bastion", "alias=Bastion\n"},
    {"an alias that is called none", "hostkeyalias none", "alias=none\n"},
    {"hash", "hashknownhosts yes", "-hash=0\nhash=1\n"},
    {"dns", "verifyhostkeydns true", "-dns=0\ndns=1\n"},
    {"dns: ask", "verifyhostkeydns ask", "-dns=0\ndns=1\n"},
    {"localhost", "nohostauthenticationforlocalhost yes", "-localhost=0\nlocalhost=1\n"},
    {"md5", "fingerprinthash MD5", "-md5=0\nmd5=1\n"},
    {"sha256", "fingerprinthash SHA256", ""},
    {"policy: true", "stricthostkeychecking true", "-policy=ask\npolicy=yes\n"},
    {"policy: yes", "stricthostkeychecking yes", "-policy=ask\npolicy=yes\n"},
    {"policy: ask", "stricthostkeychecking no\nstricthostkeychecking ask", ""},
    {"policy: accept-new", "stricthostkeychecking accept-new", "-policy=ask\npolicy=accept-new\n"},
    {"policy: false", "stricthostkeychecking false", "-policy=ask\npolicy=no\n"},
    {"policy: no", "stricthostkeychecking no", "-policy=ask\npolicy=no\n"},
    {"policy: off", "stricthostkeychecking off", "-policy=ask\npolicy=no\n"},

    {"preferred", "preferredauthentications password,publickey", "preferred=password,publickey\n"},
    {"pubkey: no", "pubkeyauthentication false", "-pubkey=1\npubkey=0\n"},
    {"pubkey: host-bound", "pubkeyauthentication no\npubkeyauthentication host-bound", ""},
    {"pubkey: unbound", "pubkeyauthentication no\npubkeyauthentication unbound", ""},
    {"other methods",
     "passwordauthentication no\nkbdinteractiveauthentication no\ngssapiauthentication yes\n"
     "hostbasedauthentication yes\n",
     "-password=1\n-keyboard=1\n-gssapi=0\n-hostbased=0\n"
     "password=0\nkeyboard=0\ngssapi=1\nhostbased=1\n"},
    {"an older ssh", "challengeresponseauthentication no\npubkeyacceptedkeytypes ssh-rsa",
     "-keyboard=1\npubkeys=ssh-rsa\nkeyboard=0\n"},
    {"batch", "batchmode yes", "-batch=0\nbatch=1\n"},
    {"prompts", "numberofpasswordprompts 0", "-prompts=3\nprompts=0\n"},
    {"algorithms",
     "hostkeyalgorithms a,b\nciphers c\nmacs d\nkexalgorithms e\npubkeyacceptedalgorithms f",
     "hostkeys=a,b\nciphers=c\nmacs=d\nkex=e\npubkeys=f\n"},
    {"rsa size", "requiredrsasize 2048", "-rsa=1024\nrsa=2048\n"},
    {"compression", "compression yes", "-compression=0\ncompression=1\n"},
    {"rekey", "rekeylimit 67108864 0", "-rekey=0\nrekey=1\n"},
    {"rekey: time", "rekeylimit 0 3600", "-rekey=0\nrekey=1\n"},
    {"rekey: default", "rekeylimit 1 1\nrekeylimit 0 0", ""},

    {"alive", "serveraliveinterval 15\nserveralivecountmax 5",
     "-alive=0\n-alives=3\nalive=15\nalives=5\n"},
    {"timeout", "connecttimeout 30", "-timeout=0\ntimeout=30\n"},
    {"timeout: none", "connecttimeout 30\nconnecttimeout none", ""},
    {"time with units", "connecttimeout 1w2D3h4M5s6", "-timeout=0\ntimeout=788651\n"},
    {"the longest time", "connecttimeout 2147483647", "-timeout=0\ntimeout=2147483647\n"},
    {"jump", "proxyjump alice@a:23,[::1]", "jump=alice@a:23,[::1]\n"},
    {"jump: none", "proxyjump a\nproxyjump none", ""},
    {"command", "proxycommand nc -X 5  %h %p ", "command=nc -X 5  %h %p \n"},
    {"command: none", "proxycommand none", ""},
    {"control", "controlpath /tmp/%C", "control=/tmp/%C\n"},
    {"control: none", "controlpath /tmp/x\ncontrolpath none", ""},
    {"level: info", "loglevel quiet\nloglevel INFO", ""},
    {"level: error", "loglevel ERROR", "-level=info\nlevel=error\n"},
    {"level: fatal", "loglevel FATAL", "-level=info\nlevel=fatal\n"},
    {"level: quiet", "loglevel QUIET", "-level=info\nlevel=quiet\n"},
    {"level: quiet, as ssh prints it", "loglevel SILENT", "-level=info\nlevel=quiet\n"},
    {"level: more than the default", "loglevel quiet\nloglevel DEBUG3", ""},
};

static void parse(void **state)
{
    const struct parse_row *row = *state;

    changes_are(row->text, row->changes);
}

static const struct bad_row {
    const char *name;
    const char *keyword;
    const char *value;
} bad_rows[] = {
    {"a word for a port", "port", "x"},
    {"port 0", "port", "0"},
    {"port 65536", "port", "65536"},
    {"a port that overflows", "port", "4294967318"},
    {"a port below 0", "port", "-22"},
    {"a port and more", "port", "22 "},
    {"no port", "port", ""},
    {"no user", "user", ""},
    {"no host", "hostname", ""},
    {"no identity", "identityfile", ""},
    {"no known hosts", "userknownhostsfile", ""},
    {"blanks for known hosts", "globalknownhostsfile", "  \t"},
    {"no command", "proxycommand", ""},
    {"a number for a flag", "compression", "1"},
    {"ask for a flag", "batchmode", "ask"},
    {"a word and more", "identitiesonly", "yes "},
    {"a policy", "stricthostkeychecking", "maybe"},
    {"no policy", "stricthostkeychecking", ""},
    {"a time without a number", "connecttimeout", "s"},
    {"a time with an unknown unit", "connecttimeout", "1y"},
    {"no time", "serveraliveinterval", ""},
    {"a time that is too long", "serveraliveinterval", "2147483648"},
    {"weeks that are too long", "serveraliveinterval", "3551w"},
    {"a sum that is too long", "serveraliveinterval", "2147483647s1s"},
    {"a time below 0", "serveraliveinterval", "-1"},
    {"a count that overflows", "serveralivecountmax", "99999999999999999999"},
    {"half a count", "numberofpasswordprompts", "1.5"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    char *wanted = text_join(row->keyword, ": bad value '", row->value, "'", (char *)NULL);
    char *line = text_join("host x\n", row->keyword, " ", row->value, "\nuser bob\n", (char *)NULL);
    struct ssh_config config;
    struct err err = ERR_INIT;

    assert_true(wanted && line);
    init(&config);
    assert_int_equal(ssh_config_set(&config, row->keyword, row->value, &err), -1);
    assert_string_equal(err_text(&err), wanted);
    assert_err(&err, ERR_USAGE, NULL);
    assert_int_equal(ssh_config_parse(&config, line, &err), -1);
    assert_string_equal(err_text(&err), wanted);
    assert_err(&err, ERR_USAGE, NULL);
    assert_string_not_equal(config.user, "bob");
    release(&config);
    free(wanted);
    free(line);
}

/* A later text takes the place of what an earlier one has said, and so does a single line. */
static void lists_are_replaced(void **state)
{
    (void)state;
    struct ssh_config config;
    struct err err = ERR_INIT;

    init(&config);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            ssh_config_parse(&config, "identityfile a\nidentityfile b\ncertificatefile c", &err),
            0);
        assert_int_equal(config.identity_files.count, 2);
        assert_string_equal(config.identity_files.item[1], "b");
        assert_int_equal(config.certificate_files.count, 1);
    }
    assert_int_equal(ssh_config_set(&config, "IdentityFile", "d", &err), 0);
    assert_int_equal(ssh_config_set(&config, "IdentityFile", "e f", &err), 0);
    assert_int_equal(config.identity_files.count, 1);
    assert_string_equal(config.identity_files.item[0], "e f");
    assert_int_equal(ssh_config_set(&config, "certificatefile", "none", &err), 0);
    assert_int_equal(config.certificate_files.count, 0);
    assert_int_equal(ssh_config_set(&config, "nosuch", "", &err), 0);
    assert_err_unset(&err);
    release(&config);
}

static void many_identities(void **state)
{
    (void)state;
    static const char line[] = "identityfile ~/.ssh/key\n";
    const size_t count = 5000;
    char *text = calloc(count, sizeof(line));
    struct ssh_config config;
    struct err err = ERR_INIT;

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * strlen(line), line, sizeof(line));
    init(&config);
    assert_int_equal(ssh_config_parse(&config, text, &err), 0);
    assert_int_equal(config.identity_files.count, count);
    release(&config);
    free(text);
}

/* --- ssh(1) itself --- */

/* What `ssh -G` says; NULL where there is no ssh. */
static char *ask_ssh(const char *const *options)
{
    char ssh[] = "ssh", file[] = "-F", none[] = "none", print[] = "-G";
    char *argv[16] = {ssh, file, none, print};
    size_t count = 4;
    struct fake_ctx fake;
    struct child_output output;

    for (; *options; options++) {
        argv[count] = strdup(*options);
        assert_non_null(argv[count++]);
    }
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    int done = child_read(argv, 65536, &output, &fake.ctx);
    while (count > 4)
        free(argv[--count]);
    if (done == -1) {
        err_release(&fake.err);
        return NULL;
    }
    assert_int_equal(output.status, 0);
    char *text = strdup(output.text);
    assert_non_null(text);
    child_output_release(&output);
    return text;
}

/* Its defaults are ours, but for the algorithms, which are said, and the names of files that only
 * its own build knows. */
static void defaults_of_ssh(void **state)
{
    (void)state;
    char *text = ask_ssh((const char *const[]){"--", "bastion", NULL});
    char before[SHOWN_MAX], now[SHOWN_MAX], changes[SHOWN_MAX];
    struct ssh_config config;
    struct err err = ERR_INIT;

    if (!text) {
        unit_skip("there is no ssh");
        return;
    }
    init(&config);
    (void)show(&config, before);
    assert_int_equal(ssh_config_parse(&config, text, &err), 0);
    assert_err_unset(&err);
    show_changes(before, show(&config, now), changes);
    for (const char *line = changes; *line; line += strcspn(line, "\n") + 1) {
        static const char *const may[] = {
            "hostkeys=", "ciphers=", "macs=", "kex=", "pubkeys=", "identity=", "-identity="};
        bool found = false;
        for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++)
            found = found || strncmp(line, may[i], strlen(may[i])) == 0;
        if (!found)
            unit_fail("ssh has another default: %s", line);
    }
    assert_true(config.ciphers && config.macs && config.kex_algorithms);
    assert_true(config.host_key_algorithms && config.pubkey_algorithms);
    release(&config);
    free(text);
}

/* Whatever ssh makes of options is understood. */
static void options_of_ssh(void **state)
{
    (void)state;
    char *text = ask_ssh((const char *const[]){
        "-oProxyCommand=nc %h %p", "-oIdentityFile=/k1", "-oIdentityFile=\"/k 2\"",
        "-oStrictHostKeyChecking=off", "-oServerAliveInterval=2m", "-oHostName=10.1.2.3",
        "-oControlPath=/tmp/c-%r", "-lalice", "-p2222", "--", "bastion", NULL});
    struct ssh_config config;
    struct err err = ERR_INIT;

    if (!text) {
        unit_skip("there is no ssh");
        return;
    }
    init(&config);
    assert_int_equal(ssh_config_parse(&config, text, &err), 0);
    assert_err_unset(&err);
    assert_string_equal(config.host_name, "10.1.2.3");
    assert_string_equal(config.user, "alice");
    assert_int_equal(config.port, 2222);
    assert_string_equal(config.proxy_command, "nc %h %p");
    assert_null(config.proxy_jump);
    assert_int_equal(config.identity_files.count, 2);
    assert_string_equal(config.identity_files.item[1], "/k 2");
    assert_int_equal(config.host_key_policy, SSH_HOST_KEY_NO);
    assert_int_equal(config.server_alive_interval, 120);
    assert_string_equal(config.control_path, "/tmp/c-alice");
    release(&config);
    free(text);
}

/* --- expansion --- */

static const struct expand_row {
    const char *name;
    const char *path;
    const char
        *wanted; /* with the home /h/me, host name 10.0.0.1, port 2222, users bob and alice */
} expand_rows[] = {
    {"nothing", "", ""},
    {"absolute", "/a/b c", "/a/b c"},
    {"relative", "a", "a"},
    {"the home", "~", "/h/me"},
    {"at home", "~/.ssh/id_rsa", "/h/me/.ssh/id_rsa"},
    {"the home of root", "~root/x", "/root/x"},
    {"a tilde elsewhere", "/a~/~", "/a~/~"},
    {"percent", "%%h%%", "%h%"},
    {"home token", "%d/x", "/h/me/x"},
    {"host", "k-%h-%n", "k-10.0.0.1-bastion"},
    {"key alias", "%k", "bastion"},
    {"port and users", "%p,%r,%u", "2222,bob,alice"},
    {"tokens side by side", "%p%p%%%p", "22222222%2222"},
    {"a variable", "/a/${STILE_X}/b", "/a/value $y %h/b"},
    {"variables side by side", "${STILE_X}${STILE_X}", "value $y %hvalue $y %h"},
    {"an empty variable", "a${STILE_EMPTY}b", "ab"},
    {"dollars", "$HOME$$ $ {x}$", "$HOME$$ $ {x}$"},
    {"a brace", "a}b{", "a}b{"},
};

static void expand_with(struct ssh_config *config)
{
    struct err err = ERR_INIT;

    init(config);
    free(config->home);
    free(config->local_user);
    config->home = strdup("/h/me");
    config->local_user = strdup("alice");
    assert_int_equal(ssh_config_parse(config, "hostname 10.0.0.1\nport 2222\nuser bob\n", &err), 0);
    assert_int_equal(setenv("STILE_X", "value $y %h", 1), 0);
    assert_int_equal(setenv("STILE_EMPTY", "", 1), 0);
    assert_int_equal(unsetenv("STILE_NONE"), 0);
}

static void expand(void **state)
{
    const struct expand_row *row = *state;
    struct ssh_config config;
    struct err err = ERR_INIT;

    if (strstr(row->path, "~root") && !getpwnam("root")) {
        unit_skip("there is no root");
        return;
    }
    expand_with(&config);
    char *path = ssh_config_expand(&config, "bastion", row->path, &err);
    assert_err_unset(&err);
    assert_non_null(path);
    assert_string_equal(path, row->wanted);
    free(path);
    release(&config);
}

static void expand_machine(void **state)
{
    (void)state;
    char machine[256] = "", uid[TEXT_DIGITS_MAX];
    struct ssh_config config;
    struct err err = ERR_INIT;

    assert_int_equal(gethostname(machine, sizeof(machine) - 1), 0);
    expand_with(&config);
    assert_int_equal(ssh_config_set(&config, "hostkeyalias", "Alias", &err), 0);
    char *path = ssh_config_expand(&config, "bastion", "%l %i %k", &err);
    char *wanted = text_join(machine, " ", text_digits(getuid(), uid), " Alias", (char *)NULL);
    assert_true(path && wanted);
    assert_string_equal(path, wanted);
    free(path);
    free(wanted);

    machine[strcspn(machine, ".")] = '\0';
    path = ssh_config_expand(&config, "bastion", "%L", &err);
    assert_non_null(path);
    assert_string_equal(path, machine);
    free(path);
    release(&config);
}

static const struct expand_bad_row {
    const char *name;
    const char *path;
    const char *part;
} expand_bad_rows[] = {
    {"another token", "/x/%C", "/x/%C: unknown token %C"},
    {"a token behind others", "%h%z", "unknown token %z"},
    {"a percent sign at the end", "a%", "a % at the end"},
    {"a variable that is not set", "${STILE_NONE}/x", "${STILE_NONE} is not set"},
    {"a variable without a name", "${}", "${} is not set"},
    {"a brace that is open", "a${STILE_X", "a } is missing"},
    {"another's home", "~no-such-user/x", "no such user"},
};

static void expand_bad(void **state)
{
    const struct expand_bad_row *row = *state;
    struct ssh_config config;
    struct err err = ERR_INIT;

    expand_with(&config);
    assert_null(ssh_config_expand(&config, "bastion", row->path, &err));
    assert_err(&err, ERR_USAGE, row->part);
    release(&config);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, defaults);
    UNIT_ROWS(&unit, parse, parse_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_TEST(&unit, lists_are_replaced);
    UNIT_TEST(&unit, many_identities);
    UNIT_TEST(&unit, defaults_of_ssh);
    UNIT_TEST(&unit, options_of_ssh);
    UNIT_ROWS(&unit, expand, expand_rows);
    UNIT_TEST(&unit, expand_machine);
    UNIT_ROWS(&unit, expand_bad, expand_bad_rows);
    return unit_run(&unit, "ssh_config");
}
