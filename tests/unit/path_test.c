/* SPDX-License-Identifier: MIT */
#include "config/path.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "tests/unit/fake_unit.h"

static void set_home(const char *home)
{
    assert_int_equal(home ? setenv("HOME", home, 1) : unsetenv("HOME"), 0);
}

static void expands_to(const char *path, const char *wanted)
{
    char *expanded = path_expand(path);

    assert_non_null(expanded);
    assert_string_equal(expanded, wanted);
    free(expanded);
}

static const struct expand_row {
    const char *name;
    const char *path;
    const char *wanted; /* where the home is /h/me */
} expand_rows[] = {
    {"the home", "~", "/h/me"},
    {"the home and a slash", "~/", "/h/me/"},
    {"a file at home", "~/.netrc", "/h/me/.netrc"},
    {"a file below", "~/a/b c/~", "/h/me/a/b c/~"},
    {"another's home", "~alice/x", "~alice/x"},
    {"twice", "~~/x", "~~/x"},
    {"absolute", "/a/b", "/a/b"},
    {"relative", "a/b", "a/b"},
    {"not in front", "/a/~/b", "/a/~/b"},
    {"a blank before", " ~/x", " ~/x"},
    {"nothing", "", ""},
    {"a variable", "$HOME/x", "$HOME/x"},
};

static void expand(void **state)
{
    const struct expand_row *row = *state;

    set_home("/h/me");
    expands_to(row->path, row->wanted);
}

static void without_the_variable(void **state)
{
    (void)state;
    const struct passwd *user = getpwuid(getuid());
    char *wanted;

    if (!user) {
        unit_skip("this user is not in the user database");
        return;
    }
    wanted = text_join(user->pw_dir, "/x", (char *)NULL);
    assert_non_null(wanted);
    set_home(NULL);
    expands_to("~/x", wanted);
    set_home("");
    expands_to("~/x", wanted);
    free(wanted);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, expand, expand_rows);
    UNIT_TEST(&unit, without_the_variable);
    return unit_run(&unit, "path");
}
