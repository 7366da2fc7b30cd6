/* SPDX-License-Identifier: MIT */
/* Which routes a target has, of what was said. */
#include "config/ways.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"
#include "transports/registry.h"

#define SAID_MAX 6

static const struct place by_option = {"-x", 0}, in_file = {"/x/config", 4};

/* What was said, and what becomes of it. */
struct scene {
    struct config config;
    struct ways ways;
    struct endpoint target;
    struct err err;
};

static void scene_init(struct scene *scene, const char *host)
{
    *scene = (struct scene){.ways = WAYS_INIT, .target = ENDPOINT_INIT, .err = ERR_INIT};
    config_init(&scene->config);
    assert_int_equal(endpoint_set(&scene->target, host, "22", &scene->err), 0);
}

static void scene_release(struct scene *scene)
{
    ways_release(&scene->ways);
    endpoint_release(&scene->target);
    config_release(&scene->config);
}

static void say(struct scene *scene, const char *route, bool is_jump, const struct place *place)
{
    assert_int_equal(config_via(&scene->config, route, is_jump, place, &scene->err), 0);
}

static int settle(struct scene *scene)
{
    return ways_settle(&scene->ways, &scene->config, &scene->target, registry_default_port,
                       &scene->err);
}

/* --- good ones --- */

static const struct good_row {
    const char *name;
    const char *via[SAID_MAX];
    const struct place *place;
    bool is_jump;
    const char *text[SAID_MAX]; /* NULL behind the last one */
    size_t hops[SAID_MAX];
} good_rows[] = {
    {"nothing said", {NULL}, NULL, false, {"direct"}, {0}},
    {"direct", {"direct"}, &by_option, false, {"direct"}, {0}},
    {"env", {"env"}, &in_file, false, {"direct"}, {0}},
    {"a list", {"http://a:1,ssh://b"}, &by_option, false, {"http://a:1,ssh://b"}, {2}},
    {"alternatives",
     {"direct", "http://a:1", "ENV"},
     &in_file,
     false,
     {"direct", "http://a:1", "direct"},
     {0, 1, 0}},
    {"gateways", {"alice@a,b:2222"}, &by_option, true, {"ssh://a,ssh://b:2222"}, {2}},
    {"a password",
     {"socks5://u:p@a:1,http://v:q:@b?auth=basic,http://c"},
     &in_file,
     false,
     {"socks5://a:1,http://b,http://c"},
     {3}},
    {"headers",
     {"http://u:p@a?header=X:y&auth=basic&HEADER=Z:,http://b?noheader=1&header=A:b"},
     &in_file,
     false,
     {"http://a,http://b"},
     {2}},
    {"what only looks like one", {"http://a:1?user=x:y@z"}, &in_file, false, {"http://a:1"}, {1}},
    {"a command",
     {"exec:echo http://u:p\\,x@y,http://b:1"},
     &in_file,
     false,
     {"exec:echo,http://b:1"},
     {2}},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    struct scene scene;

    scene_init(&scene, "127.0.0.1");
    for (size_t i = 0; row->via[i]; i++)
        say(&scene, row->via[i], row->is_jump, row->place);
    if (settle(&scene) == -1)
        unit_fail("%s", err_text(&scene.err));
    for (size_t i = 0; i < scene.ways.count; i++) {
        if (row->text[0])
            assert_string_equal(scene.ways.way[i].text, row->text[i]);
        assert_int_equal(scene.ways.way[i].hops.count, row->hops[i]);
        assert_ptr_equal(scene.ways.way[i].place.source, row->place ? row->place->source : NULL);
    }
    assert_true(scene.ways.count == SAID_MAX || !row->text[scene.ways.count]);
    scene_release(&scene);
}

/* --- bad ones --- */

static const struct bad_row {
    const char *name; /* and the route */
    const struct place *place;
    bool is_jump;
    const char *message;
} bad_rows[] = {
    {"nope", &by_option, false, "-x: column 1: "},
    {"http://a,nope", &in_file, false, "/x/config:4: Via: column 10: "},
    {"http://u:hunter2@a", &by_option, false, "-x: column 10: "},
    {"a,,b", &by_option, true, "-x: column 3: "},
    {"", &in_file, false, "/x/config:4: Via: column 1: "},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    struct scene scene;

    scene_init(&scene, "db");
    say(&scene, row->name, row->is_jump, row->place);
    assert_int_equal(settle(&scene), -1);
    assert_null(strstr(err_text(&scene.err), "hunter2"));
    assert_err(&scene.err, ERR_USAGE, row->message);
    assert_int_equal(scene.ways.count, 0);
    scene_release(&scene);
}

