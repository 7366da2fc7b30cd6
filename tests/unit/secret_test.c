/* SPDX-License-Identifier: MIT */
#include "core/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

static void wipes_just_that_much(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 64; size++) {
        unsigned char data[66];

        memset(data, 0xaa, sizeof(data));
        secret_wipe(data + 1, size);
        assert_int_equal(data[0], 0xaa);
        for (size_t i = 1; i <= size; i++)
            assert_int_equal(data[i], 0);
        assert_int_equal(data[size + 1], 0xaa);
    }
}

/* Looks at memory as somebody else would: a pointer to what was freed may not be followed. */
static void free_wipes(void **state)
{
    (void)state;
    char found[400];
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

    if (memory == -1)
        unit_skip("no /proc/self/mem");
    char *secret = malloc(sizeof(found));
    assert_non_null(secret);
    memset(secret, 's', sizeof(found));
    secret[sizeof(found) - 1] = '\0';
    off_t where = (off_t)(uintptr_t)secret;
    assert_int_equal(pread(memory, found, sizeof(found), where), sizeof(found));
    assert_non_null(strstr(found, "ssssssss"));

    secret_free(secret);
    assert_int_equal(pread(memory, found, sizeof(found), where), sizeof(found));
    /* What malloc(3) writes into free memory is no such letter eight times. */
    for (size_t i = 0; i + 8 <= sizeof(found); i++)
        assert_memory_not_equal(found + i, "ssssssss", 8);
    fd_close(&memory);
}

static void free_of_nothing(void **state)
{
    (void)state;
    secret_free(NULL);
    secret_free(calloc(1, 1));
}

int main(void)
{
    static struct unit unit;
    UNIT_TEST(&unit, wipes_just_that_much);
    UNIT_TEST(&unit, free_wipes);
    UNIT_TEST(&unit, free_of_nothing);
    return unit_run(&unit, "secret");
}
