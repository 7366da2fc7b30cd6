/* SPDX-License-Identifier: MIT */
/* The parser of what an HTTP proxy answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"
#include "transports/http_codec.h"

/* --- feeding --- */

/* Feeds pieces of at most `piece` bytes, the first one ending at `cut`, until it is done. How many
 * bytes it took. */
static size_t feed(struct http_reply *reply, const char *data, size_t size, size_t cut,
                   size_t piece)
{
    size_t at = 0;

    while (at < size && !reply->sink.done) {
        size_t n = at < cut ? cut - at : size - at;
        if (n > piece)
            n = piece;
        if (n > size - at)
            n = size - at;
        /* In memory of its own, so that a byte too far is seen by the sanitizer. */
        char *exact = malloc(n);
        assert_non_null(exact);
        memcpy(exact, data + at, n);
        size_t taken = reply->sink.take(&reply->sink, exact, n);
        free(exact);
        assert_true(taken <= n);
        if (taken < n)
            assert_true(reply->sink.done);
        at += taken;
    }
    return at;
}

static void text_is_same(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a && b)
        assert_string_equal(a, b);
}

static void is_same(const struct http_reply *a, const struct http_reply *b)
{
    assert_int_equal(a->sink.done, b->sink.done);
    text_is_same(a->fault, b->fault);
    if (a->fault)
        return;
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->keep_alive, b->keep_alive);
    assert_int_equal(a->chunked, b->chunked);
    assert_int_equal(a->body_bytes, b->body_bytes);
    assert_int_equal(a->offered, b->offered);
    text_is_same(a->status_line, b->status_line);
    text_is_same(a->challenges, b->challenges);
}

/* However the bytes are split, the result is that of the whole. Leaves the whole one in *reply. */
static size_t parse(struct http_reply *reply, const char *data, size_t size)
{
    http_reply_init(reply);
    size_t taken = feed(reply, data, size, size, size);

    /* Byte by byte, in threes, in sevens; then in two pieces, split at every position. */
    static const size_t pieces[] = {1, 3, 7};
    for (size_t i = 0; i < 3 + (size < 600 ? size : 0); i++) {
        struct http_reply *other = malloc(sizeof(*other));
        assert_non_null(other);
        http_reply_init(other);
        size_t cut = i < 3 ? 0 : i - 3;
        size_t also = feed(other, data, size, cut, i < 3 ? pieces[i] : size);
        assert_int_equal(also, taken);
        is_same(other, reply);
        http_reply_release(other);
        free(other);
    }
    return taken;
}

static size_t parse_text(struct http_reply *reply, const char *text)
{
    return parse(reply, text, strlen(text));
}

/* Not a byte of these is for the parser. */
#define TUNNEL "SSH-2.0-x\r\n\r\nHTTP/1.1 407 x\r\n\r\n"

/* The head, and behind it the first bytes of the tunnel in the same segment: the head alone is
 * taken. */
static void parse_head(struct http_reply *reply, const char *head)
{
    char text[1000];
    int size = snprintf(text, sizeof(text), "%s%s", head, TUNNEL);

    assert_in_range(size, 1, sizeof(text) - 1);
    assert_int_equal(parse_text(reply, text), strlen(head));
    assert_true(reply->sink.done);
}

/* --- replies that are ones --- */

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

