/* SPDX-License-Identifier: MIT */
/* The parser of what an HTTP proxy answers; the contract is in http_codec.h. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/http_codec.h"

#define BLANKS " \t"

static struct http_reply *http_reply(struct exchange_sink *sink)
{
    return (struct http_reply *)sink;
}

static void end_with(struct http_reply *reply, const char *fault)
{
    reply->fault = fault;
    reply->sink.done = true;
}

static void out_of_memory(struct http_reply *reply)
{
    reply->no_memory = true;
    end_with(reply, "out of memory");
}

/* --- fields --- */

/* The next element of a comma list (RFC 9110 section 5.6.1), quoted strings kept whole: its length,
 * and *from moved to its start. 0 at the end. */
static size_t next_element(const char **from)
{
    const char *start = *from + text_span(*from, BLANKS ",");
    const char *at = start;
    bool quoted = false;

    for (; *at && (quoted || *at != ','); at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
    }
    *from = start;
    return (size_t)(at - start);
}

static bool has_element(const char *value, const char *name)
{
    for (size_t length; (length = next_element(&value)) > 0; value += length) {
        size_t word = length;
        while (word > 0 && strchr(BLANKS, value[word - 1]))
            word--;
        if (word == strlen(name) && text_same_start(value, name, word))
            return true;
    }
    return false;
}

static void heed_connection(struct http_reply *reply, const char *value)
{
    /* Whoever says both will close. */
    if (has_element(value, "close"))
        reply->closing = true;
    reply->keep_alive = !reply->closing && (reply->keep_alive || has_element(value, "keep-alive"));
}

/* Not a number, one that is too large, or two that differ are as good as a body without an end. */
static void heed_content_length(struct http_reply *reply, const char *value)
{
    int64_t length = 0;
    bool first = !reply->measured;

    reply->measured = true;

    if (!*value)
        length = -1;
    for (; *value && length >= 0; value++) {
        if (*value < '0' || *value > '9' || length > INT32_MAX)
            length = -1;
        else
            length = length * 10 + (*value - '0');
    }
    reply->body_bytes = first || length == reply->body_bytes ? length : -1;
}

static void heed_transfer_encoding(struct http_reply *reply, const char *value)
{
    /* RFC 9112 section 6.3: it counts, not a length besides. */
    reply->chunked = has_element(value, "chunked");
    reply->measured = true;
    reply->body_bytes = -1;
}

/* For a person to read, who needs no more of them. */
#define CHALLENGES_MAX 100

static void add_challenge(struct http_reply *reply, const char *name, size_t length)
{
    if ((reply->challenges ? strlen(reply->challenges) : 0) + length > CHALLENGES_MAX)
        return;
    char *word = strndup(name, length);
    char *longer = word ? text_join(reply->challenges ? reply->challenges : "",
                                    reply->challenges ? ", " : "", word, (char *)NULL)
                        : NULL;
    free(word);
    if (!longer) {
        out_of_memory(reply);
        return;
    }
    free(reply->challenges);
    reply->challenges = longer;
}

/* Behind what is there; `cut` bytes of its end go. */
static void keep_question(struct http_reply *reply, const char *name, const char *value, size_t cut)
{
    if (cut)
        reply->questions[strlen(reply->questions) - cut] = '\0';
    char *longer =
        text_join(reply->questions ? reply->questions : "", name, value, "\r\n", (char *)NULL);

    free(reply->questions);
    reply->questions = longer;
    if (!longer)
        out_of_memory(reply);
}

/* RFC 9110 section 11.6.1. An element that starts with a word which no `=` follows begins a
 * challenge; the others are its parameters. */
static void take_challenges(struct http_reply *reply, const char *value)
{
    for (size_t length; (length = next_element(&value)) > 0; value += length) {
        size_t word = text_until(value, BLANKS "=,");
        if (word == 0 || word > length)
            continue;
        const char *behind = value + word + text_span(value + word, BLANKS);
        if (*behind == '=')
            continue;
        reply->offered |= http_auth_bit(value, word);
        add_challenge(reply, value, word);
    }
}

static void heed_challenge(struct http_reply *reply, const char *value)
{
    reply->asking = true;
    keep_question(reply, "Proxy-Authenticate: ", value, 0);
    take_challenges(reply, value);
}

/* RFC 9112 section 5.2: a line that starts with a blank goes on where the last one ended. */
static void take_continuation(struct http_reply *reply, const char *value)
{
    if (!reply->asking || !reply->questions)
        return;
    keep_question(reply, " ", value, strlen("\r\n"));
    take_challenges(reply, value);
}

