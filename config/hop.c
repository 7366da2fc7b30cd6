/* SPDX-License-Identifier: MIT */
#include "config/hop.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "core/secret.h"
#include "core/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define SCHEME_CHARS LETTERS DIGITS "+-."
#define SETTING_CHARS LETTERS DIGITS "-_"

/* Of the address of a proxy, which goes into other URLs and into messages; % has a zone behind
 * it. */
#define HOST_CHARS LETTERS DIGITS "-._:[]%"

#define EXEC "exec:"

/* The text that is parsed, and whether it may be repeated in a message. */
struct source {
    const char *text;
    enum hop_origin origin;
    struct err *err;
};

/* Where `at` is in the text, counted as editors do. */
static unsigned column_of(const struct source *source, const char *at)
{
    return (unsigned)(at - source->text) + 1;
}

static int fault(const struct source *source, const char *at, const char *what)
{
    return err_set(source->err, ERR_USAGE, "column %u: %s", column_of(source, at), what);
}

static int password_fault(const struct source *source, const char *at)
{
    return fault(source, at, HOP_NO_PASSWORD);
}

static void to_lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

/* --- percent-encoding, RFC 3986 section 2.1 --- */

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit ? strchr(digits, digit) : NULL;

    return found ? (int)(found - digits) % 16 : -1;
}

/* `from` up to `end`, decoded, in fresh memory; NULL with err set. Percent signs before a byte of
 * `tokens` stay. */
static char *decode(const struct source *source, const char *from, const char *end,
                    const char *tokens)
{
    char *decoded = malloc((size_t)(end - from) + 1), *out = decoded;

    if (!decoded) {
        (void)err_no_memory(source->err);
        return NULL;
    }
    for (const char *at = from; at < end; at++) {
        if (*at != '%' || (end - at > 1 && strchr(tokens, at[1]))) {
            *out++ = *at;
            continue;
        }
        int high = end - at > 2 ? hex_value(at[1]) : -1, low = high == -1 ? -1 : hex_value(at[2]);
        if (low == -1 || high + low == 0) {
            (void)fault(source, at,
                        low == -1 ? "a percent sign wants two hexadecimal digits behind it"
                                  : "%00 is not allowed");
            *out = '\0';
            secret_free(decoded);
            return NULL;
        }
        *out++ = (char)(unsigned char)(high * 16 + low);
        at += 2;
    }
    *out = '\0';
    return decoded;
}

/* --- the parts of a URL --- */

/* The user and the password in front of the host. Moves *from behind them. */
static int parse_user(struct hop *hop, const struct source *source, const char **from,
                      const char *end)
{
    const char *at = end;
    char *password = NULL;

    while (at > *from && at[-1] != '@')
        at--;
    if (at > *from) {
        const char *user_end = at - 1;
        const char *colon = memchr(*from, ':', (size_t)(user_end - *from));
        if (colon && source->origin == HOP_FROM_ARGV)
            return password_fault(source, colon + 1);
        if ((colon ? colon : user_end) == *from)
            return fault(source, *from, "the user is empty");
        hop->user = decode(source, *from, colon ? colon : user_end, "");
        if (!hop->user)
            return -1;
        if (colon) {
            password = decode(source, colon + 1, user_end, "");
            if (!password)
                return -1;
        }
        *from = at;
    }
    hop->secret = secret_slot_new(password);
    secret_free(password);
    return hop->secret ? 0 : err_no_memory(source->err);
}

/* Behind the host nothing is left to say but a slash, as in http_proxy variables. */
static const char *host_end(const char *from, const char *end)
{
    const char *slash = memchr(from, '/', (size_t)(end - from));

    if (strncmp(from, "unix:", 5) == 0 || !slash || slash + 1 != end)
        return end;
    return slash;
}

/* What is behind the colon of `host:…` or `[v6]:…`; NULL when there is no such colon. */
static const char *port_of(const char *text)
{
    const char *bracket = strrchr(text, ']');
    const char *colon = strchr(bracket ? bracket : text, ':');

    return colon && !strchr(colon + 1, ':') ? colon + 1 : NULL;
}

/* What stands behind a colon is not repeated: whoever forgets the host in user:password@host has
 * his password there. Behind a slash, a comma or a question mark of a password its end would be
 * shown. */
static int address_fault(const struct source *source, const char *from, const char *colon)
{
    if (!strchr(from, '@') && (!colon || !colon[1]))
        return err_wrap(source->err, "column %u", column_of(source, from));
    err_release(source->err);
    return fault(source, from, "bad address; want host:port or [IPv6]:port, port 1-65535");
}

