/* SPDX-License-Identifier: MIT */
#include "transports/exec.h"

#include <stdlib.h>

#include "config/words.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/command.h"

/* The command for this target, for words_free. NULL with err set. */
static char **exec_words(const struct hop *hop, const struct endpoint *to, struct err *err)
{
    char digits[TEXT_DIGITS_MAX];

    if (to->path) {
        (void)err_set(err, ERR_USAGE, "exec: %s: a command is given a host and a port", to->text);
        return NULL;
    }
    if (!words_is_plain(to->host)) {
        (void)err_set(err, ERR_USAGE,
                      "exec: %s: only ASCII letters, digits and -._:%% may be in a host for a "
                      "command",
                      to->text);
        return NULL;
    }
    char **words = words_split(hop->command, err);
    if (words && words_expand(words, to->host, text_digits(to->port, digits), err) == 0)
        return words;
    words_free(words);
    (void)err_wrap(err, "exec");
    return NULL;
}

static int exec_check(const struct hop *hop, struct err *err)
{
    char **words = words_split(hop->command, err);
    int done = words ? words_expand(words, "host", "1", err) : -1;

    words_free(words);
    return done == 0 ? 0 : err_wrap(err, "column %u: exec", hop->column);
}

static struct stream *exec_dial(const struct hop *hop, const struct dialer *below,
                                const struct endpoint *to, struct ctx *ctx)
{
    char **words = exec_words(hop, to, ctx->err);
    struct stream *stream = NULL;

    (void)below;
    if (!words)
        return NULL;
    char *label = text_join("exec:", command_name(words[0]), (char *)NULL);
    struct command command = {.argv = words, .layer = "exec", .label = label};
    if (label)
        stream = command_start(&command, ctx);
    else
        (void)err_no_memory(ctx->err);
    if (stream)
        timing_mark(ctx, TIMING_HANDSHAKE);
    free(label);
    words_free(words);
    return stream;
}

static const char *const schemes[] = {"exec", NULL};

const struct transport exec_transport = {
    .name = "exec",
    .schemes = schemes,
    .nearest = true,
    .layered = true,
    .check = exec_check,
    .dial = exec_dial,
};
