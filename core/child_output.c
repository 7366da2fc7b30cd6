/* SPDX-License-Identifier: MIT */
/* What other programs say: child.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"
#include "core/os.h"
#include "core/secret.h"

/* How often a child is looked at that has not ended: ever less. */
#define LOOK_FIRST_NS CLOCK_MS
#define LOOK_MAX_NS (64 * CLOCK_MS)

/* Its stdout and its stderr. */
#define OUTLETS 2
#define OUTLET_FIRST_BYTES 1024

/* One output of a child, and what has come of it so far: perhaps a secret. */
struct outlet {
    size_t max; /* bytes; 0: it isn't heard, and the child's is ours */
    int fd;     /* -1: it isn't heard, or has ended */
    char *text; /* has room for a NUL */
    size_t size, room;
};

/* A child that is listened to. */
struct talker {
    char *const *argv;
    enum err_code code; /* of all failures but time and memory */
    struct outlet outlets[OUTLETS];
    bool apart; /* as in child.h */
    pid_t pid;  /* 0: it has ended, and its status is taken */
    int status;
};

/* Room for a byte, be it the one too many, and the NUL. 0, or -1 when memory is lacking. */
static int outlet_make_room(struct outlet *outlet)
{
    size_t room = outlet->room ? 2 * outlet->room : OUTLET_FIRST_BYTES;

    if (outlet->size + 2 <= outlet->room)
        return 0;
    if (room > outlet->max + 2)
        room = outlet->max + 2;
    char *longer = malloc(room);
    if (!longer)
        return -1;
    if (outlet->text) {
        memcpy(longer, outlet->text, outlet->size);
        secret_wipe(outlet->text, outlet->room);
        free(outlet->text);
    }
    outlet->text = longer;
    outlet->room = room;
    return 0;
}

/* Reads what is there. 0, or -1 with err set. */
static int outlet_read(struct outlet *outlet, enum err_code code, struct err *err)
{
    ssize_t got;

    if (outlet_make_room(outlet) == -1)
        return err_no_memory(err);
    do
        got = read(outlet->fd, outlet->text + outlet->size, outlet->room - outlet->size - 1);
    while (got == -1 && errno == EINTR);
    if (got == -1)
        return err_set(err, code, "%s", strerror(errno));
    outlet->size += (size_t)got;
    outlet->text[outlet->size] = '\0';
    if (outlet->size > outlet->max)
        return err_set(err, code, "it wrote more than %zu bytes", outlet->max);
    if (got > 0)
        return 0;
    (void)close(outlet->fd);
    outlet->fd = -1;
    return 0;
}

/* All of it, up to the first NUL. */
static const char *outlet_text(const struct outlet *outlet)
{
    return outlet->text ? outlet->text : "";
}

static void outlet_release(struct outlet *outlet)
{
    if (outlet->fd != -1)
        (void)close(outlet->fd);
    if (outlet->text)
        secret_wipe(outlet->text, outlet->room);
    free(outlet->text);
}

/* Opens the pipes. 0, or -1 with errno; the caller closes what is open. */
static int talker_open(struct talker *talker, int theirs[OUTLETS])
{
    for (int i = 0; i < OUTLETS; i++) {
        int ends[PIPE_ENDS];
        if (talker->outlets[i].max == 0)
            continue;
        if (outlet_make_room(&talker->outlets[i]) == -1 || os_pipe(ends) == -1)
            return -1;
        talker->outlets[i].text[0] = '\0';
        talker->outlets[i].fd = ends[PIPE_READ];
        theirs[i] = ends[PIPE_WRITE];
    }
    return 0;
}

/* 0, or -1 with err set. */
static int talker_start(struct talker *talker, struct err *err)
{
    int theirs[OUTLETS] = {STDOUT_FILENO, STDERR_FILENO};
    struct err why = ERR_INIT;
    pid_t pid = -1;

    if (talker_open(talker, theirs) == 0) {
        struct child_plan plan = {.argv = talker->argv,
                                  .in = -1,
                                  .out = theirs[0],
                                  .err = theirs[1],
                                  .apart = talker->apart};
        pid = child_start(&plan, &why);
    } else {
        (void)err_set(&why, talker->code, "%s: %s", talker->argv[0], strerror(errno));
    }
    for (int i = 0; i < OUTLETS; i++)
        if (talker->outlets[i].fd != -1)
            (void)close(theirs[i]);
    if (pid == -1)
        (void)err_set(err, talker->code, "%s", err_text(&why));
    else
        talker->pid = pid;
    err_release(&why);
    return pid == -1 ? -1 : 0;
}

/* Sleeps until there is something to read, at most until `until_ns`, and reads it. How many outputs
 * had something, or -1 with ctx->err set. */
static int talker_hear(struct talker *talker, int64_t until_ns, struct ctx *ctx)
{
    struct pollfd fds[OUTLETS];

    for (int i = 0; i < OUTLETS; i++)
        fds[i] = (struct pollfd){.fd = talker->outlets[i].fd, .events = POLLIN};
    int ready = ctx_wait(ctx, fds, OUTLETS, until_ns);
    for (int i = 0; ready > 0 && i < OUTLETS; i++)
        if (fds[i].revents && outlet_read(&talker->outlets[i], talker->code, ctx->err) == -1)
            return -1;
    return ready;
}

