/* SPDX-License-Identifier: MIT */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

#define MAX 1000

#define READABLE "others can read it; chmod 600"
#define OPEN "others have access to it; chmod 600"

static void nothing_in(const struct file_text *file)
{
    assert_null(file->text);
    assert_null(file->exposed);
    assert_int_equal(file->size, 0);
}

/* FOLDER/name is `text`, and `exposed` is what is said about it. */
static void file_is(const struct folder *folder, const char *name, const char *text,
                    const char *exposed)
{
    char path[FOLDER_PATH_MAX];
    struct file_text file;
    struct err err = ERR_INIT;

    assert_int_equal(file_read(&file, folder_path(folder, name, path), MAX, &err), 1);
    assert_err_unset(&err);
    assert_string_equal(file.text, text);
    assert_int_equal(file.size, strlen(text));
    if (exposed)
        assert_string_equal(file.exposed, exposed);
    else
        assert_null(file.exposed);
    file_release(&file);
    nothing_in(&file);
    file_release(&file);
}

/* FOLDER/name cannot be opened, for this reason. */
static void file_is_not_there(const struct folder *folder, const char *name, int reason)
{
    char path[FOLDER_PATH_MAX];
    struct file_text file;
    struct err err = ERR_INIT;

    errno = 0;
    assert_int_equal(file_read(&file, folder_path(folder, name, path), MAX, &err), 0);
    assert_int_equal(errno, reason);
    assert_err_unset(&err);
    nothing_in(&file);
}

/* FOLDER/name is refused with its path and this reason. */
static void file_is_refused(const struct folder *folder, const char *name, const char *reason)
{
    char path[FOLDER_PATH_MAX], message[FOLDER_PATH_MAX + 100];
    struct file_text file;
    struct err err = ERR_INIT;

    assert_int_equal(file_read(&file, folder_path(folder, name, path), MAX, &err), -1);
    (void)snprintf(message, sizeof(message), "%s: %s", path, reason);
    assert_string_equal(err_text(&err), message);
    assert_err(&err, ERR_USAGE, NULL);
    nothing_in(&file);
}

static const struct mode_row {
    const char *name;
    mode_t mode;
    const char *exposed;
} mode_rows[] = {
    {"0600", 0600, NULL},     {"0400", 0400, NULL},     {"0700", 0700, NULL},
    {"04600", 04600, NULL},   {"0640", 0640, READABLE}, {"0644", 0644, READABLE},
    {"0604", 0604, READABLE}, {"0440", 0440, READABLE}, {"0666", 0666, READABLE},
    {"0777", 0777, READABLE}, {"0620", 0620, OPEN},     {"0602", 0602, OPEN},
    {"0610", 0610, OPEN},     {"0601", 0601, OPEN},     {"0711", 0711, OPEN},
};

static void modes(void **state)
{
    const struct mode_row *row = *state;
    struct folder folder;

    folder_init(&folder);
    folder_put(&folder, "f", "text\n", row->mode);
    file_is(&folder, "f", "text\n", row->exposed);
    folder_release(&folder);
}

static const struct owner_row {
    const char *name;
    uid_t owner;
    uid_t reader;
    mode_t mode;
    const char *exposed;
} owner_rows[] = {
    {"root reads root's", 0, 0, 0600, NULL},
    {"root reads a user's", 1234, 0, 0600, "it belongs to another user"},
    {"root reads what a user shows to all", 1234, 0, 0644, "it belongs to another user"},
    {"a user reads his own", 1234, 1234, 0600, NULL},
    {"a user reads root's", 0, 1234, 0644, READABLE},
    {"a user reads another's", 4321, 1234, 0644, "it belongs to another user"},
};

static void owners(void **state)
{
    const struct owner_row *row = *state;
    struct folder folder;
    char path[FOLDER_PATH_MAX];

    if (geteuid() != 0)
        unit_skip("only root can give a file to another user");
    folder_init(&folder);
    folder_put(&folder, "f", "text\n", row->mode);
    assert_int_equal(chown(folder_path(&folder, "f", path), row->owner, (gid_t)-1), 0);
    assert_int_equal(chmod(folder.path, 0755), 0);
    assert_int_equal(seteuid(row->reader), 0);
    file_is(&folder, "f", "text\n", row->exposed);
    assert_int_equal(seteuid(0), 0);
    folder_release(&folder);
}

static void no_permission(void **state)
{
    (void)state;
    struct folder folder;

    if (geteuid() != 0)
        unit_skip("only root can become one who has no permission");
    folder_init(&folder);
    folder_put(&folder, "f", "text\n", 0600);
    assert_int_equal(chmod(folder.path, 0755), 0);
    assert_int_equal(seteuid(1234), 0);
    file_is_not_there(&folder, "f", EACCES);
    assert_int_equal(seteuid(0), 0);
    folder_release(&folder);
}

static void contents(void **state)
{
    (void)state;
    struct folder folder;

    folder_init(&folder);
    folder_put(&folder, "empty", "", 0600);
    file_is(&folder, "empty", "", NULL);
    folder_put(&folder, "no line end", "a", 0600);
    file_is(&folder, "no line end", "a", NULL);
    folder_put(&folder, "CRLF stays", "a\r\n\r\nb\r\n", 0600);
    file_is(&folder, "CRLF stays", "a\r\n\r\nb\r\n", NULL);
    folder_put(&folder, "every byte", "\001\377\n\303\244\033", 0600);
    file_is(&folder, "every byte", "\001\377\n\303\244\033", NULL);
    folder_release(&folder);
}

