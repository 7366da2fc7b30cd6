/* SPDX-License-Identifier: MIT */
#include "config/netrc.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_unit.h"

#define NONE NULL

static void string_is(const char *got, const char *wanted)
{
    if (wanted) {
        assert_non_null(got);
        assert_string_equal(got, wanted);
    } else if (got) {
        unit_fail("there is `%s`, and nothing was wanted", got);
    }
}

static void release(struct netrc_entry *entry)
{
    netrc_release(entry);
    assert_null(entry->login);
    assert_null(entry->password);
    netrc_release(entry);
}

/* All of them look for `proxy`, and for `login` where one is given. */
static const struct found_row {
    const char *name;
    const char *text;
    const char *login;
    const char *wanted_login;
    const char *wanted_password;
} found_rows[] = {
    {"one line", "machine proxy login alice password pw\n", NONE, "alice", "pw"},
    {"no line end", "machine proxy login alice password pw", NONE, "alice", "pw"},
    {"a line each", "machine proxy\nlogin alice\npassword pw\n", NONE, "alice", "pw"},
    {"a word each line", "machine\nproxy\nlogin\nalice\npassword\npw", NONE, "alice", "pw"},
    {"indented, blank lines", "machine proxy\n\n\tlogin alice\n\n  password pw\n", NONE, "alice",
     "pw"},
    {"CRLF", "machine proxy\r\nlogin alice\r\npassword pw\r\n", NONE, "alice", "pw"},
    {"tabs and more", "\tmachine\t proxy\v\flogin  alice\tpassword\tpw\t", NONE, "alice", "pw"},
    {"password first", "machine proxy password pw login alice", NONE, "alice", "pw"},
    {"behind others", "machine a login b password c\nmachine proxy login alice password pw", NONE,
     "alice", "pw"},
    {"before others", "machine proxy login alice password pw\nmachine a login b password c", NONE,
     "alice", "pw"},
    {"behind a machine without anything", "machine a machine proxy login alice password pw", NONE,
     "alice", "pw"},

    {"letters of the machine in either case", "machine PROXY login alice password pw", NONE,
     "alice", "pw"},
    {"keywords in either case", "MACHINE proxy Login alice PassWord pw", NONE, "alice", "pw"},

    {"no login", "machine proxy password pw", NONE, NONE, "pw"},
    {"no password", "machine proxy login alice", NONE, "alice", NONE},
    {"neither", "machine proxy", NONE, NONE, NONE},
    {"neither, and another behind", "machine proxy machine a login b password c", NONE, NONE, NONE},
    {"a keyword without its value", "machine proxy login alice password", NONE, "alice", NONE},
    {"account", "machine proxy account password login alice password pw", NONE, "alice", "pw"},
    {"unknown words", "machine proxy port 3128 login alice password pw", NONE, "alice", "pw"},
    {"the last login and the last password", "machine proxy login a login b password c password d",
     NONE, "b", "d"},

    {"the first entry", "machine proxy login a password b machine proxy login c password d", NONE,
     "a", "b"},
    {"the first entry, though it lacks a login", "machine proxy machine proxy login c password d",
     NONE, NONE, NONE},
    {"this login", "machine proxy login alice password pw", "alice", "alice", "pw"},
    {"this login, in the second entry",
     "machine proxy login a password b machine proxy login alice password pw", "alice", "alice",
     "pw"},
    {"this login, in the last entry",
     "machine proxy login a password b\nmachine proxy password c\nmachine proxy login alice",
     "alice", "alice", NONE},
    {"this login, behind one of another machine",
     "machine a login alice password b machine proxy login alice password pw", "alice", "alice",
     "pw"},
    {"this login, named behind the password", "machine proxy password pw login alice", "alice",
     "alice", "pw"},
    {"nothing of another login's entry",
     "machine proxy login a password b machine proxy login alice", "alice", "alice", NONE},

    {"default before", "default login x password y machine proxy login alice password pw", NONE,
     "alice", "pw"},
    {"default behind", "machine proxy login alice password pw default login x password y", NONE,
     "alice", "pw"},
    {"default completes nothing", "machine proxy login alice default password y", NONE, "alice",
     NONE},
    {"a value that is called default", "machine proxy login default password pw", NONE, "default",
     "pw"},
    {"values that are called like keywords", "machine proxy login machine password password", NONE,
     "machine", "password"},
    {"a machine that is called machine", "machine machine machine proxy password pw", NONE, NONE,
     "pw"},

    {"quotes", "machine \"proxy\" login \"alice\" password \"pw\"", NONE, "alice", "pw"},
    {"blanks in quotes", "machine proxy login \"a l\tice\" password \" p w \"", NONE, "a l\tice",
     " p w "},
    {"quotes around nothing", "machine proxy login \"\" password \"\"", NONE, "", ""},
    {"backslashes in quotes", "machine proxy password \"\\\"\\\\\\a\\'\\ \"", NONE, NONE,
     "\"\\a' "},
    {"n, r and t behind a backslash", "machine proxy password \"1\\n2\\r3\\t4\"", NONE, NONE,
     "1\n2\r3\t4"},
    {"a comment sign in quotes", "machine proxy password \"#p\" login alice", NONE, "alice", "#p"},
    {"a quote within a word", "machine proxy password p\"w login a\"", NONE, "a\"", "p\"w"},
    {"a backslash without quotes", "machine proxy password p\\w\\\\x\\ login alice", NONE, "alice",
     "p\\w\\\\x\\"},
    {"single quotes are letters", "machine proxy password 'p login alice", NONE, "alice", "'p"},
    {"commas are letters", "machine proxy password p,w login alice,", NONE, "alice,", "p,w"},
    {"bytes above ASCII", "machine proxy password \303\244\377 login \"\303\274\"", NONE,
     "\303\274", "\303\244\377"},

    {"a comment in front", "# machine proxy password no\nmachine proxy password pw", NONE, NONE,
     "pw"},
    {"a comment without a blank", "#machine proxy password no\nmachine proxy password pw", NONE,
     NONE, "pw"},
    {"a comment behind", "machine proxy password pw # password no", NONE, NONE, "pw"},
    {"a comment between", "machine proxy # login no\n#\n password pw\n#", NONE, NONE, "pw"},
    {"comments one behind the other", "#a\n\n#b\r\n \t#c\nmachine proxy password pw", NONE, NONE,
     "pw"},
    {"quotes in a comment", "# it's \"here\nmachine proxy password pw # \"", NONE, NONE, "pw"},
    {"a password that begins with the sign", "machine proxy password #pw login alice", NONE,
     "alice", "#pw"},
    {"a login that begins with the sign", "machine proxy login # password pw", NONE, "#", "pw"},
    {"the sign within a word", "machine proxy password p#w login a#", NONE, "a#", "p#w"},

    {"a macro before",
     "macdef init\nmachine proxy password no\ncd /\n\nmachine proxy password pw\n", NONE, NONE,
     "pw"},
    {"a macro behind", "machine proxy password pw\nmacdef init\npassword no\n", NONE, NONE, "pw"},
    {"a macro within", "machine proxy login alice\nmacdef x\npassword no\n\npassword pw", NONE,
     "alice", "pw"},
    {"a macro with CRLF",
     "macdef x\r\nmachine proxy password no\r\n\r\nmachine proxy password pw\r\n", NONE, NONE,
     "pw"},
    {"a macro without a body", "macdef x\n\nmachine proxy password pw\n", NONE, NONE, "pw"},
    {"a macro without a name", "macdef\ncd /\n\nmachine proxy password pw\n", NONE, NONE, "pw"},
    {"two macros", "macdef a\nx\n\nmacdef b\ny\n\nmachine proxy password pw\n", NONE, NONE, "pw"},
    {"a line of blanks does not end a macro",
     "macdef a\nx\n \nmachine proxy password no\n\nmachine proxy password pw\n", NONE, NONE, "pw"},
    {"the rest of a macro's first line",
     "macdef a machine proxy password no\n\nmachine proxy password pw\n", NONE, NONE, "pw"},
    {"a quote in a macro", "macdef a\n! echo \"\n\nmachine proxy password pw\n", NONE, NONE, "pw"},

    {"an open quote behind it is not seen", "machine proxy password pw machine a password \"x",
     NONE, NONE, "pw"},
    {"an open quote behind default is not seen", "machine proxy password pw default login \"x",
     NONE, NONE, "pw"},
};

