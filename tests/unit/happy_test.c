/* SPDX-License-Identifier: MIT */
#include "transports/happy.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/fake_net.h"
#include "tests/unit/fake_unit.h"

/* A family: when its answer comes and how many addresses are in it, then what becomes of them. */
#define ANSWER(at, count) .asked = true, .answers = 1, .answer = {{(at), (count)}}
#define ANSWERS(at1, count1, at2, count2)                                                          \
    .asked = true, .answers = 2, .answer = {{(at1), (count1)}, {(at2), (count2)}}
#define NO_ANSWER .asked = true
#define FATES(...) .fate = {__VA_ARGS__}
#define V6(...) .setup.family[FAMILY_V6] = {__VA_ARGS__}
#define V4(...) .setup.family[FAMILY_V4] = {__VA_ARGS__}
#define GIVES_UP(ms) .setup.give_up_ms = (ms)

static const struct race_row {
    const char *name;
    struct net_setup setup;
    const char *story; /* see fake_net_story */
} race_rows[] = {
    /* Section 3: whose answer comes first, and the resolution delay. */
    {"AAAA first starts at once", V6(ANSWER(10, 1), FATES(CONNECTS(30))), V4(ANSWER(40, 1)),
     .story = "6a@10 won; 40 ms"},
    {"A first waits for AAAA, which comes", V6(ANSWER(30, 1), FATES(CONNECTS(20))),
     V4(ANSWER(10, 1), FATES(CONNECTS(1))), .story = "6a@30 won; 50 ms"},
    {"A first, AAAA says no: v4 at once", V6(ANSWER(25, 0)), V4(ANSWER(10, 1), FATES(CONNECTS(5))),
     .story = "4a@25 won; 30 ms"},
    {"AAAA says no first: v4 as it comes", V6(ANSWER(5, 0)), V4(ANSWER(30, 1), FATES(CONNECTS(5))),
     .story = "4a@30 won; 35 ms"},
    {"A says no first: v6 as it comes", V6(ANSWER(70, 1), FATES(CONNECTS(5))), V4(ANSWER(5, 0)),
     .story = "6a@70 won; 75 ms"},
    {"A at the start, AAAA never: v4 after 50 ms", V6(NO_ANSWER),
     V4(ANSWER(0, 1), FATES(CONNECTS(5))), .story = "4a@50 won; 55 ms"},
    {"A later, AAAA never: 50 ms count from the A", V6(NO_ANSWER),
     V4(ANSWER(20, 1), FATES(CONNECTS(5))), .story = "4a@70 won; 75 ms"},
    {"AAAA in the last millisecond of the delay", V6(ANSWER(69, 1), FATES(CONNECTS(5))),
     V4(ANSWER(20, 1), FATES(CONNECTS(5))), .story = "6a@69 won; 74 ms"},
    {"AAAA a millisecond after the delay", V6(ANSWER(71, 1), FATES(CONNECTS(5))),
     V4(ANSWER(20, 1), FATES(CONNECTS(100))), .story = "4a@70 won; 170 ms"},
    {"both at the same instant", V6(ANSWER(15, 1), FATES(CONNECTS(5))),
     V4(ANSWER(15, 1), FATES(CONNECTS(1))), .story = "6a@15 won; 20 ms"},
    {"both there before the start", V6(ANSWER(0, 1), FATES(CONNECTS(5))),
     V4(ANSWER(0, 1), FATES(CONNECTS(1))), .story = "6a@0 won; 5 ms"},
    {"only v4 was asked for: no delay", V4(ANSWER(12, 1), FATES(CONNECTS(5))),
     .story = "4a@12 won; 17 ms"},
    {"only v6 was asked for", V6(ANSWER(12, 1), FATES(CONNECTS(5))), .story = "6a@12 won; 17 ms"},
    {"a numeric v4: nothing pending",
     .setup.family[FAMILY_V4] = {.answers = 1, .answer = {{0, 1}}, FATES(CONNECTS(0))},
     .story = "4a@0 won; 0 ms"},
    {"v6 does not wait for the A", V6(ANSWER(0, 1), FATES(CONNECTS(600))), V4(NO_ANSWER),
     .story = "6a@0 won; 600 ms"},

    /* Section 4: the order. */
    {"families take turns", V6(ANSWER(0, 2)), V4(ANSWER(0, 2), FATES(BLACK_HOLE, CONNECTS(5))),
     .story = "6a@0 open, 4a@250 open, 6b@500 open, 4b@750 won; 755 ms"},
    {"more v6 than v4", V6(ANSWER(0, 3), FATES(BLACK_HOLE, BLACK_HOLE, CONNECTS(5))),
     V4(ANSWER(0, 1)), .story = "6a@0 open, 4a@250 open, 6b@500 open, 6c@750 won; 755 ms"},
    {"more v4 than v6", V6(ANSWER(0, 1)),
     V4(ANSWER(0, 3), FATES(BLACK_HOLE, BLACK_HOLE, CONNECTS(5))),
     .story = "6a@0 open, 4a@250 open, 4b@500 open, 4c@750 won; 755 ms"},
    {"only v6: in their order", V6(ANSWER(0, 3), FATES(BLACK_HOLE, BLACK_HOLE, CONNECTS(1))),
     .story = "6a@0 open, 6b@250 open, 6c@500 won; 501 ms"},
    {"only v4: in their order",
     V4(ANSWER(0, 3), FATES(FAILS(1, ECONNREFUSED), FAILS(1, ECONNREFUSED), CONNECTS(1))),
     .story = "4a@0 refused, 4b@1 refused, 4c@2 won; 3 ms"},
    {"late AAAA joins the turns while v4 runs", V6(ANSWER(100, 2), FATES(BLACK_HOLE, CONNECTS(5))),
     V4(ANSWER(0, 2)), .story = "4a@50 open, 6a@300 open, 4b@550 open, 6b@800 won; 805 ms"},
    {"late A joins the turns while v6 runs", V6(ANSWER(0, 3)),
     V4(ANSWER(260, 1), FATES(CONNECTS(5))), .story = "6a@0 open, 6b@250 open, 4a@500 won; 505 ms"},
    {"a family that grows", V6(ANSWERS(0, 1, 100, 1), FATES(BLACK_HOLE, CONNECTS(5))),
     .story = "6a@0 open, 6b@250 won; 255 ms"},
    {"a family that grows when all before is lost",
     V6(ANSWERS(0, 1, 100, 1), FATES(FAILS(10, ECONNREFUSED), CONNECTS(5))),
     .story = "6a@0 refused, 6b@100 won; 105 ms"},

    /* Section 5: when the next attempt begins, and who wins. */
    {"a connect just before the attempt delay", V6(ANSWER(0, 1), FATES(CONNECTS(249))),
     V4(ANSWER(0, 1)), .story = "6a@0 won; 249 ms"},
    {"v6 is a black hole", V6(ANSWER(0, 1)), V4(ANSWER(0, 1), FATES(CONNECTS(30))),
     .story = "6a@0 open, 4a@250 won; 280 ms"},
    {"the slow first may still win", V6(ANSWER(0, 1), FATES(CONNECTS(270))),
     V4(ANSWER(0, 1), FATES(CONNECTS(50))), .story = "6a@0 won, 4a@250 open; 270 ms"},
    {"next at once on failure", V6(ANSWER(0, 1), FATES(FAILS(20, ECONNREFUSED))),
     V4(ANSWER(0, 1), FATES(CONNECTS(5))), .story = "6a@0 refused, 4a@20 won; 25 ms"},
    {"the delay counts anew from the next", V6(ANSWER(0, 2), FATES(FAILS(100, ECONNREFUSED))),
     V4(ANSWER(0, 2), FATES(BLACK_HOLE, CONNECTS(5))),
     .story = "6a@0 refused, 4a@100 open, 6b@350 open, 4b@600 won; 605 ms"},
    {"an older attempt fails: next at once", V6(ANSWER(0, 2), FATES(FAILS(300, ETIMEDOUT))),
     V4(ANSWER(0, 2), FATES(BLACK_HOLE, CONNECTS(5))),
     .story = "6a@0 timed out, 4a@250 open, 6b@300 open, 4b@550 won; 555 ms"},
    {"connect(2) itself fails", V6(ANSWER(0, 1), FATES(FAILS_AT_ONCE(ENETUNREACH))),
     V4(ANSWER(0, 1), FATES(CONNECTS(5))), .story = "6a@0 no net, 4a@0 won; 5 ms"},
    {"no route for any v6",
     V6(ANSWER(0, 3),
        FATES(FAILS_AT_ONCE(ENETUNREACH), FAILS_AT_ONCE(ENETUNREACH), FAILS_AT_ONCE(EACCES))),
     V4(ANSWER(0, 1), FATES(CONNECTS(5))), .story = "6a@0 no net, 4a@0 won; 5 ms"},
    {"connect(2) fails again and again",
     V6(ANSWER(0, 2), FATES(FAILS_AT_ONCE(ENETUNREACH), FAILS_AT_ONCE(EACCES))),
     V4(ANSWER(0, 2), FATES(FAILS_AT_ONCE(ENETUNREACH), CONNECTS(7))),
     .story = "6a@0 no net, 4a@0 no net, 6b@0 forbidden, 4b@0 won; 7 ms"},
    {"connected in the same instant: the one begun first", V6(ANSWER(0, 1), FATES(CONNECTS(300))),
     V4(ANSWER(0, 1), FATES(CONNECTS(50))), .story = "6a@0 won, 4a@250 open; 300 ms"},
    {"one fails and another connects in the same instant",
     V6(ANSWER(0, 2), FATES(FAILS(300, ECONNREFUSED))), V4(ANSWER(0, 1), FATES(CONNECTS(50))),
     .story = "6a@0 refused, 4a@250 won; 300 ms"},
    {"a connect in the instant of the delay", V6(ANSWER(0, 1), FATES(CONNECTS(250))),
     V4(ANSWER(0, 1)), .story = "6a@0 won; 250 ms"},
    {"the winner leaves five behind", V6(ANSWER(0, 3)),
     V4(ANSWER(0, 3), FATES(BLACK_HOLE, BLACK_HOLE, CONNECTS(9))),
     .story = "6a@0 open, 4a@250 open, 6b@500 open, 4b@750 open, 6c@1000 open, 4c@1250 won; "
              "1259 ms"},
    {"the last is running: only its end counts", V6(ANSWER(0, 1), FATES(CONNECTS(5000))),
     .story = "6a@0 won; 5000 ms"},
    {"failed late, next is long under way", V6(ANSWER(0, 1), FATES(FAILS(260, ECONNRESET))),
     V4(ANSWER(0, 1), FATES(CONNECTS(400))), .story = "6a@0 reset, 4a@250 won; 650 ms"},

    /* Failures while names may still come. */
    {"all failed, the A comes late", V6(ANSWER(0, 1), FATES(FAILS(10, ECONNREFUSED))),
     V4(ANSWER(80, 1), FATES(CONNECTS(5))), .story = "6a@0 refused, 4a@80 won; 85 ms"},
    {"all failed at once, the A comes late", V6(ANSWER(0, 1), FATES(FAILS_AT_ONCE(ENETUNREACH))),
     V4(ANSWER(40, 1), FATES(CONNECTS(5))), .story = "6a@0 no net, 4a@40 won; 45 ms"},
    {"all failed, the A says no", V6(ANSWER(0, 1), FATES(FAILS(10, ECONNREFUSED))),
     V4(ANSWER(80, 0)), .story = "6a@0 refused; 80 ms"},
    {"all failed, AAAA comes late", V6(ANSWER(200, 1), FATES(CONNECTS(5))),
     V4(ANSWER(0, 1), FATES(FAILS(10, ECONNREFUSED))),
     .story = "4a@50 refused, 6a@200 won; 205 ms"},
    {"the AAAA comes in the instant of the last failure", V6(ANSWER(60, 1), FATES(CONNECTS(5))),
     V4(ANSWER(0, 1), FATES(FAILS(10, ECONNREFUSED))), .story = "4a@50 refused, 6a@60 won; 65 ms"},
    {"all failed, AAAA never comes", V6(NO_ANSWER),
     V4(ANSWER(0, 1), FATES(FAILS(10, ECONNREFUSED))), GIVES_UP(1000),
     .story = "4a@50 refused; 1000 ms, given up"},

    /* No way. */
    {"all fail, each with its own errno",
     V6(ANSWER(0, 2), FATES(FAILS(10, EHOSTUNREACH), FAILS(30, ECONNRESET))),
     V4(ANSWER(0, 2), FATES(FAILS(20, ECONNREFUSED), FAILS(400, ETIMEDOUT))),
     .story = "6a@0 no host, 4a@10 refused, 6b@30 reset, 4b@60 timed out; 460 ms"},
    {"all fail, out of order", V6(ANSWER(0, 1), FATES(FAILS(500, ETIMEDOUT))),
     V4(ANSWER(0, 1), FATES(FAILS(100, ECONNREFUSED))),
     .story = "6a@0 timed out, 4a@250 refused; 500 ms"},
    {"all fail in connect(2)", V6(ANSWER(0, 1), FATES(FAILS_AT_ONCE(ENETUNREACH))),
     V4(ANSWER(0, 1), FATES(FAILS_AT_ONCE(EACCES))), .story = "6a@0 no net, 4a@0 forbidden; 0 ms"},
    {"both families say no", V6(ANSWER(10, 0)), V4(ANSWER(20, 0)), .story = "nothing tried; 20 ms"},
    {"nothing there and nothing pending", .story = "nothing tried; 0 ms"},
    {"no answer at all", V6(NO_ANSWER), V4(NO_ANSWER), GIVES_UP(1000),
     .story = "nothing tried; 1000 ms, given up"},
    {"given up in the resolution delay", V6(NO_ANSWER), V4(ANSWER(10, 1)), GIVES_UP(40),
     .story = "nothing tried; 40 ms, given up"},
    {"given up with attempts open", V6(ANSWER(0, 1)), V4(ANSWER(0, 1)), GIVES_UP(3000),
     .story = "6a@0 open, 4a@250 open; 3000 ms, given up"},
    {"given up with one failed and one open", V6(ANSWER(0, 1), FATES(FAILS(30, ECONNREFUSED))),
     V4(ANSWER(0, 1)), GIVES_UP(3000), .story = "6a@0 refused, 4a@30 open; 3000 ms, given up"},
    {"given up at the start", V6(ANSWER(0, 1)), GIVES_UP(1), .story = "6a@0 open; 1 ms, given up"},
};

