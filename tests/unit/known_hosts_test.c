/* SPDX-License-Identifier: MIT */
#include "transports/ssh/known_hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/child.h"
#include "core/text.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_keys.h"
#include "tests/unit/fake_unit.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/known_name.h"

#define A KEY_ED25519
#define B KEY_ED25519_OTHER
#define SHOWN_MAX 65536
#define BLOB_MAX 1024

/* The blob of a line's key, and its size. */
static size_t blob_of(const char *line, uint8_t blob[BLOB_MAX])
{
    const char *coded = strchr(line, ' ') + 1;

    assert_in_range(strlen(coded), 1, BLOB_MAX);
    ssize_t size = base64_decode(coded, blob);
    assert_true(size > 0);
    return (size_t)size;
}

/* Each entry as "line", with a C or an R for its marker, into `text`, which is returned. */
static const char *show(const struct known_entries *entries, char text[SHOWN_MAX])
{
    static const char *const markers[] = {"", "C", "R"};
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < entries->count; i++) {
        const struct known_entry *entry = &entries->entry[i];
        length += (size_t)snprintf(text + length, SHOWN_MAX - length, "%s%u%s", i ? " " : "",
                                   entry->line, markers[entry->marker]);
        assert_true(length < SHOWN_MAX);
    }
    return text;
}

static void scan(struct known_entries *entries, const char *text, const char *name)
{
    struct err err = ERR_INIT;

    assert_int_equal(known_hosts_scan(entries, text, "FILE", name, &err), 0);
    assert_err_unset(&err);
}

/* --- names --- */

static const struct name_row {
    const char *name;
    const char *host;
    uint16_t port;
    const char *wanted;
} name_rows[] = {
    {"a name", "bastion", 22, "bastion"},
    {"capitals", "Bastion.EXAMPLE", 22, "bastion.example"},
    {"a port", "Bastion", 2222, "[bastion]:2222"},
    {"no port", "bastion", 0, "bastion"},
    {"an address", "::1", 22, "::1"},
    {"an address and a port", "FE80::1%eth0", 65535, "[fe80::1%eth0]:65535"},
};

static void name(void **state)
{
    const struct name_row *row = *state;
    char *name = known_hosts_name(row->host, row->port);

    assert_non_null(name);
    assert_string_equal(name, row->wanted);
    free(name);
}

static const struct names_row {
    const char *names; /* in the file */
    const char *name;
    bool matches;
} names_rows[] = {
    {"host", "host", true},
    {"host", "hosts", false},
    {"hosts", "host", false},
    {"HoSt", "host", true},
    {"a,host,b", "host", true},
    {"a,host", "a,host", false},
    {",", "host", false},
    {"", "host", false},
    {",,host,,", "host", true},
    {"*", "host", true},
    {"**", "host", true},
    {"*", "", true},
    {"?", "h", true},
    {"?", "host", false},
    {"????", "host", true},
    {"h*t", "host", true},
    {"h*", "h", true},
    {"*t*", "host", true},
    {"*x*", "host", false},
    {"*.example", "a.b.example", true},
    {"*.example", ".example", true},
    {"*.example", "example", false},
    {"*ab", "aab", true},
    {"*a?c*f", "xabcabde", false},
    {"*a?c*e", "xabcabdce", true},
    {"!host", "host", false},
    {"!host,*", "host", false},
    {"*,!host", "host", false},
    {"*,!host", "other", true},
    {"!h*,host", "host", false},
    {"!other,host", "host", true},
    {"!!host,*", "host", true},
    {"[host]:2222", "[host]:2222", true},
    {"[host]:2222", "host", false},
    {"host", "[host]:2222", false},
    {"[*]:2222", "[host]:2222", true},
    {"*", "[host]:2222", true},
    {"[host]:*", "[host]:2222", true},
    {"::1", "::1", true},
    {"|", "|", false},
    {"|1|", "host", false},
    {"|1|AAAA|AAAA", "host", false},
    {"|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAA", "host", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "host", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|", "host", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM=", "host", true},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM=", "hosts", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM=,host", "host", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM", "host", false},
    {"|1|AAAAAAAAAAAAAAAAAAAAAAAAAA==|qMAytznGdvG2NWLER+WFX1xPPlM=", "host", false},
    {"host,|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM=", "host", true},
};

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names_rows) / sizeof(names_rows[0]); i++) {
        const struct names_row *row = &names_rows[i];
        struct err err = ERR_INIT;
        if (known_name_matches(row->names, row->name, &err) != row->matches)
            unit_fail("`%s` and `%s`: not %d", row->names, row->name, row->matches);
        assert_err_unset(&err);
    }
}

