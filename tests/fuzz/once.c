/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without libFuzzer: runs it once over each file that is named, and over each file of
 * a folder that is named. What the corpus holds is tested by every compiler that way.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

_Noreturn static void give_up(const char *path)
{
    (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(2);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = fuzz_alloc(INPUT_MAX);

    if (!file)
        give_up(path);
    size_t size = fread(data, 1, INPUT_MAX, file);
    if (ferror(file))
        give_up(path);
    (void)fclose(file);

    /* In memory that ends with it, so that a byte too far is seen. */
    uint8_t *exact = fuzz_alloc(size);
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
}

/* How many files there were. */
static size_t run_folder(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;

    if (!folder)
        give_up(path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        run_file(name);
        count++;
    }
    (void)closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st))
            give_up(argv[i]);
        if (S_ISDIR(st.st_mode)) {
            count += run_folder(argv[i]);
        } else {
            run_file(argv[i]);
            count++;
        }
    }
    (void)printf("%s: %zu inputs\n", argv[0], count);
    return count > 0 ? 0 : 1;
}