static bool talker_is_silent(const struct talker *talker)
{
    return talker->outlets[0].fd == -1 && talker->outlets[1].fd == -1;
}

/*
 * Listens until the child has ended and its words have arrived. That it has ended decides, not the
 * end of the pipes: a daemon that it left behind may hold those open. 0, or -1 with ctx->err set.
 */
static int talker_listen(struct talker *talker, struct ctx *ctx)
{
    for (int64_t pause_ns = LOOK_FIRST_NS;; pause_ns *= 2) {
        bool silent = talker_is_silent(talker);
        if (talker->pid && child_wait(talker->pid, &talker->status, 0) == 0)
            talker->pid = 0;
        if (!talker->pid && silent)
            return 0;
        if (pause_ns > LOOK_MAX_NS)
            pause_ns = LOOK_MAX_NS;
        int heard = talker_hear(talker, talker->pid ? clock_ns() + pause_ns : 0, ctx);
        if (heard == -1)
            return -1;
        if (heard == 0 && !talker->pid)
            return 0;
        /* The end of its output mostly means that it ends now. */
        if (!silent && talker_is_silent(talker))
            pause_ns = LOOK_FIRST_NS / 2;
    }
}

/* Runs the child to its end. 0 with all that it said, or -1 with ctx->err set; talker_release is due
 * either way. */
static int talker_run(struct talker *talker, struct ctx *ctx)
{
    for (int i = 0; i < OUTLETS; i++)
        talker->outlets[i].fd = -1;
    if (talker_start(talker, ctx->err) == -1)
        return -1;
    int done = talker_listen(talker, ctx);
    if (done == -1)
        (void)err_wrap(ctx->err, "%s", talker->argv[0]);
    if (talker->pid)
        child_end(talker->pid);
    return done;
}

static void talker_release(struct talker *talker)
{
    for (int i = 0; i < OUTLETS; i++)
        outlet_release(&talker->outlets[i]);
}

/* A copy of the first line of what was said. 0, or -1 with err set. */
static int take_first_line(const struct talker *talker, char **line, struct err *err)
{
    const char *text = outlet_text(&talker->outlets[0]);
    size_t length = strcspn(text, "\r\n");

    if (!text[length] && length < talker->outlets[0].size)
        return err_set(err, talker->code, "%s: its first line has a NUL byte", talker->argv[0]);
    if (length > SECRET_MAX - 1)
        return err_set(err, talker->code, "%s: its first line has more than %d bytes",
                       talker->argv[0], SECRET_MAX - 1);
    *line = strndup(text, length);
    return *line ? 0 : err_no_memory(err);
}

int child_ask(char *const *argv, struct child_answer *answer, struct ctx *ctx)
{
    struct talker talker = {.argv = argv, .code = ERR_AUTH, .outlets = {{.max = CHILD_OUTPUT_MAX}}};

    *answer = (struct child_answer){.line = NULL};
    int done = talker_run(&talker, ctx);
    if (done == 0 && talker.outlets[0].size > 0)
        done = take_first_line(&talker, &answer->line, ctx->err);
    answer->status = talker.status;
    talker_release(&talker);
    return done;
}

char *child_first_line(char *const *argv, struct ctx *ctx)
{
    struct child_answer answer;

    if (child_ask(argv, &answer, ctx) == -1)
        return NULL;
    if (answer.status == 0 && answer.line && *answer.line)
        return answer.line;

    char *end = answer.status == 0 ? NULL : child_status_text(answer.status);
    if (answer.status == 0)
        (void)err_set(ctx->err, ERR_AUTH, "%s: %s", argv[0],
                      answer.line ? "the first line is empty" : "printed nothing");
    else
        (void)err_set(ctx->err, ERR_AUTH, "%s %s", argv[0], end ? end : "failed");
    free(end);
    secret_free(answer.line);
    return NULL;
}

/* The first line that is not empty, in fresh memory; NULL when there is none. */
static char *take_complaint(const struct outlet *outlet)
{
    static const char ends[] = "\r\n";
    const char *text = outlet_text(outlet);

    text += strspn(text, ends);
    return *text ? strndup(text, strcspn(text, ends)) : NULL;
}

int child_read(char *const *argv, size_t max, struct child_output *output, struct ctx *ctx)
{
    struct talker talker = {.argv = argv,
                            .code = ERR_CONNECT,
                            .apart = true,
                            .outlets = {{.max = max}, {.max = CHILD_OUTPUT_MAX}}};
    struct outlet *out = &talker.outlets[0];

    *output = (struct child_output){.text = NULL};
    int done = talker_run(&talker, ctx);
    if (done == 0 && strlen(outlet_text(out)) != out->size)
        done = err_set(ctx->err, ERR_CONNECT, "%s: its output has a NUL byte", argv[0]);
    if (done == 0) {
        *output = (struct child_output){.text = out->text,
                                        .size = out->size,
                                        .complaint = take_complaint(&talker.outlets[1]),
                                        .status = talker.status};
        out->text = NULL;
    }
    talker_release(&talker);
    return done;
}

void child_output_release(struct child_output *output)
{
    free(output->complaint);
    free(output->text);
    *output = (struct child_output){.text = NULL};
}