/* --- settings of hops --- */

static const struct block_row {
    const char *name;
    const char *block;
    const char *route;
    const char *user; /* of the last hop */
} block_rows[] = {
    {"the same", "http://a:3128", "http://a:3128", "alice"},
    {"the port is the default one", "http://a", "http://a:80", "alice"},
    {"and the other way round", "https://a:443", "https://a", "alice"},
    {"of none that has a default", "ssh://a", "ssh://bob@a", "alice"},
    {"in capitals", "HTTP://A", "http://a", "alice"},
    {"the second hop", "socks5://b", "http://a,socks5://b:1080", "alice"},
    {"a path", "http://unix:/x", "http://unix:/x", "alice"},
    {"what the URL says comes first", "http://a", "http://a?user=bob", "bob"},
    {"another port", "http://a:3128", "http://a", NULL},
    {"another scheme", "https://a:80", "http://a", NULL},
    {"another host", "http://ab", "http://a", NULL},
    {"a port of ssh", "ssh://a:22", "ssh://a", "alice"},
    {"another port of ssh", "ssh://a:2222", "ssh://a", NULL},
    {"an address in other words", "socks5://[2001:DB8::1]", "socks5://[2001:db8:0::1]", "alice"},
    {"another address", "socks5://[2001:db8::1]", "socks5://[2001:db8::2]", NULL},
    {"another path", "http://unix:/x", "http://unix:/xy", NULL},
    {"a command", "http://a", "exec:a", NULL},
};

static void blocks(void **state)
{
    const struct block_row *row = *state;
    struct scene scene;
    static const struct place line = {"/x/config", 5};

    scene_init(&scene, "db");
    say(&scene, row->route, false, &in_file);
    struct hop_block *block = config_hop_block(&scene.config, row->block, &in_file, &scene.err);
    assert_non_null(block);
    assert_int_equal(config_hop_setting(block, "User", "alice", &line, &scene.err), 0);
    assert_int_equal(settle(&scene), 0);
    const struct hops *hops = &scene.ways.way[0].hops;
    const struct setting *user = hop_find_setting(&hops->hop[hops->count - 1], "user");
    if (row->user) {
        assert_non_null(user);
        assert_string_equal(user->value, row->user);
        assert_int_equal(user->place.line, strcmp(row->user, "alice") == 0 ? 5 : 0);
    } else {
        assert_null(user);
    }
    scene_release(&scene);
}

static const struct option_row {
    const char *name;
    const char *via[SAID_MAX];
    const char *message; /* NULL: it is taken */
} option_rows[] = {
    {"the only hop", {"http://a"}, NULL},
    {"no hop", {"direct"}, "-o: auth: is for a hop, and there is none"},
    {"two hops", {"http://a,http://b"}, "-o: auth: there are 2 hops"},
    {"two routes", {"http://a", "http://b"}, "-o: auth: there are 2 routes"},
};

static void options(void **state)
{
    const struct option_row *row = *state;
    struct scene scene;

    scene_init(&scene, "db");
    for (size_t i = 0; row->via[i]; i++)
        say(&scene, row->via[i], false, &by_option);
    assert_int_equal(config_option(&scene.config, "Auth=basic", &scene.err), 0);
    int done = settle(&scene);
    if (row->message) {
        assert_int_equal(done, -1);
        assert_err(&scene.err, ERR_USAGE, row->message);
    } else {
        assert_int_equal(done, 0);
        assert_string_equal(hop_setting(&scene.ways.way[0].hops.hop[0], "auth"), "basic");
    }
    scene_release(&scene);
}

int main(void)
{
    struct unit unit = {.count = 0};

    UNIT_ROWS(&unit, good, good_rows);
    UNIT_ROWS(&unit, bad, bad_rows);
    UNIT_ROWS(&unit, blocks, block_rows);
    UNIT_ROWS(&unit, options, option_rows);
    return unit_run(&unit, "ways");
}
