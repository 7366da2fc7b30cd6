/* SPDX-License-Identifier: MIT */
/* What is said to an HTTP proxy; what it answers is in http_reply_test.c. */
#include "transports/http_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "tests/unit/fake_unit.h"

/* --- schemes --- */

static const struct bit_row {
    const char *name; /* and what is looked up */
    unsigned bit;
} bit_rows[] = {
    {"Basic", HTTP_AUTH_BASIC},
    {"basic", HTTP_AUTH_BASIC},
    {"BASIC", HTTP_AUTH_BASIC},
    {"bAsIc", HTTP_AUTH_BASIC},
    {"NTLM", HTTP_AUTH_NTLM},
    {"ntlm", HTTP_AUTH_NTLM},
    {"Digest", HTTP_AUTH_DIGEST},
    {"dIGEST", HTTP_AUTH_DIGEST},
    {"Negotiate", HTTP_AUTH_NEGOTIATE},
    {"NEGOTIATE", HTTP_AUTH_NEGOTIATE},
    {"", 0},
    {"B", 0},
    {"Basi", 0},
    {"Basic ", 0},
    {" Basic", 0},
    {"Basicx", 0},
    {"Bearer", 0},
    {"Kerberos", 0},
    {"NTLM2", 0},
    {"any", 0},
};

/* What is looked up ends where its length says, not at a NUL. */
static void scheme_bit(void **state)
{
    const struct bit_row *row = *state;
    size_t length = strlen(row->name);
    char *exact = malloc(length ? length : 1);
    char behind[40];

    assert_non_null(exact);
    memcpy(exact, row->name, length);
    assert_int_equal(http_auth_bit(exact, length), row->bit);
    free(exact);
    (void)snprintf(behind, sizeof(behind), "%s, realm=\"x\"", row->name);
    assert_int_equal(http_auth_bit(behind, length), row->bit);
}

/* So that "the strongest" is the highest bit. */
static void stronger_is_higher(void **state)
{
    (void)state;
    assert_true(HTTP_AUTH_NEGOTIATE > HTTP_AUTH_DIGEST);
    assert_true(HTTP_AUTH_DIGEST > HTTP_AUTH_NTLM);
    assert_true(HTTP_AUTH_NTLM > HTTP_AUTH_BASIC);
    assert_int_equal(HTTP_AUTH_ALL,
                     HTTP_AUTH_NEGOTIATE + HTTP_AUTH_DIGEST + HTTP_AUTH_NTLM + HTTP_AUTH_BASIC);
}

/* Every set of schemes is named whole, each once, and its text is understood as the same set. */
static void scheme_list(void **state)
{
    (void)state;
    for (unsigned schemes = 0; schemes <= HTTP_AUTH_ALL; schemes++) {
        char *list = http_auth_list(schemes);
        unsigned found = 0;
        size_t names = 0;
        assert_non_null(list);
        for (const char *at = list; *at;) {
            size_t length = strcspn(at, ",");
            unsigned bit = http_auth_bit(at, length);
            if (!bit || (found & bit))
                unit_fail("`%s`", list);
            found |= bit;
            names++;
            at += length;
            if (*at) {
                assert_int_equal(strncmp(at, ", ", 2), 0);
                at += 2;
                assert_int_not_equal(*at, '\0');
            }
        }
        assert_int_equal(found, schemes);
        assert_int_equal(names == 0, schemes == 0);
        free(list);
    }
}

static const struct auth_row {
    const char *name; /* and the value */
    unsigned schemes; /* 0 = refused */
} auth_rows[] = {
    {"basic", HTTP_AUTH_BASIC},
    {"Basic", HTTP_AUTH_BASIC},
    {"negotiate", HTTP_AUTH_NEGOTIATE},
    {"negotiate,ntlm", HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM},
    {"basic,digest,ntlm,negotiate", HTTP_AUTH_ALL},
    {"NEGOTIATE,NTLM,DIGEST,BASIC", HTTP_AUTH_ALL},
    {"digest,digest", HTTP_AUTH_DIGEST},
    {"", 0},
    {",", 0},
    {"basic,", 0},
    {",basic", 0},
    {"basic,,digest", 0},
    {"kerberos", 0},
    {"basic,foo", 0},
    {"foo,basic", 0},
    {"basicdigest", 0},
    {"basic;digest", 0},
    {"basic\ndigest", 0},
    {"none", 0},
};

