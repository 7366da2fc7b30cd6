/* SPDX-License-Identifier: MIT */
#include "transports/ssh/agent.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_player.h"
#include "tests/unit/fake_unit.h"

#define LIMIT_MS 10000
#define SOON_MS 40

/* --- what is asked --- */

#define ASK_LIST "\0\0\0\1\13"

/* Key "K", data "DATA" with the algorithm in it, flags. */
#define ASK_SIGN(flags) "\0\0\0\22\15\0\0\0\1K\0\0\0\4DATA\0\0\0" flags

/* --- answers that are lists --- */

struct list_row {
    const char *name;
    const char *answer;
    size_t size;
    int count;       /* -1: it is refused */
    const char *why; /* or NULL */
};

#define ANSWER(text) (text), sizeof(text) - 1

static const struct list_row list_rows[] = {
    {"no keys", ANSWER("\14\0\0\0\0"), 0, NULL},
    {"one", ANSWER("\14\0\0\0\1\0\0\0\2ab\0\0\0\3cde"), 1, NULL},
    {"two", ANSWER("\14\0\0\0\2\0\0\0\2ab\0\0\0\0\0\0\0\1c\0\0\0\1d"), 2, NULL},
    {"more behind it", ANSWER("\14\0\0\0\0more"), 0, NULL},
    {"nothing", ANSWER(""), -1, "makes no sense"},
    {"failure", ANSWER("\5"), -1, "refuses"},
    {"failure of an extension", ANSWER("\34"), -1, "refuses"},
    {"another message", ANSWER("\6\0\0\0\0"), -1, "makes no sense"},
    {"no count", ANSWER("\14\0\0\0"), -1, "makes no sense"},
    {"a key that is missing", ANSWER("\14\0\0\0\1"), -1, "makes no sense"},
    {"a second key that is missing", ANSWER("\14\0\0\0\2\0\0\0\2ab\0\0\0\3cde"), -1, NULL},
    {"an empty blob", ANSWER("\14\0\0\0\1\0\0\0\0\0\0\0\3cde"), -1, "makes no sense"},
    {"a blob that ends early", ANSWER("\14\0\0\0\1\0\0\0\3ab"), -1, "makes no sense"},
    {"a comment that ends early", ANSWER("\14\0\0\0\1\0\0\0\2ab\0\0\0\4cde"), -1, NULL},
    {"no comment", ANSWER("\14\0\0\0\1\0\0\0\2ab"), -1, "makes no sense"},
    {"a blob without end", ANSWER("\14\0\0\0\1\377\377\377\377ab\0\0\0\0"), -1, NULL},
    {"as many as may be, and none there", ANSWER("\14\0\0\10\0"), -1, "makes no sense"},
    {"one more", ANSWER("\14\0\0\10\1"), -1, "2049 keys"},
    {"keys without end", ANSWER("\14\377\377\377\377"), -1, "4294967295 keys"},
};

static void list_is_read(void **state)
{
    const struct list_row *row = *state;
    struct agent_keys keys;
    struct err err = ERR_INIT;
    /* Of its very size, so that a byte too far is seen. */
    uint8_t *answer = malloc(row->size ? row->size : 1);

    assert_non_null(answer);
    memcpy(answer, row->answer, row->size);
    int done = agent_read_keys(&keys, answer, row->size, &err);
    free(answer);
    if (row->count == -1) {
        assert_int_equal(done, -1);
        assert_err(&err, ERR_AUTH, row->why);
        assert_null(keys.key);
        assert_int_equal(keys.count, 0);
    } else {
        assert_int_equal(done, 0);
        assert_err_unset(&err);
        assert_int_equal(keys.count, row->count);
    }
    agent_keys_release(&keys);
    agent_keys_release(&keys);
}

static void a_list_has_what_was_said(void **state)
{
    static const char answer[] = "\14\0\0\0\2\0\0\0\3a\0b\0\0\0\5alice\0\0\0\1c\0\0\0\3x\0y";
    struct agent_keys keys;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(agent_read_keys(&keys, (const uint8_t *)answer, sizeof(answer) - 1, &err), 0);
    assert_int_equal(keys.count, 2);
    assert_int_equal(keys.key[0].size, 3);
    assert_memory_equal(keys.key[0].blob, "a\0b", 3);
    assert_string_equal(keys.key[0].comment, "alice");
    assert_int_equal(keys.key[1].size, 1);
    assert_string_equal(keys.key[1].comment, "x");
    agent_keys_release(&keys);
}

