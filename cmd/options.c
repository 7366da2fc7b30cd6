/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 22
#define USAGE_WIDTH 62 /* leaves room for the operands */
#define USAGE_INDENT 13

int option_true(const struct option_row *row, void *field, const char *value, struct err *err)
{
    (void)row;
    (void)value;
    (void)err;
    *(bool *)field = true;
    return 0;
}

int option_int(const struct option_row *row, void *field, const char *value, struct err *err)
{
    (void)value;
    (void)err;
    *(int *)field = row->constant;
    return 0;
}

int option_count(const struct option_row *row, void *field, const char *value, struct err *err)
{
    (void)row;
    (void)value;
    (void)err;
    ++*(int *)field;
    return 0;
}

int option_word(const struct option_row *row, void *field, const char *value, struct err *err)
{
    struct words *words = field;
    const char **longer = realloc(words->word, (words->count + 1) * sizeof(*longer));

    (void)row;
    if (!longer)
        return err_no_memory(err);
    longer[words->count++] = value;
    words->word = longer;
    return 0;
}

/* Where in the words we are. */
struct cursor {
    const struct option_row *rows;
    size_t count;
    int argc;
    char **argv;
    int at;
    char *into;
};

static int apply(const struct cursor *cursor, const struct option_row *row, const char *value,
                 struct err *err)
{
    return row->apply(row, cursor->into + row->field, value, err);
}

static const struct option_row *row_of_letter(const struct cursor *cursor, char letter)
{
    for (size_t i = 0; i < cursor->count; i++)
        if (cursor->rows[i].letter == letter)
            return &cursor->rows[i];
    return NULL;
}

static const struct option_row *row_of_name(const struct cursor *cursor, const char *name,
                                            size_t length)
{
    for (size_t i = 0; i < cursor->count; i++) {
        const char *known = cursor->rows[i].name;
        if (known && strlen(known) == length && strncmp(known, name, length) == 0)
            return &cursor->rows[i];
    }
    return NULL;
}

/* The next word as a value, or NULL when there is none. */
static const char *next_word(struct cursor *cursor)
{
    return cursor->at + 1 < cursor->argc ? cursor->argv[++cursor->at] : NULL;
}

static int parse_long(struct cursor *cursor, struct err *err)
{
    const char *name = cursor->argv[cursor->at] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    const struct option_row *row = row_of_name(cursor, name, length);

    if (!row)
        return err_set(err, ERR_USAGE, "unknown option '--%.*s'; see --help", (int)length, name);
    if (value && !row->value)
        return err_set(err, ERR_USAGE, "option '--%s' takes no value", row->name);
    if (row->value && !value)
        value = next_word(cursor);
    if (row->value && !value)
        return err_set(err, ERR_USAGE, "option '--%s' wants a value: %s", row->name, row->value);
    return apply(cursor, row, value, err);
}

/* One word of letters; the first that takes a value takes the rest of the word. */
static int parse_cluster(struct cursor *cursor, struct err *err)
{
    for (const char *letter = cursor->argv[cursor->at] + 1; *letter; letter++) {
        const struct option_row *row = row_of_letter(cursor, *letter);
        if (!row)
            return err_set(err, ERR_USAGE, "unknown option '-%c'; see --help", *letter);
        if (!row->value) {
            if (apply(cursor, row, NULL, err) == -1)
                return -1;
            continue;
        }
        const char *value = letter[1] ? letter + 1 : next_word(cursor);
        if (!value)
            return err_set(err, ERR_USAGE, "option '-%c' wants a value: %s", *letter, row->value);
        return apply(cursor, row, value, err);
    }
    return 0;
}

int options_parse(const struct option_row *rows, size_t count, int argc, char **argv, void *into,
                  struct err *err)
{
    struct cursor cursor = {rows, count, argc, argv, 1, into};

    for (; cursor.at < argc; cursor.at++) {
        const char *word = argv[cursor.at];
        if (word[0] != '-' || word[1] == '\0')
            break;
        if (strcmp(word, "--") == 0)
            return cursor.at + 1;
        if ((word[1] == '-' ? parse_long : parse_cluster)(&cursor, err) == -1)
            return -1;
    }
    return cursor.at;
}

/* An item of the usage line, on a line of its own where the last one is full. */
static void put_item(FILE *out, int *column, const char *open, const char *name, const char *value,
                     const char *between)
{
    int width = (int)(strlen(open) + strlen(name) + strlen(between) + strlen(value) + 2);

    if (*column + width > USAGE_WIDTH) {
        *column = fprintf(out, "\n%*s", USAGE_INDENT, "") - 1;
        width--;
    }
    (void)fprintf(out, "%s%s%s%s%s]", *column == USAGE_INDENT ? "" : " ", open, name, between,
                  value);
    *column += width;
}

void options_usage(const char *command, const struct option_row *rows, size_t count, FILE *out)
{
    int column = fprintf(out, "usage: %s [-", command);

    for (size_t i = 0; i < count; i++)
        if (rows[i].letter && !rows[i].value)
            column += fprintf(out, "%c", rows[i].letter);
    column += fprintf(out, "]");
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &rows[i];
        char letter[] = {row->letter, '\0'};
        if (row->letter && row->value)
            put_item(out, &column, "[-", letter, row->value, " ");
        else if (!row->letter && row->value)
            put_item(out, &column, "[--", row->name, row->value, "=");
        else if (!row->letter)
            put_item(out, &column, "[--", row->name, "", "");
    }
}

void options_help(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &rows[i];
        int width = 0;

        width += row->letter ? fprintf(out, "  -%c", row->letter) : fprintf(out, "    ");
        if (row->name)
            width += fprintf(out, "%s--%s", row->letter ? ", " : "  ", row->name);
        if (row->value)
            width += fprintf(out, " %s", row->value);
        if (width >= HELP_COLUMN) {
            (void)fputc('\n', out);
            width = 0;
        }
        (void)fprintf(out, "%*s%s\n", HELP_COLUMN - width, "", row->help);
    }
}
