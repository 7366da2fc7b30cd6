/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259) as it is made, byte by byte: nothing is kept. What is written is ASCII, whatever it
 * was made of: a text may be any bytes, and what is no UTF-8 in it becomes U+FFFD.
 *
 * Calls nest as the JSON does. `key` is the name of a member of the object that was begun last; NULL
 * within an array, and for the one value that is all of it.
 */
#ifndef STILE_CMD_JSON_H
#define STILE_CMD_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;      /* of the caller, who looks for its errors */
    bool has_value; /* there is one in what was begun last, so that a comma comes before the next */
};

#define JSON_INIT(file) ((struct json){(file), false})

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

/* NULL is null. */
void json_text(struct json *json, const char *key, const char *text);

void json_integer(struct json *json, const char *key, int64_t number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* A time in milliseconds, with three digits behind the point, whatever the locale. Not negative. */
void json_ms(struct json *json, const char *key, int64_t ns);

#endif
