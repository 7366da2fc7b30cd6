/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare(2) */
#include "config/memory.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/prefix.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

#define HOUR (3600 * CLOCK_S)

/* A folder for the memory, what it says, and two routes. */
struct room {
    struct folder state; /* $XDG_STATE_HOME */
    struct folder own;   /* stile in it */
    int said[2];
    struct trace trace;
    struct way way[3];
    struct ways ways;
};

static void set_texts(struct room *room, const char *first, const char *second, const char *third)
{
    const char *texts[] = {first, second, third};

    room->ways = (struct ways){room->way, third ? 3 : second ? 2 : 1};
    for (size_t i = 0; i < 3; i++) {
        free(room->way[i].text);
        free(room->way[i].said);
        room->way[i].text = texts[i] ? strdup(texts[i]) : NULL;
        room->way[i].said = texts[i] ? strdup(texts[i]) : NULL;
    }
}

static void room_init(struct room *room)
{
    memset(room, 0, sizeof(*room));
    folder_init(&room->state);
    (void)folder_path(&room->state, "stile", room->own.path);
    assert_int_equal(setenv("XDG_STATE_HOME", room->state.path, 1), 0);
    assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
    fd_pipe(room->said);
    fd_set_nonblocking(room->said[0], true);
    room->trace = (struct trace){.level = 1, .fd = room->said[1]};
    set_texts(room, "http://office:3128", "ssh://home", "direct");
}

/* Whatever is in there, is what the test has put there: nothing is left lying about. */
static void room_release(struct room *room)
{
    char path[FOLDER_PATH_MAX];
    struct stat status;

    (void)unlink(folder_path(&room->own, "routes", path));
    if (lstat(room->own.path, &status) == 0 && S_ISDIR(status.st_mode))
        assert_int_equal(rmdir(room->own.path), 0);
    folder_release(&room->state);
    fd_close(&room->said[0]);
    fd_close(&room->said[1]);
    set_texts(room, NULL, NULL, NULL);
}

