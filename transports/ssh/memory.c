/* SPDX-License-Identifier: MIT */
#include "transports/ssh/memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "transports/ssh/auth.h"
#include "transports/ssh/session.h"
#include "transports/ssh/wire.h"

/* In front of each block. */
union block {
    struct {
        size_t size; /* as it was asked for */
        size_t room;
    } own;
    max_align_t align;
};

/* libssh2 1.10 keeps to itself what the peer said of a channel that it doesn't open: byte
 * SSH_MSG_CHANNEL_OPEN_FAILURE, uint32 channel, uint32 reason, string description. */
#define OPEN_FAILURE 92

/* Ours have small numbers. Of any other block that begins with the same byte, a hash or a key, nothing of
 * the rest fits. */
#define CHANNEL_MAX 255

/* Of a public key that libssh2 expects to find in a packet. */
#define KEY_BYTES_MAX 256

static void keep_refusal(struct session_refusal *refusal, const uint8_t *packet, size_t size)
{
    struct wire rest = {packet, size}, text, language;
    uint32_t channel, reason;
    uint8_t number;

    if (refusal->heard || !wire_take_byte(&rest, &number) || number != OPEN_FAILURE ||
        !wire_take_u32(&rest, &channel) || channel > CHANNEL_MAX ||
        !wire_take_u32(&rest, &reason) || !wire_take_string(&rest, &text) ||
        !wire_take_string(&rest, &language))
        return;
    refusal->heard = true;
    refusal->reason = reason;
    refusal->text = strndup((const char *)text.at, text.left);
}

void *memory_alloc(size_t size, void **abstract)
{
    struct session *session = *abstract;
    size_t room = session->auth ? auth_room(session->auth, size) : size;

    /* Keys that are too short are read as if they were whole. */
    if (!session->is_up && room == size && size <= MEMORY_BLOCK_MAX)
        room += KEY_BYTES_MAX;

    if (size > MEMORY_BLOCK_MAX || room > 2 * MEMORY_BLOCK_MAX ||
        session->memory + room > MEMORY_MAX)
        return NULL;
    union block *block = malloc(sizeof(*block) + room);
    if (!block)
        return NULL;
    memset((char *)(block + 1) + size, 0, room - size);
    block->own.size = size;
    block->own.room = room;
    session->memory += room;
    return block + 1;
}

void memory_free(void *data, void **abstract)
{
    struct session *session = *abstract;
    union block *block = data ? (union block *)data - 1 : NULL;

    if (!block)
        return;
    session->memory -= block->own.room;
    if (!session->is_up) {
        keep_refusal(&session->refusal, data, block->own.size);
        if (session->auth)
            auth_heard(session->auth, data, block->own.size);
        secret_wipe(data, block->own.size);
    }
    free(block);
}

void *memory_realloc(void *data, size_t size, void **abstract)
{
    void *larger = memory_alloc(size, abstract);

    if (data && larger) {
        size_t old = ((union block *)data - 1)->own.size;
        memcpy(larger, data, old < size ? old : size);
        memory_free(data, abstract);
    }
    return larger;
}
