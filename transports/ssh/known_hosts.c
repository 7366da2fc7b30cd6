/* SPDX-License-Identifier: MIT */
#include "transports/ssh/known_hosts.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "transports/ssh/base64.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/known_name.h"

#define BLANKS " \t"

/* --- lines --- */

struct scan {
    struct known_entries *entries;
    const char *file;
    unsigned line;
    const char *name;
    struct err *err;
};

static void entry_release(struct known_entry *entry)
{
    free(entry->type);
    free(entry->blob);
    free(entry->file);
}

void known_entries_release(struct known_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        entry_release(&entries->entry[i]);
    free(entries->entry);
    *entries = KNOWN_ENTRIES_INIT;
}

/* Takes the blob over. 0, or -1 with err set. */
static int scan_add(struct scan *scan, enum known_marker marker, const char *type, uint8_t *blob,
                    size_t size)
{
    struct known_entries *entries = scan->entries;
    struct known_entry added = {
        .marker = marker,
        .type = strdup(type),
        .blob = blob,
        .size = size,
        .file = strdup(scan->file),
        .line = scan->line,
    };
    struct known_entry *entry = NULL;

    if (added.type && added.file)
        entry = realloc(entries->entry, (entries->count + 1) * sizeof(*entry));
    if (!entry) {
        entry_release(&added);
        return err_no_memory(scan->err);
    }
    entry[entries->count++] = added;
    entries->entry = entry;
    return 0;
}

/* The marker in front of a line, and what is behind it. NULL when there is another word, or two. The
 * end of it is looked for as ssh does: a tab is one only where no blank follows anywhere. */
static char *read_marker(char *line, enum known_marker *marker)
{
    static const struct {
        const char *word;
        enum known_marker marker;
    } words[] = {{"@cert-authority", KNOWN_CA}, {"@revoked", KNOWN_REVOKED}};

    *marker = KNOWN_KEY;
    if (*line != '@')
        return line;
    char *end = strchr(line, ' ');
    if (!end)
        end = strchr(line, '\t');
    if (!end)
        return NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((size_t)(end - line) == strlen(words[i].word) &&
            strncmp(line, words[i].word, strlen(words[i].word)) == 0)
            *marker = words[i].marker;
    end += strspn(end, BLANKS);
    return *marker == KNOWN_KEY || *end == '@' ? NULL : end;
}

/* Moves a word that something follows from *line; NULL when nothing does. */
static char *read_word(char **line)
{
    char *word = *line, *end = word + strcspn(word, BLANKS);

    if (!*end)
        return NULL;
    *end++ = '\0';
    *line = end + strspn(end, BLANKS);
    return word;
}

/* What stands behind the names: a type, the key and a comment. 0, or -1 with err set. */
static int scan_key(struct scan *scan, enum known_marker marker, char *rest)
{
    const char *type = read_word(&rest);
    struct key_blob key;

    if (!type)
        return 0;
    rest[strcspn(rest, BLANKS)] = '\0';
    uint8_t *blob = malloc(strlen(rest) + 1);
    if (!blob)
        return err_no_memory(scan->err);
    ssize_t size = base64_decode(rest, blob);
    if (size > 0 && key_blob_read(&key, blob, (size_t)size) == 0 && key_blob_is(&key, type))
        return scan_add(scan, marker, key.type, blob, (size_t)size);
    free(blob);
    return 0;
}

/* 0, or -1 with err set. Writes into the line. */
static int scan_line(struct scan *scan, char *line)
{
    enum known_marker marker;

    scan->line++;
    line += strspn(line, BLANKS);
    if (*line == '#')
        return 0;
    line = read_marker(line, &marker);
    const char *names = line ? read_word(&line) : NULL;
    if (!names)
        return 0;
    int matches = known_name_matches(names, scan->name, scan->err);
    return matches == 1 ? scan_key(scan, marker, line) : matches;
}

int known_hosts_scan(struct known_entries *entries, const char *text, const char *file,
                     const char *name, struct err *err)
{
    struct scan scan = {entries, file, 0, name, err};
    char *copy = strdup(text);
    int done = copy ? 0 : err_no_memory(err);

    for (char *line = copy, *next; line && done == 0; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        done = scan_line(&scan, line);
    }
    free(copy);
    return done;
}