/* What the trace has said since; "" for nothing. */
static const char *said(const struct room *room, char text[FOLDER_TEXT_MAX])
{
    ssize_t size = read(room->said[0], text, FOLDER_TEXT_MAX - 1);

    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void has_said(const struct room *room, const char *part)
{
    char text[FOLDER_TEXT_MAX];

    assert_contains(said(room, text), part);
}

static void has_said_nothing(const struct room *room)
{
    char text[FOLDER_TEXT_MAX];

    assert_string_equal(said(room, text), "");
}

/* The route that won last. */
static size_t recall(const struct room *room, int64_t remember_ns)
{
    struct memory memory;

    memory_recall(&memory, &room->ways, remember_ns, &room->trace);
    size_t first = memory_first(&memory, &room->ways);
    assert_true(memory.age_s >= 0);
    memory_release(&memory);
    assert_null(memory.path);
    memory_release(&memory);
    return first;
}

static void keep(const struct room *room, size_t index)
{
    struct memory memory;

    memory_recall(&memory, &room->ways, HOUR, &room->trace);
    memory_keep(&memory, &room->ways, index, HOUR, &room->trace);
    memory_release(&memory);
}

/* What the routes are known by in the file. */
static struct memory_entry entry_of(const struct room *room, size_t index, int64_t age_s)
{
    struct memory memory;
    struct folder other;
    char path[FOLDER_PATH_MAX];
    struct memory_table table;
    struct file_text file;
    struct err err = ERR_INIT;

    folder_init(&other);
    assert_int_equal(setenv("XDG_STATE_HOME", other.path, 1), 0);
    memory_recall(&memory, &room->ways, HOUR, &room->trace);
    memory_keep(&memory, &room->ways, index, HOUR, &room->trace);
    assert_int_equal(file_read(&file, memory.path, MEMORY_TEXT_MAX, &err), 1);
    assert_true(memory_read(&table, file.text));
    assert_int_equal(table.count, 1);
    assert_int_equal(table.entry[0].key, memory.key);
    file_release(&file);
    assert_int_equal(unlink(memory.path), 0);
    assert_int_equal(rmdir(folder_path(&other, "stile", path)), 0);
    folder_release(&other);
    memory_release(&memory);
    assert_int_equal(setenv("XDG_STATE_HOME", room->state.path, 1), 0);
    table.entry[0].time_s = (int64_t)time(NULL) - age_s;
    return table.entry[0];
}

static void put_table(const struct room *room, const struct memory_table *table)
{
    char text[MEMORY_TEXT_MAX];
    size_t size = memory_write(table, text);

    assert_int_equal(size, strlen(text));
    assert_true(mkdir(room->own.path, 0700) == 0 || access(room->own.path, X_OK) == 0);
    folder_write(&room->own, "routes", text, size, 0600);
}

static void get_table(const struct room *room, struct memory_table *table)
{
    char path[FOLDER_PATH_MAX];
    struct file_text file;
    struct err err = ERR_INIT;

    assert_int_equal(
        file_read(&file, folder_path(&room->own, "routes", path), MEMORY_TEXT_MAX, &err), 1);
    assert_null(file.exposed);
    assert_true(memory_read(table, file.text));
    file_release(&file);
}

/* --- what is remembered --- */

static void winner_is_remembered(void **state)
{
    struct room room;
    struct stat status;
    struct memory_table table;
    char path[FOLDER_PATH_MAX], text[FOLDER_TEXT_MAX];
    time_t before = time(NULL);

    (void)state;
    room_init(&room);
    assert_int_equal(recall(&room, HOUR), 3);
    has_said(&room, "memory: no route is known to have won here");
    keep(&room, 1);
    has_said(&room, "memory: keeps that ssh://home won");
    assert_int_equal(recall(&room, HOUR), 1);
    has_said(&room, "memory: ssh://home won here ");

    assert_int_equal(stat(room.own.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(stat(folder_path(&room.own, "routes", path), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, strlen(MEMORY_HEAD) + MEMORY_LINE);
    (void)folder_get(&room.own, "routes", text);
    assert_memory_equal(text, MEMORY_HEAD, strlen(MEMORY_HEAD));
    assert_null(strstr(text, "home"));
    get_table(&room, &table);
    assert_int_equal(table.count, 1);
    assert_true(table.entry[0].time_s >= before && table.entry[0].time_s <= time(NULL));
    room_release(&room);
}

static void another_winner_replaces_it(void **state)
{
    struct room room;
    struct memory_table table;

    (void)state;
    room_init(&room);
    keep(&room, 1);
    keep(&room, 2);
    assert_int_equal(recall(&room, HOUR), 2);
    get_table(&room, &table);
    assert_int_equal(table.count, 1);
    room_release(&room);
}

static void first_route_needs_no_memory(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    keep(&room, 0);
    assert_int_equal(access(room.own.path, F_OK), -1);
    has_said(&room, "memory: no route is known to have won here");
    has_said_nothing(&room);
    room_release(&room);
}

static void first_route_makes_it_forget(void **state)
{
    struct room room;
    struct memory_table table = {.count = 1};

    (void)state;
    room_init(&room);
    keep(&room, 2);
    set_texts(&room, "a://a", "b://b", NULL);
    keep(&room, 1);
    keep(&room, 0);
    has_said(&room, "memory: a://a won, and needs no memory");
    assert_int_equal(recall(&room, HOUR), 2);
    get_table(&room, &table);
    assert_int_equal(table.count, 1);
    set_texts(&room, "http://office:3128", "ssh://home", "direct");
    assert_int_equal(recall(&room, HOUR), 2);
    room_release(&room);
}

static void right_memory_is_not_renewed(void **state)
{
    struct room room;
    struct memory_table table = {.count = 1};
    struct stat before, after;
    char path[FOLDER_PATH_MAX];

    (void)state;
    room_init(&room);
    table.entry[0] = entry_of(&room, 1, 100);
    put_table(&room, &table);
    assert_int_equal(stat(folder_path(&room.own, "routes", path), &before), 0);
    keep(&room, 1);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    get_table(&room, &table);
    assert_true(time(NULL) - table.entry[0].time_s >= 100);
    room_release(&room);
}

static const struct age_row {
    const char *name;
    int64_t age_s;
    int64_t remember_ns;
    bool known;
} age_rows[] = {
    {"young", 0, HOUR, true},
    {"half the time", 1800, HOUR, true},
    {"nearly too old", 3500, HOUR, true},
    {"too old", 3601, HOUR, false},
    {"very old", 1000000000, HOUR, false},
    {"very old, and remembered", 1000000000, CLOCK_NEVER, true},
    {"less than a second is remembered", 1, 300 * CLOCK_MS, false},
    {"from the future", -100, HOUR, false},
    {"from the far future", -1000000000000, CLOCK_NEVER, false},
    {"not to be remembered", 0, 0, false},
};

static void age(void **state)
{
    const struct age_row *row = *state;
    struct room room;
    struct memory_table table = {.count = 1};

    room_init(&room);
    table.entry[0] = entry_of(&room, 1, row->age_s);
    put_table(&room, &table);
    assert_int_equal(recall(&room, row->remember_ns), row->known ? 1 : 3);

    /* What is too old is as if it weren't there. */
    if (!row->known && row->remember_ns) {
        keep(&room, 1);
        assert_int_equal(recall(&room, HOUR), 1);
    }
    room_release(&room);
}

static void nothing_is_to_be_remembered(void **state)
{
    struct room room;
    struct memory memory;

    (void)state;
    room_init(&room);
    memory_recall(&memory, &room.ways, 0, &room.trace);
    assert_null(memory.path);
    memory_keep(&memory, &room.ways, 1, 0, &room.trace);
    memory_keep(&memory, &room.ways, 1, HOUR, &room.trace);
    memory_release(&memory);

    memory_recall(&memory, &room.ways, HOUR, &room.trace);
    has_said(&room, "no route is known");
    memory_keep(&memory, &room.ways, 1, 0, &room.trace);
    memory_release(&memory);

    set_texts(&room, "direct", NULL, NULL);
    assert_int_equal(recall(&room, HOUR), 1);
    keep(&room, 0);
    has_said_nothing(&room);
    assert_int_equal(access(room.own.path, F_OK), -1);
    room_release(&room);
}

/* --- whose memory it is --- */

static const struct other_row {
    const char *name;
    const char *texts[3];
    size_t known;
} other_rows[] = {
    {"the same", {"a://a", "b://b", "c://c"}, 1},
    {"in another order", {"a://a", "c://c", "b://b"}, 3},
    {"one less", {"a://a", "b://b", NULL}, 2},
    {"another one", {"a://a", "b://b", "d://d"}, 3},
    {"parted elsewhere", {"a://", "ab://b", "c://c"}, 3},
    {"the first two as one", {"a://ab://b", "c://c", NULL}, 2},
    {"in other letters", {"a://a", "B://b", "c://c"}, 3},
};

static void other_routes(void **state)
{
    const struct other_row *row = *state;
    struct room room;

    room_init(&room);
    set_texts(&room, "a://a", "b://b", "c://c");
    keep(&room, 1);
    set_texts(&room, row->texts[0], row->texts[1], row->texts[2]);
    assert_int_equal(recall(&room, HOUR), row->known);
    room_release(&room);
}

static void of_two_that_are_the_same(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    set_texts(&room, "a://a", "b://b", "b://b");
    keep(&room, 2);
    assert_int_equal(recall(&room, HOUR), 1);
    keep(&room, 0);
    set_texts(&room, "a://a", "b://b", "a://a");
    keep(&room, 2);
    assert_int_equal(recall(&room, HOUR), 3);
    room_release(&room);
}

/* A winner that is none of the routes. */
static void stranger(void **state)
{
    struct room room;
    struct memory_table table = {.count = 1};

    (void)state;
    room_init(&room);
    table.entry[0] = entry_of(&room, 1, 0);
    table.entry[0].winner++;
    put_table(&room, &table);
    assert_int_equal(recall(&room, HOUR), 3);
    keep(&room, 0);
    get_table(&room, &table);
    assert_int_equal(table.count, 0);
    room_release(&room);
}

static void another_network(void **state)
{
    struct room room;
    int status;

    (void)state;
    room_init(&room);
    keep(&room, 1);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(unshare(CLONE_NEWNET) == -1 ? 77 : (int)recall(&room, HOUR));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    size_t here = recall(&room, HOUR);
    room_release(&room);
    assert_int_equal(here, 1);
    if (status == 77 << 8)
        unit_skip("cannot make a network of its own");
    /* A machine whose only network is loopback is in the same one. */
    char *list = prefix_list_here();
    assert_int_equal(status, (list && *list ? 3 : 1) << 8);
    free(list);
}

/* --- many of them --- */

static void only_the_youngest_are_kept(void **state)
{
    struct room room;
    struct memory_table table = {.count = MEMORY_ENTRIES_MAX};
    int64_t now = (int64_t)time(NULL);

    (void)state;
    room_init(&room);
    for (size_t i = 0; i < MEMORY_ENTRIES_MAX; i++)
        table.entry[i] = (struct memory_entry){i + 1, i + 1000, now - (int64_t)i};
    put_table(&room, &table);
    keep(&room, 1);
    get_table(&room, &table);
    assert_int_equal(table.count, MEMORY_ENTRIES_MAX);
    for (size_t i = 1; i < MEMORY_ENTRIES_MAX; i++) {
        assert_int_equal(table.entry[i].key, i);
        assert_int_equal(table.entry[i].winner, i + 999);
        assert_int_equal(table.entry[i].time_s, now - (int64_t)(i - 1));
    }
    assert_int_equal(recall(&room, HOUR), 1);
    room_release(&room);
}

static void future_is_not_kept(void **state)
{
    struct room room;
    struct memory_table table = {.count = 2};
    int64_t now = (int64_t)time(NULL);

    (void)state;
    room_init(&room);
    table.entry[0] = (struct memory_entry){1, 1, now + 1000};
    table.entry[1] = (struct memory_entry){2, 2, now - 1000};
    put_table(&room, &table);
    keep(&room, 1);
    get_table(&room, &table);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.entry[1].key, 2);
    room_release(&room);
}

/* --- files that are none --- */

#define LINE(key) "000000000000000" key " 0000000000000001 0000000000000001\n"

static const struct text_row {
    const char *name;
    const char *text;
    bool good;
    size_t count;
} text_rows[] = {
    {"head alone", MEMORY_HEAD, true, 0},
    {"one", MEMORY_HEAD LINE("1"), true, 1},
    {"two", MEMORY_HEAD LINE("1") LINE("f"), true, 2},
    {"the same key twice", MEMORY_HEAD LINE("1") LINE("1"), true, 2},
    {"empty", "", false, 0},
    {"half a head", "stile rou", false, 0},
    {"head without its end", "stile routes 1", false, 0},
    {"another version", "stile routes 2\n" LINE("1"), false, 0},
    {"no head", LINE("1"), false, 0},
    {"something else", "#!/bin/sh\nexit 1\n", false, 0},
    {"a blank line", MEMORY_HEAD "\n" LINE("1"), false, 0},
    {"a blank line at the end", MEMORY_HEAD LINE("1") "\n", false, 0},
    {"a line without its end", MEMORY_HEAD "0000000000000001 0000000000000001 0000000000000001",
     false, 0},
    {"a line cut short", MEMORY_HEAD LINE("1") "0000000000000001 00", false, 0},
    {"a digit too few", MEMORY_HEAD "000000000000001 0000000000000001 0000000000000001\n", false,
     0},
    {"a digit too many", MEMORY_HEAD "00000000000000001 0000000000000001 0000000000000001\n", false,
     0},
    {"upper case", MEMORY_HEAD LINE("A"), false, 0},
    {"no digit", MEMORY_HEAD LINE("g"), false, 0},
    {"a sign", MEMORY_HEAD LINE("-"), false, 0},
    {"other blanks", MEMORY_HEAD "0000000000000001\t0000000000000001 0000000000000001\n", false, 0},
    {"CRLF", "stile routes 1\r\n", false, 0},
    {"CRLF in a line", MEMORY_HEAD "0000000000000001 0000000000000001 0000000000000001\r\n", false,
     0},
    {"a winner that is none", MEMORY_HEAD "0000000000000001 0000000000000000 0000000000000001\n",
     false, 0},
    {"a time below 0", MEMORY_HEAD "0000000000000001 0000000000000001 8000000000000000\n", false,
     0},
    {"the last time", MEMORY_HEAD "0000000000000001 0000000000000001 7fffffffffffffff\n", true, 1},
};

static void texts(void **state)
{
    const struct text_row *row = *state;
    struct memory_table table;
    char text[MEMORY_TEXT_MAX];

    assert_int_equal(memory_read(&table, row->text), row->good);
    assert_int_equal(table.count, row->count);
    if (row->good) {
        assert_int_equal(memory_write(&table, text), strlen(row->text));
        assert_string_equal(text, row->text);
    }
}

/* Whatever stands in its place, the next one to keep something replaces it. */
static void is_replaced(const struct room *room, const char *trace)
{
    char text[FOLDER_TEXT_MAX];

    (void)said(room, text);
    assert_int_equal(recall(room, HOUR), 3);
    has_said(room, trace);
    keep(room, 1);
    assert_int_equal(recall(room, HOUR), 1);
}

static void files(void **state)
{
    const struct text_row *row = *state;
    struct room room;

    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    folder_put(&room.own, "routes", row->text, 0600);
    is_replaced(&room, row->good ? "no route is known" : "routes: not a memory of this version");
    room_release(&room);
}

static void too_many_entries(void **state)
{
    static struct memory_table table = {.count = MEMORY_ENTRIES_MAX};
    static char text[2 * MEMORY_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < MEMORY_ENTRIES_MAX; i++)
        table.entry[i] = (struct memory_entry){UINT64_MAX, UINT64_MAX, INT64_MAX};
    size_t size = memory_write(&table, text);
    assert_int_equal(size, MEMORY_TEXT_MAX - 1);
    assert_true(memory_read(&table, text));
    assert_int_equal(table.count, MEMORY_ENTRIES_MAX);
    memcpy(text + size, LINE("1"), sizeof(LINE("1")));
    assert_false(memory_read(&table, text));
    assert_int_equal(table.count, 0);
}

static void large_file(void **state)
{
    struct room room;
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);

    (void)state;
    assert_non_null(text);
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    memset(text, 'a', size);
    folder_write(&room.own, "routes", text, size, 0600);
    is_replaced(&room, "routes: larger than ");
    free(text);
    room_release(&room);
}

static void binary_file(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    folder_write(&room.own, "routes", MEMORY_HEAD "\0x", sizeof(MEMORY_HEAD "\0x"), 0600);
    is_replaced(&room, "routes: not a text file");
    room_release(&room);
}

static const struct mode_row {
    const char *name;
    mode_t mode;
} mode_rows[] = {
    {"others can read it", 0644},
    {"others can write it", 0622},
    {"the group can write it", 0620},
};

static void exposed_file(void **state)
{
    const struct mode_row *row = *state;
    struct room room;
    char path[FOLDER_PATH_MAX];
    struct stat status;

    room_init(&room);
    keep(&room, 2);
    assert_int_equal(chmod(folder_path(&room.own, "routes", path), row->mode), 0);
    is_replaced(&room, "chmod 600");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    room_release(&room);
}

static void foreign_file(void **state)
{
    struct room room;
    char path[FOLDER_PATH_MAX];

    (void)state;
    if (geteuid() != 0)
        unit_skip("needs root, to give a file away");
    room_init(&room);
    keep(&room, 2);
    assert_int_equal(chown(folder_path(&room.own, "routes", path), 1234, 1234), 0);
    is_replaced(&room, "it belongs to another user");
    room_release(&room);
}

static void fifo(void **state)
{
    struct room room;
    char path[FOLDER_PATH_MAX];

    (void)state;
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    assert_int_equal(mkfifo(folder_path(&room.own, "routes", path), 0600), 0);
    is_replaced(&room, "routes: not a regular file");
    room_release(&room);
}

/* The link is replaced, and what it leads to stays as it is. */
static void symbolic_link(void **state)
{
    struct room room;
    char path[FOLDER_PATH_MAX], target[FOLDER_PATH_MAX], text[FOLDER_TEXT_MAX];
    struct stat status;

    (void)state;
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    folder_put(&room.state, "precious", "text\n", 0600);
    assert_int_equal(symlink(folder_path(&room.state, "precious", target),
                             folder_path(&room.own, "routes", path)),
                     0);
    is_replaced(&room, "routes: not a memory of this version");
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_string_equal(folder_get(&room.state, "precious", text), "text\n");
    room_release(&room);
}

/* --- places that are none --- */

/* Nothing can be kept, and nothing is left of the attempt. */
static void cannot_keep(const struct room *room, const char *trace)
{
    char text[FOLDER_TEXT_MAX];

    (void)said(room, text);
    keep(room, 1);
    has_said(room, trace);
    assert_int_equal(recall(room, HOUR), 3);
}

static void folder_in_its_place(void **state)
{
    struct room room;
    char path[FOLDER_PATH_MAX];

    (void)state;
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0700), 0);
    assert_int_equal(mkdir(folder_path(&room.own, "routes", path), 0700), 0);
    cannot_keep(&room, "routes: Is a directory");
    assert_int_equal(rmdir(path), 0);
    room_release(&room);
}

