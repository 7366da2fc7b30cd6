/* SPDX-License-Identifier: MIT */
#include "transports/openssh_known.h"

#include <stdlib.h>
#include <string.h>

#include "core/child.h"
#include "core/clock.h"
#include "core/text.h"

/* It reads one file, which ssh has read just before. */
#define PATIENCE_NS (3 * CLOCK_S)

#define OUTPUT_MAX ((size_t)256 * 1024)

static bool is_listed(const struct ssh_list *files, const char *file)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->item[i], file) == 0)
            return true;
    return false;
}

/* The output has two lines for each that it finds: "# Host NAME found: line 3 ", with a marker
 * behind, and "NAME ED25519 SHA256:… comment". */
static char *find_line(const char *text, const char *name, const char *line)
{
    char *found = text_join("# Host ", name, " found: line ", line, " ", (char *)NULL);
    size_t length = strlen(name);
    char *key = NULL;

    while (found && !key && *text) {
        bool is_it = strncmp(text, found, strlen(found)) == 0;
        text += strcspn(text, "\n");
        text += *text == '\n';
        if (!is_it || strncmp(text, name, length) != 0 || text[length] != ' ')
            continue;
        const char *start = text + length + 1, *end = start + strcspn(start, " \n");
        if (*end == ' ')
            key = strndup(start, (size_t)(end + 1 + strcspn(end + 1, " \n") - start));
    }
    free(found);
    return key;
}

static char *ask_keygen(char *name, char *file, const char *line, bool md5, struct ctx *ctx)
{
    char keygen[] = "ssh-keygen", list[] = "-l", find[] = "-F", in[] = "-f", by[] = "-E";
    char hash[] = "sha256";
    char *argv[] = {keygen, list, by, hash, find, name, in, file, NULL};
    struct child_output output;
    char *key = NULL;

    if (md5)
        memcpy(hash, "md5", sizeof("md5"));
    if (child_read(argv, OUTPUT_MAX, &output, ctx) == -1)
        return NULL;
    key = find_line(output.text, name, line);
    child_output_release(&output);
    return key;
}

char *openssh_known_key(const struct ssh_config *config, const char *name, const char *place,
                        const struct ctx *ctx)
{
    struct err err = ERR_INIT;
    struct ctx brief = *ctx;
    int64_t until_ns = clock_ns() + PATIENCE_NS;
    const char *colon = strrchr(place, ':');
    char *file = colon ? strndup(place, (size_t)(colon - place)) : NULL;
    char *host = strdup(name);
    char *key = NULL;

    brief.err = &err;
    if (until_ns < brief.deadline_ns)
        brief.deadline_ns = until_ns;
    /* A gateway that ssh lets go on may say anything, and must not choose what we read. */
    if (host && file &&
        (is_listed(&config->user_known_hosts, file) ||
         is_listed(&config->global_known_hosts, file)))
        key = ask_keygen(host, file, colon + 1, config->fingerprint_md5, &brief);
    err_release(&err);
    free(host);
    free(file);
    return key;
}