/* --- files --- */

/* NULL when it can't be read. Never waits for the other end of a FIFO. */
static FILE *open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    FILE *file = NULL;

    if (fd != -1 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        file = fdopen(fd, "r");
    if (fd != -1 && !file)
        (void)close(fd);
    return file;
}

static int read_one(struct known_entries *entries, const char *path, const char *name,
                    struct err *err)
{
    struct scan scan = {entries, path, 0, name, err};
    FILE *file = open_regular(path);
    char *line = NULL;
    size_t room = 0;
    int done = 0;

    if (!file)
        return 0;
    while (done == 0 && getline(&line, &room, file) != -1) {
        line[strcspn(line, "\n")] = '\0';
        done = scan_line(&scan, line);
    }
    free(line);
    (void)fclose(file);
    return done;
}

int known_hosts_read(struct known_entries *entries, const struct ssh_list *files, const char *name,
                     struct err *err)
{
    for (size_t i = 0; i < files->count; i++)
        if (read_one(entries, files->item[i], name, err) == -1)
            return -1;
    return 0;
}

/* --- verdicts --- */

bool known_hosts_has(const struct known_entries *entries, enum known_marker marker)
{
    for (size_t i = 0; i < entries->count; i++)
        if (entries->entry[i].marker == marker)
            return true;
    return false;
}

/* The last entry of a kind that is this key; NULL when none is. Of `others` those that are not, and
 * of these one of the same type before all. */
static const struct known_entry *find(const struct known_entries *entries, enum known_marker marker,
                                      const struct key_blob *key, bool others)
{
    const struct known_entry *found = NULL;
    bool found_type = false;

    for (size_t i = 0; i < entries->count; i++) {
        const struct known_entry *entry = &entries->entry[i];
        struct key_blob known;
        if (entry->marker != marker || key_blob_read(&known, entry->blob, entry->size) == -1)
            continue;
        bool is_type = known.kind == key->kind && known.is_certificate == key->is_certificate;
        bool is_same = key_blob_same(&known, key) && (is_type || marker == KNOWN_REVOKED);
        if (is_same == others || (others && found_type && !is_type))
            continue;
        found = entry;
        found_type = is_type;
    }
    return found;
}

enum known_verdict known_hosts_judge(const struct known_entries *entries, const uint8_t *blob,
                                     size_t size, const struct known_entry **decisive)
{
    static const struct {
        enum known_verdict verdict;
        enum known_marker marker;
        bool others;
    } steps[] = {
        {KNOWN_IS_REVOKED, KNOWN_REVOKED, false},
        {KNOWN_IS_OK, KNOWN_KEY, false},
        {KNOWN_IS_CHANGED, KNOWN_KEY, true},
    };
    struct key_blob key;
    const struct known_entry *found = NULL;
    enum known_verdict verdict = KNOWN_IS_NEW;

    if (key_blob_read(&key, blob, size) == -1)
        key = (struct key_blob){0}; /* like no other */
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !found; i++) {
        found = find(entries, steps[i].marker, &key, steps[i].others);
        if (found)
            verdict = steps[i].verdict;
    }
    if (decisive)
        *decisive = found;
    return verdict;
}

char *known_hosts_fingerprint(const uint8_t *blob, size_t size, bool md5)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char hex[3 * EVP_MAX_MD_SIZE + 1] = "";

    if (!EVP_Digest(blob, size, hash, &length, md5 ? EVP_md5() : EVP_sha256(), NULL))
        return NULL;
    if (md5) {
        for (unsigned i = 0; i < length; i++)
            (void)snprintf(hex + 3 * i, 4, ":%02x", hash[i]);
        return text_join("MD5", hex, (char *)NULL);
    }
    char *coded = base64_encode(hash, length);
    if (coded)
        coded[strcspn(coded, "=")] = '\0';
    char *text = coded ? text_join("SHA256:", coded, (char *)NULL) : NULL;
    free(coded);
    return text;
}