static void parse_auth(void **state)
{
    const struct auth_row *row = *state;
    char name[] = "auth";
    char value[100];
    struct setting setting = {name, value, 20, PLACE_NONE};
    unsigned schemes = 0xdead;
    struct err err = ERR_INIT;

    (void)snprintf(value, sizeof(value), "%s", row->name);
    int result = http_auth_parse(&setting, &schemes, &err);
    if (row->schemes) {
        assert_int_equal(result, 0);
        assert_err_unset(&err);
        assert_int_equal(schemes, row->schemes);
    } else {
        assert_int_equal(result, -1);
        assert_err(&err, ERR_USAGE, "column 20: auth: ");
    }
}

/* --- headers --- */

static const struct header_row {
    const char *name; /* and the value of the setting */
    bool good;
} header_rows[] = {
    {"X-Token: abc", true},
    {"X-Token:abc", true},
    {"X-Token:", true},
    {"X-Token: ", true},
    {"X-Token:\tabc", true},
    {"X: a:b:c", true},
    {"User-Agent: Mozilla/5.0 (X11; Linux)", true},
    {"!#$%&'*+-.^_`|~09azAZ: every byte of a token", true},
    {"X: \303\274ber", true},
    {"Hostile: x", true},
    {"X-Host: x", true},
    {"Proxy-Authorization-Info: x", true},
    {"", false},
    {":", false},
    {": x", false},
    {"X", false},
    {"X-Token abc", false},
    {"X Token: abc", false},
    {"X-Token : abc", false},
    {" X-Token: abc", false},
    {"\tX-Token: abc", false},
    {"X(Token): abc", false},
    {"X@Token: abc", false},
    {"X\"Token: abc", false},
    {"X/Token: abc", false},
    {"X{Token: abc", false},
    {"\303\274: abc", false},
    {"X\177: abc", false},
    {"X\001: abc", false},
    {"X: a\rb", false},
    {"X: a\nb", false},
    {"X: a\r\nHost: evil", false},
    {"X: a\n\nGET / HTTP/1.1", false},
    {"X: a\r", false},
    {"X: a\n", false},
    {"X: \r\n continued", false},
    {"X: a\tb", true},
    {"X: a\001b", false},
    {"X: a\vb", false},
    {"X: a\033[2Jb", false},
    {"X: a\037", false},
    {"X: a\177", false},
    {"X\r\n: a", false},
    {"\r\nX: a", false},
    {"Host: evil", false},
    {"host:evil", false},
    {"HOST: evil", false},
    {"Proxy-Authorization: Basic x", false},
    {"proxy-authorization:x", false},
    {"Content-Length: 5", false},
    {"content-length: 0", false},
    {"Transfer-Encoding: chunked", false},
    {"TRANSFER-ENCODING: chunked", false},
};

static void check_header(void **state)
{
    const struct header_row *row = *state;
    char name[] = "header";
    char value[100];
    struct setting setting = {name, value, 20, PLACE_NONE};
    struct err err = ERR_INIT;

    (void)snprintf(value, sizeof(value), "%s", row->name);
    if (row->good) {
        assert_int_equal(http_check_header(&setting, &err), 0);
        assert_err_unset(&err);
    } else {
        assert_int_equal(http_check_header(&setting, &err), -1);
        assert_err(&err, ERR_USAGE, "column 20: header: ");
    }
}

