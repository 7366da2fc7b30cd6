/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/keyword.h"
#include "core/clock.h"
#include "tests/unit/fake_unit.h"

static const struct place first = {"first", 1}, second = {"second", 2};

static const struct place *place_of(const struct config *config, const char *keyword)
{
    return &config->said[keyword_find(keyword, strlen(keyword)) - keywords];
}

static void nothing_in(struct config *config)
{
    struct config fresh;

    config_init(&fresh);
    assert_memory_equal(config, &fresh, sizeof(fresh));
}

/* --- the whole --- */

static void defaults(void **state)
{
    (void)state;
    struct config config;

    config_init(&config);
    assert_int_equal(config.family, AF_UNSPEC);
    assert_int_equal(config.timeout_ns, 60 * CLOCK_S);
    assert_int_equal(config.attempt_delay_ns, 300 * CLOCK_MS);
    assert_int_equal(config.remember_ns, 3600 * CLOCK_S);
    assert_null(config.log_file);
    assert_false(config.log_system);
    assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
    assert_int_equal(config.via_count, 0);
    assert_int_equal(config.block_count, 0);
    for (size_t i = 0; i < KEYWORDS_MAX; i++)
        assert_null(config.said[i].source);
    config_release(&config);
    nothing_in(&config);
    config_release(&config);
}

static void sources(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;
    char name[] = "/etc/stile/config";

    config_init(&config);
    const char *one = config_source(&config, name, &err);
    assert_string_equal(one, name);
    assert_ptr_not_equal(one, name);
    name[1] = 'x';
    assert_string_equal(one, "/etc/stile/config");
    const char *other = config_source(&config, name, &err);
    assert_string_equal(other, name);
    assert_ptr_equal(config_source(&config, "/etc/stile/config", &err), one);
    assert_ptr_equal(config_source(&config, name, &err), other);
    assert_int_equal(config.source_count, 2);
    config_release(&config);
    nothing_in(&config);
}

/* --- values --- */

static void the_first_value_counts(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_int_equal(config_say(&config, "timeout", "5", &first, &err), 0);
    assert_int_equal(config_say(&config, "Timeout", "6", &second, &err), 0);
    assert_int_equal(config.timeout_ns, 5 * CLOCK_S);
    assert_string_equal(place_of(&config, "Timeout")->source, "first");
    assert_int_equal(place_of(&config, "Timeout")->line, 1);
    assert_int_equal(config_say(&config, "LogFile", "/a", &second, &err), 0);
    assert_int_equal(config_say(&config, "LogFile", "/b", &first, &err), 0);
    assert_string_equal(config.log_file, "/a");
    assert_string_equal(place_of(&config, "LogFile")->source, "second");
    assert_null(place_of(&config, "Log")->source);
    assert_err_unset(&err);
    config_release(&config);
    nothing_in(&config);
}

static void none_counts_as_said(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_int_equal(config_say(&config, "LogFile", "none", &first, &err), 0);
    assert_int_equal(config_say(&config, "LogFile", "/b", &second, &err), 0);
    assert_null(config.log_file);
    config_release(&config);
}

static void later_values_are_checked(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_int_equal(config_say(&config, "Log", "x", &first, &err), -1);
    assert_string_equal(err_text(&err), "Log: want syslog or none");
    assert_err(&err, ERR_USAGE, NULL);
    nothing_in(&config);
    assert_int_equal(config_say(&config, "Log", "syslog", &first, &err), 0);
    assert_int_equal(config_say(&config, "LOG", "x", &second, &err), -1);
    assert_string_equal(err_text(&err), "Log: want syslog or none");
    assert_err(&err, ERR_USAGE, NULL);
    assert_true(config.log_system);
    config_release(&config);
}

static void not_a_value(void **state)
{
    (void)state;
    static const char *const names[] = {"Via", "Host", "Match", "Hop", "Include", "Vai", ""};
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(config_say(&config, names[i], "x", &first, &err), -1);
        assert_err(&err, ERR_USAGE, "no keyword with a value");
    }
    nothing_in(&config);
}

static void mark(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    config.timeout_ns = 5 * CLOCK_S;
    config_mark(&config, "timeout", &first);
    assert_string_equal(place_of(&config, "Timeout")->source, "first");
    assert_int_equal(config_say(&config, "Timeout", "6", &second, &err), 0);
    assert_int_equal(config.timeout_ns, 5 * CLOCK_S);
    config_release(&config);
}

/* --- routes --- */