static void file_in_place_of_the_folder(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    folder_put(&room.state, "stile", "", 0600);
    cannot_keep(&room, "routes: Not a directory");
    room_release(&room);
}

/* A state folder that isn't there is somebody's mistake, or not mounted. */
/* It is made as well, for nobody else to enter. */
static void state_folder_is_missing(void **state)
{
    struct room room;
    struct stat found;
    char path[FOLDER_PATH_MAX], own[FOLDER_PATH_MAX + 16];

    (void)state;
    room_init(&room);
    assert_int_equal(setenv("XDG_STATE_HOME", folder_path(&room.state, "missing", path), 1), 0);
    keep(&room, 1);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    (void)snprintf(own, sizeof(own), "%s/stile/routes", path);
    assert_int_equal(unlink(own), 0);
    *strrchr(own, '/') = '\0';
    assert_int_equal(rmdir(own), 0);
    assert_int_equal(rmdir(path), 0);
    room_release(&room);
}

static void folder_that_others_own(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    assert_int_equal(mkdir(room.own.path, 0500), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(1234), 0);
    cannot_keep(&room, "routes: Permission denied");
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    room_release(&room);
}

/* Where the home is, and what $XDG_STATE_HOME says. */
static void goes_to_the_home(const char *xdg)
{
    static const char *const made[] = {".local/state/stile", ".local/state", ".local"};
    struct room room;
    char path[FOLDER_PATH_MAX];
    struct stat status;

    room_init(&room);
    assert_int_equal(setenv("HOME", room.state.path, 1), 0);
    assert_int_equal(xdg ? setenv("XDG_STATE_HOME", xdg, 1) : unsetenv("XDG_STATE_HOME"), 0);
    keep(&room, 1);
    assert_int_equal(recall(&room, HOUR), 1);
    assert_int_equal(unlink(folder_path(&room.state, ".local/state/stile/routes", path)), 0);
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        assert_int_equal(stat(folder_path(&room.state, made[i], path), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0700);
        assert_int_equal(rmdir(path), 0);
    }
    room_release(&room);
}