/* --- answers that are signatures --- */

struct signature_row {
    const char *name;
    const char *answer;
    size_t size;
    const char *algorithm;
    const char *signature; /* NULL: it is refused */
    const char *why;
};

static const struct signature_row signature_rows[] = {
    {"a signature", ANSWER("\16\0\0\0\15\0\0\0\3alg\0\0\0\2si"), "alg", "si", NULL},
    {"more behind it", ANSWER("\16\0\0\0\15\0\0\0\3alg\0\0\0\2simore"), "alg", "si", NULL},
    {"nothing", ANSWER(""), "alg", NULL, "makes no sense"},
    {"failure", ANSWER("\5"), "alg", NULL, "refuses"},
    {"another message", ANSWER("\14\0\0\0\0"), "alg", NULL, "makes no sense"},
    {"another algorithm", ANSWER("\16\0\0\0\15\0\0\0\3abc\0\0\0\2si"), "alg", NULL, "than alg"},
    {"a shorter name", ANSWER("\16\0\0\0\14\0\0\0\2al\0\0\0\2si"), "alg", NULL, "than alg"},
    {"an empty one", ANSWER("\16\0\0\0\13\0\0\0\3alg\0\0\0\0"), "alg", NULL, "makes no sense"},
    {"none", ANSWER("\16\0\0\0\7\0\0\0\3alg"), "alg", NULL, "makes no sense"},
    {"no name", ANSWER("\16\0\0\0\0"), "alg", NULL, "makes no sense"},
    {"it ends early", ANSWER("\16\0\0\0\15\0\0\0\3alg\0\0\0\2s"), "alg", NULL, "makes no sense"},
    {"longer than the whole", ANSWER("\16\0\0\0\15\0\0\0\3alg\0\0\0\3si"), "alg", NULL, NULL},
    {"bytes within", ANSWER("\16\0\0\0\16\0\0\0\3alg\0\0\0\2si!"), "alg", NULL, "makes no sense"},
    {"without end", ANSWER("\16\377\377\377\377\0\0\0\3alg\0\0\0\2si"), "alg", NULL, NULL},
};

static void signature_is_read(void **state)
{
    const struct signature_row *row = *state;
    struct agent_signature signature;
    struct err err = ERR_INIT;
    uint8_t *answer = malloc(row->size ? row->size : 1);

    assert_non_null(answer);
    memcpy(answer, row->answer, row->size);
    int done = agent_read_signature(&signature, row->algorithm, answer, row->size, &err);
    free(answer);
    if (row->signature) {
        assert_int_equal(done, 0);
        assert_err_unset(&err);
        assert_int_equal(signature.size, strlen(row->signature));
        assert_memory_equal(signature.data, row->signature, signature.size);
    } else {
        assert_int_equal(done, -1);
        assert_err(&err, ERR_AUTH, row->why);
        assert_null(signature.data);
    }
    free(signature.data);
}

/* --- conversations --- */

struct talk {
    struct fake_ctx fake;
    struct stream *agent;
    struct player *player;
};

static void talk_start(struct talk *talk, const struct player_script *script, int limit_ms)
{
    int ends[2];

    fd_socketpair(ends);
    fake_ctx_init(&talk->fake, limit_ms);
    talk->agent = stream_fd_new(ends[0], ends[0]);
    assert_non_null(talk->agent);
    talk->player = player_start(ends[1], script);
}

static void talk_finish(struct talk *talk)
{
    stream_close(talk->agent);
    player_finish(talk->player);
}