static void size_bound(void **state)
{
    (void)state;
    struct folder folder;
    char text[MAX + 3];

    folder_init(&folder);
    for (size_t size = MAX - 1; size <= MAX + 2; size++) {
        memset(text, 'x', size);
        text[size] = '\0';
        folder_put(&folder, "f", text, 0600);
        if (size <= MAX)
            file_is(&folder, "f", text, NULL);
        else
            file_is_refused(&folder, "f", "larger than 1000 bytes");
    }
    folder_release(&folder);
}

/* A secret would end there without a word. */
static void nul_is_refused(void **state)
{
    (void)state;
    struct folder folder;

    folder_init(&folder);
    folder_write(&folder, "inside", "a\0b\n", 4, 0600);
    file_is_refused(&folder, "inside", "not a text file");
    folder_write(&folder, "first", "\0", 1, 0600);
    file_is_refused(&folder, "first", "not a text file");
    folder_write(&folder, "last", "a\n\0", 3, 0600);
    file_is_refused(&folder, "last", "not a text file");
    folder_release(&folder);
}

static void missing(void **state)
{
    (void)state;
    struct folder folder;

    folder_init(&folder);
    file_is_not_there(&folder, "f", ENOENT);
    file_is_not_there(&folder, "no/f", ENOENT);
    folder_put(&folder, "f", "text", 0600);
    file_is_not_there(&folder, "f/f", ENOTDIR);
    file_is_not_there(&folder, "f/", ENOTDIR);
    folder_release(&folder);
}

static void no_path(void **state)
{
    (void)state;
    struct file_text file;
    struct err err = ERR_INIT;

    assert_int_equal(file_read(&file, "", MAX, &err), 0);
    assert_int_equal(errno, ENOENT);
    nothing_in(&file);
}

static void symbolic_links(void **state)
{
    (void)state;
    struct folder folder;
    char link[FOLDER_PATH_MAX];

    folder_init(&folder);
    folder_put(&folder, "private", "a\n", 0600);
    folder_put(&folder, "shown", "b\n", 0644);
    assert_int_equal(symlink("private", folder_path(&folder, "to private", link)), 0);
    assert_int_equal(symlink("shown", folder_path(&folder, "to shown", link)), 0);
    assert_int_equal(symlink("nothing", folder_path(&folder, "to nothing", link)), 0);
    assert_int_equal(symlink("to itself", folder_path(&folder, "to itself", link)), 0);
    assert_int_equal(symlink(".", folder_path(&folder, "to a folder", link)), 0);
    /* A link has every permission; the file's count. */
    file_is(&folder, "to private", "a\n", NULL);
    file_is(&folder, "to shown", "b\n", READABLE);
    file_is_not_there(&folder, "to nothing", ENOENT);
    file_is_not_there(&folder, "to itself", ELOOP);
    file_is_refused(&folder, "to a folder", "not a regular file");
    folder_release(&folder);
}

/* A plain open would wait for a writer, a plain read for its bytes: the time limit of a test is
 * what finds that. */
static void fifos(void **state)
{
    (void)state;
    struct folder folder;
    char path[FOLDER_PATH_MAX];

    folder_init(&folder);
    assert_int_equal(mkfifo(folder_path(&folder, "f", path), 0600), 0);
    file_is_refused(&folder, "f", "not a regular file");

    int writer = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    file_is_refused(&folder, "f", "not a regular file");
    fd_put(writer, "text\n", 5);
    file_is_refused(&folder, "f", "not a regular file");
    fd_close(&writer);
    folder_release(&folder);
}

static void other_kinds(void **state)
{
    (void)state;
    struct folder folder;
    struct folder here = {"."}, devices = {"/dev"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[FOLDER_PATH_MAX];

    folder_init(&folder);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                   folder_path(&folder, "s", path));
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(sock >= 0);
    assert_int_equal(bind(sock, (const struct sockaddr *)&address, sizeof(address)), 0);
    file_is_not_there(&folder, "s", ENXIO);
    fd_close(&sock);
    file_is_refused(&folder, "", "not a regular file");
    file_is_refused(&here, "", "not a regular file");
    file_is_refused(&devices, "null", "not a regular file");
    file_is_refused(&devices, "zero", "not a regular file");
    folder_release(&folder);
}

/* Its size is 0 by stat(2), and there is something in it. */
static void files_of_unknown_size(void **state)
{
    (void)state;
    struct file_text file;
    struct err err = ERR_INIT;

    if (access("/proc/self/comm", R_OK) == -1)
        unit_skip("there is no /proc");
    assert_int_equal(file_read(&file, "/proc/self/comm", MAX, &err), 1);
    assert_true(file.size > 1);
    assert_int_equal(file.text[file.size - 1], '\n');
    file_release(&file);
}

/* Nothing is mapped at 0, which is where reading it begins. */
static void a_read_that_fails(void **state)
{
    (void)state;
    struct folder self = {"/proc/self"};

    if (access("/proc/self/mem", R_OK) == -1)
        unit_skip("there is no /proc");
    file_is_refused(&self, "mem", strerror(EIO));
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, modes, mode_rows);
    UNIT_ROWS(&unit, owners, owner_rows);
    UNIT_TEST(&unit, no_permission);
    UNIT_TEST(&unit, contents);
    UNIT_TEST(&unit, size_bound);
    UNIT_TEST(&unit, nul_is_refused);
    UNIT_TEST(&unit, missing);
    UNIT_TEST(&unit, no_path);
    UNIT_TEST(&unit, symbolic_links);
    UNIT_TEST(&unit, fifos);
    UNIT_TEST(&unit, other_kinds);
    UNIT_TEST(&unit, files_of_unknown_size);
    UNIT_TEST(&unit, a_read_that_fails);
    return unit_run(&unit, "file");
}
