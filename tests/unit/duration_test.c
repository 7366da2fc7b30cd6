/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <locale.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "config/duration.h"
#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

extern char **environ;

#define REFUSED INT64_C(0)
#define UNTOUCHED INT64_C(-4711)
#define MINUTE (60 * CLOCK_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct duration_row {
    const char *name;
    const char *text;
    int64_t ns;
} duration_rows[] = {
    {"seconds", "30", 30 * CLOCK_S},
    {"one", "1", CLOCK_S},
    {"fraction", "1.5", 3 * CLOCK_S / 2},
    {"a tenth, exactly", "0.1", CLOCK_S / 10},
    {"three tenths, exactly", "0.3", 3 * CLOCK_S / 10},
    {"a microsecond", "0.000001", 1000},
    {"leading zeros", "0005", 5 * CLOCK_S},
    {"ms", "300ms", 300 * CLOCK_MS},
    {"one ms", "1ms", CLOCK_MS},
    {"fraction of ms", "1.5ms", 3 * CLOCK_MS / 2},
    {"s", "90s", 90 * CLOCK_S},
    {"m", "2m", 2 * MINUTE},
    {"fraction of m", "1.5m", 90 * CLOCK_S},
    {"h", "1h", HOUR},
    {"fraction of h", "0.5h", 30 * MINUTE},
    {"a year of days", "8760h", 365 * DAY},
    {"a year in seconds", "31536000", 365 * DAY},
    {"more than a year", "8785h", REFUSED},
    {"more than a year in seconds", "31622401", REFUSED},
    {"much more than a year", "1000000h", REFUSED},
    {"past int64 in ns", "9223372037", REFUSED},
    {"past int64 in s", "99999999999999999999", REFUSED},
    {"past every double",
     "1"
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     REFUSED},
    {"zero", "0", REFUSED},
    {"zero with a fraction", "0.0", REFUSED},
    {"zero ms", "0ms", REFUSED},
    {"less than a nanosecond", "0.0000000001", REFUSED},
    {"negative", "-1", REFUSED},
    {"negative zero", "-0", REFUSED},
    {"negative ms", "-5ms", REFUSED},
    {"nan", "nan", REFUSED},
    {"nan with a payload", "nan(1)", REFUSED},
    {"inf", "inf", REFUSED},
    {"infinity", "infinity", REFUSED},
    {"hex", "0x10", REFUSED},
    {"empty", "", REFUSED},
    {"a unit alone", "s", REFUSED},
    {"ms alone", "ms", REFUSED},
    {"a dot alone", ".", REFUSED},
    {"a blank alone", " ", REFUSED},
    {"a blank before", " 1", REFUSED},
    {"a blank behind", "1 ", REFUSED},
    {"a blank between", "1 s", REFUSED},
    {"a new line behind", "1\n", REFUSED},
    {"two units", "1sm", REFUSED},
    {"two times", "1h30m", REFUSED},
    {"an unknown unit", "1x", REFUSED},
    {"days are no unit", "1d", REFUSED},
    {"us are no unit", "1us", REFUSED},
    {"two dots", "1.5.5", REFUSED},
    {"a comma", "1,5", REFUSED},
    {"junk behind the unit", "5s!", REFUSED},
    {"word", "soon", REFUSED},
};

static void duration(void **state)
{
    const struct duration_row *row = *state;
    struct err err = ERR_INIT;
    int64_t ns = UNTOUCHED;
    int rc = duration_parse(row->text, &ns, &err);

    if (row->ns == REFUSED) {
        assert_int_equal(rc, -1);
        assert_err(&err, ERR_USAGE, row->text);
        assert_int_equal(ns, UNTOUCHED);
    } else {
        assert_int_equal(rc, 0);
        assert_int_equal(ns, row->ns);
        assert_err_unset(&err);
    }
}

/* What the grammar in the header leaves open may be refused; what is taken means what it says. */
static const struct duration_row open_rows[] = {
    {"exponent", "1e3", 1000 * CLOCK_S},
    {"no digit before the dot", ".5", CLOCK_S / 2},
    {"no digit behind the dot", "5.", 5 * CLOCK_S},
    {"a nanosecond", "0.000000001", 1},
    {"plus", "+5", 5 * CLOCK_S},
};

static void refused_or_right(void **state)
{
    const struct duration_row *row = *state;
    struct err err = ERR_INIT;
    int64_t ns = UNTOUCHED;

    if (duration_parse(row->text, &ns, &err) == 0)
        assert_int_equal(ns, row->ns);
    else
        assert_err(&err, ERR_USAGE, row->text);
}

/* Runs a program by its name, without its output. Its exit status; 127 when there is none. */
static int run(const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    int fd;

    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (fd = 1; fd <= 2; fd++)
        assert_int_equal(posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0),
                         0);
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return 127;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Switches to a locale that writes 1,5; one is made in `folder` where the machine has none. */
static bool comma_locale(const char *folder)
{
    char path[2 * FD_PATH_MAX];
    const char *const make[] = {"localedef", "-i", "de_DE", "-f", "UTF-8", path, NULL};

    if (setlocale(LC_ALL, "de_DE.UTF-8"))
        return true;
    (void)snprintf(path, sizeof(path), "%s/de_DE.UTF-8", folder);
    if (run(make) != 0)
        return false;
    assert_int_equal(setenv("LOCPATH", folder, 1), 0);
    return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

static void locale_changes_nothing(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    char folder[] = "/tmp/stile-unit-XXXXXX";
    const char *const clean[] = {"rm", "-rf", folder, NULL};
    int64_t ns = 0;

    assert_non_null(mkdtemp(folder));
    bool have = comma_locale(folder);
    assert_int_equal(run(clean), 0);
    if (!have)
        unit_skip("no de_DE locale, and localedef cannot make one (Debian: locales)");
    assert_string_equal(localeconv()->decimal_point, ",");

    int rc = duration_parse("1.5", &ns, &err);
    int rc_comma = duration_parse("1,5", &ns, &err);
    (void)setlocale(LC_ALL, "C");
    assert_int_equal(rc, 0);
    assert_int_equal(ns, 3 * CLOCK_S / 2);
    assert_int_equal(rc_comma, -1);
    assert_err(&err, ERR_USAGE, "1,5");
}

static void defaults(void **state)
{
    (void)state;
    struct config config;

    memset(&config, 0xff, sizeof(config));
    config_init(&config);
    assert_int_equal(config.family, AF_UNSPEC);
    assert_int_equal(config.timeout_ns, 60 * CLOCK_S);
    assert_false(config.fdpass);
    assert_false(config.quiet);
    assert_int_equal(config.verbosity, 0);
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, duration, duration_rows);
    UNIT_ROWS(&unit, refused_or_right, open_rows);
    UNIT_TEST(&unit, locale_changes_nothing);
    UNIT_TEST(&unit, defaults);
    return unit_run(&unit, "duration");
}
