/* SPDX-License-Identifier: MIT */
#include "transports/ssh/wire.h"

#include <string.h>

#define U32_BYTES 4

/* Where `size` bytes were, that are taken now; NULL when there are less. */
static const uint8_t *take(struct wire *wire, size_t size)
{
    const uint8_t *at = wire->at;

    if (size > wire->left)
        return NULL;
    wire->at += size;
    wire->left -= size;
    return at;
}

bool wire_take_byte(struct wire *wire, uint8_t *byte)
{
    const uint8_t *at = take(wire, 1);

    if (at)
        *byte = *at;
    return at;
}

bool wire_take_u32(struct wire *wire, uint32_t *number)
{
    const uint8_t *at = take(wire, U32_BYTES);

    if (at)
        *number = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return at;
}

bool wire_take_string(struct wire *wire, struct wire *string)
{
    struct wire rest = *wire;
    uint32_t size;

    if (!wire_take_u32(&rest, &size))
        return false;
    const uint8_t *at = take(&rest, size);
    if (!at)
        return false;
    *string = (struct wire){at, size};
    *wire = rest;
    return true;
}

char *wire_first_text(const uint8_t *data, size_t size)
{
    struct wire rest = {data, size}, string;

    return wire_take_string(&rest, &string) ? strndup((const char *)string.at, string.left) : NULL;
}

bool wire_is(const struct wire *wire, const char *text)
{
    return wire->left == strlen(text) && memcmp(wire->at, text, wire->left) == 0;
}

bool wire_list_has(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; *at; at += strcspn(at, ",")) {
        at += *at == ',';
        if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

uint8_t *wire_put_u32(uint8_t *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(number >> shift);
    return at;
}

uint8_t *wire_put_string(uint8_t *at, const void *data, size_t size)
{
    at = wire_put_u32(at, (uint32_t)size);
    if (size > 0)
        memcpy(at, data, size);
    return at + size;
}
