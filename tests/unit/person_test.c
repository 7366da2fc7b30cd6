/* SPDX-License-Identifier: MIT */
#include "core/person.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_unit.h"

static void who_runs_us(void **state)
{
    (void)state;
    struct person person;
    const struct passwd *entry = getpwuid(getuid());

    if (!entry) {
        assert_false(person_find(&person, NULL));
        return;
    }
    assert_true(person_find(&person, NULL));
    assert_string_equal(person.name, entry->pw_name);
    assert_string_equal(person.home, entry->pw_dir);
    person_release(&person);
    person_release(&person);
}

static void by_name(void **state)
{
    (void)state;
    struct person person;

    assert_true(person_find(&person, "root"));
    assert_string_equal(person.name, "root");
    person_release(&person);
    assert_null(person.home);
}

static void nobody(void **state)
{
    (void)state;
    struct person person;

    assert_false(person_find(&person, "no such user"));
    assert_null(person.name);
    person_release(&person);
}

int main(void)
{
    struct unit unit = {.count = 0};

    UNIT_TEST(&unit, who_runs_us);
    UNIT_TEST(&unit, by_name);
    UNIT_TEST(&unit, nobody);
    return unit_run(&unit, "person");
}