/* ssh takes a name of up to 1022 bytes in a list, and no list in which a longer one comes first. */
static void long_names(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        bool matches;
    } rows[] = {{1021, true}, {1022, true}, {1023, false}, {100000, false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *long_name = calloc(1, rows[i].length + 1);
        struct err err = ERR_INIT;
        assert_non_null(long_name);
        memset(long_name, 'x', rows[i].length);
        char *list = text_join(long_name, ",host", (char *)NULL);
        assert_non_null(list);
        assert_int_equal(known_name_matches(list, "host", &err), rows[i].matches);
        assert_int_equal(known_name_matches(long_name, long_name, &err), rows[i].matches);
        free(list);
        free(long_name);
    }
}

/* What would take a recursive matcher years. */
static void many_stars(void **state)
{
    (void)state;
    char pattern[201] = "", host[201] = "";
    struct err err = ERR_INIT;

    for (size_t i = 0; i < 200; i += 2) {
        memcpy(pattern + i, "*a", 3);
        memcpy(host + i, "aa", 3);
    }
    assert_int_equal(known_name_matches(pattern, host, &err), 1);
    pattern[199] = 'b';
    assert_int_equal(known_name_matches(pattern, host, &err), 0);
}

/* --- lines --- */

static const struct scan_row {
    const char *name;
    const char *text;
    const char *wanted; /* the lines about `host` */
} scan_rows[] = {
    {"nothing", "", ""},
    {"a line", "host " A "\n", "1"},
    {"no line end", "host " A, "1"},
    {"a comment behind", "host " A " someone@somewhere # x\n", "1"},
    {"CRLF", "host " A "\r\nhost " B " x\r\n", "1 2"},
    {"tabs and blanks", " \thost\t \tssh-ed25519\t" DATA_ED25519 "\t\n", "1"},
    {"comments and empty lines", "\n#host " A "\n  # host " A "\n\t\nhost " A, "5"},
    {"several", "host " A "\nother " B "\n*,!other " KEY_P256 "\nhost " KEY_RSA, "1 3 4"},
    {"every type",
     "host " A "\nhost " KEY_RSA "\nhost " KEY_P256 "\nhost " KEY_P384 "\nhost " KEY_P521
     "\nhost " KEY_DSS "\nhost " KEY_CERTIFICATE "\n",
     "1 2 3 4 5 6 7"},

    {"authority", "@cert-authority * " A, "1C"},
    {"revoked", "@revoked host " A, "1R"},
    {"blanks behind a marker", "@revoked \t host " A, "1R"},
    {"a marker behind blanks", "\t@revoked host " A, "1R"},
    {"a marker of another name", "@revoked other " A, ""},
    {"an unknown marker", "@other host " A, ""},
    {"a marker in capitals", "@REVOKED host " A, ""},
    {"the start of a marker", "@revoke host " A, ""},
    {"two markers", "@revoked @cert-authority host " A, ""},
    {"a marker twice", "@revoked @revoked host " A, ""},
    {"a marker without a blank", "@revokedhost " A, ""},
    {"an empty marker", "@ host " A, ""},
    {"a marker alone", "@revoked\n@revoked \n@cert-authority", ""},
    {"a marker and a tab, which ssh doesn't take", "@revoked\thost " A, ""},

    {"a name alone", "host\nhost \nhost \t\n", ""},
    {"a type alone", "host ssh-ed25519\nhost ssh-ed25519 \n", ""},
    {"a comment for a key", "host # x\nhost ssh-ed25519 # x", ""},
    {"SSH1", "host 1024 35 1234567890\nhost " A, "2"},
    {"an unknown type", "host ssh-ed448 " DATA_ED25519, ""},
    {"a short type", "host ED25519 " DATA_ED25519 "\nhost ecdsa " DATA_P256, ""},
    {"the type of another", "host ssh-rsa " DATA_ED25519 "\nhost ecdsa-sha2-nistp384 " DATA_P256,
     ""},
    {"a certificate's type", "host ssh-ed25519-cert-v01@openssh.com " DATA_ED25519, ""},
    {"a certificate's key", "host ssh-ed25519 " DATA_CERTIFICATE, ""},
    {"RSA by another name", "host rsa-sha2-512 " DATA_RSA "\nhost rsa-sha2-256 " DATA_RSA, "1 2"},
    {"broken base64", "host ssh-ed25519 " DATA_ED25519 "=\nhost ssh-ed25519 A" DATA_ED25519, ""},
    {"no base64", "host ssh-ed25519 !\nhost ssh-ed25519 AAAA!\nhost ssh-ed25519 =", ""},
    {"half a key", "host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\nhost ssh-ed25519 AAAA", ""},
    {"two keys", "host " A DATA_ED25519, ""},
    {"no name", " " A "\n", ""},
    {"an empty name", ", " A "\n", ""},
    {"broken hashes", "| " A "\n|1 " A "\n|1|x|y " A "\n|1|| " A "\nhost " A, "5"},
};