static int parse_address(struct hop *hop, const struct source *source, const char *from,
                         const char *end)
{
    char *text = decode(source, from, host_end(from, end), "");
    int done = -1;

    if (!text)
        return -1;
    bool is_path = strncmp(text, "unix:", 5) == 0;
    const char *odd = text + text_span(text, HOST_CHARS);
    const char *port = is_path ? NULL : port_of(text);
    if (!is_path && *odd) {
        (void)fault(source, from,
                    *odd == '/' ? "a proxy has no path; want scheme://host:port"
                                : "the host holds a byte that no host name has");
    } else if (port && port[text_span(port, DIGITS)]) {
        (void)fault(source, from, "the port of a proxy is written in digits");
    } else {
        done = endpoint_parse_open(&hop->address, text, source->err);
        if (done == -1)
            (void)address_fault(source, from, is_path ? NULL : strchr(text, ':'));
    }
    free(text);
    return done;
}

static int parse_setting(struct hop *hop, const struct source *source, const char *from,
                         const char *end)
{
    size_t name_length = text_span(from, SETTING_CHARS);

    if (name_length == 0 || from + name_length >= end || from[name_length] != '=')
        return fault(source, from, "a setting is written name=value");

    char *name = strndup(from, name_length);
    char *value = name ? decode(source, from + name_length + 1, end, "hp") : NULL;
    int done = -1;
    if (!name)
        (void)err_no_memory(source->err);
    else if (value && text_same(name, "password"))
        (void)password_fault(source, from);
    else if (value)
        done = hop_add_setting(hop, name, value, column_of(source, from), source->err);
    free(name);
    secret_free(value);
    return done;
}

static int parse_settings(struct hop *hop, const struct source *source, const char *from,
                          const char *end)
{
    for (;;) {
        const char *ampersand = memchr(from, '&', (size_t)(end - from));
        if (parse_setting(hop, source, from, ampersand ? ampersand : end) == -1)
            return -1;
        if (!ampersand)
            return 0;
        from = ampersand + 1;
    }
}

/* Calls it as messages will. */
static int hop_rename(struct hop *hop, struct err *err)
{
    free(hop->name);
    hop->name = text_join(hop->scheme, "://", hop->address.text, (char *)NULL);
    return hop->name ? 0 : err_no_memory(err);
}

static int parse_url(struct hop *hop, const struct source *source, const char *from,
                     const char *end)
{
    const char *colon = from + text_span(from, SCHEME_CHARS);

    if (colon == from || strncmp(colon, "://", 3) != 0 || strchr(DIGITS "+-.", *from))
        return fault(source, from, "want scheme://host:port, exec:command, or direct or env alone");
    hop->scheme = strndup(from, (size_t)(colon - from));
    if (!hop->scheme)
        return err_no_memory(source->err);
    to_lower(hop->scheme);

    from = colon + 3;
    const char *question = memchr(from, '?', (size_t)(end - from));
    const char *authority_end = question ? question : end;
    if (parse_user(hop, source, &from, authority_end) == -1 ||
        parse_address(hop, source, from, authority_end) == -1 ||
        (question && parse_settings(hop, source, question + 1, end) == -1))
        return -1;
    return hop_rename(hop, source->err);
}

/* --- commands --- */

static int parse_exec(struct hop *hop, const struct source *source, const char *from,
                      const char *end)
{
    const char *command = from + strlen(EXEC);
    char *out;

    hop->scheme = strdup("exec");
    hop->command = out = malloc((size_t)(end - command) + 1);
    if (!hop->scheme || !out)
        return err_no_memory(source->err);
    for (const char *at = command; at < end; at++)
        if (*at != '\\' || at + 1 == end || at[1] != ',')
            *out++ = *at;
    *out = '\0';

    size_t first = text_span(hop->command, " \t");
    size_t word = text_until(hop->command + first, " \t");
    if (word == 0)
        return fault(source, command, "exec: lacks a command");
    /* Its arguments may be long, and somebody's secret. */
    char *program = strndup(hop->command + first, word);
    hop->name = program ? text_join(EXEC, program, (char *)NULL) : NULL;
    free(program);
    return hop->name ? 0 : err_no_memory(source->err);
}

/* --- lists --- */

static bool is_exec(const char *text)
{
    return text_same_start(text, EXEC, strlen(EXEC));
}

const char *hop_text_end(const char *from)
{
    const char *end = from;

    if (!is_exec(from))
        return from + text_until(from, ",");
    while (*end && *end != ',')
        end += end[0] == '\\' && end[1] == ',' ? 2 : 1;
    return end;
}

void hop_release(struct hop *hop)
{
    for (size_t i = 0; i < hop->setting_count; i++) {
        free(hop->settings[i].name);
        secret_free(hop->settings[i].value);
    }
    free(hop->settings);
    endpoint_release(&hop->address);
    secret_slot_free(hop->secret);
    if (hop->known)
        hop->forget(hop->known);
    free(hop->scheme);
    free(hop->command);
    free(hop->user);
    free(hop->name);
}