static const struct field {
    const char *name;
    void (*heed)(struct http_reply *reply, const char *value);
} fields[] = {
    {"Connection", heed_connection},         {"Proxy-Connection", heed_connection},
    {"Content-Length", heed_content_length}, {"Transfer-Encoding", heed_transfer_encoding},
    {"Proxy-Authenticate", heed_challenge},
};

static void take_field(struct http_reply *reply, char *line)
{
    size_t name_length = text_until(line, ":");

    if (strchr(BLANKS, line[0])) {
        take_continuation(reply, line + text_span(line, BLANKS));
        return;
    }
    reply->asking = false;
    /* What is no field says nothing to us. */
    if (!line[name_length])
        return;
    char *value = line + name_length + 1;
    value += text_span(value, BLANKS);
    for (size_t size = strlen(value); size > 0 && strchr(BLANKS, value[size - 1]); size--)
        value[size - 1] = '\0';
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strlen(fields[i].name) == name_length &&
            text_same_start(line, fields[i].name, name_length))
            fields[i].heed(reply, value);
}

/* --- lines --- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* RFC 9112 section 4: HTTP/1.x, a blank, three digits, and nothing that belongs to them behind. */
static int parse_status(const char *line)
{
    if (strncmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ' || line[9] < '1' ||
        line[9] > '9' || !is_digit(line[10]) || !is_digit(line[11]) ||
        (line[12] && line[12] != ' '))
        return 0;
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

static void forget_head(struct http_reply *reply)
{
    free(reply->status_line);
    free(reply->challenges);
    free(reply->questions);
    reply->status_line = reply->challenges = reply->questions = NULL;
    reply->status = 0;
    reply->offered = 0;
    reply->chunked = reply->closing = reply->measured = reply->asking = false;
    reply->body_bytes = -1;
}

static void take_status_line(struct http_reply *reply)
{
    reply->status = parse_status(reply->line);
    reply->status_line = strdup(reply->line);
    if (!reply->status_line)
        out_of_memory(reply);
    else if (!reply->status)
        end_with(reply, "not an HTTP proxy");
    else
        reply->keep_alive = reply->line[7] != '0';
}

static void forget_interim(struct http_reply *reply)
{
    forget_head(reply);
    reply->interim = reply->total;
}

static void take_end(struct http_reply *reply)
{
    /* RFC 9110 section 15.2: any number of interim replies; ours is the bound of all lines. 101
     * would be another protocol. */
    if (reply->status / 100 == 1 && reply->status != 101)
        forget_interim(reply);
    else
        end_with(reply, NULL);
}

static void take_line(struct http_reply *reply)
{
    size_t size = reply->line_size;

    if (size > 0 && reply->line[size - 1] == '\r')
        size--;
    reply->line[size] = '\0';
    reply->line_size = 0;
    if (++reply->lines > HTTP_LINES_MAX)
        end_with(reply, "too many lines in the answer");
    else if (strlen(reply->line) != size)
        end_with(reply, "a NUL byte in the answer");
    else if (!reply->status)
        take_status_line(reply);
    else if (size == 0)
        take_end(reply);
    else
        take_field(reply, reply->line);
}

static void take_byte(struct http_reply *reply, char byte)
{
    if (++reply->total > HTTP_TOTAL_MAX) {
        end_with(reply, "the answer is too long");
        return;
    }
    if (byte == '\n') {
        take_line(reply);
        return;
    }
    if (reply->line_size + 1 >= HTTP_LINE_MAX)
        end_with(reply, "a line of the answer is too long");
    else
        reply->line[reply->line_size++] = byte;

    /* What can't become a status line is refused before its end, which may never come. */
    static const char start[] = "HTTP/1.";
    size_t size = reply->line_size;
    if (!reply->sink.done && !reply->status && size <= sizeof(start) - 1 &&
        strncmp(reply->line, start, size) != 0)
        end_with(reply, "not an HTTP proxy");
}

static size_t take(struct exchange_sink *sink, const char *data, size_t size)
{
    struct http_reply *reply = http_reply(sink);
    size_t taken = 0;

    while (taken < size && !sink->done)
        take_byte(reply, data[taken++]);
    return taken;
}

void http_reply_init(struct http_reply *reply)
{
    memset(reply, 0, offsetof(struct http_reply, line));
    reply->sink.take = take;
    reply->body_bytes = -1;
}

void http_reply_release(struct http_reply *reply)
{
    forget_head(reply);
}