/* Returns at least one wake-up for each thing that can happen, and hardly more. */
static size_t waits_allowed(const struct fake_net *net)
{
    size_t answers = 0;
    for (int family = 0; family < FAMILIES; family++)
        answers += (size_t)net->setup->family[family].answers;
    return 2 + 2 * net->tried + answers;
}

static void play(const struct race_row *row, int64_t noise_ms)
{
    static struct fake_net net;
    static struct happy_report report;
    char story[512];

    fake_net_init(&net, &row->setup, noise_ms);
    memset(&report, 0xa5, sizeof(report));
    int handle = happy_dial(&fake_net_ops, &net, &net.addresses, &report);

    fake_net_finish(&net, handle, &report);
    if (net.broken[0])
        unit_fail("%s", net.broken);
    fake_net_story(&net, &report, story, sizeof(story));
    assert_string_equal(story, row->story);
    assert_true((handle >= 0) == (strstr(row->story, " won") != NULL));
    if (!noise_ms && net.waits > waits_allowed(&net))
        unit_fail("%zu waits for %zu tries", net.waits, net.tried);
}

static void race(void **state)
{
    play(*state, 0);
}

/* Waits end for many reasons: half an answer, a signal. No row may come out differently for that.
 */
static void race_with_noise(void **state)
{
    play(*state, 7);
}

