/* SPDX-License-Identifier: MIT */
#include "core/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/text.h"

#define SHELL "/bin/sh"
#define STANDARD_FDS 3

/* Between SIGTERM and SIGKILL. */
#define GRACE_NS (250 * CLOCK_MS)

/* waitpid(2) knows no time limit, so it is asked again and again, ever less often. */
#define PAUSE_FIRST_NS CLOCK_MS
#define PAUSE_MAX_NS (64 * CLOCK_MS)

/* --- start --- */

/* What the child needs, made ready in time: after fork(2) in a process with threads only
 * async-signal-safe calls are allowed, and execvp(3) is none. */
struct launch {
    const struct child_plan *plan;
    char *path;    /* of the program */
    char **script; /* the words for the shell, if it is a script without `#!` */
    int report[2]; /* carries an errno, or just ends when the program runs */
    pid_t parent;
};

static bool is_program(const char *path)
{
    struct stat st;

    if (stat(path, &st) == -1)
        return false;
    if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
        return true;
    errno = EACCES;
    return false;
}

char *child_find_program(const char *name)
{
    const char *path = getenv("PATH");
    int why = ENOENT;

    if (strchr(name, '/'))
        return strdup(name);
    for (const char *at = path ? path : "/bin:/usr/bin"; *name; at++) {
        size_t length = strcspn(at, ":");
        char *folder = length ? strndup(at, length) : strdup(".");
        char *file = folder ? text_join(folder, "/", name, (char *)NULL) : NULL;
        free(folder);
        if (!file || is_program(file))
            return file;
        free(file);
        if (errno == EACCES)
            why = EACCES;
        at += length;
        if (!*at)
            break;
    }
    errno = why;
    return NULL;
}

/* argv as a shell wants it that is to read the program. NULL when memory is lacking. */
static char **script_words(char *const *argv, char *path)
{
    static char shell[] = SHELL;
    size_t count = 0;

    while (argv[count])
        count++;
    char **words = calloc(count + 2, sizeof(*words));
    if (!words)
        return NULL;
    words[0] = shell;
    words[1] = path;
    for (size_t i = 1; i < count; i++)
        words[i + 1] = argv[i];
    return words;
}

/* In the child. What we ignore would stay ignored in the program. */
static void reset_signals(bool bound)
{
    static const int keyboard[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    for (size_t i = 0; bound && i < sizeof(keyboard) / sizeof(keyboard[0]); i++)
        (void)signal(keyboard[i], SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. 0, or -1 with errno. */
static int arrange_descriptors(const struct child_plan *plan)
{
    int from[STANDARD_FDS] = {plan->in, plan->out, plan->err};

    /* Out of the way first: the new stdin may be the one that stderr is to be made of. */
    for (int fd = 0; fd < STANDARD_FDS; fd++) {
        if (from[fd] == -1)
            from[fd] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (from[fd] != -1 && from[fd] < STANDARD_FDS)
            from[fd] = fcntl(from[fd], F_DUPFD_CLOEXEC, STANDARD_FDS);
        if (from[fd] == -1)
            return -1;
    }
    for (int fd = 0; fd < STANDARD_FDS; fd++)
        if (dup2(from[fd], fd) == -1)
            return -1;
    return 0;
}

static _Noreturn void become_program(const struct launch *launch)
{
    const struct child_plan *plan = launch->plan;

    os_die_with_parent(plan->bound ? SIGKILL : SIGTERM);
    /* It may have died before we asked for that. */
    if (getppid() != launch->parent)
        _exit(127);
    if (plan->apart)
        (void)setpgid(0, 0);
    if (arrange_descriptors(plan) == 0) {
        reset_signals(plan->bound);
        (void)execv(launch->path, plan->argv);
        if (errno == ENOEXEC)
            (void)execv(SHELL, launch->script);
    }
    int why = errno;
    (void)!write(launch->report[1], &why, sizeof(why));
    _exit(127);
}

/* Forks, and waits until the program runs. The pid, or -1 with errno. */
static pid_t launch_fork(struct launch *launch)
{
    sigset_t all, before;
    ssize_t got;
    int why = 0;

    /* No handler of ours may run in the child. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become_program(launch);
    int fork_error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid == -1) {
        errno = fork_error;
        return -1;
    }

    (void)close(launch->report[1]);
    launch->report[1] = -1;
    do
        got = read(launch->report[0], &why, sizeof(why));
    while (got == -1 && errno == EINTR);
    if (got != sizeof(why))
        return pid;
    while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
        continue;
    errno = why;
    return -1;
}

/* It is inherited from whoever started us, and would reap our children behind our back. */
static void want_status_of_children(void)
{
    struct sigaction action;

    if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
        (void)signal(SIGCHLD, SIG_DFL);
}

pid_t child_start(const struct child_plan *plan, struct err *err)
{
    struct launch launch = {.plan = plan, .report = {-1, -1}, .parent = getpid()};
    pid_t pid = -1;

    want_status_of_children();
    launch.path = child_find_program(plan->argv[0]);
    if (launch.path)
        launch.script = script_words(plan->argv, launch.path);
    if (launch.script && os_pipe(launch.report) == 0)
        pid = launch_fork(&launch);
    if (pid == -1)
        (void)err_set(err, ERR_CONNECT, "%s: %s", plan->argv[0], strerror(errno));

    for (int i = 0; i < 2; i++)
        if (launch.report[i] != -1)
            (void)close(launch.report[i]);
    free(launch.script);
    free(launch.path);
    return pid;
}

/* --- end --- */

int child_wait(pid_t pid, int *status, int64_t until_ns)
{
    for (int64_t pause_ns = PAUSE_FIRST_NS;; pause_ns *= 2) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid)
            return 0;
        if (ended == -1) {
            /* Somebody else has its status. */
            *status = 0;
            return 0;
        }
        int64_t now_ns = clock_ns();
        if (now_ns >= until_ns)
            return -1;
        if (pause_ns > PAUSE_MAX_NS)
            pause_ns = PAUSE_MAX_NS;
        (void)poll(NULL, 0,
                   clock_poll_ms(pause_ns < until_ns - now_ns ? now_ns + pause_ns : until_ns));
    }
}

void child_end(pid_t pid)
{
    pid_t whom = getpgid(pid) == pid ? -pid : pid;
    int status;

    (void)kill(whom, SIGTERM);
    if (child_wait(pid, &status, clock_ns() + GRACE_NS) == 0)
        return;
    (void)kill(whom, SIGKILL);
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
        continue;
}

char *child_status_text(int status)
{
    char digits[TEXT_DIGITS_MAX];
    bool exited = WIFEXITED(status);
    unsigned number = (unsigned)(exited ? WEXITSTATUS(status) : WTERMSIG(status));

    return text_join(exited ? "exited with " : "was killed by signal ", text_digits(number, digits),
                     (char *)NULL);
}
