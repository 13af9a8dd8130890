/* SPDX-License-Identifier: MIT */
/* Gives a fuzz target each file of a folder once, and the empty input, without libFuzzer: so every
 * compiler and both systems see the seeds. It fails when there is no seed, for then it tests
 * nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* More than the longest input that ./dev fuzz makes; longer seeds are an error. */
#define INPUT_SIZE_MAX (1024u * 1024u)
#define PATH_SIZE      4096

/* The input lies in memory of exactly its size, so that reading past it shows. */
static int replay(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return -1;
    }
    memcpy(copy, bytes, size);
    int result = LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return result;
}

static int replay_file(const char *path)
{
    static uint8_t bytes[INPUT_SIZE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "%s cannot be opened\n", path);
        return -1;
    }
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    int is_whole = feof(file) != 0 || fgetc(file) == EOF;
    (void)fclose(file);
    if (!is_whole) {
        (void)fprintf(stderr, "%s is too long\n", path);
        return -1;
    }
    (void)printf("%s: %lu bytes\n", path, (unsigned long)size);
    return replay(bytes, size);
}

static int replay_folder(const char *folder)
{
    char path[PATH_SIZE];
    int count = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        (void)fprintf(stderr, "there is no folder %s\n", folder);
        return -1;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof(path) || replay_file(path) != 0) {
            (void)closedir(entries);
            return -1;
        }
        count++;
    }
    (void)closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    /* A crash must not swallow the name of the file that caused it. */
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    int count = replay_folder(argv[1]);
    if (count <= 0 || replay((const uint8_t *)"", 0) != 0) {
        (void)fprintf(stderr, "%s: no seed was replayed to its end\n", argv[1]);
        return EXIT_FAILURE;
    }
    (void)printf("%d seeds replayed\n", count);
    return EXIT_SUCCESS;
}