static void all_sixty_four_in_turn(void **state)
{
    (void)state;
    static struct net_setup setup;
    static struct fake_net net;
    static struct happy_report report;

    for (int family = 0; family < FAMILIES; family++) {
        setup.family[family] = (struct net_family){ANSWER(0, ADDRESSES_MAX)};
    }
    setup.give_up_ms = HAPPY_TRIES_MAX * HAPPY_ATTEMPT_DELAY_MS + 1000;
    fake_net_init(&net, &setup, 0);
    assert_int_equal(happy_dial(&fake_net_ops, &net, &net.addresses, &report), -1);
    fake_net_finish(&net, -1, &report);
    assert_string_equal(net.broken, "");
    assert_true(report.given_up);
    assert_int_equal(report.count, HAPPY_TRIES_MAX);
    for (size_t i = 0; i < HAPPY_TRIES_MAX; i++) {
        assert_ptr_equal(report.tries[i].address, &net.addresses.found[i % 2][i / 2]);
        assert_int_equal(report.tries[i].error, EINPROGRESS);
        assert_int_equal((net.tried_ns[i] - NET_START_NS) / 1000000, i * HAPPY_ATTEMPT_DELAY_MS);
    }
}

/* Any network at all: every address is tried once, or somebody won; and nothing leaks. */
static void random_networks(void **state)
{
    (void)state;
    static struct fake_net net;
    static struct happy_report report;

    for (uint32_t seed = 1; seed <= 3000; seed++) {
        static const int errors[] = {ECONNREFUSED, ETIMEDOUT, ENETUNREACH};
        struct net_setup setup = {.give_up_ms = 20000};
        uint32_t rng = seed * 2654435761U;
        size_t promised = 0;

        for (int f = 0; f < FAMILIES; f++) {
            struct net_family *family = &setup.family[f];
            family->asked = true;
            family->answers = 1;
            family->answer[0].at_ms = (int)unit_below(&rng, 120);
            family->answer[0].count = (int)unit_below(&rng, NET_FATES + 1);
            promised += (size_t)family->answer[0].count;
            for (size_t i = 0; i < NET_FATES; i++) {
                family->fate[i].what = 1 + unit_below(&rng, 3);
                family->fate[i].after_ms = (int)unit_below(&rng, 600);
                family->fate[i].error = errors[unit_below(&rng, 3)];
                if (family->fate[i].what == NET_CONNECTS) {
                    family->fate[i].error = 0;
                    if (unit_below(&rng, 3))
                        family->fate[i].what = NET_BLACK_HOLE;
                }
            }
        }
        fake_net_init(&net, &setup, (int64_t)unit_below(&rng, 2) * 13);
        int handle = happy_dial(&fake_net_ops, &net, &net.addresses, &report);
        fake_net_finish(&net, handle, &report);
        if (net.broken[0])
            unit_fail("seed %u: %s", seed, net.broken);
        if (handle < 0 && report.count != promised)
            unit_fail("seed %u: %zu of %zu addresses tried", seed, report.count, promised);
    }
}

int main(void)
{
    static struct unit unit;
    UNIT_ROWS(&unit, race, race_rows);
    UNIT_ROWS(&unit, race_with_noise, race_rows);
    UNIT_TEST(&unit, all_sixty_four_in_turn);
    UNIT_TEST(&unit, random_networks);
    return unit_run(&unit, "happy");
}
