/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/node_stats.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "mgmt/management.h"
#include "server/memory_limit.h"

static uint64_t count_entries(const char *path)
{
    uint64_t count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void read_disk(const struct settings *settings, struct node_stats *stats)
{
    struct statvfs file_system;
    if (statvfs(settings->data_dir, &file_system) == 0)
        stats->disk_free = (uint64_t)file_system.f_bavail * file_system.f_frsize;
    stats->disk_limit = settings->disk_free_limit_relative > 0
                            ? memory_share(memory_total_bytes(""),
                                           settings->disk_free_limit_relative)
                            : settings->disk_free_limit_absolute;
}

struct node_stats node_stats_read(const struct management *management)
{
    const struct settings *settings = management->view->settings;
    struct node_stats stats = {
        .memory_used = memory_resident_bytes(""),
        .memory_limit = memory_limit_bytes(settings),
        .fd_used = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
        .processors = uv_available_parallelism(),
        .uptime_ms = (uv_hrtime() - management->started_ns) / 1000000,
    };
    struct rlimit limit;
    struct rusage usage;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        stats.fd_total = limit.rlim_cur;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        stats.context_switches = (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw);
    read_disk(settings, &stats);
    return stats;
}
