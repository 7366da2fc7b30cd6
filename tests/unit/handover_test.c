/* SPDX-License-Identifier: MIT */
#include "transports/handover.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/os.h"
#include "tests/unit/fake_ctx.h"
#include "tests/unit/fake_fd.h"
#include "tests/unit/fake_unit.h"

/* A stream's socket, whose other end says what it is; and what ssh would get. */
struct scene {
    struct fake_ctx fake;
    struct handover handover;
    int stream[2];
    int out[2]; /* as ssh makes it: [0] is ssh's */
    char *variables[HANDOVER_VARIABLES];
};

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.handover = HANDOVER_CLOSED};
    fake_ctx_init(&scene->fake, UNIT_WAIT_MS);
    fd_socketpair(scene->stream);
    fd_socketpair(scene->out);
    assert_int_equal(handover_open(&scene->handover, &scene->fake.err), 0);
    assert_int_equal(handover_environment(&scene->handover, scene->variables), 0);
}

static void scene_close(struct scene *scene)
{
    handover_close(&scene->handover);
    assert_int_equal(scene->handover.listener, -1);
    handover_close(&scene->handover);
    for (int i = 0; i < HANDOVER_VARIABLES; i++)
        free(scene->variables[i]);
    for (int i = 0; i < 2; i++) {
        fd_close(&scene->stream[i]);
        fd_close(&scene->out[i]);
    }
    assert_err_unset(&scene->fake.err);
}

/* The value of one of them, "" when there is none of this name. */
static const char *value_of(const struct scene *scene, const char *name)
{
    for (int i = 0; i < HANDOVER_VARIABLES; i++) {
        const char *word = scene->variables[i];
        if (word && strncmp(word, name, strlen(name)) == 0 && word[strlen(name)] == '=')
            return word + strlen(name) + 1;
    }
    return "";
}

/* The process that ssh starts. */
static pid_t fetch(const struct scene *scene)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    struct fake_ctx fake;
    fake_ctx_init(&fake, UNIT_WAIT_MS);
    if (scene->handover.listener != -1)
        (void)close(scene->handover.listener);
    if (setenv("STILE_SOCKET", value_of(scene, "STILE_SOCKET"), 1) == -1)
        _exit(99);
    (void)handover_fetch(scene->out[1], &fake.ctx);
    _exit((int)fake.err.code);
}

static int exit_of(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* As ssh does it: one byte, one descriptor. */
static int receive(int sock)
{
    char payload;
    struct iovec iov = {.iov_base = &payload, .iov_len = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int fd = -1;

    (void)fd_await(sock, POLLIN);
    assert_int_equal(recvmsg(sock, &message, 0), 1);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    assert_non_null(header);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    assert_true(fd >= 0);
    return fd;
}

static void the_stream_arrives(void **state)
{
    (void)state;
    struct scene scene;

    scene_open(&scene);
    fd_set_nonblocking(scene.stream[0], true);
    assert_int_equal(handover_give(&scene.handover, scene.stream[0], &scene.fake.ctx), 0);
    pid_t pid = fetch(&scene);
    (void)fd_await(scene.handover.listener, POLLIN);
    assert_int_equal(handover_give(&scene.handover, scene.stream[0], &scene.fake.ctx), 1);
    assert_int_equal(scene.handover.listener, -1);
    assert_int_equal(exit_of(pid), 0);

    int fd = receive(scene.out[0]);
    assert_false(fd_is_nonblocking(fd));
    fd_put(scene.stream[1], "hello", 5);
    fd_close(&scene.stream[1]);
    fd_expect(fd, "hello", 5);
    fd_close(&fd);
    scene_close(&scene);
}

/* ssh, or who it started, may go at any time. */
static void who_asked_has_gone(void **state)
{
    (void)state;
    struct scene scene;

    scene_open(&scene);
    pid_t pid = fetch(&scene);
    (void)fd_await(scene.handover.listener, POLLIN);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)exit_of(pid);
    assert_int_equal(handover_give(&scene.handover, scene.stream[0], &scene.fake.ctx), 0);
    assert_true(scene.handover.listener >= 0);
    scene_close(&scene);
}

/* The name of the socket is no secret. */
static void strangers_get_nothing(void **state)
{
    (void)state;
    struct scene scene;

    if (geteuid() != 0)
        unit_skip("only root can be somebody else");
    scene_open(&scene);
    pid_t stranger = fork();
    assert_true(stranger >= 0);
    if (stranger == 0) {
        struct fake_ctx fake;
        fake_ctx_init(&fake, UNIT_WAIT_MS);
        (void)close(scene.handover.listener);
        if (setuid(65534) == -1 ||
            setenv("STILE_SOCKET", value_of(&scene, "STILE_SOCKET"), 1) == -1)
            _exit(99);
        (void)handover_fetch(scene.out[1], &fake.ctx);
        _exit((int)fake.err.code);
    }
    /* Where the socket is a path they don't even get as far as that. */
    struct pollfd pfd = {.fd = scene.handover.listener, .events = POLLIN};
    int status = 0;
    while (waitpid(stranger, &status, WNOHANG) == 0)
        if (poll(&pfd, 1, 1) == 1)
            assert_int_equal(handover_give(&scene.handover, scene.stream[0], &scene.fake.ctx), 0);
    assert_int_equal(WEXITSTATUS(status), ERR_CONNECT);
    assert_false(fd_ready(scene.out[0], POLLIN));

    pid_t pid = fetch(&scene);
    (void)fd_await(scene.handover.listener, POLLIN);
    assert_int_equal(handover_give(&scene.handover, scene.stream[0], &scene.fake.ctx), 1);
    assert_int_equal(exit_of(pid), 0);
    int fd = receive(scene.out[0]);
    fd_close(&fd);
    scene_close(&scene);
}

static void nobody_gives(void **state)
{
    (void)state;
    struct scene scene;

    scene_open(&scene);
    handover_close(&scene.handover);
    int status = exit_of(fetch(&scene));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ERR_CONNECT);
    scene_close(&scene);
}

