/* SPDX-License-Identifier: Apache-2.0
 *
 * A main for a fuzz target without libFuzzer: gives it every file, and every file of every folder,
 * that the command line names. Fails when there is none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "test/fuzz/fuzz.h"

/* Runs the target over one file, in a block of exactly its size. */
static int replay_file(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file != NULL)
            fclose(file);
        return -1;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    int result = -1;
    if (data == NULL || fread(data, 1, size, file) != size)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        result = LLVMFuzzerTestOneInput(data, size);
    free(data);
    fclose(file);
    return result;
}

/* Counts the inputs in *COUNT. */
static int replay(const char *path, unsigned *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        *count += 1;
        return replay_file(path);
    }
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(folder)) != NULL;) {
        char file[4096];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= sizeof file) {
            fprintf(stderr, "%s/%s: name too long\n", path, entry->d_name);
            result = -1;
        } else {
            result = replay(file, count);
        }
    }
    closedir(folder);
    return result;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i], &count) != 0)
            return 1;
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