static int parse_hop(struct hops *hops, const struct source *source, const char *from,
                     const char *end)
{
    struct hop *longer = realloc(hops->hop, (hops->count + 1) * sizeof(*longer));

    if (!longer)
        return err_no_memory(source->err);
    hops->hop = longer;
    struct hop *hop = &hops->hop[hops->count++];
    *hop = (struct hop){.address = ENDPOINT_INIT, .column = column_of(source, from)};
    if (from == end)
        return fault(source, from, "a hop is missing");
    return (is_exec(from) ? parse_exec : parse_url)(hop, source, from, end);
}

int hops_parse(struct hops *hops, const char *text, enum hop_origin origin, struct err *err)
{
    struct hops made = HOPS_INIT;
    struct source source = {text, origin, err};

    if (text_same(text, "direct")) {
        *hops = made;
        return 0;
    }
    for (const char *from = text;; from++) {
        const char *end = hop_text_end(from);
        if (parse_hop(&made, &source, from, end) == -1) {
            hops_release(&made);
            return -1;
        }
        if (!*end)
            break;
        from = end;
    }
    *hops = made;
    return 0;
}

void hops_release(struct hops *hops)
{
    for (size_t i = 0; i < hops->count; i++)
        hop_release(&hops->hop[i]);
    free(hops->hop);
    *hops = HOPS_INIT;
}

char *hops_text(const struct hops *hops)
{
    char *route = strdup(hops->count ? hops->hop[0].name : "direct");

    for (size_t i = 1; route && i < hops->count; i++) {
        char *longer = text_join(route, ",", hops->hop[i].name, (char *)NULL);
        free(route);
        route = longer;
    }
    return route;
}

/* --- one hop --- */

int hop_default_port(struct hop *hop, uint16_t port, struct err *err)
{
    if (hop->command || hop->address.path || hop->address.port)
        return 0;
    if (port == 0)
        return err_set(err, ERR_USAGE, "column %u: %s lacks a port", hop->column, hop->name);
    if (endpoint_set_port(&hop->address, port) == -1)
        return err_no_memory(err);
    return hop_rename(hop, err);
}

int hop_add_setting(struct hop *hop, const char *name, const char *value, unsigned column,
                    struct err *err)
{
    struct setting *longer =
        realloc(hop->settings, (hop->setting_count + 1) * sizeof(*hop->settings));

    if (!longer)
        return err_no_memory(err);
    hop->settings = longer;
    struct setting *setting = &hop->settings[hop->setting_count];
    *setting = (struct setting){strdup(name), strdup(value), column, PLACE_NONE};
    if (!setting->name || !setting->value) {
        free(setting->name);
        free(setting->value);
        return err_no_memory(err);
    }
    to_lower(setting->name);
    hop->setting_count++;
    return 0;
}

int hop_add_setting_of(struct hop *hop, const char *name, const char *value,
                       const struct place *place, struct err *err)
{
    if (hop_add_setting(hop, name, value, 0, err) == -1)
        return -1;
    hop->settings[hop->setting_count - 1].place = *place;
    return 0;
}

const struct setting *hop_find_setting(const struct hop *hop, const char *name)
{
    for (size_t i = 0; i < hop->setting_count; i++)
        if (strcmp(hop->settings[i].name, name) == 0)
            return &hop->settings[i];
    return NULL;
}

const char *hop_setting(const struct hop *hop, const char *name)
{
    const struct setting *setting = hop_find_setting(hop, name);

    return setting ? setting->value : NULL;
}

int hop_setting_flag(const struct hop *hop, const char *name, bool fallback, bool *out,
                     struct err *err)
{
    const struct setting *setting = hop_find_setting(hop, name);

    *out = setting ? text_same(setting->value, "yes") : fallback;
    if (setting && !*out && !text_same(setting->value, "no"))
        return hop_setting_fault(setting, err, "want yes or no");
    return 0;
}

int hop_setting_fault(const struct setting *setting, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *what = text_vformat(format, args);
    va_end(args);

    if (!what) {
        (void)err_no_memory(err);
    } else if (setting->column) {
        (void)err_set(err, ERR_USAGE, "column %u: %s: %s", setting->column, setting->name, what);
    } else if (setting->place.line) {
        (void)err_set(err, ERR_USAGE, "%s: %s", setting->name, what);
        (void)place_wrap(&setting->place, err);
    } else {
        (void)err_set(err, ERR_USAGE, "-o %s: %s", setting->name, what);
    }
    /* A column is the route's, which has a place of its own. */
    err->placed = !setting->column;
    free(what);
    return -1;
}
