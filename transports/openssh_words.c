/* SPDX-License-Identifier: MIT */
#include "transports/openssh_words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/words.h"
#include "core/text.h"
#include "transports/ssh_gateway.h"

#define PROXY_WORDS "-oProxyCommand=" HANDOVER_COMMAND, "-oProxyUseFdpass=yes", "-oControlPath=none"

/* The first value of each name counts, so nothing that the user has said comes before these. */
#define OWN_WORDS                                                                                  \
    "-T", "-a", "-x", "-oLogLevel=DEBUG2", "-oClearAllForwardings=yes", "-oPermitLocalCommand=no", \
        "-oControlMaster=no", "-oControlPersist=no", "-oTunnel=no", "-oVisualHostKey=no"

/* As old as OpenSSH 7.6 only. */
#define COMMAND_WORDS "-oRemoteCommand=none"

#define WORDS_MAX 32

struct words {
    const char *word[WORDS_MAX + 1];
    size_t count;
};

static void add_words(struct words *words, const char *const *more)
{
    for (; *more && words->count < WORDS_MAX; more++)
        words->word[words->count++] = *more;
    words->word[words->count] = NULL;
}

/* `words` with one more behind them; both are taken over. NULL with err set. */
static char **append_word(char **words, char *word, struct err *err)
{
    size_t count = 0;

    while (words && words[count])
        count++;
    char **more = words && word ? realloc(words, (count + 2) * sizeof(*words)) : NULL;
    if (more) {
        more[count] = word;
        more[count + 1] = NULL;
        return more;
    }
    words_free(words);
    free(word);
    (void)err_no_memory(err);
    return NULL;
}

char **openssh_words(const struct ssh_gateway *gateway, const struct endpoint *to,
                     const struct handover *handover, const char *log, struct err *err)
{
    static const char *const ssh[] = {"ssh", OWN_WORDS, NULL};
    static const char *const proxy[] = {PROXY_WORDS, NULL};
    static const char *const mute[] = {"-oBatchMode=yes", NULL};
    static const char *const run[] = {COMMAND_WORDS, NULL};
    struct words before = {.count = 0};
    char *environment[HANDOVER_VARIABLES] = {NULL};
    char digits[TEXT_DIGITS_MAX], **words = NULL;
    bool by_us = handover->listener != -1;
    char *target = text_join("[", to->host, "]:", text_digits(to->port, digits), (char *)NULL);

    if (!target || (by_us && handover_environment(handover, environment) == -1)) {
        (void)err_no_memory(err);
        goto out;
    }
    const char *const env[] = {"env", environment[0], environment[1], environment[2], NULL};
    const char *const family[] = {gateway->family == AF_INET    ? "-4"
                                  : gateway->family == AF_INET6 ? "-6"
                                                                : NULL,
                                  NULL};
    const char *const apart[] = {"-E", log, NULL};
    const char *const forward[] = {"-W", target, NULL};
    if (by_us)
        add_words(&before, env);
    add_words(&before, ssh);
    if (gateway->is_mute)
        add_words(&before, mute);
    if (log)
        add_words(&before, apart);
    if (by_us)
        add_words(&before, proxy);
    add_words(&before, family);
    add_words(&before, gateway->exec ? run : forward);
    words = ssh_gateway_words(gateway->hop, before.word, err);
    if (words && gateway->exec) {
        char *command = ssh_gateway_command(gateway, to, err);
        words = append_word(words, command, err);
    }
out:
    for (int i = 0; i < HANDOVER_VARIABLES; i++)
        free(environment[i]);
    free(target);
    return words;
}