static void found(void **state)
{
    const struct found_row *row = *state;
    struct netrc_entry entry;
    struct err err = ERR_INIT;

    assert_int_equal(netrc_find(row->text, "proxy", row->login, &entry, &err), 1);
    assert_err_unset(&err);
    string_is(entry.login, row->wanted_login);
    string_is(entry.password, row->wanted_password);
    release(&entry);
}

static const struct missing_row {
    const char *name;
    const char *text;
    const char *login;
} missing_rows[] = {
    {"nothing", "", NONE},
    {"blanks", " \n\r\n\t", NONE},
    {"another machine", "machine a login b password c", NONE},
    {"a longer name", "machine proxy.example password c", NONE},
    {"a shorter name", "machine prox password c", NONE},
    {"a machine without a name", "machine", NONE},
    {"default", "default login alice password pw", NONE},
    {"default, and the login", "default login alice password pw", "alice"},
    {"its name is another's login", "machine a login machine password proxy", NONE},
    {"its name is another's password", "machine a password machine login proxy", NONE},
    {"its name in an account", "machine a account machine proxy password pw", NONE},
    {"in a comment", "# machine proxy password pw", NONE},
    {"in a comment behind", "machine a # machine proxy password pw", NONE},
    {"in a macro", "macdef init\nmachine proxy password pw\n", NONE},
    {"in a macro to the end", "macdef init\nmachine proxy password pw", NONE},
    {"another login", "machine proxy login bob password pw", "alice"},
    {"the login in other letters", "machine proxy login Alice password pw", "alice"},
    {"no login", "machine proxy password pw", "alice"},
    {"the login of another machine", "machine proxy password pw machine a login alice", "alice"},
    {"the login behind default", "machine proxy password pw default login alice", "alice"},
    {"the login was replaced", "machine proxy login alice login bob password pw", "alice"},
};

