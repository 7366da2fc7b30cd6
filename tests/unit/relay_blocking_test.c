/* SPDX-License-Identifier: MIT */
/*
 * The relay between descriptors that block and whose O_NONBLOCK is not ours to change. A call that
 * blocks for one direction would stop the other, and would not notice that ssh has gone. Where this
 * fails, it mostly hangs; that is why it has a binary of its own.
 */
#include <signal.h>

#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_relay.h"
#include "tests/unit/fake_unit.h"

#define DATA_BYTES ((size_t)8 << 20)

static uint8_t data[DATA_BYTES];

static const struct blocking_row {
    const char *name;
    int kind[SIDES];
} blocking_rows[] = {
    {"pipes to pipes", {ENDS_PIPES, ENDS_PIPES}},
    {"pipes to unix socket", {ENDS_PIPES, ENDS_UNIX}},
    {"pipes to TCP socket", {ENDS_PIPES, ENDS_TCP}},
    {"unix socket to pipes", {ENDS_UNIX, ENDS_PIPES}},
    {"unix socket to TCP socket", {ENDS_UNIX, ENDS_TCP}},
    {"TCP socket to pipes", {ENDS_TCP, ENDS_PIPES}},
};

static struct rig *open_blocking(const struct blocking_row *row)
{
    struct rig *rig = rig_open(&ends_kinds[row->kind[LOCAL]], &ends_kinds[row->kind[REMOTE]]);

    for (int side = 0; side < SIDES; side++) {
        struct peer *peer = &rig->peer[side];
        peer->data = data;
        for (int i = 0; i < 2; i++)
            fd_set_nonblocking(peer->ends.inner[i], false);
    }
    return rig;
}

/* One direction is stuck; the other one is not. */
static void the_other_direction_flows(void **state)
{
    for (int stuck = 0; stuck < SIDES; stuck++) {
        struct rig *rig = open_blocking(*state);
        struct peer *from = &rig->peer[stuck];
        struct peer *to = &rig->peer[!stuck];

        from->size = DATA_BYTES;
        from->keep_open = to->keep_open = true;
        to->deaf = true;
        rig_start(rig);
        rig_pump_until_stuck(&rig, 1);
        assert_true(from->sent < from->size);

        to->size = 1000000;
        to->keep_open = false;
        rig_pump_to_end(rig, stuck);
        rig_check_all(rig, stuck);

        from->keep_open = to->deaf = false;
        rig_pump(rig);
        assert_int_equal(rig_end(rig), RELAY_DONE);
        rig_check_all(rig, !stuck);
        for (int side = 0; side < SIDES; side++) {
            /* A pipe may have got a description of its own under its number. */
            if (rig->peer[side].ends.one)
                assert_false(fd_is_nonblocking(rig->peer[side].ends.inner[0]));
        }
        rig_close(rig);
    }
}

static void local_goes_while_up_is_stuck(void **state)
{
    const struct blocking_row *row = *state;
    struct rig *rig = open_blocking(row);

    rig->peer[LOCAL].size = DATA_BYTES;
    rig->peer[LOCAL].keep_open = true;
    rig->peer[REMOTE].deaf = true;
    rig->peer[REMOTE].keep_open = true;
    rig_start(rig);
    rig_pump_until_stuck(&rig, 1);
    assert_true(rig->peer[LOCAL].sent < DATA_BYTES);
    ends_drop_sink(&rig->peer[LOCAL].ends);
    assert_int_equal(rig_end(rig), RELAY_LOCAL_GONE);
    rig_close(rig);
}

int main(void)
{
    static struct unit unit;

    /* As stream.h says that the process does. */
    (void)signal(SIGPIPE, SIG_IGN);
    unit_pattern(data, DATA_BYTES, 3);
    UNIT_ROWS(&unit, the_other_direction_flows, blocking_rows);
    for (size_t i = 0; i < sizeof(blocking_rows) / sizeof(blocking_rows[0]); i++) {
        /* A TCP peer that closes looks like one that has only ended. */
        if (blocking_rows[i].kind[LOCAL] != ENDS_TCP)
            unit_add(&unit, local_goes_while_up_is_stuck, "local_goes_while_up_is_stuck",
                     blocking_rows[i].name, &blocking_rows[i]);
    }
    return unit_run(&unit, "relay_blocking");
}