static void whoever_gives_goes_away(void **state)
{
    (void)state;
    struct scene scene;

    scene_open(&scene);
    pid_t pid = fetch(&scene);
    (void)fd_await(scene.handover.listener, POLLIN);
    handover_close(&scene.handover);
    int status = exit_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ERR_CONNECT);
    scene_close(&scene);
}

static void environment(void **state)
{
    (void)state;
    struct scene scene;
    char *self = os_executable();

    scene_open(&scene);
    const char *hex = value_of(&scene, "STILE_SOCKET");
    assert_int_equal(strspn(hex, "0123456789abcdef"), strlen(hex));
    assert_string_equal(value_of(&scene, "STILE_SELF"), self ? self : "stile");
    free(self);
    scene_close(&scene);
}

static const struct shell_row {
    const char *name;
    const char *shell;
    const char *instead;
} shell_rows[] = {
    {"none", NULL, ""},
    {"one that is there", "/bin/sh", ""},
    {"empty", "", "/bin/sh"},
    {"one that is not there", "/nowhere/sh", "/bin/sh"},
};

/* ssh would fail with the last two. */
static void shell(void **state)
{
    const struct shell_row *row = *state;
    const char *found = getenv("SHELL");
    char *before = found ? strdup(found) : NULL;
    struct scene scene;

    assert_int_equal(row->shell ? setenv("SHELL", row->shell, 1) : unsetenv("SHELL"), 0);
    scene_open(&scene);
    assert_string_equal(value_of(&scene, "SHELL"), row->instead);
    assert_int_equal(before ? setenv("SHELL", before, 1) : unsetenv("SHELL"), 0);
    free(before);
    scene_close(&scene);
}

static const struct address_row {
    const char *name;
    const char *hex;
} address_rows[] = {
    {"empty", ""},
    {"half a byte", "0"},
    {"no digit", "0g"},
    {"capitals", "0F"},
    {"too long",
     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
     "00112233445566778899aabbccddeeff"},
};

static void addresses_that_are_none(void **state)
{
    const struct address_row *row = *state;
    struct fake_ctx fake;

    fake_ctx_init(&fake, UNIT_WAIT_MS);
    assert_int_equal(setenv("STILE_SOCKET", row->hex, 1), 0);
    assert_int_equal(handover_fetch(1, &fake.ctx), -1);
    assert_err(&fake.err, ERR_USAGE, "STILE_SOCKET");
    assert_int_equal(unsetenv("STILE_SOCKET"), 0);
}

/* A host that a stranger has chosen must not get there. */
static void who_asks(void **state)
{
    (void)state;
    char name[] = "stile", option[] = "--handover", port[] = "22";
    char *alone[] = {name, option, NULL}, *with_port[] = {name, option, port, NULL};
    char *none[] = {name, NULL};

    assert_false(handover_is_asked(2, alone));
    assert_int_equal(setenv("STILE_SOCKET", "00", 1), 0);
    assert_true(handover_is_asked(2, alone));
    assert_false(handover_is_asked(3, with_port));
    assert_false(handover_is_asked(1, none));
    assert_int_equal(unsetenv("STILE_SOCKET"), 0);
}

int main(void)
{
    static struct unit unit;

    UNIT_TEST(&unit, the_stream_arrives);
    UNIT_TEST(&unit, who_asked_has_gone);
    UNIT_TEST(&unit, strangers_get_nothing);
    UNIT_TEST(&unit, nobody_gives);
    UNIT_TEST(&unit, whoever_gives_goes_away);
    UNIT_TEST(&unit, environment);
    UNIT_ROWS(&unit, shell, shell_rows);
    UNIT_ROWS(&unit, addresses_that_are_none, address_rows);
    UNIT_TEST(&unit, who_asks);
    return unit_run(&unit, "handover");
}
