/* SPDX-License-Identifier: MIT */
#include "transports/label.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/os.h"
#include "core/say.h"
#include "core/text.h"
#include "core/thread.h"

/* For the sanitizers' sake it is more than is needed. */
#define STACK_BYTES ((size_t)256 * 1024)

/* The thread's own. */
struct label {
    int from;
    int to;
    int done; /* hangs up when it is closed */
    struct label_ear *ear;
    bool is_stuck; /* nobody reads: the command, which waits for us, is not to wait for that */
    char *start;   /* of each line */
    size_t length;
    char line[TEXT_SHOWN_MAX + 2]; /* one byte more than is shown, so that the cut is seen */
};

static void label_free(struct label *label)
{
    if (label->to != -1)
        (void)close(label->to);
    if (label->done != -1)
        (void)close(label->done);
    free(label->start);
    free(label);
}

void label_say(struct label *label, const char *text)
{
    char *escaped = label->to == -1 ? NULL : text_escape(text);

    text_cut(escaped);
    char *line = escaped ? text_join(label->start, escaped, "\n", (char *)NULL) : NULL;
    if (line)
        label->is_stuck = !say(label->to, line, label->is_stuck ? 0 : SAY_PATIENCE_NS);
    free(line);
    free(escaped);
}

static void label_print(struct label *label)
{
    if (label->length > 0 && label->line[label->length - 1] == '\r')
        label->length--;
    label->line[label->length] = '\0';
    if (label->length > 0 && label->ear)
        label->ear->hear(label->ear, label->line, label);
    else if (label->length > 0)
        label_say(label, label->line);
    label->length = 0;
}

static void label_take(struct label *label, const char *data, size_t size)
{
    for (; size > 0; size--, data++) {
        if (*data == '\n')
            label_print(label);
        else if (label->length < sizeof(label->line) - 1)
            label->line[label->length++] = (char)(*data ? *data : '?');
    }
}

static void *label_thread(void *arg)
{
    struct label *label = arg;
    char data[1024];
    ssize_t got;

    while ((got = read(label->from, data, sizeof(data))) > 0 || (got == -1 && errno == EINTR))
        label_take(label, data, got > 0 ? (size_t)got : 0);
    label_print(label);
    (void)close(label->from);
    if (label->ear)
        label->ear->end(label->ear);
    label_free(label);
    return NULL;
}

int label_start_heard(int from, const char *label, const struct trace *trace, struct label_ear *ear)
{
    int to = trace ? trace->fd : -1;
    struct label *own = malloc(sizeof(*own));
    char *escaped = text_escape(label);
    int ends[2] = {-1, -1};

    if (own)
        *own = (struct label){.from = from, .to = -1, .done = -1, .ear = ear};
    text_cut(escaped);
    if (!own || !escaped || os_pipe(ends) == -1)
        goto fail;
    own->done = ends[1];
    own->start = text_join("stile: ", escaped, ": ", (char *)NULL);
    if (to != -1)
        own->to = fcntl(to, F_DUPFD_CLOEXEC, 0);
    if (!own->start || (to != -1 && own->to == -1))
        goto fail;
    errno = thread_start(NULL, label_thread, own);
    if (errno)
        goto fail;
    free(escaped);
    return ends[0];

fail:;
    int why = errno;
    if (ends[0] != -1)
        (void)close(ends[0]);
    if (own)
        label_free(own);
    free(escaped);
    errno = why;
    return -1;
}

int label_start(int from, const char *label, const struct trace *trace)
{
    return label_start_heard(from, label, trace, NULL);
}

int label_open(const char *label, const struct trace *trace, int *end)
{
    int ends[PIPE_ENDS];

    if (os_pipe(ends) == -1)
        return -1;
    int done = label_start(ends[PIPE_READ], label, trace);
    if (done == -1) {
        (void)close(ends[PIPE_READ]);
        (void)close(ends[PIPE_WRITE]);
    } else {
        *end = ends[PIPE_WRITE];
    }
    return done;
}

void label_finish(int done, int64_t until_ns)
{
    struct pollfd pfd = {.fd = done};

    if (done == -1)
        return;
    while (poll(&pfd, 1, clock_poll_ms(until_ns)) == -1 && errno == EINTR)
        continue;
    (void)close(done);
}
