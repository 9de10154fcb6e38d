/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. /proc/self/cgroup says in which group the process is: `0::/PATH` for version 2,
 * `N:CONTROLLERS:/PATH` for version 1. A limit may be set on any group on the way up, and in a
 * container the upper ones, or PATH itself, may not be visible: what cannot be read limits nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/memory_limit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define TEXT_BYTES 8192

/* Reads the file ROOT/PATH into TEXT, NUL-terminated and cut; false when it cannot be read. */
static bool read_text(const char *root, const char *path, char text[TEXT_BYTES])
{
    char full[PATH_BYTES];
    int length = snprintf(full, sizeof full, "%s%s", root, path);
    if (length < 0 || (size_t)length >= sizeof full)
        return false;
    FILE *file = fopen(full, "re");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, TEXT_BYTES - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return size > 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t machine_bytes(const char *root)
{
    char text[TEXT_BYTES];
    uint64_t kib;
    const char *line = read_text(root, "/proc/meminfo", text) ? strstr(text, "MemTotal:") : NULL;
    if (line != NULL && sscanf(line, "MemTotal: %" SCNu64 " kB", &kib) == 1 && kib > 0)
        return kib * 1024;
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
}

/* The least of the limits that FILE has in the group PATH and those above it, under MOUNT. */
static uint64_t group_limit(const char *root, const char *mount, const char *group,
                            const char *file)
{
    char path[PATH_BYTES], full[PATH_BYTES], text[TEXT_BYTES];
    uint64_t least = UINT64_MAX;
    if (strlen(group) >= sizeof path || strstr(group, "/..") != NULL)
        group = "/"; /* outside of what we can see */
    memcpy(path, group, strlen(group) + 1);
    for (;;) {
        char *last = strrchr(path, '/');
        if (last != NULL && last[1] == '\0')
            *last = '\0';
        int length = snprintf(full, sizeof full, "%s%s/%s", mount, path, file);
        if (length > 0 && (size_t)length < sizeof full && read_text(root, full, text) &&
            text[0] >= '0' && text[0] <= '9') /* else "max": none */
            least = lesser(least, strtoull(text, NULL, 10));
        last = strrchr(path, '/');
        if (last == NULL)
            return least;
        *last = '\0';
    }
}

/* Is NAME one of the comma-separated NAMES? */
static bool is_among(const char *name, const char *names)
{
    size_t size = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += size)
        if ((at == names || at[-1] == ',') && (at[size] == ',' || at[size] == '\0'))
            return true;
    return false;
}

uint64_t memory_total_bytes(const char *root)
{
    char text[TEXT_BYTES], *rest = NULL;
    uint64_t total = machine_bytes(root);
    if (!read_text(root, "/proc/self/cgroup", text))
        return total;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        controllers++;
        if (controllers[0] == '\0')
            total = lesser(total, group_limit(root, "/sys/fs/cgroup", group, "memory.max"));
        else if (is_among("memory", controllers))
            total = lesser(
                total, group_limit(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
    return total;
}

uint64_t memory_resident_bytes(const char *root)
{
    char text[TEXT_BYTES];
    uint64_t size, resident;
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (page_bytes <= 0 || !read_text(root, "/proc/self/statm", text) ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)page_bytes;
}

uint64_t memory_share(uint64_t bytes, uint32_t ratio)
{
    __extension__ typedef unsigned __int128 wide;
    wide share = (wide)bytes * ratio / SETTINGS_RATIO_ONE;
    return share < UINT64_MAX ? (uint64_t)share : UINT64_MAX;
}

uint64_t memory_limit_of(const struct settings *settings, uint64_t total)
{
    return settings->memory_watermark_absolute > 0
               ? settings->memory_watermark_absolute
               : memory_share(total, settings->memory_watermark_relative);
}

uint64_t memory_limit_bytes(const struct settings *settings)
{
    return memory_limit_of(settings, memory_total_bytes(""));
}
