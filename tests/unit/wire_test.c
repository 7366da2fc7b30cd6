/* SPDX-License-Identifier: MIT */
#include "transports/ssh/wire.h"

#include <string.h>

#include "tests/unit/fake_unit.h"

static struct wire wire_of(const char *data, size_t size)
{
    return (struct wire){(const uint8_t *)data, size};
}

static void pieces_are_taken_in_turn(void **state)
{
    struct wire wire = wire_of("\7\0\1\2\3\0\0\0\2ab\0\0\0\0z", 16), string;
    uint32_t number;
    uint8_t byte;

    (void)state;
    assert_true(wire_take_byte(&wire, &byte));
    assert_int_equal(byte, 7);
    assert_true(wire_take_u32(&wire, &number));
    assert_int_equal(number, 0x00010203);
    assert_true(wire_take_string(&wire, &string));
    assert_true(wire_is(&string, "ab"));
    assert_false(wire_is(&string, "a"));
    assert_false(wire_is(&string, "abc"));
    assert_true(wire_take_string(&wire, &string));
    assert_int_equal(string.left, 0);
    assert_true(wire_is(&string, ""));
    assert_int_equal(wire.left, 1);
}

struct short_row {
    const char *name;
    const char *data;
    size_t size;
};

static const struct short_row short_rows[] = {
    {"nothing", "", 0},
    {"half a length", "\0\0\0", 3},
    {"a byte less", "\0\0\0\2a", 5},
    {"as long as can be", "\377\377\377\377abc", 7},
};

static void what_is_too_short_is_left_alone(void **state)
{
    const struct short_row *row = *state;
    struct wire wire = wire_of(row->data, row->size), string = {NULL, 0};

    assert_false(wire_take_string(&wire, &string));
    assert_null(string.at);
    assert_ptr_equal(wire.at, row->data);
    assert_int_equal(wire.left, row->size);
}

static void numbers_want_all_their_bytes(void **state)
{
    struct wire wire = wire_of("\1\2\3", 3);
    uint32_t number = 5;
    uint8_t byte = 5;

    (void)state;
    assert_false(wire_take_u32(&wire, &number));
    assert_int_equal(number, 5);
    assert_int_equal(wire.left, 3);
    wire.left = 0;
    assert_false(wire_take_byte(&wire, &byte));
    assert_int_equal(byte, 5);
}

static void what_is_put_is_taken(void **state)
{
    uint8_t data[32], *end = data;

    (void)state;
    end = wire_put_u32(end, 0xfedcba98);
    end = wire_put_string(end, "abc", 3);
    end = wire_put_string(end, NULL, 0);
    assert_int_equal(end - data, 15);
    assert_memory_equal(data, "\xfe\xdc\xba\x98\0\0\0\3abc\0\0\0\0", 15);
}

struct list_row {
    const char *list;
    const char *name;
    bool has;
};

static const struct list_row list_rows[] = {
    {"publickey", "publickey", true},
    {"publickey,password", "publickey", true},
    {"publickey,password", "password", true},
    {"a,publickey,b", "publickey", true},
    {",publickey,", "publickey", true},
    {"publickey,password", "pass", false},
    {"publickey,password", "word", false},
    {"publickeys", "publickey", false},
    {"publickey-x", "publickey", false},
    {"PublicKey", "publickey", false},
    {"publickey,password", "publickey,password", false},
    {"", "publickey", false},
    {",", "publickey", false},
};

static void names_are_found_in_lists(void **state)
{
    const struct list_row *row = *state;

    assert_int_equal(wire_list_has(row->list, row->name), row->has);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, pieces_are_taken_in_turn);
    UNIT_ROWS(&unit, what_is_too_short_is_left_alone, short_rows);
    UNIT_TEST(&unit, numbers_want_all_their_bytes);
    UNIT_TEST(&unit, what_is_put_is_taken);
    UNIT_ROWS(&unit, names_are_found_in_lists, list_rows);
    return unit_run(&unit, "wire");
}