static void home(void **state)
{
    (void)state;
    goes_to_the_home(NULL);
    goes_to_the_home("");
    goes_to_the_home("relative/state");
}

static void home_is_missing(void **state)
{
    struct room room;
    char path[FOLDER_PATH_MAX];

    (void)state;
    room_init(&room);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(setenv("HOME", folder_path(&room.state, "missing", path), 1), 0);
    cannot_keep(&room, "routes: No such file or directory");
    assert_int_equal(access(path, F_OK), -1);

    assert_int_equal(setenv("HOME", "relative", 1), 0);
    cannot_keep(&room, "memory: there is no place for it");
    assert_int_equal(access("relative", F_OK), -1);
    room_release(&room);
}

/* --- two at a time --- */

static _Noreturn void write_often(struct room *room, const char *name)
{
    room->trace.level = 0;
    set_texts(room, name, "b://b", "c://c");
    for (size_t i = 0; i < 300; i++)
        keep(room, i % 3);
    keep(room, 1);
    _exit(0);
}

static void two_writers(void **state)
{
    static const char *const names[] = {"left://", "right://"};
    struct room room;
    pid_t pids[2];
    struct memory_table table;
    char path[FOLDER_PATH_MAX];
    size_t running = 2, seen = 0;
    int status;

    (void)state;
    room_init(&room);
    for (size_t i = 0; i < 2; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            write_often(&room, names[i]);
    }
    (void)folder_path(&room.own, "routes", path);
    while (running > 0) {
        struct file_text file;
        struct err err = ERR_INIT;
        int found = file_read(&file, path, MEMORY_TEXT_MAX, &err);
        /* Whenever one looks, it is whole. */
        assert_true(found >= 0);
        if (found == 1) {
            assert_true(memory_read(&table, file.text));
            assert_in_range(table.count, 0, 2);
            seen++;
        }
        file_release(&file);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            running--;
        }
    }
    assert_true(seen > 0);
    /* The last one to write is remembered, with or without the other. */
    get_table(&room, &table);
    assert_in_range(table.count, 1, 2);
    room_release(&room);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, winner_is_remembered);
    UNIT_TEST(&unit, another_winner_replaces_it);
    UNIT_TEST(&unit, first_route_needs_no_memory);
    UNIT_TEST(&unit, first_route_makes_it_forget);
    UNIT_TEST(&unit, right_memory_is_not_renewed);
    UNIT_ROWS(&unit, age, age_rows);
    UNIT_TEST(&unit, nothing_is_to_be_remembered);
    UNIT_ROWS(&unit, other_routes, other_rows);
    UNIT_TEST(&unit, of_two_that_are_the_same);
    UNIT_TEST(&unit, stranger);
    UNIT_TEST(&unit, another_network);
    UNIT_TEST(&unit, only_the_youngest_are_kept);
    UNIT_TEST(&unit, future_is_not_kept);
    UNIT_ROWS(&unit, texts, text_rows);
    UNIT_ROWS(&unit, files, text_rows);
    UNIT_TEST(&unit, too_many_entries);
    UNIT_TEST(&unit, large_file);
    UNIT_TEST(&unit, binary_file);
    UNIT_ROWS(&unit, exposed_file, mode_rows);
    UNIT_TEST(&unit, foreign_file);
    UNIT_TEST(&unit, fifo);
    UNIT_TEST(&unit, symbolic_link);
    UNIT_TEST(&unit, folder_in_its_place);
    UNIT_TEST(&unit, file_in_place_of_the_folder);
    UNIT_TEST(&unit, state_folder_is_missing);
    UNIT_TEST(&unit, folder_that_others_own);
    UNIT_TEST(&unit, home);
    UNIT_TEST(&unit, home_is_missing);
    UNIT_TEST(&unit, two_writers);
    return unit_run(&unit, "memory");
}
