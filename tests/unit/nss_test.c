/* SPDX-License-Identifier: MIT */
#include "transports/nss.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* The thread closes its end of the pipe when it likes: the frame around the tests must not be
 * faster. */
static void wait_until_closed(const struct fd_set_seen *before)
{
    int64_t until = clock_ns() + UNIT_WAIT_MS * CLOCK_MS;

    while (fd_new_since(before) >= 0) {
        if (clock_ns() > until)
            unit_fail("descriptor %d stays open", fd_new_since(before));
        (void)poll(NULL, 0, 1);
    }
}

/* None of them needs a network. */
static const struct lookup_row {
    const char *name;
    const char *host;
    int family;
    const char *address; /* NULL = there is none */
} lookup_rows[] = {
    {"numeric, any family", "192.0.2.1", AF_UNSPEC, "192.0.2.1"},
    {"numeric, its family", "192.0.2.1", AF_INET, "192.0.2.1"},
    {"numeric, the other family", "192.0.2.1", AF_INET6, NULL},
    {"from the hosts file", "localhost", AF_INET, "127.0.0.1"},
};

static void lookup(void **state)
{
    const struct lookup_row *row = *state;
    struct fd_set_seen before;
    struct addrinfo *found = NULL;
    char text[INET6_ADDRSTRLEN] = "";

    fd_see(&before);
    struct nss_lookup *asked = nss_start(row->host, row->family);
    assert_non_null(asked);
    (void)fd_await(nss_fd(asked), POLLIN);
    int status = nss_take(asked, &found);
    nss_drop(asked);
    wait_until_closed(&before);

    assert_int_equal(status == 0, row->address != NULL);
    if (!row->address) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        struct sockaddr_in sa;
        assert_int_equal(at->ai_family, AF_INET);
        memcpy(&sa, at->ai_addr, sizeof(sa));
        assert_non_null(inet_ntop(AF_INET, &sa.sin_addr, text, sizeof(text)));
        assert_string_equal(text, row->address);
    }
    freeaddrinfo(found);
}

/* Answered or not, whoever lets go last frees; a sanitizer sees it if not. */
static void dropped_at_any_time(void **state)
{
    (void)state;
    struct fd_set_seen before;

    fd_see(&before);
    for (int i = 0; i < 100; i++) {
        struct nss_lookup *asked = nss_start("192.0.2.1", AF_UNSPEC);
        assert_non_null(asked);
        if (i % 2)
            (void)fd_await(nss_fd(asked), POLLIN);
        nss_drop(asked);
    }
    nss_drop(NULL);
    wait_until_closed(&before);
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, lookup, lookup_rows);
    UNIT_TEST(&unit, dropped_at_any_time);
    return unit_run(&unit, "nss");
}
