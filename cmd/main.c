/* SPDX-License-Identifier: MIT */
/* The only place that prints a failure, and the only one that ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "core/say.h"
#include "core/text.h"
#include "transports/handover.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv, struct err *err);
} commands[] = {
    {"stile", stile_run},
};

/* The command that the program was started as; the first one when the name is none of them. */
static const struct command *pick_command(int argc, char *const *argv)
{
    static const struct command handover = {"stile", handover_run};
    const char *path = argv[0];
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;

    if (handover_is_asked(argc, argv))
        return &handover;
    for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return &commands[0];
}

/* A descriptor below 3 that is closed would be given to the next socket, which would then receive
 * our messages or the user's bytes. 0, or -1 with err set. */
static int hold_standard_descriptors(struct err *err)
{
    if (fcntl(STDOUT_FILENO, F_GETFD) == -1)
        (void)err_set(err, ERR_USAGE, "stdout is closed");
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
            (void)err_set(err, ERR_USAGE, "descriptor %d is closed, and /dev/null: %s", fd,
                          strerror(errno));
    return err->code == ERR_NONE ? 0 : -1;
}

/* Somebody may never read it, so it is to fit into any pipe; with several lines all of them together. */
#define LINES_BYTES_MAX 960
#define LINE_BYTES_MIN 160

static size_t line_max(const struct err *err)
{
    size_t lines = 0;

    for (; err; err = err->next)
        lines++;
    return LINES_BYTES_MAX / lines > LINE_BYTES_MIN ? LINES_BYTES_MAX / lines : LINE_BYTES_MIN;
}

static void print_line(const struct command *command, const char *text, size_t max)
{
    char *escaped = text_escape(text);

    text_cut_to(escaped, max);
    char *line = escaped ? text_join(command->name, ": ", escaped, "\n", (char *)NULL) : NULL;

    if (line)
        (void)say(STDERR_FILENO, line, SAY_LAST_PATIENCE_NS);
    free(line);
    free(escaped);
}

int main(int argc, char **argv)
{
    const struct command *command = pick_command(argc, argv);
    struct err err = ERR_INIT;
    int status = ERR_USAGE;

    /* That nobody reads any more is an error code for us, not a death. */
    (void)signal(SIGPIPE, SIG_IGN);

    if (hold_standard_descriptors(&err) == 0)
        status = command->run(argc, argv, &err);
    size_t max = line_max(&err);
    for (const struct err *line = &err; line; line = line->next)
        if (*err_text(line))
            print_line(command, err_text(line), max);
    err_release(&err);
    return status;
}
