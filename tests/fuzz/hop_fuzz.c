/* SPDX-License-Identifier: MIT */
/*
 * Hop URLs. What is refused names a column; what is taken can be written as a URL again, and means
 * the same then; no password comes back in a message, wherever the rest of the text puts it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/hop.h"
#include "core/secret.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"
#include "transports/http.h"
#include "transports/http_codec.h"
#include "transports/socks.h"

#define PASSWORD "hunter2"

/* --- faults --- */

/* The message begins with a column that the text has, or with the place behind its end. */
static void check_column(const char *message, size_t length)
{
    char *end = NULL;

    FUZZ_CHECK(strncmp(message, "column ", 7) == 0);
    unsigned long column = strtoul(message + 7, &end, 10);
    FUZZ_CHECK(column >= 1 && column <= length + 1);
    FUZZ_CHECK(end[0] == ':' && end[1] == ' ' && end[2]);
}

static bool parse(struct hops *hops, const char *text, enum hop_origin origin)
{
    struct err err = ERR_INIT;

    *hops = HOPS_INIT;
    if (hops_parse(hops, text, origin, &err) == 0) {
        FUZZ_CHECK(err.code == ERR_NONE && !err.text);
        return true;
    }
    FUZZ_CHECK(hops->count == 0 && !hops->hop);
    check_column(err_text(&err), strlen(text));
    fuzz_check_err(&err, ERR_USAGE);
    return false;
}

/* --- what is taken --- */

static void check_setting(const struct hop *hop, size_t i, size_t length)
{
    const struct setting *setting = &hop->settings[i];

    FUZZ_CHECK(setting->name && setting->name[0] && setting->value);
    FUZZ_CHECK(strcmp(setting->name, "password") != 0);
    FUZZ_CHECK(setting->column > hop->column && setting->column <= length);
    for (const char *at = setting->name; *at; at++)
        FUZZ_CHECK(*at < 'A' || *at > 'Z');
    FUZZ_CHECK(hop_setting(hop, setting->name));
}

static void check_hop(const struct hop *hop, size_t length)
{
    FUZZ_CHECK(hop->scheme && hop->name && hop->column >= 1 && hop->column <= length);
    FUZZ_CHECK(strncmp(hop->name, hop->scheme, strlen(hop->scheme)) == 0);
    for (const char *at = hop->scheme; *at; at++)
        FUZZ_CHECK(!strchr("/:@% ABCDEFGHIJKLMNOPQRSTUVWXYZ", *at));
    for (size_t i = 0; i < hop->setting_count; i++)
        check_setting(hop, i, length);
    if (strcmp(hop->scheme, "exec") == 0) {
        FUZZ_CHECK(hop->command && hop->command[0] && !hop->address.text && !hop->user);
        FUZZ_CHECK(hop->setting_count == 0);
        return;
    }
    FUZZ_CHECK(!hop->command && hop->address.text);
    FUZZ_CHECK(!hop->address.host != !hop->address.path);
    FUZZ_CHECK(!hop->user || hop->user[0]);
    if (hop->address.host) {
        FUZZ_CHECK(hop->address.host[0] && hop->address.host[0] != '-');
        FUZZ_CHECK(strlen(hop->address.host) <= ENDPOINT_HOST_MAX);
        for (const char *at = hop->address.host; *at; at++)
            FUZZ_CHECK((unsigned char)*at > ' ' && !strchr("/@[]\177", *at));
    } else {
        FUZZ_CHECK(hop->address.path[0] == '/');
    }
}

/* No transport's check sees more than settings, and each has an opinion. */
static void check_transports(const struct hop *hop)
{
    static const struct transport *const transports[] = {&socks5_transport, &socks4_transport,
                                                         &http_transport};

    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        struct err err = ERR_INIT;
        if (transports[i]->check(hop, &err) == -1)
            fuzz_check_err(&err, ERR_USAGE);
        FUZZ_CHECK(err.code == ERR_NONE);
    }
}

/* Whatever headers passed the check, the request is one head. */
static void check_request(const struct hop *hop)
{
    struct endpoint to = ENDPOINT_INIT;
    struct err err = ERR_INIT;
    size_t lines = 0, headers = 0;

    for (size_t i = 0; i < hop->setting_count; i++) {
        if (strcmp(hop->settings[i].name, "header") != 0)
            continue;
        headers++;
        if (http_check_header(&hop->settings[i], &err) == -1) {
            fuzz_check_err(&err, ERR_USAGE);
            return;
        }
    }
    FUZZ_CHECK(endpoint_parse(&to, "db:22", 0, &err) == 0);
    char *text = http_request(&to, hop, NULL);
    if (!text)
        abort();
    FUZZ_CHECK(strncmp(text, "CONNECT db:22 HTTP/1.1\r\n", 24) == 0);
    for (const char *at = text; *at; at++) {
        FUZZ_CHECK(*at != '\r' || at[1] == '\n');
        FUZZ_CHECK(*at != '\n' || (at > text && at[-1] == '\r'));
        lines += *at == '\n';
    }
    FUZZ_CHECK(lines == 3 + headers);
    const char *end = strstr(text, "\r\n\r\n");
    FUZZ_CHECK(end && !end[4]);
    secret_free(text);
    endpoint_release(&to);
}

/* --- there and back --- */

struct text {
    char *bytes;
    size_t size;
    size_t room;
};

static void add_byte(struct text *text, char byte)
{
    if (text->size + 1 >= text->room) {
        text->room = 2 * text->room + 64;
        text->bytes = realloc(text->bytes, text->room);
        FUZZ_CHECK(text->bytes);
    }
    text->bytes[text->size++] = byte;
    text->bytes[text->size] = '\0';
}