static void scanned(void **state)
{
    const struct scan_row *row = *state;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char shown[SHOWN_MAX];

    scan(&entries, row->text, "host");
    assert_string_equal(show(&entries, shown), row->wanted);
    for (size_t i = 0; i < entries.count; i++)
        assert_string_equal(entries.entry[i].file, "FILE");
    known_entries_release(&entries);
    assert_int_equal(entries.count, 0);
    known_entries_release(&entries);
}

static void entries_tell_the_key(void **state)
{
    (void)state;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    uint8_t blob[BLOB_MAX];

    scan(&entries, "host " A "\nhost rsa-sha2-512 " DATA_RSA "\n", "host");
    assert_int_equal(entries.count, 2);
    assert_string_equal(entries.entry[0].type, "ssh-ed25519");
    assert_int_equal(entries.entry[0].size, blob_of(A, blob));
    assert_memory_equal(entries.entry[0].blob, blob, entries.entry[0].size);
    assert_string_equal(entries.entry[1].type, "ssh-rsa");
    assert_int_equal(entries.entry[1].size, blob_of(KEY_RSA, blob));
    assert_memory_equal(entries.entry[1].blob, blob, entries.entry[1].size);
    known_entries_release(&entries);
}

/* --- verdicts --- */

static const struct judge_row {
    const char *name;
    const char *text;
    enum known_verdict verdict; /* on A */
    unsigned line;              /* that decides, 0 = none */
} judge_rows[] = {
    {"nothing", "", KNOWN_IS_NEW, 0},
    {"another name", "other " A, KNOWN_IS_NEW, 0},
    {"this key", "host " A, KNOWN_IS_OK, 1},
    {"this key behind others", "host " B "\nhost " KEY_RSA "\nhost " A, KNOWN_IS_OK, 3},
    {"this key before others", "host " A "\nhost " B, KNOWN_IS_OK, 1},
    {"another key", "host " B, KNOWN_IS_CHANGED, 1},
    {"another type", "host " KEY_RSA, KNOWN_IS_CHANGED, 1},
    {"other types", "host " KEY_RSA "\nhost " KEY_P256, KNOWN_IS_CHANGED, 2},
    {"another key before another type", "host " B "\nhost " KEY_RSA, KNOWN_IS_CHANGED, 1},
    {"another key behind another type", "host " KEY_RSA "\nhost " B, KNOWN_IS_CHANGED, 2},
    {"the same key twice", "host " B "\nhost " B, KNOWN_IS_CHANGED, 2},
    {"an authority", "@cert-authority * " A "\n@cert-authority * " B, KNOWN_IS_NEW, 0},
    {"an authority and this key", "@cert-authority * " B "\nhost " A, KNOWN_IS_OK, 2},
    {"revoked", "@revoked host " A, KNOWN_IS_REVOKED, 1},
    {"known, and revoked", "host " A "\n@revoked * " A, KNOWN_IS_REVOKED, 2},
    {"revoked, and known", "@revoked * " A "\nhost " A, KNOWN_IS_REVOKED, 1},
    {"changed, and revoked", "host " B "\n@revoked * " A, KNOWN_IS_REVOKED, 2},
    {"another is revoked", "@revoked host " B, KNOWN_IS_NEW, 0},
    {"another is revoked, this is known", "@revoked host " B "\nhost " A, KNOWN_IS_OK, 2},
    {"revoked for another name", "@revoked other " A "\nhost " A, KNOWN_IS_OK, 2},
    {"its certificate is revoked", "host " A "\n@revoked * " KEY_CERTIFICATE, KNOWN_IS_REVOKED, 2},
    {"its certificate is no key", "host " KEY_CERTIFICATE, KNOWN_IS_CHANGED, 1},
    {"a broken line", "host ssh-ed25519 AAAA\nhost 1024 35 1\n", KNOWN_IS_NEW, 0},
};