/* Every byte in a name, against RFC 9110 section 5.6.2 spelled out once more. */
static void every_byte_of_a_header_name(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        char name[] = "header";
        char value[] = "Xx: y";
        struct setting setting = {name, value, 0, PLACE_NONE};
        bool token = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= 'a' && byte <= 'z') || strchr("!#$%&'*+-.^_`|~", (int)byte);
        struct err err = ERR_INIT;

        value[1] = (char)byte;
        /* A colon there ends the name: X. */
        if (http_check_header(&setting, &err) != (token || byte == ':' ? 0 : -1))
            unit_fail("byte 0x%02x", byte);
        err_release(&err);
    }
}

/* --- the request --- */

static struct endpoint endpoint_of(const char *host, const char *port)
{
    struct endpoint endpoint = ENDPOINT_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(endpoint_set(&endpoint, host, port, &err), 0);
    return endpoint;
}

static const struct request_row {
    const char *name;
    const char *host;
    const char *port;
    const char *url;
    const char *authorization;
    const char *authority;
    const char *lines[4]; /* that stand in it besides */
} request_rows[] = {
    {"a name", "db", "22", "http://gw:1", NULL, "db:22", {NULL}},
    {"the default port is said, too", "db", "80", "http://gw:1", NULL, "db:80", {NULL}},
    {"IPv4", "192.0.2.1", "443", "http://gw:1", NULL, "192.0.2.1:443", {NULL}},
    {"IPv6", "2001:db8::1", "22", "http://gw:1", NULL, "[2001:db8::1]:22", {NULL}},
    {"IPv6 in brackets", "[::1]", "65535", "http://gw:1", NULL, "[::1]:65535", {NULL}},
    {"UTF-8", "b\303\274ro", "22", "http://gw:1", NULL, "b\303\274ro:22", {NULL}},
    {"Basic",
     "db",
     "22",
     "http://gw:1",
     "Basic YTpi",
     "db:22",
     {"Proxy-Authorization: Basic YTpi"}},
    {"a header", "db", "22", "http://gw:1?header=X-A:%20b", NULL, "db:22", {"X-A: b"}},
    {"headers keep their order",
     "db",
     "22",
     "http://gw:1?header=X-A:%201&auth=basic&header=X-B:2&header=X-A:%203",
     NULL,
     "db:22",
     {"X-A: 1", "X-B:2", "X-A: 3"}},
    {"headers and Basic",
     "db",
     "22",
     "http://alice@gw:1?header=X-A:%201&user=bob&header=X-B:%202",
     "Basic YTpi",
     "db:22",
     {"Proxy-Authorization: Basic YTpi", "X-A: 1", "X-B: 2"}},
    {"settings that are no headers",
     "db",
     "22",
     "http://gw:1?auth=basic&headers=x",
     NULL,
     "db:22",
     {NULL}},
};

/* How often a line that starts so stands in `text`. */
static size_t count_lines(const char *text, const char *start)
{
    size_t count = 0;

    for (const char *at = text; at; at = strstr(at, "\r\n")) {
        if (at != text)
            at += 2;
        count += strncmp(at, start, strlen(start)) == 0;
    }
    return count;
}

/* Lines end with CR LF, none is empty but the last, and no byte is behind that. */
static void is_a_head(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    assert_non_null(end);
    assert_int_equal(end[4], '\0');
    for (const char *at = text; *at; at++) {
        if (*at == '\r')
            assert_int_equal(at[1], '\n');
        if (*at == '\n')
            assert_true(at > text && at[-1] == '\r');
    }
}

