/* SPDX-License-Identifier: MIT */
#include "config/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/path.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/prefix.h"
#include "core/text.h"

/* --- hashes --- */

/* FNV-1a, 64 bits. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_FACTOR UINT64_C(0x100000001b3)

/* The NUL belongs to it, or two texts would be as good as one of both. */
static uint64_t hash(uint64_t before, const char *text)
{
    do
        before = (before ^ (unsigned char)*text) * HASH_FACTOR;
    while (*text++);
    return before;
}

/* 0 means that there is none. */
static uint64_t hash_way(const struct way *way)
{
    uint64_t made = hash(HASH_START, way->said);

    return made ? made : 1;
}

static size_t find_way(const struct ways *ways, uint64_t winner)
{
    size_t i = 0;

    while (i < ways->count && hash_way(&ways->way[i]) != winner)
        i++;
    return i;
}

/* --- the file --- */

#define HEX_DIGITS 16

static char *put_hex(char *out, uint64_t number, char end)
{
    static const char digits[] = "0123456789abcdef";

    for (int shift = 60; shift >= 0; shift -= 4)
        *out++ = digits[(number >> shift) & 15];
    *out++ = end;
    return out;
}

/* False unless it is what put_hex writes. Moves *text behind it. */
static bool take_hex(const char **text, uint64_t *number, char end)
{
    const char *at = *text;

    *number = 0;
    for (int i = 0; i < HEX_DIGITS; i++, at++) {
        if (*at >= '0' && *at <= '9')
            *number = *number << 4 | (uint64_t)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            *number = *number << 4 | (uint64_t)(*at - 'a' + 10);
        else
            return false;
    }
    *text = at + 1;
    return *at == end;
}

static bool take_entry(const char **text, struct memory_entry *entry)
{
    uint64_t time_s;

    if (!take_hex(text, &entry->key, ' ') || !take_hex(text, &entry->winner, ' ') ||
        !take_hex(text, &time_s, '\n') || time_s > INT64_MAX || entry->winner == 0)
        return false;
    entry->time_s = (int64_t)time_s;
    return true;
}

bool memory_read(struct memory_table *table, const char *text)
{
    bool good = strncmp(text, MEMORY_HEAD, strlen(MEMORY_HEAD)) == 0;

    table->count = 0;
    if (good)
        text += strlen(MEMORY_HEAD);
    while (good && *text) {
        good = table->count < MEMORY_ENTRIES_MAX && take_entry(&text, &table->entry[table->count]);
        table->count++;
    }
    if (!good)
        table->count = 0;
    return good;
}

size_t memory_write(const struct memory_table *table, char text[MEMORY_TEXT_MAX])
{
    char *out = text + strlen(MEMORY_HEAD);

    memcpy(text, MEMORY_HEAD, sizeof(MEMORY_HEAD));
    for (size_t i = 0; i < table->count; i++) {
        const struct memory_entry *entry = &table->entry[i];
        out = put_hex(out, entry->key, ' ');
        out = put_hex(out, entry->winner, ' ');
        out = put_hex(out, (uint64_t)entry->time_s, '\n');
    }
    *out = '\0';
    return (size_t)(out - text);
}

/* An empty table where there is no file, or one that isn't ours. */
static void load(struct memory_table *table, const char *path, const struct trace *trace)
{
    struct file_text file;
    struct err err = ERR_INIT;

    table->count = 0;
    switch (file_read(&file, path, MEMORY_TEXT_MAX, &err)) {
    case 1:
        if (file.exposed)
            TRACE(trace, "memory", "%s: %s", path, file.exposed);
        else if (!memory_read(table, file.text))
            TRACE(trace, "memory", "%s: not a memory of this version", path);
        file_release(&file);
        break;
    case 0:
        if (errno != ENOENT)
            TRACE(trace, "memory", "%s: %s", path, strerror(errno));
        break;
    default:
        TRACE(trace, "memory", "%s", err_text(&err));
        err_release(&err);
    }
}

/* All of it, or -1 with errno. */
static int put(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n == -1 && errno != EINTR)
            return -1;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* Puts the text at `path`, by way of a file beside it. 0, or -1 with errno. */
static int replace(const char *path, char *beside, const char *text, size_t size)
{
    int fd = mkstemp(beside), done;

    if (fd == -1)
        return -1;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    done = put(fd, text, size);
    if (close(fd) == -1 || done == -1 || rename(beside, path) == -1) {
        int why = errno;
        (void)unlink(beside);
        errno = why;
        return -1;
    }
    return 0;
}

