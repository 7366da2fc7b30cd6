/* SPDX-License-Identifier: MIT */
#include "core/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* RFC 6335 section 5.1, and the underscore and dot that some services files have. */
#define SERVICE_CHARS LETTERS DIGITS "-_."

/* RFC 4007 section 11: an address, and behind a percent sign a zone. Whether this machine knows
 * the zone is the resolver's question. */
static bool is_ipv6(const char *text, size_t length)
{
    char digits[INET6_ADDRSTRLEN];
    struct in6_addr address;
    const char *zone = memchr(text, '%', length);
    size_t digits_length = zone ? (size_t)(zone - text) : length;

    if (digits_length >= sizeof(digits) || (zone && digits_length + 1 == length))
        return false;
    memcpy(digits, text, digits_length);
    digits[digits_length] = '\0';
    return inet_pton(AF_INET6, digits, &address) == 1;
}

/* Why `host` is refused, or NULL. */
static const char *host_fault(const char *host)
{
    size_t length = strlen(host);

    if (length == 0)
        return "is empty";
    if (host[0] == '-')
        return "starts with '-'";
    if (text_has_control(host) || host[text_until(host, " ")])
        return "holds blanks or control bytes";
    if (host[text_until(host, "/@")])
        return "holds '/' or '@'";
    if (host[text_until(host, "[]")]) {
        bool enclosed =
            host[0] == '[' && text_until(host + 1, "[]") == length - 2 && host[length - 1] == ']';
        if (!enclosed || !is_ipv6(host + 1, length - 2))
            return "has brackets that do not enclose an IPv6 address";
        length -= 2;
    } else if (strchr(host, ':') && !is_ipv6(host, length)) {
        return "holds ':' but is no IPv6 address";
    }
    return length > ENDPOINT_HOST_MAX ? "is longer than 255 bytes" : NULL;
}

/* 1..65535 in plain digits: no sign, no blanks, no other base. 0 when it is not that. */
static uint16_t port_number(const char *text)
{
    unsigned long port = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '9' || port > UINT16_MAX)
            return 0;
        port = port * 10 + (unsigned long)(*text - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static uint16_t port_of_service(const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *found = NULL;
    uint16_t port = 0;

    if (getaddrinfo(NULL, name, &hints, &found) == 0) {
        struct sockaddr_in address;
        memcpy(&address, found->ai_addr, sizeof(address));
        port = ntohs(address.sin_port);
        freeaddrinfo(found);
    }
    return port;
}

static int parse_port(const char *text, uint16_t *port, struct err *err)
{
    if (text_span(text, SERVICE_CHARS) != strlen(text) || !*text || text[0] == '-')
        return err_set(err, ERR_USAGE, "bad port '%s': want 1-65535 or a service name", text);

    if (text[text_until(text, LETTERS)]) {
        *port = port_of_service(text);
        return *port ? 0 : err_set(err, ERR_USAGE, "unknown service '%s'", text);
    }
    *port = port_number(text);
    return *port ? 0 : err_set(err, ERR_USAGE, "bad port '%s': want 1-65535", text);
}

static char *host_port_text(const char *host, uint16_t port)
{
    char digits[TEXT_DIGITS_MAX];
    bool v6 = strchr(host, ':');

    return text_join(v6 ? "[" : "", host, v6 ? "]:" : ":", text_digits(port, digits), (char *)NULL);
}

int endpoint_set(struct endpoint *endpoint, const char *host, const char *port, struct err *err)
{
    struct endpoint made = ENDPOINT_INIT;
    const char *fault = host_fault(host);

    if (fault)
        return err_set(err, ERR_USAGE, "bad host '%s': %s", host, fault);
    if (parse_port(port, &made.port, err) == -1)
        return -1;

    size_t length = strlen(host);
    made.host = host[0] == '[' ? strndup(host + 1, length - 2) : strdup(host);
    if (made.host)
        made.text = host_port_text(made.host, made.port);
    if (!made.text) {
        endpoint_release(&made);
        return err_no_memory(err);
    }
    *endpoint = made;
    return 0;
}

static int endpoint_set_path(struct endpoint *endpoint, const char *path, struct err *err)
{
    struct endpoint made = ENDPOINT_INIT;
    struct sockaddr_un room;

    if (path[0] != '/')
        return err_set(err, ERR_USAGE, "bad address 'unix:%s': the path must be absolute", path);
    if (strlen(path) >= sizeof(room.sun_path))
        return err_set(err, ERR_USAGE, "bad address 'unix:%s': longer than %zu bytes", path,
                       sizeof(room.sun_path) - 1);

    made.path = strdup(path);
    made.text = text_join("unix:", path, (char *)NULL);
    if (!made.path || !made.text) {
        endpoint_release(&made);
        return err_no_memory(err);
    }
    *endpoint = made;
    return 0;
}

/* Where the colon before the port is, or NULL: the first one behind a bracket, or the only one. */
static const char *port_colon(const char *text)
{
    const char *first = strchr(text, ':'), *bracket = strrchr(text, ']');

    if (text[0] == '[' && bracket)
        return bracket[1] == ':' ? bracket + 1 : NULL;
    return first && !strchr(first + 1, ':') ? first : NULL;
}

int endpoint_parse(struct endpoint *endpoint, const char *text, uint16_t default_port,
                   struct err *err)
{
    if (strncmp(text, "unix:", 5) == 0)
        return endpoint_set_path(endpoint, text + 5, err);

    const char *colon = port_colon(text);
    if (colon ? !colon[1] : default_port == 0)
        return err_set(err, ERR_USAGE, "'%s' lacks a port", text);
    if (colon == text)
        return err_set(err, ERR_USAGE, "'%s' lacks a host", text);

    char *host = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
    char *port = colon ? strdup(colon + 1) : text_format("%u", (unsigned)default_port);
    int done = host && port ? endpoint_set(endpoint, host, port, err) : err_no_memory(err);
    free(host);
    free(port);
    return done;
}

int endpoint_parse_open(struct endpoint *endpoint, const char *text, struct err *err)
{
    bool open = strncmp(text, "unix:", 5) != 0 && !port_colon(text);

    if (endpoint_parse(endpoint, text, open, err) == -1)
        return -1;
    if (open) {
        endpoint->port = 0;
        endpoint->text[strlen(endpoint->text) - strlen(":1")] = '\0';
    }
    return 0;
}

int endpoint_set_port(struct endpoint *endpoint, uint16_t port)
{
    char *text = host_port_text(endpoint->host, port);

    if (!text)
        return -1;
    free(endpoint->text);
    endpoint->text = text;
    endpoint->port = port;
    return 0;
}

bool endpoint_is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t length = strlen(host), wanted = sizeof(name) - 1;

    if (length > 0 && host[length - 1] == '.')
        length--;
    if (length < wanted || !text_same_start(host + length - wanted, name, wanted))
        return false;
    return length == wanted || host[length - wanted - 1] == '.';
}

void endpoint_release(struct endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->path);
    free(endpoint->text);
    *endpoint = ENDPOINT_INIT;
}
