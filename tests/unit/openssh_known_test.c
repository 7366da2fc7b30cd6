/* SPDX-License-Identifier: MIT */
/* The key that ssh-keygen finds: a script of ours in $PATH, and the real one. */
#include "transports/openssh_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/child.h"
#include "core/clock.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_folder.h"
#include "tests/unit/fake_unit.h"

#define KEY_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL/AIwt8TdQIOelw2UhjQuy5QpLQn5VREqvQ/42qsZ0m"
#define PRINT_A "ED25519 SHA256:XB8zJsdpboaJxNScbezAPp52ElFQKTxnEpwhDbH+eBE"
#define MD5_A "ED25519 MD5:71:93:90:ec:57:46:20:06:66:d6:06:ba:b6:d9:c2:fb"

struct desk {
    struct fake_ctx fake;
    struct folder folder;
    char known[FOLDER_PATH_MAX];
    char *files[1];
    struct ssh_config config;
    char *path; /* $PATH as it was */
};

/* `script` NULL: $PATH stays. */
static void desk_init(struct desk *desk, const char *script)
{
    const char *path = getenv("PATH");
    char text[2000];

    *desk = (struct desk){.path = path ? strdup(path) : NULL};
    fake_ctx_init(&desk->fake, UNIT_WAIT_MS);
    folder_init(&desk->folder);
    (void)folder_path(&desk->folder, "known", desk->known);
    desk->files[0] = desk->known;
    desk->config.user_known_hosts = (struct ssh_list){.item = desk->files, .count = 1};
    if (!script)
        return;
    (void)snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s'\n%s\n", desk->folder.path, script);
    folder_put(&desk->folder, "ssh-keygen", text, 0700);
    (void)snprintf(text, sizeof(text), "%s:%s", desk->folder.path, path ? path : "");
    assert_int_equal(setenv("PATH", text, 1), 0);
}

static void desk_close(struct desk *desk)
{
    assert_int_equal(desk->path ? setenv("PATH", desk->path, 1) : unsetenv("PATH"), 0);
    free(desk->path);
    folder_release(&desk->folder);
    assert_err_unset(&desk->fake.err);
}

/* `line` behind the name of the file. */
static void finds(struct desk *desk, const char *name, const char *line, const char *wanted)
{
    char place[FOLDER_PATH_MAX + 20];

    (void)snprintf(place, sizeof(place), "%s%s", desk->known, line);
    char *key = openssh_known_key(&desk->config, name, place, &desk->fake.ctx);
    if (wanted)
        assert_string_equal(key, wanted);
    else
        assert_null(key);
    free(key);
}

static const struct answer_row {
    const char *name;
    const char *script;
    const char *key;
} answer_rows[] = {
    {"found", "echo '# Host gw found: line 3 '; echo 'gw ECDSA SHA256:x'", "ECDSA SHA256:x"},
    {"with a comment", "echo '# Host gw found: line 3 '; echo 'gw ECDSA SHA256:x a b'",
     "ECDSA SHA256:x"},
    {"with a marker", "echo '# Host gw found: line 3 CA'; echo 'gw ECDSA SHA256:x'",
     "ECDSA SHA256:x"},
    {"among others",
     "echo '# Host gw found: line 1 '; echo 'gw RSA SHA256:x'\n"
     "echo '# Host gw found: line 3 '; echo 'gw ECDSA SHA256:y'\n"
     "echo '# Host gw found: line 4 '; echo 'gw DSA SHA256:z'",
     "ECDSA SHA256:y"},
    {"another line", "echo '# Host gw found: line 30 '; echo 'gw ECDSA SHA256:x'", NULL},
    {"another host", "echo '# Host gw2 found: line 3 '; echo 'gw2 ECDSA SHA256:x'", NULL},
    {"no fingerprint", "echo '# Host gw found: line 3 '; echo 'gw ECDSA'", NULL},
    {"no key", "echo '# Host gw found: line 3 '", NULL},
    {"no line end", "printf '# Host gw found: line 3 \\ngw ECDSA SHA256:x'", "ECDSA SHA256:x"},
    {"a longer name", "echo '# Host gw found: line 3 '; echo 'gw.example ECDSA SHA256:x'", NULL},
    {"nothing", "exit 1", NULL},
    {"too much", "exec head -c 300000 /dev/zero", NULL},
};