static void save(const struct memory_table *table, const struct memory *memory,
                 const struct trace *trace)
{
    char text[MEMORY_TEXT_MAX];
    size_t size = memory_write(table, text);
    char *beside = text_join(memory->path, ".XXXXXX", (char *)NULL);

    if (!beside)
        return;
    file_make_folders(beside, memory->base);
    if (replace(memory->path, beside, text, size) == -1)
        TRACE(trace, "memory", "%s: %s", memory->path, strerror(errno));
    free(beside);
}

/* --- recalling --- */

/* NULL where there is no place for it. The XDG Base Directory Specification has relative ones
 * ignored. */
static char *path_of(size_t *base)
{
    const char *state = getenv("XDG_STATE_HOME");
    bool given = state && state[0] == '/';
    char *folder = given ? strdup(state) : path_expand("~");
    char *path = folder && folder[0] == '/' ? text_join(folder, given ? "" : "/.local/state",
                                                        "/stile/routes", (char *)NULL)
                                            : NULL;

    /* The home itself is somebody else's to make; $XDG_STATE_HOME is ours, says its specification. */
    *base = path && !given ? strlen(folder) : 0;
    free(folder);
    return path;
}

/* Where we are. False where nobody knows. */
static bool key_of(uint64_t *key, const struct ways *ways)
{
    char *networks = prefix_list_here();

    if (!networks)
        return false;
    *key = hash(HASH_START, networks);
    for (size_t i = 0; i < ways->count; i++)
        *key = hash(*key, ways->way[i].said);
    free(networks);
    return true;
}

/* Takes over what the table says, if it is of use. */
static void take(struct memory *memory, const struct memory_table *table, int64_t remember_ns)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct memory_entry *entry = &table->entry[i];
        if (entry->key != memory->key)
            continue;
        int64_t now_s = (int64_t)time(NULL);
        if (entry->time_s <= now_s && now_s - entry->time_s <= remember_ns / CLOCK_S) {
            memory->winner = entry->winner;
            memory->age_s = now_s - entry->time_s;
        }
        break;
    }
}

void memory_recall(struct memory *memory, const struct ways *ways, int64_t remember_ns,
                   const struct trace *trace)
{
    struct memory_table table;

    *memory = (struct memory){.path = NULL};
    if (remember_ns == 0 || ways->count < 2)
        return;
    if (!key_of(&memory->key, ways)) {
        TRACE(trace, "memory", "no telling in which network this is: %s", strerror(errno));
        return;
    }
    memory->path = path_of(&memory->base);
    if (!memory->path) {
        TRACE(trace, "memory", "there is no place for it");
        return;
    }
    load(&table, memory->path, trace);
    take(memory, &table, remember_ns);

    size_t first = memory_first(memory, ways);
    if (first < ways->count)
        TRACE(trace, "memory", "%s won here %" PRId64 " s ago", ways->way[first].text,
              memory->age_s);
    else
        TRACE(trace, "memory", "no route is known to have won here");
}

size_t memory_first(const struct memory *memory, const struct ways *ways)
{
    return memory->winner ? find_way(ways, memory->winner) : ways->count;
}

/* --- keeping --- */

/* Puts the winner in front of what the table has, or only forgets the old one (0). */
static void renew(struct memory_table *table, const struct memory *memory, uint64_t winner)
{
    struct memory_table old = *table;
    int64_t now_s = (int64_t)time(NULL);

    table->count = 0;
    if (winner)
        table->entry[table->count++] = (struct memory_entry){memory->key, winner, now_s};
    for (size_t i = 0; i < old.count && table->count < MEMORY_ENTRIES_MAX; i++)
        if (old.entry[i].key != memory->key && old.entry[i].time_s <= now_s)
            table->entry[table->count++] = old.entry[i];
}

void memory_keep(const struct memory *memory, const struct ways *ways, size_t index,
                 int64_t remember_ns, const struct trace *trace)
{
    struct memory_table table;

    if (!memory->path || remember_ns == 0)
        return;
    /* Of two that are the same it is the first. */
    uint64_t winner = hash_way(&ways->way[index]);
    if (find_way(ways, winner) == 0)
        winner = 0;
    if (winner == memory->winner)
        return;
    TRACE(trace, "memory", winner ? "keeps that %s won" : "%s won, and needs no memory",
          ways->way[index].text);
    /* Others may have written since. */
    load(&table, memory->path, trace);
    renew(&table, memory, winner);
    save(&table, memory, trace);
}

void memory_release(struct memory *memory)
{
    free(memory->path);
    *memory = (struct memory){.path = NULL};
}