static void judged(void **state)
{
    const struct judge_row *row = *state;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    static const struct known_entry other;
    const struct known_entry *decisive = &other;
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(A, blob);

    scan(&entries, row->text, "host");
    assert_int_equal(known_hosts_judge(&entries, blob, size, &decisive), row->verdict);
    assert_int_equal(decisive ? decisive->line : 0, row->line);
    assert_int_equal(known_hosts_judge(&entries, blob, size, NULL), row->verdict);
    known_entries_release(&entries);
}

static void a_broken_key_is_never_known(void **state)
{
    (void)state;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(A, blob);

    scan(&entries, "@revoked host " B, "host");
    assert_int_equal(known_hosts_judge(&entries, blob, size - 1, NULL), KNOWN_IS_NEW);
    assert_int_equal(known_hosts_judge(&entries, blob, 0, NULL), KNOWN_IS_NEW);
    scan(&entries, "host " A, "host");
    assert_int_equal(known_hosts_judge(&entries, blob, size - 1, NULL), KNOWN_IS_CHANGED);
    known_entries_release(&entries);
}

static void markers_are_found(void **state)
{
    (void)state;
    struct known_entries entries = KNOWN_ENTRIES_INIT;

    assert_false(known_hosts_has(&entries, KNOWN_KEY));
    scan(&entries, "@cert-authority * " A "\n@revoked other " A, "host");
    assert_true(known_hosts_has(&entries, KNOWN_CA));
    assert_false(known_hosts_has(&entries, KNOWN_KEY));
    assert_false(known_hosts_has(&entries, KNOWN_REVOKED));
    known_entries_release(&entries);
}

static const struct fingerprint_row {
    const char *name;
    const char *line;
    bool md5;
    const char *wanted; /* what ssh-keygen -l prints */
} fingerprint_rows[] = {
    {"ed25519", A, false, "SHA256:CWLTDnRbV6gBIh3KBduEgNBklc2dQl0scf9I3PbT5Vg"},
    {"ed25519 by MD5", A, true, "MD5:c6:71:3e:d6:26:ea:a7:b8:ec:ed:2b:cf:4f:30:9c:74"},
    {"RSA", KEY_RSA, false, "SHA256:MmbBvoh4pCxpyXc/37TnT+fNPOiYGpssCUIbq7H92SI"},
    {"RSA by MD5", KEY_RSA, true, "MD5:31:8d:50:bf:8a:60:20:71:18:a6:58:30:dd:65:ee:e7"},
};

static void fingerprint(void **state)
{
    const struct fingerprint_row *row = *state;
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(row->line, blob);
    char *text = known_hosts_fingerprint(blob, size, row->md5);

    assert_non_null(text);
    assert_string_equal(text, row->wanted);
    free(text);
}

/* --- files --- */

static void read_files(struct known_entries *entries, const struct folder *folder,
                       const char *const *file_names, const char *name)
{
    char path[FOLDER_PATH_MAX];
    char *item[8];
    struct ssh_list files = {.item = item};
    struct err err = ERR_INIT;

    for (; *file_names; file_names++) {
        item[files.count] = strdup(folder_path(folder, *file_names, path));
        assert_non_null(item[files.count++]);
    }
    assert_int_equal(known_hosts_read(entries, &files, name, &err), 0);
    assert_err_unset(&err);
    for (size_t i = 0; i < files.count; i++)
        free(item[i]);
}

