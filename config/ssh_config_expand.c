/* SPDX-License-Identifier: MIT */
/* Paths of ssh_config(5): homes, tokens, variables. */
#include "config/ssh_config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/person.h"
#include "core/text.h"

struct expansion {
    const char *path; /* what is being expanded, for messages */
    char *text;       /* what it is so far, room for a NUL behind it */
    size_t size;
    struct err *err;
};

static int expansion_add(struct expansion *expansion, const char *data, size_t size)
{
    char *text = realloc(expansion->text, expansion->size + size + 1);

    if (!text)
        return err_no_memory(expansion->err);
    memcpy(text + expansion->size, data, size);
    expansion->text = text;
    expansion->size += size;
    text[expansion->size] = '\0';
    return 0;
}

/* `at` is at the tilde in front. Returns what is behind the home, NULL with err set. */
static const char *expand_home(struct expansion *expansion, const struct ssh_config *config,
                               const char *at)
{
    size_t length = strcspn(++at, "/");
    const char *home = config->home;
    struct person person = {.home = NULL};

    if (length > 0) {
        char *name = strndup(at, length);
        home = name && person_find(&person, name) ? person.home : NULL;
        if (!name)
            (void)err_no_memory(expansion->err);
        else if (!home)
            (void)err_set(expansion->err, ERR_USAGE, "%s: no such user", expansion->path);
        free(name);
    }
    int done = home ? expansion_add(expansion, home, strlen(home)) : -1;
    person_release(&person);
    return done == 0 ? at + length : NULL;
}

/* The same, `at` is at a dollar sign and a brace. */
static const char *expand_variable(struct expansion *expansion, const char *at)
{
    const char *name = at + strlen("${"), *end = strchr(name, '}');
    char *copy = end ? strndup(name, (size_t)(end - name)) : NULL;
    const char *value = copy ? getenv(copy) : NULL;
    int done = -1;

    if (value)
        done = expansion_add(expansion, value, strlen(value));
    else if (end && !copy)
        (void)err_no_memory(expansion->err);
    else if (end)
        (void)err_set(expansion->err, ERR_USAGE, "%s: ${%s} is not set", expansion->path, copy);
    else
        (void)err_set(expansion->err, ERR_USAGE, "%s: a } is missing", expansion->path);
    free(copy);
    return done == 0 ? end + 1 : NULL;
}

struct token {
    char letter;
    const char *value;
};

/* The same, `at` is at a percent sign. */
static const char *expand_token(struct expansion *expansion, const struct token *tokens,
                                const char *at)
{
    at++;
    for (const struct token *token = tokens; token->letter; token++)
        if (*at == token->letter)
            return expansion_add(expansion, token->value, strlen(token->value)) == 0 ? at + 1
                                                                                     : NULL;
    if (*at)
        (void)err_set(expansion->err, ERR_USAGE, "%s: unknown token %%%c", expansion->path, *at);
    else
        (void)err_set(expansion->err, ERR_USAGE, "%s: a %% at the end", expansion->path);
    return NULL;
}

static int expand_all(struct expansion *expansion, const struct ssh_config *config,
                      const struct token *tokens)
{
    const char *at = expansion->path;

    if (*at == '~')
        at = expand_home(expansion, config, at);
    while (at && *at) {
        size_t length = strcspn(at + 1, "%$") + 1;
        if (*at == '%')
            at = expand_token(expansion, tokens, at);
        else if (strncmp(at, "${", 2) == 0)
            at = expand_variable(expansion, at);
        else
            at = expansion_add(expansion, at, length) == 0 ? at + length : NULL;
    }
    return at ? 0 : -1;
}

char *ssh_config_expand(const struct ssh_config *config, const char *host, const char *path,
                        struct err *err)
{
    char uid[TEXT_DIGITS_MAX], port[TEXT_DIGITS_MAX], machine[HOST_NAME_MAX + 1] = "";
    struct expansion expansion = {.path = path, .err = err};

    (void)gethostname(machine, sizeof(machine) - 1);
    char *brief = strndup(machine, strcspn(machine, "."));
    const struct token tokens[] = {
        {'%', "%"},
        {'d', config->home},
        {'h', config->host_name},
        {'i', text_digits(getuid(), uid)},
        {'k', config->host_key_alias ? config->host_key_alias : host},
        {'L', brief},
        {'l', machine},
        {'n', host},
        {'p', text_digits(config->port, port)},
        {'r', config->user},
        {'u', config->local_user},
        {'\0', NULL},
    };

    if (!brief || expansion_add(&expansion, "", 0) == -1) {
        (void)err_no_memory(err);
    } else if (expand_all(&expansion, config, tokens) == -1) {
        free(expansion.text);
        expansion.text = NULL;
    }
    free(brief);
    return expansion.text;
}
