/* SPDX-License-Identifier: MIT */
/* Numbers and strings as SSH has them on the wire, RFC 4251 section 5, in bytes that came from
 * elsewhere. */
#ifndef STILE_TRANSPORTS_SSH_WIRE_H
#define STILE_TRANSPORTS_SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are still to be looked at; the memory is somebody else's. */
struct wire {
    const uint8_t *at;
    size_t left;
};

/* Each takes something from the front. False, and nothing taken, when less is there. */
bool wire_take_byte(struct wire *wire, uint8_t *byte);
bool wire_take_u32(struct wire *wire, uint32_t *number);
bool wire_take_string(struct wire *wire, struct wire *string);

/* The string in front as text, in fresh memory that the caller frees; NULL when there is none, or no
 * memory. */
char *wire_first_text(const uint8_t *data, size_t size);

/* Is it this text? */
bool wire_is(const struct wire *wire, const char *text);

/* Is `name` in a name-list, which is text with commas between? */
bool wire_list_has(const char *list, const char *name);

/* Each writes to `at`, where there is room, and returns what is behind it. */
uint8_t *wire_put_u32(uint8_t *at, uint32_t number);
uint8_t *wire_put_string(uint8_t *at, const void *data, size_t size);

#endif