static void add(struct text *text, const char *bytes)
{
    while (*bytes)
        add_byte(text, *bytes++);
}

static void add_encoded(struct text *text, const char *bytes)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *bytes; bytes++) {
        unsigned char byte = (unsigned char)*bytes;
        add_byte(text, '%');
        add_byte(text, digits[byte >> 4]);
        add_byte(text, digits[byte & 15]);
    }
}

static void add_hop(struct text *text, const struct hop *hop)
{
    char digits[TEXT_DIGITS_MAX];

    if (hop->command) {
        add(text, "exec:");
        for (const char *at = hop->command; *at; at++) {
            if (*at == ',')
                add_byte(text, '\\');
            add_byte(text, *at);
        }
        return;
    }
    add(text, hop->scheme);
    add(text, "://");
    if (hop->user) {
        add_encoded(text, hop->user);
        add_byte(text, '@');
    }
    if (hop->address.path) {
        add(text, "unix:");
        add_encoded(text, hop->address.path);
    } else {
        bool v6 = strchr(hop->address.host, ':');
        add(text, v6 ? "[" : "");
        add_encoded(text, hop->address.host);
        add(text, v6 ? "]" : "");
        if (hop->address.port) {
            add_byte(text, ':');
            add(text, text_digits(hop->address.port, digits));
        }
    }
    for (size_t i = 0; i < hop->setting_count; i++) {
        add_byte(text, i == 0 ? '?' : '&');
        add(text, hop->settings[i].name);
        add_byte(text, '=');
        add_encoded(text, hop->settings[i].value);
    }
}

static void check_same(const struct hop *a, const struct hop *b)
{
    FUZZ_CHECK(fuzz_same(a->scheme, b->scheme));
    FUZZ_CHECK(fuzz_same(a->command, b->command));
    FUZZ_CHECK(fuzz_same(a->user, b->user));
    FUZZ_CHECK(fuzz_same(a->name, b->name));
    FUZZ_CHECK(fuzz_same(a->address.host, b->address.host));
    FUZZ_CHECK(fuzz_same(a->address.path, b->address.path));
    FUZZ_CHECK(fuzz_same(a->address.text, b->address.text));
    FUZZ_CHECK(a->address.port == b->address.port);
    FUZZ_CHECK(a->setting_count == b->setting_count);
    for (size_t i = 0; i < a->setting_count; i++) {
        FUZZ_CHECK(fuzz_same(a->settings[i].name, b->settings[i].name));
        FUZZ_CHECK(fuzz_same(a->settings[i].value, b->settings[i].value));
    }
}

static void check_all_same(const struct hops *a, const struct hops *b)
{
    FUZZ_CHECK(a->count == b->count);
    for (size_t i = 0; i < a->count; i++)
        check_same(&a->hop[i], &b->hop[i]);
}

/* A backslash at the end of a command would swallow the comma that is put behind it. */
static bool can_be_written(const struct hops *hops)
{
    for (size_t i = 0; i + 1 < hops->count; i++) {
        const char *command = hops->hop[i].command;
        if (command && command[strlen(command) - 1] == '\\')
            return false;
    }
    return true;
}

static void check_round_trip(const struct hops *hops)
{
    struct text text = {0};
    struct hops again;

    if (!can_be_written(hops))
        return;
    add(&text, hops->count ? "" : "direct");
    for (size_t i = 0; i < hops->count; i++) {
        add(&text, i ? "," : "");
        add_hop(&text, &hops->hop[i]);
    }
    FUZZ_CHECK(parse(&again, text.bytes, HOP_FROM_ARGV));
    check_all_same(hops, &again);
    hops_release(&again);
    free(text.bytes);
}

/* What a user may say, a file may say, too. */
static void check_text(const char *text)
{
    struct hops hops;
    struct hops file;
    bool taken = parse(&hops, text, HOP_FROM_ARGV);
    bool from_file = parse(&file, text, HOP_FROM_FILE);

    FUZZ_CHECK(!taken || from_file);
    if (taken)
        check_all_same(&hops, &file);
    for (size_t i = 0; i < file.count; i++) {
        check_hop(&file.hop[i], strlen(text));
        FUZZ_CHECK(i == 0 || file.hop[i].column > file.hop[i - 1].column);
        check_transports(&file.hop[i]);
        check_request(&file.hop[i]);
    }
    if (from_file)
        check_round_trip(&file);
    for (size_t i = 0; from_file && i < file.count; i++) {
        struct err err = ERR_INIT;
        FUZZ_CHECK(hop_default_port(&file.hop[i], 4711, &err) == 0);
        FUZZ_CHECK(!file.hop[i].address.host || file.hop[i].address.port);
    }
    hops_release(&hops);
    hops_release(&file);
}

/* --- passwords --- */

/* As people paste them into a URL: with anything in them. */
static void check_no_leak(const char *before, const char *behind)
{
    char *text = text_join("http://alice:", before, PASSWORD, behind, "@gw:1", (char *)NULL);
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    FUZZ_CHECK(text);
    if (hops_parse(&hops, text, HOP_FROM_ARGV, &err) == -1) {
        FUZZ_CHECK(!strstr(err_text(&err), PASSWORD));
        fuzz_check_err(&err, ERR_USAGE);
    }
    hops_release(&hops);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_string(&input);
    char *behind = fuzz_string(&input);

    check_text(text);
    check_no_leak(text, behind);
    free(text);
    free(behind);
    return 0;
}