static void several_files(void **state)
{
    (void)state;
    struct folder folder;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char path[FOLDER_PATH_MAX], shown[SHOWN_MAX];

    folder_init(&folder);
    folder_put(&folder, "one", "other " A "\nhost " A "\n", 0600);
    folder_put(&folder, "two", "# x\n\n@revoked * " B, 0644);
    folder_put(&folder, "empty", "", 0600);
    assert_int_equal(mkdir(folder_path(&folder, "folder", path), 0700), 0);
    assert_int_equal(mkfifo(folder_path(&folder, "fifo", path), 0600), 0);
    read_files(&entries, &folder,
               (const char *const[]){"two", "none", "fifo", "folder", "empty", "one", NULL},
               "host");
    assert_string_equal(show(&entries, shown), "3R 2");
    assert_string_equal(entries.entry[0].file, folder_path(&folder, "two", path));
    assert_string_equal(entries.entry[1].file, folder_path(&folder, "one", path));
    known_entries_release(&entries);

    char null[] = "/dev/null";
    char *item[] = {null};
    const struct ssh_list files = {.item = item, .count = 1};
    struct err err = ERR_INIT;
    assert_int_equal(known_hosts_read(&entries, &files, "host", &err), 0);
    assert_int_equal(entries.count, 0);
    folder_release(&folder);
}

/* A NUL ends its line and no other. */
static void nul_bytes(void **state)
{
    (void)state;
    static const char text[] = "host\0 " A "\nhost " A "\0=\nho\0st " A "\n\0host " A "\nhost " B;
    struct folder folder;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char shown[SHOWN_MAX];

    folder_init(&folder);
    folder_write(&folder, "file", text, sizeof(text), 0600);
    read_files(&entries, &folder, (const char *const[]){"file", NULL}, "host");
    assert_string_equal(show(&entries, shown), "2 5");
    known_entries_release(&entries);
    folder_release(&folder);
}

static void long_lines(void **state)
{
    (void)state;
    const size_t length = 100 * 1024;
    char *filler = malloc(length + 1);
    struct folder folder;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char shown[SHOWN_MAX];

    assert_non_null(filler);
    memset(filler, 'A', length);
    filler[length] = '\0';
    char *text = text_join("#", filler, "\nhost " A " ", filler, "\n", filler, ",host " A "\nhost,",
                           filler, " " A "\nhost ssh-ed25519 ", filler, "\nhost ", filler,
                           " AAAA\n@", filler, " host " A "\nhost " B, (char *)NULL);
    assert_non_null(text);
    folder_init(&folder);
    folder_put(&folder, "file", text, 0600);
    read_files(&entries, &folder, (const char *const[]){"file", NULL}, "host");
    assert_string_equal(show(&entries, shown), "2 8");
    known_entries_release(&entries);
    folder_release(&folder);
    free(filler);
    free(text);
}

/* --- new lines --- */

static void append(const struct folder *folder, const char *file, const char *name,
                   const char *line, bool hash)
{
    char path[FOLDER_PATH_MAX];
    char *type = strndup(line, strcspn(line, " "));
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(line, blob);
    struct err err = ERR_INIT;

    assert_non_null(type);
    assert_int_equal(
        known_hosts_append(folder_path(folder, file, path), name, type, blob, size, hash, &err), 0);
    assert_err_unset(&err);
    free(type);
}

static void file_is(const struct folder *folder, const char *file, const char *wanted)
{
    char text[FOLDER_TEXT_MAX];

    assert_string_equal(folder_get(folder, file, text), wanted);
}