static void missing(void **state)
{
    const struct missing_row *row = *state;
    struct netrc_entry entry;
    struct err err = ERR_INIT;

    assert_int_equal(netrc_find(row->text, "proxy", row->login, &entry, &err), 0);
    assert_err_unset(&err);
    assert_null(entry.login);
    assert_null(entry.password);
}

static const struct broken_row {
    const char *name;
    const char *text;
    const char *line;
    bool elsewhere; /* in no entry of ours */
} broken_rows[] = {
    {"at the end of the text", "machine proxy password \"hunter2", "line 1:", false},
    {"at the end of the line", "machine proxy password \"hunter2\nlogin alice\"", "line 1:", false},
    {"with CRLF", "machine proxy\r\npassword \"hunter2\r\n", "line 2:", false},
    {"in line 4", "# \"\n\nmachine proxy\npassword \"hunter2\n\"", "line 4:", false},
    {"backslash at the end of the text", "machine proxy password \"hunter2\\", "line 1:", false},
    {"backslash at the end of the line", "\nmachine proxy password \"hunter2\\\n\"",
     "line 2:", false},
    {"backslash and the quote", "machine proxy password \"hunter2\\\"", "line 1:", false},
    {"a quote alone", "\"", "line 1:", true},
    {"for a keyword", "machine proxy \"hunter2", "line 1:", false},
    {"in an entry before", "machine a password \"hunter2\nmachine proxy password pw",
     "line 1:", true},
    {"in an account", "machine proxy account \"hunter2", "line 1:", false},
    {"in the name of a machine", "machine \"hunter2", "line 1:", true},
    {"behind a secret", "machine proxy password hunter2\nlogin \"alice", "line 2:", false},
};

static void broken(void **state)
{
    const struct broken_row *row = *state;
    struct netrc_entry entry;
    struct err err = ERR_INIT;

    assert_int_equal(netrc_find(row->text, "proxy", NONE, &entry, &err), -1);
    assert_null(entry.login);
    assert_null(entry.password);
    assert_int_equal(entry.is_broken, !row->elsewhere);
    assert_null(strstr(err_text(&err), "hunter2"));
    assert_contains(err_text(&err), row->line);
    assert_err(&err, ERR_USAGE, "a quote is not closed");
}