static void the_agent_is_asked_for_its_keys(void **state)
{
    static const struct player_script scripts[] = {
        {{GETS(ASK_LIST), PUTS("\0\0\0\24\14\0\0\0\1\0\0\0\2ab\0\0\0\5alice")}},
        {{GETS(ASK_LIST), TRICKLES("\0\0\0\24\14\0\0\0\1\0\0\0\2ab\0\0\0\5alice")}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct agent_keys keys;
        struct talk talk;
        talk_start(&talk, &scripts[i], LIMIT_MS);
        assert_int_equal(agent_list(talk.agent, &keys, &talk.fake.ctx), 0);
        assert_int_equal(keys.count, 1);
        assert_string_equal(keys.key[0].comment, "alice");
        agent_keys_release(&keys);
        talk_finish(&talk);
    }
}

struct ask_row {
    const char *name; /* the algorithm */
    struct player_script script;
};

static const struct ask_row ask_rows[] = {
    {"ssh-ed25519",
     {{GETS(ASK_SIGN("\0")), PUTS("\0\0\0\34\16\0\0\0\27\0\0\0\13ssh-ed25519\0\0\0\4SIGN")}}},
    {"rsa-sha2-256",
     {{GETS(ASK_SIGN("\2")), PUTS("\0\0\0\35\16\0\0\0\30\0\0\0\14rsa-sha2-256\0\0\0\4SIGN")}}},
    {"rsa-sha2-512",
     {{GETS(ASK_SIGN("\4")), PUTS("\0\0\0\35\16\0\0\0\30\0\0\0\14rsa-sha2-512\0\0\0\4SIGN")}}},
};

static void the_agent_signs(void **state)
{
    const struct ask_row *row = *state;
    const struct agent_request request = {
        (const uint8_t *)"K", 1, (const uint8_t *)"DATA", 4, row->name,
    };
    struct agent_signature signature;
    struct talk talk;

    talk_start(&talk, &row->script, LIMIT_MS);
    assert_int_equal(agent_sign(talk.agent, &request, &signature, &talk.fake.ctx), 0);
    assert_int_equal(signature.size, 4);
    assert_memory_equal(signature.data, "SIGN", 4);
    free(signature.data);
    talk_finish(&talk);
}

struct rude_row {
    const char *name;
    struct player_script script;
    enum err_code code;
    const char *why;
};

static const struct rude_row rude_rows[] = {
    {"it hangs up", {{GETS(ASK_LIST), HANGS_UP}}, ERR_REFUSED, "closed"},
    {"it hangs up within", {{GETS(ASK_LIST), PUTS("\0\0\0\5\14\0\0"), HANGS_UP}}, ERR_REFUSED, ""},
    {"an answer of nothing", {{GETS(ASK_LIST), PUTS("\0\0\0\0")}}, ERR_AUTH, "makes no sense"},
    {"an answer that is too long", {{GETS(ASK_LIST), PUTS("\0\4\0\1\14")}}, ERR_AUTH, "no sense"},
    {"an endless answer", {{GETS(ASK_LIST), PUTS("\377\377\377\377\14")}}, ERR_AUTH, "no sense"},
    {"no answer", {{GETS(ASK_LIST)}}, ERR_TIME, "the agent"},
    {"half an answer", {{GETS(ASK_LIST), PUTS("\0\0\0\5\14")}}, ERR_TIME, "the agent"},
};

static void a_rude_agent(void **state)
{
    const struct rude_row *row = *state;
    struct agent_keys keys;
    struct talk talk;

    talk_start(&talk, &row->script, row->code == ERR_TIME ? SOON_MS : LIMIT_MS);
    assert_int_equal(agent_list(talk.agent, &keys, &talk.fake.ctx), -1);
    assert_err(&talk.fake.err, row->code, row->why);
    assert_null(keys.key);
    talk_finish(&talk);
}

static void too_much_is_not_sent(void **state)
{
    static const struct player_script script = {{GETS("")}};
    uint8_t *data = calloc(1, AGENT_MESSAGE_MAX);
    const struct agent_request request = {data, 1, data, AGENT_MESSAGE_MAX - 17, "ssh-ed25519"};
    struct agent_signature signature;
    struct talk talk;

    (void)state;
    assert_non_null(data);
    talk_start(&talk, &script, LIMIT_MS);
    assert_int_equal(agent_sign(talk.agent, &request, &signature, &talk.fake.ctx), -1);
    assert_err(&talk.fake.err, ERR_AUTH, "too much");
    talk_finish(&talk);
    free(data);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, list_is_read, list_rows);
    UNIT_TEST(&unit, a_list_has_what_was_said);
    UNIT_ROWS(&unit, signature_is_read, signature_rows);
    UNIT_TEST(&unit, the_agent_is_asked_for_its_keys);
    UNIT_ROWS(&unit, the_agent_signs, ask_rows);
    UNIT_ROWS(&unit, a_rude_agent, rude_rows);
    UNIT_TEST(&unit, too_much_is_not_sent);
    return unit_run(&unit, "agent");
}