static void routes(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;
    char text[] = "socks5://a";

    config_init(&config);
    assert_int_equal(config_via(&config, text, false, &first, &err), 0);
    text[9] = 'b';
    assert_int_equal(config_via(&config, text, true, &second, &err), 0);
    assert_int_equal(config.via_count, 2);
    assert_string_equal(config.via[0].text, "socks5://a");
    assert_false(config.via[0].is_jump);
    assert_string_equal(config.via[0].place.source, "first");
    assert_string_equal(config.via[1].text, "socks5://b");
    assert_true(config.via[1].is_jump);
    assert_int_equal(config.via[1].place.line, 2);
    config_release(&config);
    nothing_in(&config);
}

/* --- Hop blocks --- */

static void blocks(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    struct hop_block *block = config_hop_block(&config, "HTTP://Proxy:3128", &first, &err);
    assert_non_null(block);
    assert_string_equal(block->hop.scheme, "http");
    assert_string_equal(block->hop.address.host, "Proxy");
    assert_int_equal(block->hop.address.port, 3128);
    assert_int_equal(block->place.line, 1);
    assert_int_equal(config_hop_setting(block, "UseR", "alice", &second, &err), 0);
    assert_int_equal(config_hop_setting(block, "user", "bob", &second, &err), 0);
    block = config_hop_block(&config, NULL, &second, &err);
    assert_non_null(block);
    assert_null(block->hop.scheme);
    assert_non_null(config_hop_block(&config, "socks5://unix:/run/x", &second, &err));
    assert_int_equal(config.block_count, 3);
    const struct hop *hop = &config.block[0].hop;
    assert_int_equal(hop->setting_count, 2);
    assert_string_equal(hop->settings[0].name, "user");
    assert_string_equal(hop->settings[0].value, "alice");
    assert_int_equal(hop->settings[0].column, 0);
    assert_string_equal(hop->settings[0].place.source, "second");
    assert_string_equal(hop_setting(hop, "user"), "alice");
    assert_err_unset(&err);
    config_release(&config);
    nothing_in(&config);
}

static const struct block_row {
    const char *name;
    const char *url;
    const char *message;
} block_rows[] = {
    {"empty", "", "column 1: a hop is missing"},
    {"direct", "direct", "want one proxy or gateway: scheme://host[:port]"},
    {"a command", "exec:nc %h %p", "want one proxy or gateway: scheme://host[:port]"},
    {"two", "http://a:1,http://b:1", "want one proxy or gateway: scheme://host[:port]"},
    {"a user", "http://alice@a:1", "the user goes into a line of the block: User alice"},
    {"a setting", "http://a:1?auth=basic", "settings go into lines of the block"},
    {"no URL", "proxy:3128",
     "column 1: want scheme://host:port, exec:command, or direct or env alone"},
    {"a password", "http://alice:hunter2@a:1",
     "the user goes into a line of the block: User alice"},
};

static void bad_block(void **state)
{
    const struct block_row *row = *state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_null(config_hop_block(&config, row->url, &first, &err));
    assert_string_equal(err_text(&err), row->message);
    assert_err(&err, ERR_USAGE, NULL);
    assert_int_equal(config.block_count, 0);
    assert_non_null(config_hop_block(&config, "http://a:1", &first, &err));
    config_release(&config);
    nothing_in(&config);
}

static void no_password_in_a_block(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    struct hop_block *block = config_hop_block(&config, "http://a:1", &first, &err);
    assert_non_null(block);
    assert_int_equal(config_hop_setting(block, "PassWord", "hunter2", &first, &err), -1);
    assert_null(strstr(err_text(&err), "hunter2"));
    assert_err(&err, ERR_USAGE, "PasswordCommand");
    assert_int_equal(block->hop.setting_count, 0);
    config_release(&config);
}

/* --- -o --- */

static const struct option_row {
    const char *name; /* the option */
    const char *keyword, *value;
} option_rows[] = {
    {"Timeout=5", "Timeout", "5s"},          {"timeout 5", "Timeout", "5s"},
    {"TIMEOUT = 5", "Timeout", "5s"},        {"Timeout\t=\t5", "Timeout", "5s"},
    {"LogFile=/a b=c", "LogFile", "/a b=c"}, {"AttemptDelay=none", "AttemptDelay", "none"},
};

static void option(void **state)
{
    const struct option_row *row = *state;
    const struct keyword *keyword = keyword_find(row->keyword, strlen(row->keyword));
    struct config config;
    struct err err = ERR_INIT;
    char *shown = NULL;

    config_init(&config);
    assert_int_equal(config_option(&config, row->name, &err), 0);
    assert_err_unset(&err);
    keyword->print((const char *)&config + keyword->field, &shown);
    assert_string_equal(shown, row->value);
    assert_string_equal(place_of(&config, row->keyword)->source, "-o");
    assert_int_equal(place_of(&config, row->keyword)->line, 0);
    free(shown);
    config_release(&config);
}