static void request(void **state)
{
    const struct request_row *row = *state;
    struct endpoint to = endpoint_of(row->host, row->port);
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;
    char line[200];

    assert_int_equal(hops_parse(&hops, row->url, HOP_FROM_ARGV, &err), 0);
    char *text = http_request(&to, &hops.hop[0], row->authorization);
    assert_non_null(text);
    is_a_head(text);

    (void)snprintf(line, sizeof(line), "CONNECT %s HTTP/1.1\r\n", row->authority);
    assert_int_equal(strncmp(text, line, strlen(line)), 0);
    assert_int_equal(count_lines(text, "CONNECT "), 1);
    (void)snprintf(line, sizeof(line), "\r\nHost: %s\r\n", row->authority);
    assert_contains(text, line);
    assert_int_equal(count_lines(text, "Host:"), 1);
    assert_int_equal(count_lines(text, "Proxy-Authorization:"), row->authorization ? 1 : 0);
    assert_int_equal(count_lines(text, "Content-Length:"), 0);
    assert_int_equal(count_lines(text, "Transfer-Encoding:"), 0);
    const char *last = text;
    for (size_t i = 0; i < 4 && row->lines[i]; i++) {
        (void)snprintf(line, sizeof(line), "\r\n%s\r\n", row->lines[i]);
        assert_contains(text, line);
        assert_true(strstr(last, line) > last || last == text);
        last = strstr(last, line);
    }
    assert_null(strstr(text, "alice"));
    assert_null(strstr(text, "bob"));
    secret_free(text);
    hops_release(&hops);
    endpoint_release(&to);
}

/* Nothing is said that nobody asked for: a proxy that is old, or strict, has nothing to stumble
 * over, and the request is one small segment. */
static void the_bare_request(void **state)
{
    (void)state;
    struct endpoint to = endpoint_of("db", "22");
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hops_parse(&hops, "http://gw:1", HOP_FROM_ARGV, &err), 0);
    char *text = http_request(&to, &hops.hop[0], NULL);
    assert_non_null(text);
    assert_string_equal(text, "CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n\r\n");
    secret_free(text);
    hops_release(&hops);
    endpoint_release(&to);
}

static void many_headers(void **state)
{
    (void)state;
    struct endpoint to = endpoint_of("db", "22");
    struct hops hops = HOPS_INIT;
    struct err err = ERR_INIT;
    char line[40];

    assert_int_equal(hops_parse(&hops, "http://gw:1", HOP_FROM_ARGV, &err), 0);
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(line, sizeof(line), "X-%u: %u", i, i * i);
        assert_int_equal(hop_add_setting(&hops.hop[0], "header", line, 0, &err), 0);
    }
    char *text = http_request(&to, &hops.hop[0], NULL);
    assert_non_null(text);
    is_a_head(text);
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(line, sizeof(line), "\r\nX-%u: %u\r\n", i, i * i);
        assert_contains(text, line);
    }
    secret_free(text);
    hops_release(&hops);
    endpoint_release(&to);
}

/* --- Basic --- */

/* RFC 4648 section 4, the other way round, by arithmetic and not by table. */
static int base64_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* Decodes what has to be right, padding and all; the caller frees it. */
static char *base64_decode(const char *text)
{
    size_t size = strlen(text);
    char *out = malloc(size + 1);
    char *at = out;

    assert_non_null(out);
    assert_int_equal(size % 4, 0);
    for (size_t i = 0; i < size; i += 4) {
        int padding = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        unsigned group = 0;
        assert_true(padding == 0 || i + 4 == size);
        for (int k = 0; k < 4; k++) {
            int value = k < 4 - padding ? base64_value(text[i + (size_t)k]) : 0;
            assert_true(value >= 0);
            group = group << 6 | (unsigned)value;
        }
        for (int k = 0; k < 3; k++) {
            if (k < 3 - padding)
                *at++ = (char)(group >> (16 - 8 * k));
            else
                assert_int_equal(group >> (16 - 8 * k) & 0xff, 0);
        }
    }
    *at = '\0';
    return out;
}

