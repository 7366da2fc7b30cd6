/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fake_files.h"
#include "tests/unit/fake_unit.h"

/* --- which files --- */

static void none(void **state)
{
    (void)state;
    struct fake_files files;
    char shown[FILES_SHOWN_MAX];

    files_init(&files);
    assert_int_equal(file_load(&files.fake.config, "none", &files.query, &files.fake.ctx), 0);
    assert_int_equal(file_load(&files.fake.config, "NONE", &files.query, &files.fake.ctx), 0);
    assert_string_equal(files_show(&files.fake.config, shown), "");
    files_refused(&files, "none", "none: No such file or directory");
    files_release(&files);
}

/* The machine's own file, if there is one, must not decide what these tests see. */
static void need_no_machine_file(void)
{
    if (access(FILE_OF_MACHINE, F_OK) == 0)
        unit_skip("there is a " FILE_OF_MACHINE);
}

struct variables {
    char *xdg, *home;
};

static char *copy_variable(const char *name)
{
    const char *value = getenv(name);
    char *copy = value ? strdup(value) : NULL;

    assert_true(!value || copy);
    return copy;
}

static void set_variable(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void variables_set(struct variables *before, const char *xdg, const char *home)
{
    *before = (struct variables){copy_variable("XDG_CONFIG_HOME"), copy_variable("HOME")};
    set_variable("XDG_CONFIG_HOME", xdg);
    set_variable("HOME", home);
}

static void variables_restore(struct variables *before)
{
    set_variable("XDG_CONFIG_HOME", before->xdg);
    set_variable("HOME", before->home);
    free(before->xdg);
    free(before->home);
}

static int load_default(struct fake_files *files)
{
    return file_load(&files->fake.config, NULL, &files->query, &files->fake.ctx);
}

static void make_folder(const struct fake_files *files, const char *name)
{
    char path[FOLDER_PATH_MAX];

    assert_int_equal(mkdir(folder_path(&files->folder, name, path), 0700), 0);
}

static void remove_it(const struct fake_files *files, const char *name)
{
    char path[FOLDER_PATH_MAX];

    assert_int_equal(remove(folder_path(&files->folder, name, path)), 0);
}

/* With $XDG_CONFIG_HOME and without. */
static void file_of_the_user(void **state)
{
    (void)state;
    struct fake_files files;
    struct variables before;
    char shown[FILES_SHOWN_MAX], xdg[FOLDER_PATH_MAX];

    need_no_machine_file();
    files_init(&files);
    make_folder(&files, ".config");
    make_folder(&files, ".config/stile");
    make_folder(&files, "stile");
    folder_put(&files.folder, ".config/stile/config", "Timeout 1\n", 0600);
    folder_put(&files.folder, "stile/config", "Timeout 2\n", 0600);
    const char *const xdgs[] = {NULL, "", "stile", folder_path(&files.folder, "", xdg)};
    for (size_t i = 0; i < sizeof(xdgs) / sizeof(xdgs[0]); i++) {
        variables_set(&before, xdgs[i], files.folder.path);
        int done = load_default(&files);
        variables_restore(&before);
        assert_int_equal(done, 0);
        assert_string_equal(files_show(&files.fake.config, shown),
                            i == 3 ? "Timeout 2s @config:1\n" : "Timeout 1s @config:1\n");
        config_release(&files.fake.config);
    }
    remove_it(&files, ".config/stile/config");
    remove_it(&files, ".config/stile");
    remove_it(&files, "stile/config");
    files_release(&files);
}

static void no_file(void **state)
{
    (void)state;
    struct fake_files files;
    struct variables before;
    char shown[FILES_SHOWN_MAX];
    const char *const homes[] = {"", "no", "/no-such-folder-here"};

    need_no_machine_file();
    files_init(&files);
    for (size_t i = 0; i <= sizeof(homes) / sizeof(homes[0]); i++) {
        variables_set(&before, "/no-such-folder-here", i == 0 ? files.folder.path : homes[i - 1]);
        int done = load_default(&files);
        variables_restore(&before);
        assert_int_equal(done, 0);
        assert_err_unset(&files.fake.err);
        assert_string_equal(files_show(&files.fake.config, shown), "");
    }
    files_release(&files);
}

/* Nobody knows the home: `~` must not become a folder of where we are. */
static void no_home(void **state)
{
    (void)state;
    struct fake_files files;
    struct variables before;
    char shown[FILES_SHOWN_MAX], here[FOLDER_PATH_MAX];

    need_no_machine_file();
    assert_non_null(getcwd(here, sizeof(here)));
    files_init(&files);
    make_folder(&files, ".config");
    make_folder(&files, ".config/stile");
    folder_put(&files.folder, ".config/stile/config", "Timeout 1\n", 0600);
    assert_int_equal(chdir(files.folder.path), 0);
    variables_set(&before, NULL, ".");
    int done = load_default(&files);
    folder_put(&files.folder, "config", "Include ~/.config/stile/config\n", 0600);
    int included = files_load(&files, "config");
    variables_restore(&before);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(done, 0);
    assert_string_equal(files_show(&files.fake.config, shown), "");
    assert_int_equal(included, -1);
    assert_err(&files.fake.err, ERR_USAGE, "config:1: Include: ~/.config/stile/config: where");
    remove_it(&files, ".config/stile/config");
    remove_it(&files, ".config/stile");
    files_release(&files);
}

static void not_readable(void **state)
{
    (void)state;
    struct fake_files files;
    struct variables before;

    if (geteuid() != 0)
        unit_skip("only root can become one who has no permission");
    files_init(&files);
    make_folder(&files, "stile");
    folder_put(&files.folder, "stile/config", "Timeout 1\n", 0600);
    assert_int_equal(chmod(files.folder.path, 0755), 0);
    char path[FOLDER_PATH_MAX];
    assert_int_equal(chmod(folder_path(&files.folder, "stile", path), 0755), 0);
    variables_set(&before, files.folder.path, "/");
    assert_int_equal(seteuid(1234), 0);
    int done = load_default(&files);
    files_refused(&files, "stile/config", "stile/config: Permission denied");
    assert_int_equal(seteuid(0), 0);
    variables_restore(&before);
    assert_int_equal(done, -1);
    remove_it(&files, "stile/config");
    files_release(&files);
}

/* --- where an Include looks --- */

static void folders_of_includes(void **state)
{
    (void)state;
    struct fake_files files;
    struct variables before;
    char shown[FILES_SHOWN_MAX], text[2 * FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];

    files_init(&files);
    make_folder(&files, "[s]*?\\");
    (void)snprintf(text, sizeof(text), "Include ~/c %s\n", folder_path(&files.folder, "d", path));
    folder_put(&files.folder, "[s]*?\\/a", "Timeout 1\nInclude b* ../e ~/c?\n", 0600);
    folder_put(&files.folder, "config", "Include [[]s]*/a\n", 0600);
    folder_put(&files.folder, "[s]*?\\/b1", text, 0600);
    folder_put(&files.folder, "c", "Remember no\n", 0600);
    folder_put(&files.folder, "cc", "LogLevel quiet\n", 0600);
    folder_put(&files.folder, "d", "Log syslog\n", 0600);
    folder_put(&files.folder, "e", "AttemptDelay none\n", 0600);
    variables_set(&before, NULL, files.folder.path);
    int done = files_load(&files, "config");
    variables_restore(&before);
    if (done == -1)
        unit_fail("refused: %s", err_text(&files.fake.err));
    assert_string_equal(files_show(&files.fake.config, shown),
                        "AttemptDelay none @e:1\nLog syslog @d:1\nLogLevel quiet @cc:1\n"
                        "Remember no @c:1\nTimeout 1s @a:1\n");
    remove_it(&files, "[s]*?\\/a");
    remove_it(&files, "[s]*?\\/b1");
    files_release(&files);
}

/* A file that is named without its folder. */
static void here(void **state)
{
    (void)state;
    struct fake_files files;
    char before[FOLDER_PATH_MAX], shown[FILES_SHOWN_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    files_init(&files);
    folder_put(&files.folder, "config", "Include a b*\nTimeout 3\n", 0600);
    folder_put(&files.folder, "a", "Timeout 1\n", 0600);
    folder_put(&files.folder, "b", "Log syslog\n", 0600);
    assert_int_equal(chdir(files.folder.path), 0);
    int done = file_load(&files.fake.config, "config", &files.query, &files.fake.ctx);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(done, 0);
    assert_string_equal(files_show(&files.fake.config, shown),
                        "Log syslog @b:1\nTimeout 1s @a:1\n");
    files_release(&files);
}

static void pattern_in_a_closed_folder(void **state)
{
    (void)state;
    struct fake_files files;
    char path[FOLDER_PATH_MAX];

    if (geteuid() != 0)
        unit_skip("only root can become one who has no permission");
    files_init(&files);
    make_folder(&files, "s");
    folder_put(&files.folder, "config", "Include s/*\n", 0644);
    assert_int_equal(chmod(files.folder.path, 0755), 0);
    assert_int_equal(chmod(folder_path(&files.folder, "s", path), 0700), 0);
    assert_int_equal(seteuid(1234), 0);
    files_refused(&files, "config", "config:1: Include: s/*: a folder cannot be read");
    assert_int_equal(seteuid(0), 0);
    files_release(&files);
}

/* --- bounds --- */

/* Each file includes the next. */
static void chain(const struct fake_files *files, int count)
{
    for (int i = 0; i < count; i++) {
        char name[20], text[40];
        (void)snprintf(name, sizeof(name), "f%d", i);
        (void)snprintf(text, sizeof(text), i + 1 < count ? "Include f%d\n" : "Timeout 1\n", i + 1);
        folder_put(&files->folder, name, text, 0600);
    }
}

static void depth(void **state)
{
    (void)state;
    struct fake_files files;

    files_init(&files);
    chain(&files, FILE_DEPTH_MAX + 1);
    files_are(&files, "f0", "Timeout 1s @f16:1\n");
    chain(&files, FILE_DEPTH_MAX + 2);
    files_refused(&files, "f0", "f16:1: Include: f17: files include each other more than 16 deep");
    files_release(&files);
}

/* By other names the bound on the depth finds it. */
static void circle_by_links(void **state)
{
    (void)state;
    struct fake_files files;
    char path[FOLDER_PATH_MAX];

    files_init(&files);
    folder_put(&files.folder, "config", "Include s/config\n", 0600);
    assert_int_equal(symlink(".", folder_path(&files.folder, "s", path)), 0);
    assert_int_equal(files_load(&files, "config"), -1);
    assert_contains(err_text(&files.fake.err), "/s/s/config:1: Include: ");
    assert_err(&files.fake.err, ERR_USAGE, ": files include each other more than 16 deep");
    files_release(&files);
}

/* Two lines in each file, two files each: without a bound they are read 2^16 times. */
static void count(void **state)
{
    (void)state;
    struct fake_files files;

    files_init(&files);
    for (int i = 0; i < FILE_DEPTH_MAX; i++) {
        char name[20], text[60];
        (void)snprintf(name, sizeof(name), "f%d", i);
        (void)snprintf(text, sizeof(text), "Include f%d\nInclude f%d\n", i + 1, i + 1);
        folder_put(&files.folder, name, text, 0600);
    }
    folder_put(&files.folder, "f16", "Timeout 1\n", 0600);
    assert_int_equal(files_load(&files, "f0"), -1);
    assert_err(&files.fake.err, ERR_USAGE, ": more than 256 files");
    config_release(&files.fake.config);

    char text[FILE_COUNT_MAX * 4] = "Include";
    for (int i = 1; i < FILE_COUNT_MAX; i++)
        memcpy(text + 7 + (ptrdiff_t)2 * (i - 1), " f", 3);
    folder_put(&files.folder, "f", "", 0600);
    folder_put(&files.folder, "g", text, 0600);
    files_are(&files, "g", "");
    folder_put(&files.folder, "h", "Include g\n", 0600);
    files_refused(&files, "h", "g:1: Include: f: more than 256 files");
    files_release(&files);
}

static void size(void **state)
{
    (void)state;
    struct fake_files files;
    static const char line[] = "Timeout 1";
    char *text = malloc(FILE_BYTES_MAX + 1);

    assert_non_null(text);
    files_init(&files);
    memset(text, '\n', FILE_BYTES_MAX + 1);
    for (size_t i = 0; i < strlen(line); i++)
        text[FILE_BYTES_MAX - strlen(line) + i] = line[i];
    folder_write(&files.folder, "config", text, FILE_BYTES_MAX, 0600);
    files_are(&files, "config", "Timeout 1s @config:1048568\n");
    folder_write(&files.folder, "config", text, FILE_BYTES_MAX + 1, 0600);
    files_refused(&files, "config", "config: larger than 1048576 bytes");
    memset(text, 'x', FILE_BYTES_MAX);
    folder_write(&files.folder, "config", text, FILE_BYTES_MAX, 0600);
    files_refused(&files, "config", "config:1: a line of more than 8191 bytes");
    files_release(&files);
    free(text);
}

/* --- kinds of files --- */

static void kinds(void **state)
{
    (void)state;
    struct fake_files files;
    char path[FOLDER_PATH_MAX];

    files_init(&files);
    files_refused(&files, "config", "config: No such file or directory");
    files_refused(&files, "", ": not a regular file");
    assert_int_equal(mkfifo(folder_path(&files.folder, "fifo", path), 0600), 0);
    files_refused(&files, "fifo", "fifo: not a regular file");
    folder_write(&files.folder, "binary", "Timeout 1\n\0", 11, 0600);
    files_refused(&files, "binary", "binary: not a text file");
    assert_int_equal(symlink("no", folder_path(&files.folder, "dangling", path)), 0);
    files_refused(&files, "dangling", "dangling: No such file or directory");
    folder_put(&files.folder, "config", "Timeout 1\n", 0600);
    assert_int_equal(symlink("config", folder_path(&files.folder, "link", path)), 0);
    files_are(&files, "link", "Timeout 1s @link:1\n");
    assert_int_equal(file_load(&files.fake.config, "/dev/null", &files.query, &files.fake.ctx), -1);
    assert_string_equal(err_text(&files.fake.err), "/dev/null: not a regular file");
    files_release(&files);
}

#define WRITABLE "others can write it; chmod go-w"

static const struct mode_row {
    const char *name;
    mode_t mode;
    const char *reason; /* NULL: none */
} mode_rows[] = {
    {"0600", 0600, NULL},     {"0400", 0400, NULL},     {"0644", 0644, NULL},
    {"0755", 0755, NULL},     {"0664", 0664, WRITABLE}, {"0620", 0620, WRITABLE},
    {"0602", 0602, WRITABLE}, {"0666", 0666, WRITABLE}, {"0777", 0777, WRITABLE},
};

static void modes(void **state)
{
    const struct mode_row *row = *state;
    struct fake_files files;
    char message[100];

    files_init(&files);
    folder_put(&files.folder, "config", "Timeout 1\n", row->mode);
    folder_put(&files.folder, "outer", "Include config\n", 0600);
    if (row->reason) {
        (void)snprintf(message, sizeof(message), "config: %s", row->reason);
        files_refused(&files, "config", message);
        (void)snprintf(message, sizeof(message), "outer:1: Include: config: %s", row->reason);
        files_refused(&files, "outer", message);
    } else {
        files_are(&files, "config", "Timeout 1s @config:1\n");
        files_are(&files, "outer", "Timeout 1s @config:1\n");
    }
    files_release(&files);
}

#define STRANGER "config: it belongs to another user"

static const struct owner_row {
    const char *name;
    uid_t owner, reader;
    const char *reason;
} owner_rows[] = {
    {"root reads root's", 0, 0, NULL},
    {"root reads a user's", 1234, 0, STRANGER},
    {"a user reads root's", 0, 1234, NULL},
    {"a user reads his own", 1234, 1234, NULL},
    {"a user reads another's", 4321, 1234, STRANGER},
};

static void owners(void **state)
{
    const struct owner_row *row = *state;
    struct fake_files files;
    char path[FOLDER_PATH_MAX];

    if (geteuid() != 0)
        unit_skip("only root can give a file to another user");
    files_init(&files);
    folder_put(&files.folder, "config", "Timeout 1\n", 0644);
    assert_int_equal(chown(folder_path(&files.folder, "config", path), row->owner, (gid_t)-1), 0);
    assert_int_equal(chmod(files.folder.path, 0755), 0);
    assert_int_equal(seteuid(row->reader), 0);
    if (row->reason)
        files_refused(&files, "config", row->reason);
    else
        files_are(&files, "config", "Timeout 1s @config:1\n");
    assert_int_equal(seteuid(0), 0);
    files_release(&files);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, none);
    UNIT_TEST(&unit, file_of_the_user);
    UNIT_TEST(&unit, no_file);
    UNIT_TEST(&unit, no_home);
    UNIT_TEST(&unit, not_readable);
    UNIT_TEST(&unit, folders_of_includes);
    UNIT_TEST(&unit, here);
    UNIT_TEST(&unit, pattern_in_a_closed_folder);
    UNIT_TEST(&unit, depth);
    UNIT_TEST(&unit, circle_by_links);
    UNIT_TEST(&unit, count);
    UNIT_TEST(&unit, size);
    UNIT_TEST(&unit, kinds);
    UNIT_ROWS(&unit, modes, mode_rows);
    UNIT_ROWS(&unit, owners, owner_rows);
    return unit_run(&unit, "file_source");
}