static void option_routes(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_int_equal(config_option(&config, "Via=exec:nc %h %p", &err), 0);
    assert_int_equal(config_option(&config, "via direct", &err), 0);
    assert_int_equal(config.via_count, 2);
    assert_string_equal(config.via[0].text, "exec:nc %h %p");
    assert_string_equal(config.via[1].text, "direct");
    assert_string_equal(config.via[1].place.source, "-o");
    config_release(&config);
}

/* All of them are for the one hop of the one route. */
static void option_settings(void **state)
{
    (void)state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_non_null(config_hop_block(&config, "http://a:1", &first, &err));
    assert_int_equal(config_option(&config, "Auth=ntlm", &err), 0);
    assert_int_equal(config_option(&config, "PasswordCommand secret-tool 'a b' c=d", &err), 0);
    assert_int_equal(config.block_count, 2);
    const struct hop *hop = &config.block[1].hop;
    assert_null(hop->scheme);
    assert_string_equal(hop_setting(hop, "auth"), "ntlm");
    assert_string_equal(hop_setting(hop, "passwordcommand"), "secret-tool 'a b' c=d");
    assert_string_equal(hop->settings[0].place.source, "-o");
    config_release(&config);
    nothing_in(&config);
}

static const struct block_row bad_option_rows[] = {
    {"empty", "", "want Name=value"},
    {"no name", "=5", "want Name=value"},
    {"no value", "Timeout", "want Name=value"},
    {"an empty value", "Timeout=", "want Name=value"},
    {"blanks for a value", "Timeout  ", "want Name=value"},
    {"a blank in front", " Timeout=5", "want Name=value"},
    {"a bad value", "timeout=x",
     "Timeout: bad time 'x': want more than 0, such as 30, 1.5, 300ms, 2m, 1h"},
    {"Host", "host=x", "Host can only be said in a file"},
    {"Match", "Match all", "Match can only be said in a file"},
    {"Hop", "Hop http://a:1", "Hop can only be said in a file"},
    {"Include", "Include=x", "Include can only be said in a file"},
    {"a password", "Password=hunter2", HOP_NO_PASSWORD},
};

static void bad_option(void **state)
{
    const struct block_row *row = *state;
    struct config config;
    struct err err = ERR_INIT;

    config_init(&config);
    assert_int_equal(config_option(&config, row->url, &err), -1);
    assert_string_equal(err_text(&err), row->message);
    assert_err(&err, ERR_USAGE, NULL);
    config_release(&config);
}

static void no_hop(void **state)
{
    (void)state;
    struct err err = ERR_INIT;

    assert_int_equal(config_no_hop("Timeoot", &err), -1);
    assert_err(&err, ERR_USAGE, "did you mean Timeout?");
    assert_int_equal(config_no_hop("passwordcommand", &err), -1);
    assert_null(strstr(err_text(&err), "mean"));
    assert_err(&err, ERR_USAGE, "passwordcommand");
    assert_int_equal(config_no_hop("Vja", &err), -1);
    assert_err(&err, ERR_USAGE, "did you mean Via?");
    /* Near are Host and Hop, which -o doesn't take. */
    for (size_t i = 0; i < 2; i++) {
        const char *const blocks[] = {"Hosts", "Foo"};
        assert_int_equal(config_no_hop(blocks[i], &err), -1);
        assert_null(strstr(err_text(&err), "mean"));
        assert_err(&err, ERR_USAGE, blocks[i]);
    }
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, defaults);
    UNIT_TEST(&unit, sources);
    UNIT_TEST(&unit, the_first_value_counts);
    UNIT_TEST(&unit, none_counts_as_said);
    UNIT_TEST(&unit, later_values_are_checked);
    UNIT_TEST(&unit, not_a_value);
    UNIT_TEST(&unit, mark);
    UNIT_TEST(&unit, routes);
    UNIT_TEST(&unit, blocks);
    UNIT_ROWS(&unit, bad_block, block_rows);
    UNIT_TEST(&unit, no_password_in_a_block);
    UNIT_ROWS(&unit, option, option_rows);
    UNIT_TEST(&unit, option_routes);
    UNIT_TEST(&unit, option_settings);
    UNIT_ROWS(&unit, bad_option, bad_option_rows);
    UNIT_TEST(&unit, no_hop);
    return unit_run(&unit, "config");
}
