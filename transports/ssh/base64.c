/* SPDX-License-Identifier: MIT */
#include "transports/ssh/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static int letter_value(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = strchr(letters, letter);

    return found && letter ? (int)(found - letters) : -1;
}

ssize_t base64_decode(const char *text, uint8_t *out)
{
    static const unsigned bits_left[] = {0, 6, 4, 2}, pads_wanted[] = {0, UINT_MAX, 2, 1};
    unsigned bits = 0, pads = 0;
    size_t letters = 0, size = 0;

    for (; *text; text++) {
        int value = letter_value(*text);
        if (strchr(" \t\n\v\f\r", *text))
            continue;
        if (*text == '=') {
            pads++;
            continue;
        }
        if (value == -1 || pads > 0)
            return -1;
        bits = bits << 6 | (unsigned)value;
        unsigned left = bits_left[++letters % 4];
        if (left < 6)
            out[size++] = (uint8_t)(bits >> left);
        bits &= (1U << left) - 1;
    }
    return pads == pads_wanted[letters % 4] && bits == 0 ? (ssize_t)size : -1;
}

char *base64_encode(const uint8_t *data, size_t size)
{
    unsigned char *text = size > INT_MAX / 2 ? NULL : malloc(BASE64_ROOM(size));

    if (text)
        (void)EVP_EncodeBlock(text, data, (int)size);
    return (char *)text;
}