static void answers(void **state)
{
    const struct answer_row *row = *state;
    struct desk desk;

    desk_init(&desk, row->script);
    finds(&desk, "gw", ":3", row->key);
    desk_close(&desk);
}

#define TELL "for word; do echo \"$word\"; done >words"

static void its_words(void **state)
{
    (void)state;
    struct desk desk;
    char text[FOLDER_TEXT_MAX], wanted[FOLDER_TEXT_MAX];

    for (int md5 = 0; md5 <= 1; md5++) {
        desk_init(&desk, TELL);
        desk.config.fingerprint_md5 = md5;
        finds(&desk, "-gw", ":3", NULL);
        (void)snprintf(wanted, sizeof(wanted), "-l\n-E\n%s\n-F\n-gw\n-f\n%s\n",
                       md5 ? "md5" : "sha256", desk.known);
        assert_string_equal(folder_get(&desk.folder, "words", text), wanted);
        desk_close(&desk);
    }
}

/* A gateway that says so would have us read what it likes. */
static void no_file_of_the_configuration(void **state)
{
    (void)state;
    static const char *const lines[] = {"2:3", "", "/x:3", "no colon"};
    struct desk desk;
    char text[FOLDER_TEXT_MAX];

    desk_init(&desk, TELL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        finds(&desk, "gw", lines[i], NULL);
    assert_string_equal(folder_get(&desk.folder, "words", text), "");
    desk.config.global_known_hosts = desk.config.user_known_hosts;
    desk.config.user_known_hosts = (struct ssh_list){0};
    finds(&desk, "gw", ":3", NULL);
    assert_string_not_equal(folder_get(&desk.folder, "words", text), "");
    desk_close(&desk);
}

static void no_keygen(void **state)
{
    (void)state;
    struct desk desk;

    desk_init(&desk, NULL);
    assert_int_equal(setenv("PATH", desk.folder.path, 1), 0);
    finds(&desk, "gw", ":3", NULL);
    desk_close(&desk);
}

static void it_hangs(void **state)
{
    (void)state;
    struct desk desk;

    desk_init(&desk, "exec sleep 1000");
    desk.fake.ctx.deadline_ns = clock_ns() + 100 * CLOCK_MS;
    finds(&desk, "gw", ":3", NULL);
    desk_close(&desk);
}

static void the_real_one(void **state)
{
    (void)state;
    struct desk desk;

    char *program = child_find_program("ssh-keygen");
    if (!program) {
        unit_skip("there is no ssh-keygen");
        return;
    }
    free(program);
    desk_init(&desk, NULL);
    folder_put(&desk.folder, "known",
               "# comment\nother " KEY_A "\n*.example,!x.example,[10.*]:* " KEY_A " a comment\n"
               "@revoked gw " KEY_A "\n",
               0600);
    finds(&desk, "gw.example", ":3", PRINT_A);
    finds(&desk, "[10.0.0.1]:2222", ":3", PRINT_A);
    finds(&desk, "x.example", ":3", NULL);
    finds(&desk, "gw.example", ":2", NULL);
    finds(&desk, "gw", ":4", PRINT_A);
    desk.config.fingerprint_md5 = true;
    finds(&desk, "gw.example", ":3", MD5_A);
    desk_close(&desk);
}

int main(void)
{
    static struct unit unit;

    UNIT_ROWS(&unit, answers, answer_rows);
    UNIT_TEST(&unit, its_words);
    UNIT_TEST(&unit, no_file_of_the_configuration);
    UNIT_TEST(&unit, no_keygen);
    UNIT_TEST(&unit, it_hangs);
    UNIT_TEST(&unit, the_real_one);
    return unit_run(&unit, "openssh_known");
}