static void addresses_are_names(void **state)
{
    (void)state;
    static const char text[] = "machine ::1 login six password a\n"
                               "machine 127.0.0.1 login four password b\n";
    struct netrc_entry entry;
    struct err err = ERR_INIT;

    assert_int_equal(netrc_find(text, "::1", NONE, &entry, &err), 1);
    string_is(entry.login, "six");
    release(&entry);
    assert_int_equal(netrc_find(text, "127.0.0.1", "four", &entry, &err), 1);
    string_is(entry.password, "b");
    release(&entry);
}

static void long_values(void **state)
{
    (void)state;
    const size_t length = 200000;
    static const char head[] = "machine proxy login alice password ";
    char *text = malloc(sizeof(head) + length);
    struct netrc_entry entry;
    struct err err = ERR_INIT;

    assert_non_null(text);
    memcpy(text, head, sizeof(head));
    memset(text + sizeof(head) - 1, 'x', length);
    text[sizeof(head) - 1 + length] = '\0';
    assert_int_equal(netrc_find(text, "proxy", "alice", &entry, &err), 1);
    string_is(entry.password, text + sizeof(head) - 1);
    release(&entry);
    free(text);
}

/* Wherever the file ends, something sound comes out, and nothing that is longer than the truth. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const char whole[] =
        "# c\nmacdef m\nx\n\ndefault login no\nmachine a password \"b\\\"\"\n"
        "machine proxy\r\nlogin \"al ice\"\r\npassword pw\r\naccount x";
    const size_t found_from = (size_t)(strstr(whole, "proxy") + strlen("proxy") - whole);

    for (size_t size = 0; size <= strlen(whole); size++) {
        char *text = strndup(whole, size);
        struct netrc_entry entry;
        struct err err = ERR_INIT;
        int got;

        assert_non_null(text);
        got = netrc_find(text, "proxy", NONE, &entry, &err);
        if (got == -1)
            assert_err(&err, ERR_USAGE, "a quote");
        assert_true(got <= 0 || size >= found_from);
        assert_true(got != 0 || size < found_from);
        if (entry.login)
            string_is(entry.login, "al ice");
        if (entry.password)
            assert_memory_equal(entry.password, "pw", strlen(entry.password));
        release(&entry);
        free(text);
    }
}

/* Words and separators in any order: memory is what the sanitizers look at; here it is that an
 * answer is one of three and fits its entry. */
static void random_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "machine", "proxy", "login", "alice", "password", "pw", "default", "macdef", "account",
        "\"",      "\\",    "#",     "\n",    "\r\n",     " ",  "\t",      "x",      "\n\n",
    };
    const size_t count = sizeof(pieces) / sizeof(pieces[0]);
    int seen[3] = {0};

    for (uint32_t seed = 1; seed <= 20000; seed++) {
        uint32_t random = seed;
        char text[400] = "";
        struct netrc_entry entry;
        struct err err = ERR_INIT;
        const char *login = seed % 2 ? "alice" : NONE;

        for (uint32_t left = unit_below(&random, 40); left > 0; left--) {
            (void)strncat(text, pieces[unit_below(&random, (uint32_t)count)], 10);
            if (unit_below(&random, 3))
                (void)strncat(text, " ", 2);
        }
        int got = netrc_find(text, "proxy", login, &entry, &err);
        assert_in_range(got + 1, 0, 2);
        seen[got + 1]++;
        assert_int_equal(err.code, got == -1 ? ERR_USAGE : ERR_NONE);
        if (got != 1)
            assert_true(!entry.login && !entry.password);
        else if (login)
            string_is(entry.login, login);
        err_release(&err);
        release(&entry);
    }
    assert_true(seen[0] > 100 && seen[1] > 100 && seen[2] > 100);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, found, found_rows);
    UNIT_ROWS(&unit, missing, missing_rows);
    UNIT_ROWS(&unit, broken, broken_rows);
    UNIT_TEST(&unit, addresses_are_names);
    UNIT_TEST(&unit, long_values);
    UNIT_TEST(&unit, cut_anywhere);
    UNIT_TEST(&unit, random_texts);
    return unit_run(&unit, "netrc");
}
