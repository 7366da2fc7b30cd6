/* SPDX-License-Identifier: MIT */
/* What is sent; what comes back is in http_reply.c. */
#include "transports/http_codec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "core/text.h"

static const struct scheme_name {
    const char *name;
    unsigned bit;
} scheme_names[] = {
    /* strongest first */
    {"Negotiate", HTTP_AUTH_NEGOTIATE},
    {"Digest", HTTP_AUTH_DIGEST},
    {"NTLM", HTTP_AUTH_NTLM},
    {"Basic", HTTP_AUTH_BASIC},
};

#define SCHEMES (sizeof(scheme_names) / sizeof(scheme_names[0]))

unsigned http_auth_bit(const char *name, size_t length)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (strlen(scheme_names[i].name) == length &&
            strncasecmp(scheme_names[i].name, name, length) == 0)
            return scheme_names[i].bit;
    return 0;
}

unsigned http_auth_strongest(unsigned schemes)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes & scheme_names[i].bit)
            return scheme_names[i].bit;
    return 0;
}

char *http_auth_list(unsigned schemes)
{
    char *list = strdup("");

    for (size_t i = 0; list && i < SCHEMES; i++) {
        if (!(schemes & scheme_names[i].bit))
            continue;
        char *longer = text_join(list, *list ? ", " : "", scheme_names[i].name, (char *)NULL);
        free(list);
        list = longer;
    }
    return list;
}

int http_auth_parse(const struct setting *setting, unsigned *schemes, struct err *err)
{
    unsigned found = 0;

    for (const char *at = setting->value;; at++) {
        size_t length = strcspn(at, ",");
        unsigned bit = http_auth_bit(at, length);
        if (!bit)
            return hop_setting_fault(setting, err,
                                     "want some of negotiate,digest,ntlm,basic, not '%.*s'",
                                     (int)length, at);
        found |= bit;
        at += length;
        if (!*at)
            break;
    }
    *schemes = found;
    return 0;
}

/* RFC 9110 section 5.6.2. */
#define TOKEN_CHARS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

int http_check_header(const struct setting *setting, struct err *err)
{
    static const char *const ours[] = {"Host", "Proxy-Authorization", "Content-Length",
                                       "Transfer-Encoding"};
    size_t length = strspn(setting->value, TOKEN_CHARS);

    if (length == 0 || setting->value[length] != ':')
        return hop_setting_fault(setting, err, "want Name: value");
    for (const char *at = setting->value; *at; at++)
        if (text_is_control(*at) && *at != '\t')
            return hop_setting_fault(setting, err, "holds a control byte");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strlen(ours[i]) == length && strncasecmp(ours[i], setting->value, length) == 0)
            return hop_setting_fault(setting, err, "%s is not yours to say", ours[i]);
    return 0;
}

/* Frees what was there before. NULL when memory is lacking, now or before. */
static char *add_line(char *text, const char *line)
{
    char *longer = text ? text_join(text, line, "\r\n", (char *)NULL) : NULL;

    secret_free(text);
    return longer;
}

char *http_request(const struct endpoint *to, const struct hop *hop, const char *authorization)
{
    char *request =
        text_join("CONNECT ", to->text, " HTTP/1.1\r\nHost: ", to->text, "\r\n",
                  authorization ? "Proxy-Authorization: " : "", authorization ? authorization : "",
                  authorization ? "\r\n" : "", (char *)NULL);

    for (size_t i = 0; request && i < hop->setting_count; i++)
        if (strcmp(hop->settings[i].name, "header") == 0)
            request = add_line(request, hop->settings[i].value);
    request = add_line(request, "");
    return request;
}

char *http_question(const struct http_reply *reply)
{
    return text_join("HTTP/1.1 407 Proxy Authentication Required\r\n",
                     reply->questions ? reply->questions : "", "Content-Length: 0\r\n\r\n",
                     (char *)NULL);
}

/* RFC 4648 section 4. The room was measured by the caller. */
static void base64(const char *data, size_t size, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < size; i += 3) {
        unsigned long group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < size ? (unsigned char)data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *out++ = letters[i + k <= size ? group >> (18 - 6 * k) & 63 : 64];
    }
    *out = '\0';
}

char *http_basic(const char *user, const char *password, struct err *err)
{
    if (strchr(user, ':')) {
        (void)err_set(err, ERR_AUTH, "Basic cannot carry a user with a colon");
        return NULL;
    }
    if (text_has_control(user) || text_has_control(password)) {
        (void)err_set(err, ERR_AUTH, "the user or the password holds a control byte");
        return NULL;
    }
    static const char basic[] = "Basic ";
    char *plain = text_join(user, ":", password, (char *)NULL);
    size_t size = plain ? strlen(plain) : 0;
    char *coded = plain ? malloc(sizeof(basic) + (size + 2) / 3 * 4) : NULL;
    if (coded) {
        memcpy(coded, basic, sizeof(basic));
        base64(plain, size, coded + sizeof(basic) - 1);
    } else {
        (void)err_no_memory(err);
    }
    secret_free(plain);
    return coded;
}
