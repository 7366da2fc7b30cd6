/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keyword.h"
#include "tests/unit/fake_unit.h"

#define LIMIT_MS 20000

void files_init(struct fake_files *files)
{
    folder_init(&files->folder);
    fake_ctx_init(&files->fake, LIMIT_MS);
    files->target = ENDPOINT_INIT;
    assert_int_equal(endpoint_set(&files->target, "Db.example", "22", &files->fake.err), 0);
    files->query = (struct query){.target = &files->target};
}

void files_release(struct fake_files *files)
{
    config_release(&files->fake.config);
    err_release(&files->fake.err);
    endpoint_release(&files->target);
    folder_release(&files->folder);
}

int files_load(struct fake_files *files, const char *name)
{
    char path[FOLDER_PATH_MAX];

    return file_load(&files->fake.config, folder_path(&files->folder, name, path), &files->query,
                     &files->fake.ctx);
}

/* --- all of it as a text --- */

static void show_place(FILE *out, const struct place *place)
{
    const char *slash = place->source ? strrchr(place->source, '/') : NULL;

    assert_non_null(place->source);
    (void)fprintf(out, " @%s:%u\n", slash ? slash + 1 : place->source, place->line);
}

const char *files_show(const struct config *config, char shown[FILES_SHOWN_MAX])
{
    FILE *out = fmemopen(shown, FILES_SHOWN_MAX, "w");

    assert_non_null(out);
    for (size_t i = 0; i < keyword_count; i++) {
        char *text = NULL;
        if (!config->said[i].source)
            continue;
        keywords[i].print((const char *)config + keywords[i].field, &text);
        (void)fprintf(out, "%s %s", keywords[i].name, text);
        show_place(out, &config->said[i]);
        free(text);
    }
    for (size_t i = 0; i < config->via_count; i++) {
        assert_false(config->via[i].is_jump);
        (void)fprintf(out, "Via %s", config->via[i].text);
        show_place(out, &config->via[i].place);
    }
    for (size_t i = 0; i < config->block_count; i++) {
        const struct hop *hop = &config->block[i].hop;
        (void)fprintf(out, "Hop %s", hop->name);
        show_place(out, &config->block[i].place);
        for (size_t j = 0; j < hop->setting_count; j++) {
            (void)fprintf(out, "- %s %s", hop->settings[j].name, hop->settings[j].value);
            show_place(out, &hop->settings[j].place);
        }
    }
    (void)fputc('\0', out);
    assert_int_equal(fclose(out), 0);
    assert_true(strlen(shown) < FILES_SHOWN_MAX - 1);
    return shown;
}

/* Takes the folder's path away from a text, wherever it is. */
static void hide_folder(const struct fake_files *files, char *text)
{
    char path[FOLDER_PATH_MAX];
    size_t length = strlen(folder_path(&files->folder, "", path));

    for (char *at = text; (at = strstr(at, path));)
        memmove(at, at + length, strlen(at + length) + 1);
}

void files_are(struct fake_files *files, const char *name, const char *shown)
{
    char found[FILES_SHOWN_MAX];

    if (files_load(files, name) == -1)
        unit_fail("refused: %s", err_text(&files->fake.err));
    assert_err_unset(&files->fake.err);
    assert_string_equal(files_show(&files->fake.config, found), shown);
}

void files_refused(struct fake_files *files, const char *name, const char *message)
{
    char text[FILES_SHOWN_MAX];

    assert_int_equal(files_load(files, name), -1);
    (void)snprintf(text, sizeof(text), "%s", err_text(&files->fake.err));
    hide_folder(files, text);
    assert_string_equal(text, message);
    assert_err(&files->fake.err, ERR_USAGE, NULL);
}