static const struct basic_row {
    const char *name;
    const char *user;
    const char *password;
    const char *wanted;
} basic_rows[] = {
    {"RFC 7617, section 2", "Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    {"RFC 7617, section 2.1", "test", "123\302\243", "Basic dGVzdDoxMjPCow=="},
    {"nothing but the colon", "", "", "Basic Og=="},
    {"two bytes", "a", "", "Basic YTo="},
    {"three bytes", "a", "b", "Basic YTpi"},
    {"four bytes", "a", "bc", "Basic YTpiYw=="},
    {"no user", "", "ab", "Basic OmFi"},
    {"colons in the password", "a", "::", "Basic YTo6Og=="},
    {"every kind of letter", "\373\377\276", "\377\357", "Basic +/++Ov/v"},
    {"a backslash", "CORP\\alice", "x", "Basic Q09SUFxhbGljZTp4"},
};

static void basic(void **state)
{
    const struct basic_row *row = *state;
    struct err err = ERR_INIT;
    char *text = http_basic(row->user, row->password, &err);

    assert_non_null(text);
    assert_err_unset(&err);
    assert_string_equal(text, row->wanted);
    secret_free(text);
}

/* Every length: CVE-2005-0490 and its kin were a buffer for the bytes, not for their base64. */
static void basic_of_every_length(void **state)
{
    (void)state;
    char password[SECRET_MAX];
    char plain[SECRET_MAX + 8];
    uint32_t seed = 16;

    for (size_t length = 0; length < sizeof(password); length += length < 300 ? 1 : 379) {
        struct err err = ERR_INIT;
        for (size_t i = 0; i < length; i++) {
            unsigned byte = 0x20 + unit_below(&seed, 0x100 - 0x20);
            password[i] = (char)(byte == 0x7f ? 0x80 : byte);
        }
        password[length] = '\0';
        char *text = http_basic("alice", password, &err);
        assert_non_null(text);
        assert_int_equal(strncmp(text, "Basic ", 6), 0);
        char *decoded = base64_decode(text + 6);
        (void)snprintf(plain, sizeof(plain), "alice:%s", password);
        assert_string_equal(decoded, plain);
        free(decoded);
        secret_free(text);
    }
}

static void basic_cannot_say_that(void **state)
{
    (void)state;
    static const char *const users[] = {"a:b", ":", "a:", ":b", "alice:hunter2"};

    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        struct err err = ERR_INIT;
        assert_null(http_basic(users[i], "hunter2", &err));
        assert_null(strstr(err_text(&err), "hunter"));
        assert_err(&err, ERR_AUTH, "colon");
    }
}

/* RFC 7617 section 2: neither may have control characters. */
static void basic_has_no_control_bytes(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        bool control = byte < 0x20 || byte == 0x7f;
        char bad[] = "hunter2";
        struct err err = ERR_INIT;

        bad[6] = (char)byte;
        char *text = http_basic("alice", bad, &err);
        assert_int_equal(text == NULL, control);
        secret_free(text);
        if (control) {
            assert_null(strstr(err_text(&err), "hunter"));
            assert_err(&err, ERR_AUTH, "control");
        }
        if (byte == ':')
            continue;
        text = http_basic(bad, "x", &err);
        assert_int_equal(text == NULL, control);
        secret_free(text);
        if (control)
            assert_err(&err, ERR_AUTH, "control");
    }
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, scheme_bit, bit_rows);
    UNIT_TEST(&unit, stronger_is_higher);
    UNIT_TEST(&unit, scheme_list);
    UNIT_ROWS(&unit, parse_auth, auth_rows);
    UNIT_ROWS(&unit, check_header, header_rows);
    UNIT_TEST(&unit, every_byte_of_a_header_name);
    UNIT_ROWS(&unit, request, request_rows);
    UNIT_TEST(&unit, the_bare_request);
    UNIT_TEST(&unit, many_headers);
    UNIT_ROWS(&unit, basic, basic_rows);
    UNIT_TEST(&unit, basic_of_every_length);
    UNIT_TEST(&unit, basic_cannot_say_that);
    UNIT_TEST(&unit, basic_has_no_control_bytes);
    return unit_run(&unit, "http_codec");
}
