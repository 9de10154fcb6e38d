/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/log_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "persist/checkpoint.h"
#include "persist/segment_index.h"
#include "server/base/buf.h"
#include "server/base/mem.h"

/* --- files ---------------------------------------------------------------------------------- */

static bool index_number(const char *name, uint64_t *segment)
{
    char expected[SEGMENT_NAME_BYTES], *end;
    *segment = strtoull(name, &end, 10);
    segment_index_name(*segment, expected);
    return end != name && strcmp(name, expected) == 0;
}

static enum log_file_kind kind_of(const char *name, uint64_t *segment)
{
    static const char *const temporary[] = {"new.log", "new.spare", "new.checkpoint"};
    unsigned number;
    int end = 0;
    if (segment_number(name, segment))
        return LOG_FILE_SEGMENT;
    if (index_number(name, segment))
        return LOG_FILE_INDEX;
    *segment = 0;
    if (sscanf(name, "spare-%u.log%n", &number, &end) == 1 && end > 0 && name[end] == '\0')
        return LOG_FILE_SPARE;
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        if (strcmp(name, temporary[i]) == 0)
            return LOG_FILE_TEMPORARY;
    if (strcmp(name, CHECKPOINT_NAME) == 0 || strcmp(name, "lock") == 0)
        return LOG_FILE_OWN;
    return LOG_FILE_OTHER;
}

static void see_name(void *context, const char *name)
{
    struct log_dir *dir = context;
    struct log_file file;
    if (dir->count == dir->capacity) {
        dir->capacity = dir->capacity == 0 ? 32 : dir->capacity * 2;
        dir->files = mem_realloc(dir->files, dir->capacity * sizeof *dir->files);
    }
    file.kind = kind_of(name, &file.segment);
    file.name = mem_alloc(strlen(name) + 1);
    memcpy(file.name, name, strlen(name) + 1);
    dir->files[dir->count++] = file;
}

static int compare_files(const void *left, const void *right)
{
    const struct log_file *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->segment != b->segment)
        return a->segment < b->segment ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void forget_files(struct log_dir *dir)
{
    for (size_t i = 0; i < dir->count; i++)
        mem_free(dir->files[i].name);
    dir->count = 0;
}

int log_dir_list(struct log_dir *dir)
{
    forget_files(dir);
    int status = dir->io.list(&dir->io, see_name, dir);
    if (dir->count > 1)
        qsort(dir->files, dir->count, sizeof *dir->files, compare_files);
    return status;
}

int log_dir_open(struct log_dir *dir, const char *path)
{
    *dir = (struct log_dir){.path = path};
    int status = io_posix_init_reading(&dir->io, path);
    return status < 0 ? status : log_dir_list(dir);
}

void log_dir_close(struct log_dir *dir)
{
    forget_files(dir);
    mem_free(dir->files);
    if (dir->io.context != NULL)
        io_posix_fini(&dir->io);
}

bool log_dir_has_log(const struct log_dir *dir)
{
    for (size_t i = 0; i < dir->count; i++)
        if (dir->files[i].kind == LOG_FILE_SEGMENT ||
            strcmp(dir->files[i].name, CHECKPOINT_NAME) == 0)
            return true;
    return false;
}

bool log_dir_has(const struct log_dir *dir, enum log_file_kind kind, uint64_t segment)
{
    for (size_t i = 0; i < dir->count; i++)
        if (dir->files[i].kind == kind && dir->files[i].segment == segment)
            return true;
    return false;
}

/* --- the lock ------------------------------------------------------------------------------- */

/* What the broker wrote into its lock, for people; 0 when there is nothing. */
static long read_pid(const char *path)
{
    long pid = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    (void)fclose(file);
    return pid;
}

/* Some file systems have a file's locks under another device than its status has; the process tells
 * then. */
enum log_dir_use log_dir_use(const struct log_dir *dir, long *pid)
{
    struct buf path = {0};
    struct stat status;
    char line[256];
    unsigned major_number, minor_number;
    unsigned long long inode;
    enum log_dir_use use = LOG_DIR_FREE;
    buf_printf(&path, "%s/lock", dir->path);
    int error = stat((const char *)path.data, &status) == 0 ? 0 : errno;
    long written = error == 0 ? read_pid((const char *)path.data) : 0;
    buf_fini(&path);
    if (error != 0)
        return error == ENOENT ? LOG_DIR_FREE : LOG_DIR_USE_UNKNOWN;
    FILE *locks = fopen("/proc/locks", "re");
    if (locks == NULL)
        return LOG_DIR_USE_UNKNOWN;
    while (use == LOG_DIR_FREE && fgets(line, sizeof line, locks) != NULL)
        if (sscanf(line, "%*s %*s %*s WRITE %ld %x:%x:%llu", pid, &major_number, &minor_number,
                   &inode) == 4 &&
            inode == status.st_ino &&
            (*pid == written ||
             (major_number == major(status.st_dev) && minor_number == minor(status.st_dev))))
            use = LOG_DIR_IN_USE;
    (void)fclose(locks);
    return use;
}

bool log_dir_in_use(const struct log_dir *dir)
{
    long pid;
    return log_dir_use(dir, &pid) == LOG_DIR_IN_USE;
}