static const struct good_row {
    const char *name;
    const char *head;
    int status;
    const char *status_line;
} good_rows[] = {
    {"nothing but the status line", OK END, 200, "HTTP/1.1 200 OK"},
    {"HTTP/1.0", "HTTP/1.0 200 Connection established\r\n\r\n", 200,
     "HTTP/1.0 200 Connection established"},
    {"no reason", "HTTP/1.1 200\r\n\r\n", 200, "HTTP/1.1 200"},
    {"an empty reason", "HTTP/1.1 200 \r\n\r\n", 200, "HTTP/1.1 200 "},
    {"another 2xx", "HTTP/1.1 204 No Content\r\n\r\n", 204, "HTTP/1.1 204 No Content"},
    {"the last 2xx", "HTTP/1.1 299 Odd\r\n\r\n", 299, "HTTP/1.1 299 Odd"},
    {"302", "HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n", 302, "HTTP/1.1 302 Found"},
    {"401", "HTTP/1.1 401 Unauthorized\r\n\r\n", 401, "HTTP/1.1 401 Unauthorized"},
    {"403", "HTTP/1.1 403 Forbidden\r\n\r\n", 403, "HTTP/1.1 403 Forbidden"},
    {"503", "HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, "HTTP/1.1 503 Service Unavailable"},
    {"999", "HTTP/1.1 999 No\r\n\r\n", 999, "HTTP/1.1 999 No"},
    {"fields", OK "Server: x\r\nX: y\r\nVia: 1.1 z\r\n\r\n", 200, "HTTP/1.1 200 OK"},
    {"a field without a value", OK "X:\r\n\r\n", 200, "HTTP/1.1 200 OK"},
    {"a field without blanks", OK "X:y\r\n\r\n", 200, "HTTP/1.1 200 OK"},
    {"bytes above ASCII", "HTTP/1.1 200 \303\274\r\nX: \377\r\n\r\n", 200, "HTTP/1.1 200 \303\274"},
    {"lines that end with LF alone", "HTTP/1.1 200 OK\nX: y\n\n", 200, "HTTP/1.1 200 OK"},
    {"mixed line ends", "HTTP/1.1 200 OK\r\nX: y\n\r\n", 200, "HTTP/1.1 200 OK"},
    {"the body of a 2xx is the tunnel", OK "Content-Length: 10\r\n\r\n", 200, "HTTP/1.1 200 OK"},
    {"chunks of a 2xx are the tunnel", OK "Transfer-Encoding: chunked\r\n\r\n", 200,
     "HTTP/1.1 200 OK"},
    {"100 before", "HTTP/1.1 100 Continue\r\n\r\n" OK END, 200, "HTTP/1.1 200 OK"},
    {"several 1xx before",
     "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 102 P\r\nX: y\r\n\r\n"
     "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" OK END,
     200, "HTTP/1.1 200 OK"},
    {"100 of HTTP/1.0 before", "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", 200,
     "HTTP/1.0 200 OK"},
    {"100 before an error", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 403 F\r\n\r\n", 403, "HTTP/1.1 403 F"},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    struct http_reply reply;

    parse_head(&reply, row->head);
    assert_null(reply.fault);
    assert_int_equal(reply.status, row->status);
    assert_string_equal(reply.status_line, row->status_line);
    http_reply_release(&reply);
}

/* Cut at any byte it is not done, and never a success. */
static void every_prefix(const char *head, size_t size)
{
    for (size_t cut = 0; cut < size; cut++) {
        struct http_reply reply;
        http_reply_init(&reply);
        assert_int_equal(feed(&reply, head, cut, 1, cut), cut);
        if (reply.sink.done)
            unit_fail("done after %zu of %zu bytes of `%s`", cut, size, head);
        assert_null(reply.fault);
        http_reply_release(&reply);
    }
}

static void good_but_cut(void **state)
{
    const struct good_row *row = *state;

    every_prefix(row->head, strlen(row->head));
}

/* The parser is fit for another reply after release and init. */
static void a_second_reply(void **state)
{
    (void)state;
    struct http_reply reply;

    parse_head(&reply, "HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n"
                       "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(reply.offered, HTTP_AUTH_BASIC);
    http_reply_release(&reply);
    parse_head(&reply, "HTTP/1.1 403 y\r\n\r\n");
    assert_int_equal(reply.status, 403);
    assert_int_equal(reply.offered, 0);
    assert_null(reply.challenges);
    assert_false(reply.chunked);
    assert_int_equal(reply.body_bytes, -1);
    http_reply_release(&reply);
}

static void nothing_yet(void **state)
{
    (void)state;
    struct http_reply reply;

    http_reply_init(&reply);
    assert_false(reply.sink.done);
    assert_int_equal(reply.status, 0);
    assert_null(reply.fault);
    assert_null(reply.status_line);
    assert_null(reply.challenges);
    http_reply_release(&reply);
}

/* --- replies that are none --- */

static const struct bad_row {
    const char *name;
    const char *text;
} bad_rows[] = {
    {"200poo", "HTTP/1.0 200poo\r\n\r\n"},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n"},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
    {"no digits", "HTTP/1.1 OK\r\n\r\n"},
    {"letters among them", "HTTP/1.1 2x0 OK\r\n\r\n"},
    {"a sign", "HTTP/1.1 +20 OK\r\n\r\n"},
    {"a negative status", "HTTP/1.1 -200 OK\r\n\r\n"},
    {"zeros", "HTTP/1.1 000 OK\r\n\r\n"},
    {"a zero in front", "HTTP/1.1 020 OK\r\n\r\n"},
    {"two blanks", "HTTP/1.1  200 OK\r\n\r\n"},
    {"a tab", "HTTP/1.1\t200 OK\r\n\r\n"},
    {"a tab behind", "HTTP/1.1 200\tOK\r\n\r\n"},
    {"no blank", "HTTP/1.1200 OK\r\n\r\n"},
    {"no status", "HTTP/1.1\r\n\r\n"},
    {"no status behind the blank", "HTTP/1.1 \r\n\r\n"},
    {"no version", "HTTP 200 OK\r\n\r\n"},
    {"half a version", "HTTP/1 200 OK\r\n\r\n"},
    {"HTTP/2", "HTTP/2 200\r\n\r\n"},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"},
    {"HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"},
    {"a version of two digits", "HTTP/1.10 200 OK\r\n\r\n"},
    {"a version of letters", "HTTP/1.x 200 OK\r\n\r\n"},
    {"lower case", "http/1.1 200 OK\r\n\r\n"},
    {"a blank in front", " HTTP/1.1 200 OK\r\n\r\n"},
    {"another protocol", "ICY 200 OK\r\n\r\n"},
    {"a page of HTTP/0.9", "<html><body>200 OK</body></html>\r\n\r\n"},
    {"an SSH server", "SSH-2.0-OpenSSH_9.2p1\r\n"},
    {"a mail server", "220 mx ESMTP\r\n"},
    {"a SOCKS server", "\5\1\r\n\r\n"},
    {"TLS", "\25\3\1\r\n\r\n"},
    {"nothing but line ends", "\r\n\r\n\r\n"},
    {"nothing but LF", "\n\n"},
    {"an empty line in front", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
    {"a request", "CONNECT db:22 HTTP/1.1\r\n\r\n"},
    {"bad behind 1xx", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200poo\r\n\r\n"},
    {"a tunnel behind 1xx", "HTTP/1.1 100 C\r\n\r\nSSH-2.0-x\r\n"},
    {"an empty line behind 1xx", "HTTP/1.1 100 C\r\n\r\n\r\n"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    struct http_reply reply;

    (void)parse_text(&reply, row->text);
    assert_true(reply.sink.done);
    assert_non_null(reply.fault);
    assert_int_not_equal(reply.fault[0], '\0');
    http_reply_release(&reply);
}

/* No part of it is a success either, however it goes on. */
static void bad_but_cut(void **state)
{
    const struct bad_row *row = *state;

    for (size_t cut = 0; cut <= strlen(row->text); cut++) {
        struct http_reply reply;
        (void)parse(&reply, row->text, cut);
        assert_true(!reply.sink.done || reply.fault);
        http_reply_release(&reply);
    }
}

static const struct nul_row {
    const char *name;
    const char *text;
    size_t size;
} nul_rows[] = {
    {"in the version", "HTTP/\0001.1 200 OK\r\n\r\n", 20},
    {"behind the version", "HTTP/1.1\0 200 OK\r\n\r\n", 20},
    {"for the blank", "HTTP/1.1\000200 OK\r\n\r\n", 19},
    {"behind the status", "HTTP/1.1 200\0OK\r\n\r\n", 19},
    {"in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", 20},
    {"before the line end", "HTTP/1.1 200 OK\0\r\n\r\n", 20},
    {"within the line end", "HTTP/1.1 200 OK\r\0\n\r\n", 20},
    {"in the name of a field", "HTTP/1.1 200 OK\r\nX\0: y\r\n\r\n", 25},
    {"in the value of a field", "HTTP/1.1 200 OK\r\nX: y\0\r\n\r\n", 25},
    {"for the empty line", "HTTP/1.1 200 OK\r\n\0\r\n", 20},
    {"first", "\0HTTP/1.1 200 OK\r\n\r\n", 20},
};

static void nul(void **state)
{
    const struct nul_row *row = *state;
    struct http_reply reply;

    (void)parse(&reply, row->text, row->size);
    assert_true(reply.sink.done);
    assert_non_null(reply.fault);
    http_reply_release(&reply);
}

/* --- the body of what is no tunnel --- */

#define ERROR "HTTP/1.1 407 x\r\n"
#define ERROR_10 "HTTP/1.0 407 x\r\n"
#define TE "Transfer-Encoding: "
#define CL "Content-Length: "

static const struct body_row {
    const char *name;
    const char *head;
    int64_t bytes;
    bool chunked;
} body_rows[] = {
    {"nothing said", ERROR END, -1, false},
    {"a length", ERROR CL "10\r\n\r\n", 10, false},
    {"no body", ERROR CL "0\r\n\r\n", 0, false},
    {"zeros in front", ERROR CL "0010\r\n\r\n", 10, false},
    {"blanks around", ERROR "Content-Length: \t 10 \t \r\n\r\n", 10, false},
    {"no blanks", ERROR "Content-Length:10\r\n\r\n", 10, false},
    {"letters in any case", ERROR "content-LENGTH: 10\r\n\r\n", 10, false},
    {"2^31", ERROR CL "2147483648\r\n\r\n", INT64_C(2147483648), false},
    {"the same one twice", ERROR CL "10\r\n" CL "10\r\n\r\n", 10, false},
    {"chunked", ERROR TE "chunked\r\n\r\n", -1, true},
    {"chunked, in any case", ERROR "transfer-encoding: CHUNKED\r\n\r\n", -1, true},
    {"a length in a 1xx is not ours",
     "HTTP/1.1 103 x\r\n" CL "10\r\n" TE "chunked\r\n\r\n" ERROR END, -1, false},
    {"a field that is called much like it", ERROR "X-Content-Length: 10\r\n\r\n", -1, false},
    {"a field that is called a bit like it", ERROR "Content-Lengt: 10\r\n\r\n", -1, false},
    {"a value that looks like it", ERROR "X: Content-Length: 10\r\n\r\n", -1, false},
    {"a line that goes on", ERROR "X: y\r\n Content-Length: 10\r\n\r\n", -1, false},
};

static void body(void **state)
{
    const struct body_row *row = *state;
    struct http_reply reply;

    parse_head(&reply, row->head);
    assert_null(reply.fault);
    assert_int_equal(reply.status, 407);
    assert_int_equal(reply.chunked, row->chunked);
    if (!row->chunked)
        assert_int_equal(reply.body_bytes, row->bytes);
    http_reply_release(&reply);
}

/* Can the end of the body be found, so that another reply may follow it? */
static bool reusable(const struct http_reply *reply)
{
    return !reply->fault && reply->keep_alive && (reply->chunked || reply->body_bytes >= 0);
}

/* Where the body ends is anybody's guess, so the next reply must come on another connection. */
static const struct odd_row {
    const char *name;
    const char *head;
} odd_rows[] = {
    {"no length", ERROR END},
    {"an empty length", ERROR CL "\r\n\r\n"},
    {"a word", ERROR CL "ten\r\n\r\n"},
    {"a letter behind", ERROR CL "10x\r\n\r\n"},
    {"a negative length", ERROR CL "-1\r\n\r\n"},
    {"a plus", ERROR CL "+10\r\n\r\n"},
    {"hex", ERROR CL "0x10\r\n\r\n"},
    {"a fraction", ERROR CL "1.0\r\n\r\n"},
    {"2^63", ERROR CL "9223372036854775808\r\n\r\n"},
    {"2^64", ERROR CL "18446744073709551616\r\n\r\n"},
    {"2^64 + 1", ERROR CL "18446744073709551617\r\n\r\n"},
    {"past every integer", ERROR CL "99999999999999999999999999999999999999\r\n\r\n"},
    {"two numbers", ERROR CL "1 0\r\n\r\n"},
    {"a list of different ones", ERROR CL "10, 11\r\n\r\n"},
    {"two that differ", ERROR CL "10\r\n" CL "11\r\n\r\n"},
    {"a bad one before a good one", ERROR CL "x\r\n" CL "10\r\n\r\n"},
    {"a good one before a bad one", ERROR CL "10\r\n" CL "x\r\n\r\n"},
    {"three, the middle one differs", ERROR CL "10\r\n" CL "11\r\n" CL "10\r\n\r\n"},
    {"another encoding", ERROR TE "gzip\r\n\r\n"},
    {"another encoding, and a length", ERROR TE "gzip\r\n" CL "10\r\n\r\n"},
    {"HTTP/1.0", ERROR_10 CL "10\r\n\r\n"},
};

static void odd_body(void **state)
{
    const struct odd_row *row = *state;
    struct http_reply reply;

    (void)parse_text(&reply, row->head);
    assert_true(reply.sink.done);
    assert_false(reusable(&reply));
    http_reply_release(&reply);
}

static const struct alive_row {
    const char *name;
    const char *head; /* and a Content-Length */
    bool keep_alive;
} alive_rows[] = {
    {"HTTP/1.1", ERROR, true},
    {"HTTP/1.0", ERROR_10, false},
    {"close", ERROR "Connection: close\r\n", false},
    {"Close", ERROR "cOnNeCtIoN: Close\r\n", false},
    {"close of HTTP/1.0", ERROR_10 "Connection: close\r\n", false},
    {"keep-alive", ERROR "Connection: keep-alive\r\n", true},
    {"Keep-Alive of HTTP/1.0", ERROR_10 "Connection: Keep-Alive\r\n", true},
    {"Proxy-Connection: close", ERROR "Proxy-Connection: close\r\n", false},
    {"Proxy-Connection: keep-alive", ERROR_10 "Proxy-Connection: keep-alive\r\n", true},
    {"close in a list", ERROR "Connection: foo, close , bar\r\n", false},
    {"close in a list without blanks", ERROR "Connection: foo,close\r\n", false},
    {"keep-alive in a list", ERROR_10 "Connection: foo,\tKeep-Alive\t,bar\r\n", true},
    {"empty elements", ERROR "Connection: ,, ,close,\r\n", false},
    {"words that are longer", ERROR "Connection: closed, not-close\r\n", true},
    {"words that are shorter", ERROR "Connection: clos, c\r\n", true},
    {"another field", ERROR "X-Connection: close\r\n", true},
    {"another element", ERROR "Connection: \"close\"\r\n", true},
    {"nothing in it", ERROR "Connection:\r\n", true},
    {"close before keep-alive", ERROR "Connection: close, keep-alive\r\n", false},
    {"close behind keep-alive", ERROR "Connection: keep-alive, close\r\n", false},
    {"two fields, close first", ERROR "Connection: close\r\nConnection: keep-alive\r\n", false},
    {"two fields, close last", ERROR "Connection: keep-alive\r\nConnection: close\r\n", false},
    {"they differ, close first", ERROR "Connection: close\r\nProxy-Connection: keep-alive\r\n",
     false},
    {"they differ, close last", ERROR "Proxy-Connection: keep-alive\r\nConnection: close\r\n",
     false},
    {"close in a 1xx", "HTTP/1.1 103 x\r\nConnection: close\r\n\r\n" ERROR, true},
    {"keep-alive in a 1xx", "HTTP/1.0 103 x\r\nConnection: keep-alive\r\n\r\n" ERROR_10, false},
    {"a 1xx of HTTP/1.0", "HTTP/1.0 103 x\r\n\r\n" ERROR, true},
};

static void alive(void **state)
{
    const struct alive_row *row = *state;
    struct http_reply reply;
    char head[300];

    (void)snprintf(head, sizeof(head), "%s" CL "5\r\n\r\n", row->head);
    parse_head(&reply, head);
    assert_null(reply.fault);
    assert_int_equal(reply.keep_alive, row->keep_alive);
    http_reply_release(&reply);
}

/* --- challenges --- */

#define PA "Proxy-Authenticate: "

static const struct offer_row {
    const char *name;
    const char *fields;
    unsigned offered;
    const char *challenges; /* NULL: not looked at */
} offer_rows[] = {
    {"Basic", PA "Basic realm=\"x\"\r\n", HTTP_AUTH_BASIC, "Basic"},
    {"a scheme alone", PA "Negotiate\r\n", HTTP_AUTH_NEGOTIATE, "Negotiate"},
    {"the field in any case", "pRoXy-AuThEnTiCaTe: NTLM\r\n", HTTP_AUTH_NTLM, "NTLM"},
    {"the field without a blank", "Proxy-Authenticate:NTLM\r\n", HTTP_AUTH_NTLM, "NTLM"},
    {"the scheme in any case", PA "bASIC realm=x\r\n", HTTP_AUTH_BASIC, "bASIC"},
    {"a scheme that we do not know", PA "Bearer realm=\"x\"\r\n", 0, "Bearer"},
    {"a token", PA "Negotiate YIIBhwYGKwYBBQUCoIIBezCC==\r\n", HTTP_AUTH_NEGOTIATE, "Negotiate"},
    {"a token without padding", PA "NTLM TlRMTVNTUAAC\r\n", HTTP_AUTH_NTLM, "NTLM"},
    {"fields of their own", PA "Negotiate\r\n" PA "NTLM\r\n" PA "Basic realm=\"x\"\r\n",
     HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM | HTTP_AUTH_BASIC, "Negotiate, NTLM, Basic"},
    {"a list", PA "Negotiate, NTLM, Basic realm=\"x\"\r\n",
     HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM | HTTP_AUTH_BASIC, "Negotiate, NTLM, Basic"},
    {"a list without blanks", PA "Negotiate,NTLM,Basic realm=\"x\"\r\n",
     HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM | HTTP_AUTH_BASIC, "Negotiate, NTLM, Basic"},
    {"a list with tabs", PA "\tNegotiate\t,\tNTLM\t\r\n", HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM,
     "Negotiate, NTLM"},
    {"empty elements", PA ", ,Negotiate,,, NTLM , ,\r\n", HTTP_AUTH_NEGOTIATE | HTTP_AUTH_NTLM,
     "Negotiate, NTLM"},
    {"parameters, then another one",
     PA
     "Digest realm=\"x\", nonce=\"y\", qop=\"auth,auth-int\", stale=false, Basic realm=\"z\"\r\n",
     HTTP_AUTH_DIGEST | HTTP_AUTH_BASIC, "Digest, Basic"},
    {"two of the same", PA "Digest realm=\"x\", algorithm=MD5, Digest realm=\"x\"\r\n",
     HTTP_AUTH_DIGEST, NULL},
    {"folded", PA "Digest realm=\"x\",\r\n nonce=\"y\",\r\n\tBasic realm=\"z\"\r\n",
     HTTP_AUTH_DIGEST | HTTP_AUTH_BASIC, "Digest, Basic"},
    {"folded, of another field", PA "Digest realm=\"x\"\r\nX: y\r\n Basic realm=\"z\"\r\n",
     HTTP_AUTH_DIGEST, "Digest"},
    {"names within quotes", PA "Bearer realm=\"Basic, NTLM, Negotiate\"\r\n", 0, "Bearer"},
    {"names behind a quoted quote", PA "Bearer realm=\"a\\\", Basic, \\\\\", NTLM\r\n",
     HTTP_AUTH_NTLM, "Bearer, NTLM"},
    {"a quote that is not closed", PA "Bearer realm=\"a, Basic, NTLM\r\n", 0, "Bearer"},
    {"a backslash at the end", PA "Bearer realm=\"a\\\r\n", 0, "Bearer"},
    {"blanks around =", PA "Digest realm = \"x\" , nonce = \"y\", Basic realm = \"z\"\r\n",
     HTTP_AUTH_DIGEST | HTTP_AUTH_BASIC, "Digest, Basic"},
    {"parameters that are named like schemes", PA "Bearer basic=1, ntlm=2, digest = 3\r\n", 0,
     "Bearer"},
    {"words that are longer", PA "Basics, NTLMv2, Digest-x, Negotiate2\r\n", 0,
     "Basics, NTLMv2, Digest-x, Negotiate2"},
    {"words that are shorter", PA "Basi, NTL, N\r\n", 0, "Basi, NTL, N"},
    {"an empty field", PA "\r\n", 0, NULL},
    {"a comma alone", PA ",\r\n", 0, NULL},
    {"what a web server asks for", "WWW-Authenticate: Basic realm=\"x\"\r\n", 0, NULL},
    {"what a proxy says afterwards", "Proxy-Authentication-Info: Basic\r\n", 0, NULL},
    {"a value of another field", "X: Proxy-Authenticate: Basic\r\n", 0, NULL},
};

static void offer(void **state)
{
    const struct offer_row *row = *state;
    struct http_reply reply;
    char head[500];

    (void)snprintf(head, sizeof(head), ERROR "%s" CL "0\r\n\r\n", row->fields);
    parse_head(&reply, head);
    assert_null(reply.fault);
    assert_int_equal(reply.offered, row->offered);
    if (row->challenges)
        text_is_same(reply.challenges, row->challenges);
    http_reply_release(&reply);
}

/* The question that is kept is one that asks the same, on one line each. */
static void what_is_asked_is_kept(void **state)
{
    static const char fields[] =
        ERROR PA "Digest realm=\"x\",\r\n\tnonce=\"y\"\r\nX: y\r\n" PA "Basic realm=\"z\"\r\n\r\n";
    struct http_reply reply, again;

    (void)state;
    (void)parse_text(&reply, fields);
    char *question = http_question(&reply);
    assert_string_equal(question, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                                  "Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n"
                                  "Proxy-Authenticate: Basic realm=\"z\"\r\n"
                                  "Content-Length: 0\r\n\r\n");
    (void)parse_text(&again, question);
    assert_int_equal(again.status, 407);
    assert_int_equal(again.offered, reply.offered);
    assert_string_equal(again.challenges, reply.challenges);
    free(question);
    http_reply_release(&reply);
    http_reply_release(&again);
}

static void no_challenge(void **state)
{
    (void)state;
    struct http_reply reply;

    parse_head(&reply, ERROR CL "0\r\n\r\n");
    assert_int_equal(reply.offered, 0);
    assert_null(reply.challenges);
    http_reply_release(&reply);
}

/* What an interim reply says is not what the final one says. */
static void interim_fields_are_forgotten(void **state)
{
    (void)state;
    struct http_reply reply;

    parse_head(&reply, "HTTP/1.1 103 Early Hints\r\n" PA "Basic\r\n\r\n" ERROR PA "NTLM\r\n\r\n");
    assert_int_equal(reply.offered, HTTP_AUTH_NTLM);
    text_is_same(reply.challenges, "NTLM");
    http_reply_release(&reply);
}

/* 101 is no way to a tunnel: nobody asked for another protocol. Either it is a fault, or the final
 * reply, which is no 2xx. */
static void switching_protocols(void **state)
{
    (void)state;
    struct http_reply reply;

    (void)parse_text(&reply, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" TUNNEL);
    assert_true(reply.sink.done);
    assert_true(reply.fault || reply.status == 101);
    http_reply_release(&reply);
}

/* --- bounds --- */

struct text {
    size_t size;
    char bytes[HTTP_TOTAL_MAX + 4096];
};

static void text_add(struct text *text, const char *bytes, size_t size)
{
    assert_true(text->size + size <= sizeof(text->bytes));
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

/* A line of `size` bytes, its end included: `start`, and then the same letter. */
static void text_add_line(struct text *text, const char *start, size_t size, const char *end)
{
    assert_true(size >= strlen(start) + strlen(end));
    text_add(text, start, strlen(start));
    for (size_t i = strlen(start) + strlen(end); i < size; i++)
        text_add(text, "a", 1);
    text_add(text, end, strlen(end));
}

/* Whether it is taken as a reply, all of it. */
static bool is_taken(struct text *text)
{
    struct http_reply reply;
    size_t size = text->size;

    text_add(text, TUNNEL, strlen(TUNNEL));
    size_t taken = parse(&reply, text->bytes, text->size);
    bool good = !reply.fault;
    assert_true(reply.sink.done);
    if (good)
        assert_int_equal(taken, size);
    else
        assert_true(taken <= size);
    http_reply_release(&reply);
    return good;
}

static const char *const line_ends[] = {"\r\n", "\n"};

static void line_bound(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const char *end = line_ends[i % 2];
        size_t size = HTTP_LINE_MAX + (size_t)(i / 2 % 2);
        struct text text;

        text.size = 0;
        /* The status line, then a field. */
        if (i < 4) {
            text_add_line(&text, "HTTP/1.1 200 ", size, end);
        } else {
            text_add(&text, OK, strlen(OK));
            text_add_line(&text, "X: ", size, end);
        }
        text_add(&text, end, strlen(end));
        assert_int_equal(is_taken(&text), size <= HTTP_LINE_MAX);
    }
}

/* All lines: the status line, the fields, the empty line, and those of interim replies. */
static void lines_bound(void **state)
{
    (void)state;
    for (unsigned interim = 0; interim < 3; interim++) {
        for (unsigned lines = HTTP_LINES_MAX - 1; lines <= HTTP_LINES_MAX + 2; lines++) {
            struct text text;
            unsigned count = 2;
            text.size = 0;
            for (unsigned i = 0; i < interim; i++, count += 3)
                text_add(&text, "HTTP/1.1 103 x\r\nX: y\r\n\r\n", 24);
            text_add(&text, OK, strlen(OK));
            for (; count < lines; count++)
                text_add(&text, "X: y\r\n", 6);
            text_add(&text, END, strlen(END));
            assert_int_equal(is_taken(&text), lines <= HTTP_LINES_MAX);
        }
    }
}

static void total_bound(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        const char *end = line_ends[i % 2];
        size_t total = HTTP_TOTAL_MAX + (size_t)(i / 2 % 3);
        struct text text;

        text.size = 0;
        /* Half of it in an interim reply. */
        if (i >= 6) {
            text_add(&text, "HTTP/1.1 103 x\r\n", 16);
            for (int k = 0; k < 4; k++)
                text_add_line(&text, "X: ", HTTP_LINE_MAX, end);
            text_add(&text, END, strlen(END));
        }
        text_add(&text, OK, strlen(OK));
        while (text.size + HTTP_LINE_MAX + 20 < total)
            text_add_line(&text, "X: ", HTTP_LINE_MAX, end);
        /* The rest in two lines, so that neither is too long. */
        text_add_line(&text, "X: ", (total - text.size) / 2, end);
        text_add_line(&text, "X: ", total - text.size - strlen(end), end);
        text_add(&text, end, strlen(end));
        assert_int_equal(text.size, total);
        assert_int_equal(is_taken(&text), total <= HTTP_TOTAL_MAX);
    }
}

/* However long it goes on, the parser makes an end. */
static void endless(const char *start, const char *again)
{
    struct http_reply reply;
    size_t taken;

    http_reply_init(&reply);
    taken = feed(&reply, start, strlen(start), strlen(start), strlen(start));
    for (size_t i = 0; i < 2 * HTTP_TOTAL_MAX && !reply.sink.done; i++)
        taken += feed(&reply, again, strlen(again), strlen(again), strlen(again));
    assert_true(reply.sink.done);
    assert_non_null(reply.fault);
    assert_true(taken <= HTTP_TOTAL_MAX + 1);
    http_reply_release(&reply);
}

static void endless_replies(void **state)
{
    (void)state;
    endless("", "HTTP/1.1 100 Continue\r\n\r\n");
    endless("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 x\r\nX: y\r\n\r\n");
    endless(OK, "X: y\r\n");
    endless(OK, ":\n");
    endless(OK, "x");
    endless(OK, "\r");
    endless(OK, PA "Basic\r\n");
    endless("HTTP/1.1 200 ", "x");
    endless("HTTP/1.1 200 ", " ");
    endless("", "x");
    endless("", "\r\n");
}

/* As many challenges as fit into the bounds. */
static void a_flood_of_challenges(void **state)
{
    (void)state;
    struct text text;
    struct http_reply reply;

    text.size = 0;
    text_add(&text, ERROR, strlen(ERROR));
    while (text.size + HTTP_LINE_MAX + 2 < HTTP_TOTAL_MAX) {
        text_add(&text, PA, strlen(PA));
        for (size_t i = strlen(PA); i + 4 < HTTP_LINE_MAX; i += 2)
            text_add(&text, "A,", 2);
        text_add(&text, "\r\n", 2);
    }
    text_add(&text, END, strlen(END));
    http_reply_init(&reply);
    assert_int_equal(feed(&reply, text.bytes, text.size, 0, text.size), text.size);
    assert_null(reply.fault);
    assert_int_equal(reply.offered, 0);
    assert_int_equal(strncmp(reply.challenges, "A, A, A", 7), 0);
    http_reply_release(&reply);
}

/* --- noise --- */

/* Pieces that mean something to the parser, put together by chance. */
static const char *const crumbs[] = {"HTTP/1.1 200 OK\r\n",
                                     "HTTP/1.0 407 x\r\n",
                                     "HTTP/1.1 100 x\r\n",
                                     "\r\n",
                                     "\n",
                                     "\r",
                                     " ",
                                     ":",
                                     ",",
                                     "\"",
                                     "\\",
                                     "=",
                                     "\t",
                                     "a",
                                     PA,
                                     CL,
                                     TE,
                                     "Connection: ",
                                     "close",
                                     "keep-alive",
                                     "chunked",
                                     "Basic",
                                     "Digest ",
                                     "realm=\"x\"",
                                     "0",
                                     "9",
                                     "HTTP/1.",
                                     "\377",
                                     "\r\n\r\n"};

static void noise(void **state)
{
    (void)state;
    uint32_t seed = 17;

    for (int round = 0; round < 600; round++) {
        struct text text;
        struct http_reply reply;
        uint32_t count = 1 + unit_below(&seed, 12);

        text.size = 0;
        if (unit_below(&seed, 2))
            text_add(&text, ERROR, strlen(ERROR));
        for (uint32_t i = 0; i < count; i++) {
            uint32_t which = unit_below(&seed, sizeof(crumbs) / sizeof(crumbs[0]));
            text_add(&text, crumbs[which], strlen(crumbs[which]));
        }
        if (unit_below(&seed, 20) == 0)
            text_add(&text, "", 1);
        /* parse compares every way to split it. */
        size_t taken = parse(&reply, text.bytes, text.size);
        assert_true(reply.sink.done || taken == text.size);
        if (reply.sink.done && !reply.fault) {
            assert_in_range(reply.status, 100, 999);
            assert_true(taken > 0 && text.bytes[taken - 1] == '\n');
            assert_non_null(reply.status_line);
        }
        http_reply_release(&reply);
    }
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, good_but_cut, good_rows);
    UNIT_TEST(&unit, a_second_reply);
    UNIT_TEST(&unit, nothing_yet);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_ROWS(&unit, bad_but_cut, bad_rows);
    UNIT_ROWS(&unit, nul, nul_rows);
    UNIT_ROWS(&unit, body, body_rows);
    UNIT_ROWS(&unit, odd_body, odd_rows);
    UNIT_ROWS(&unit, alive, alive_rows);
    UNIT_ROWS(&unit, offer, offer_rows);
    UNIT_TEST(&unit, what_is_asked_is_kept);
    UNIT_TEST(&unit, no_challenge);
    UNIT_TEST(&unit, interim_fields_are_forgotten);
    UNIT_TEST(&unit, switching_protocols);
    UNIT_TEST(&unit, line_bound);
    UNIT_TEST(&unit, lines_bound);
    UNIT_TEST(&unit, total_bound);
    UNIT_TEST(&unit, endless_replies);
    UNIT_TEST(&unit, a_flood_of_challenges);
    UNIT_TEST(&unit, noise);
    return unit_run(&unit, "http_reply");
}