static void append_plain(void **state)
{
    (void)state;
    struct folder folder;
    char path[FOLDER_PATH_MAX], other[FOLDER_PATH_MAX];
    struct stat status;

    folder_init(&folder);
    append(&folder, "file", "Host", A, false);
    file_is(&folder, "file", "host " A "\n");
    assert_int_equal(stat(folder_path(&folder, "file", path), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    append(&folder, "file", "[::1]:2222", KEY_P256, false);
    file_is(&folder, "file", "host " A "\n[::1]:2222 " KEY_P256 "\n");

    folder_put(&folder, "open", "# no end", 0644);
    append(&folder, "open", "::1", B, false);
    file_is(&folder, "open", "# no end\n::1 " B "\n");
    assert_int_equal(stat(folder_path(&folder, "open", path), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);

    folder_put(&folder, "empty", "", 0600);
    assert_int_equal(symlink(folder_path(&folder, "empty", path), //
                             folder_path(&folder, "link", other)),
                     0);
    append(&folder, "link", "host", A, false);
    file_is(&folder, "empty", "host " A "\n");
    assert_int_equal(lstat(other, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    folder_release(&folder);
}

static void append_makes_the_folder(void **state)
{
    (void)state;
    struct folder folder, inner;
    char path[FOLDER_PATH_MAX];
    struct stat status;

    folder_init(&folder);
    append(&folder, ".ssh/known_hosts", "host", A, false);
    (void)folder_path(&folder, ".ssh", inner.path);
    file_is(&inner, "known_hosts", "host " A "\n");
    assert_int_equal(stat(inner.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    append(&folder, ".ssh/known_hosts", "host", B, false);
    file_is(&inner, "known_hosts", "host " A "\nhost " B "\n");
    assert_int_equal(unlink(folder_path(&inner, "known_hosts", path)), 0);
    folder_release(&folder);
}

static void append_hashed(void **state)
{
    (void)state;
    struct folder folder;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char text[FOLDER_TEXT_MAX], shown[SHOWN_MAX];

    folder_init(&folder);
    append(&folder, "file", "Host", A, true);
    append(&folder, "file", "host", A, true);
    append(&folder, "file", "other", A, true);
    (void)folder_get(&folder, "file", text);
    assert_null(strstr(text, "ost"));
    assert_int_equal(strncmp(text, "|1|", 3), 0);
    const char *second = strchr(text, '\n') + 1;
    assert_true(strncmp(text, second, strcspn(text, " ")) != 0);
    read_files(&entries, &folder, (const char *const[]){"file", NULL}, "host");
    assert_string_equal(show(&entries, shown), "1 2");
    known_entries_release(&entries);
    folder_release(&folder);
}

static const struct unfit_row {
    const char *name;
    const char *host;
} unfit_rows[] = {
    {"nothing", ""},
    {"a list", "a,b"},
    {"a star", "a*"},
    {"a question mark", "a?"},
    {"a negation", "!a"},
    {"a marker", "@revoked"},
    {"a hash", "|1|a|b"},
    {"a comment", "#a"},
    {"two words", "a b"},
    {"a tab", "a\tb"},
    {"two lines", "a\nb"},
    {"a CR", "a\r"},
    {"a quote", "a\""},
    {"a bracket", "a]b"},
    {"an open bracket", "[a"},
    {"no host", "[]:22"},
    {"a list in brackets", "[a,b]:22"},
    {"a star in brackets", "[*]:22"},
    {"a word for a port", "[a]:x"},
    {"a byte above ASCII", "a\303\244"},
    {"a list behind", "[a]:22,b"},
};

static void append_unfit(void **state)
{
    const struct unfit_row *row = *state;
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(A, blob);
    struct err err = ERR_INIT;

    folder_init(&folder);
    (void)folder_path(&folder, "file", path);
    assert_int_equal(known_hosts_append(path, row->host, "ssh-ed25519", blob, size, false, &err),
                     -1);
    assert_err(&err, ERR_AUTH, "no line can be for the name");
    assert_int_equal(access(path, F_OK), -1);
    folder_release(&folder);
}

static void append_fails(void **state)
{
    (void)state;
    struct folder folder;
    char path[FOLDER_PATH_MAX];
    uint8_t blob[BLOB_MAX];
    size_t size = blob_of(A, blob);
    struct err err = ERR_INIT;

    folder_init(&folder);
    (void)folder_path(&folder, "file", path);
    assert_int_equal(known_hosts_append(path, "host", "ssh-rsa", blob, size, false, &err), -1);
    assert_err(&err, ERR_AUTH, "no line can have a key of the type 'ssh-rsa'");
    assert_int_equal(known_hosts_append(path, "host", "x\ny", blob, size - 1, true, &err), -1);
    assert_err(&err, ERR_AUTH, "no line can have a key of the type");
    assert_int_equal(access(path, F_OK), -1);

    assert_int_equal(
        known_hosts_append(folder.path, "host", "ssh-ed25519", blob, size, false, &err), -1);
    assert_contains(err_text(&err), folder.path);
    assert_err(&err, ERR_AUTH, "Is a directory");
    (void)folder_path(&folder, "no/folder/file", path);
    assert_int_equal(known_hosts_append(path, "host", "ssh-ed25519", blob, size, false, &err), -1);
    assert_err(&err, ERR_AUTH, "No such file or directory");
    assert_int_equal(
        known_hosts_append("/dev/null", "host", "ssh-ed25519", blob, size, false, &err), 0);
    assert_err_unset(&err);
    folder_release(&folder);
}

/* Several at once: each line is whole, and none is missing. */
static void append_together(void **state)
{
    (void)state;
    enum {
        PROCESSES = 8,
        LINES = 20
    };
    struct folder folder;
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    pid_t pids[PROCESSES];

    folder_init(&folder);
    folder_put(&folder, "file", "# no end", 0600);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            for (int line = 0; line < LINES; line++)
                append(&folder, "file", "host", KEY_RSA, line % 2);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(child_wait(pids[i], &status, INT64_MAX), 0);
        assert_int_equal(status, 0);
    }
    read_files(&entries, &folder, (const char *const[]){"file", NULL}, "host");
    assert_int_equal(entries.count, PROCESSES * LINES);
    assert_int_equal(entries.entry[entries.count - 1].line, PROCESSES * LINES + 1);
    known_entries_release(&entries);
    folder_release(&folder);
}

/* --- ssh-keygen itself --- */

/* The lines that `ssh-keygen -l -F` finds, as show has them. false where there is no ssh-keygen. */
static bool keygen_finds(const struct folder *folder, const char *file, const char *name,
                         char shown[SHOWN_MAX])
{
    char path[FOLDER_PATH_MAX], host[100];
    char keygen[] = "ssh-keygen", list[] = "-l", find[] = "-F", in[] = "-f";
    struct fake_ctx fake;
    struct child_output output;
    size_t length = 0;

    (void)snprintf(host, sizeof(host), "%s", name);
    (void)folder_path(folder, file, path);
    char *argv[] = {keygen, list, find, host, in, path, NULL};
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    if (child_read(argv, 1 << 20, &output, &fake.ctx) == -1) {
        err_release(&fake.err);
        return false;
    }
    shown[0] = '\0';
    for (const char *at = output.text; (at = strstr(at, " found: line ")); at++) {
        unsigned line;
        char marker = '\0';
        assert_true(sscanf(at, " found: line %u %c", &line, &marker) >= 1);
        length +=
            (size_t)snprintf(shown + length, SHOWN_MAX - length, "%s%u%.1s", length ? " " : "",
                             line, marker == 'C' ? "C" : (marker == 'R' ? "R" : ""));
        assert_true(length < SHOWN_MAX);
    }
    child_output_release(&output);
    return true;
}

/* The same is found as by OpenSSH in one file. */
static bool same_as_keygen(const struct folder *folder, const char *file, const char *name)
{
    struct known_entries entries = KNOWN_ENTRIES_INIT;
    char wanted[SHOWN_MAX], shown[SHOWN_MAX];

    if (!keygen_finds(folder, file, name, wanted))
        return false;
    read_files(&entries, folder, (const char *const[]){file, NULL}, name);
    assert_string_equal(show(&entries, shown), wanted);
    known_entries_release(&entries);
    return true;
}

static void keygen_agrees(void **state)
{
    const struct scan_row *row = *state;
    struct folder folder;

    folder_init(&folder);
    folder_put(&folder, "file", row->text, 0600);
    bool agrees = same_as_keygen(&folder, "file", "host");
    folder_release(&folder);
    if (!agrees)
        unit_skip("there is no ssh-keygen");
}

/* Lines out of pieces, some of them sound. Not the one that ends behind the names: ssh-keygen reads
 * on in what the line before has left. */
static void random_lines(char *text, size_t room, uint32_t seed, unsigned count)
{
    static const char *const markers[] = {
        "", "", "", "@revoked ", "@cert-authority ", "@revoked\t", "@x ", "@revoked @revoked ",
        " "};
    static const char *const hosts[] = {
        "host",  "HOST",        "h?st",
        "*",     "!host",       "!other",
        "other", "[host]:2222", "[*]:2222",
        "h*",    "*t",          "",
        "!*",    "!h*t",        "|1|",
        "host]", "*.*",         "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|qMAytznGdvG2NWLER+WFX1xPPlM="};
    static const char *const keys[] = {A,
                                       B,
                                       KEY_RSA,
                                       KEY_P256,
                                       KEY_P521,
                                       KEY_CERTIFICATE,
                                       "ssh-rsa " DATA_ED25519,
                                       "ssh-ed25519 ",
                                       "ssh-ed25519 AAAA",
                                       A "=",
                                       "1024 35 1234",
                                       "#",
                                       "rsa-sha2-512 " DATA_RSA,
                                       A "\r",
                                       "ssh-ed25519\t" DATA_ED25519_OTHER,
                                       "x " DATA_P256};
    static const char *const ends[] = {"\n", "\r\n", " comment\n", "\t\n", " # c d\n", " \n"};
#define PICK(pieces) (pieces)[unit_below(&seed, sizeof(pieces) / sizeof((pieces)[0]))]

    text[0] = '\0';
    for (; count > 0; count--) {
        const char *marker = PICK(markers), *first = PICK(hosts), *second = PICK(hosts);
        const char *key = PICK(keys), *end = PICK(ends);
        bool is_list = unit_below(&seed, 2);
        size_t length = strlen(text);
        int added = snprintf(text + length, room - length, "%s%s%s%s %s%s", marker, first,
                             is_list ? "," : "", is_list ? second : "", key, end);
        assert_in_range(added, 1, room - length - 1);
    }
#undef PICK
}

static void keygen_agrees_at_random(void **state)
{
    (void)state;
    static const char *const hosts[] = {"host", "other", "[host]:2222", "x", "hot", "t.t"};
    enum {
        FILES = 3,
        LINES = 400
    };
    const size_t room = LINES * 1000;
    char *text = malloc(room);
    struct folder folder;
    bool agrees = true;

    assert_non_null(text);
    folder_init(&folder);
    for (uint32_t seed = 1; seed <= FILES; seed++) {
        random_lines(text, room, seed, LINES);
        folder_put(&folder, "file", text, 0600);
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && agrees; i++)
            agrees = same_as_keygen(&folder, "file", hosts[i]);
    }
    folder_release(&folder);
    free(text);
    if (!agrees)
        unit_skip("there is no ssh-keygen");
}

/* What each writes hashed, the other finds. */
static void hashed_by_each_other(void **state)
{
    (void)state;
    struct folder folder;
    char path[FOLDER_PATH_MAX], shown[SHOWN_MAX];
    char keygen[] = "ssh-keygen", hash[] = "-H", in[] = "-f";
    struct fake_ctx fake;
    struct child_output output;

    folder_init(&folder);
    append(&folder, "ours", "host", A, true);
    append(&folder, "ours", "[host]:2222", B, true);
    folder_put(&folder, "theirs", "host,other " A "\n[host]:2222 " B "\n", 0600);
    (void)folder_path(&folder, "theirs", path);
    char *argv[] = {keygen, hash, in, path, NULL};
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    if (child_read(argv, 1 << 20, &output, &fake.ctx) == -1) {
        err_release(&fake.err);
        folder_release(&folder);
        unit_skip("there is no ssh-keygen");
        return;
    }
    assert_int_equal(output.status, 0);
    child_output_release(&output);
    assert_true(keygen_finds(&folder, "ours", "host", shown));
    assert_string_equal(shown, "1");
    assert_true(keygen_finds(&folder, "ours", "[host]:2222", shown));
    assert_string_equal(shown, "2");
    assert_true(keygen_finds(&folder, "theirs", "other", shown));
    assert_string_equal(shown, "2");
    for (size_t i = 0; i < 3; i++) {
        static const char *const hosts[] = {"host", "other", "[host]:2222"};
        assert_true(same_as_keygen(&folder, "theirs", hosts[i]));
    }
    folder_release(&folder);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, name, name_rows);
    UNIT_TEST(&unit, names);
    UNIT_TEST(&unit, long_names);
    UNIT_TEST(&unit, many_stars);
    UNIT_ROWS(&unit, scanned, scan_rows);
    UNIT_TEST(&unit, entries_tell_the_key);
    UNIT_ROWS(&unit, judged, judge_rows);
    UNIT_TEST(&unit, a_broken_key_is_never_known);
    UNIT_TEST(&unit, markers_are_found);
    UNIT_ROWS(&unit, fingerprint, fingerprint_rows);
    UNIT_TEST(&unit, several_files);
    UNIT_TEST(&unit, nul_bytes);
    UNIT_TEST(&unit, long_lines);
    UNIT_TEST(&unit, append_plain);
    UNIT_TEST(&unit, append_makes_the_folder);
    UNIT_TEST(&unit, append_hashed);
    UNIT_ROWS(&unit, append_unfit, unfit_rows);
    UNIT_TEST(&unit, append_fails);
    UNIT_TEST(&unit, append_together);
    UNIT_ROWS(&unit, keygen_agrees, scan_rows);
    UNIT_TEST(&unit, keygen_agrees_at_random);
    UNIT_TEST(&unit, hashed_by_each_other);
    return unit_run(&unit, "known_hosts");
}
