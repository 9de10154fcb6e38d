/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/node_stats.h"

#include <dirent.h>
#include <stdio.h>
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

static uint64_t read_disk_free(const char *folder)
{
    struct statvfs file_system;
    return statvfs(folder, &file_system) == 0
               ? (uint64_t)file_system.f_bavail * file_system.f_frsize
               : 0;
}

static uint64_t read_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

/* As many as the user may have, and the system. */
static uint64_t threads_limit(void)
{
    struct rlimit limit;
    uint64_t system = read_number("/proc/sys/kernel/threads-max");
    return getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur < system ? limit.rlim_cur
                                                                           : system;
}

static struct node_stats read_stats(const struct management *management)
{
    const struct node_counters *counters = &management->collector.counters;
    struct node_stats stats = {
        .memory_used = memory_resident_bytes(""),
        .memory_limit = counters->memory_limit,
        .disk_free = read_disk_free(management->view->settings->data_dir),
        .disk_limit = counters->disk_limit,
        .fd_used = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
        .threads_total = threads_limit(),
        .processors = uv_available_parallelism(),
    };
    struct rlimit limit;
    struct rusage usage;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        stats.fd_total = limit.rlim_cur;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        stats.context_switches = (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw);
    return stats;
}

void node_stats_take(void *context)
{
    struct management *management = context;
    struct snapshot *snapshot = &management->collector.snapshot;
    const struct node_counters *counters = &management->collector.counters;
    management->node_stats = read_stats(management);
    const struct node_stats *stats = &management->node_stats;
    const uint64_t values[NODE_COLUMNS] = {
        [NODE_MEMORY] = stats->memory_used,
        [NODE_DISK_FREE] = stats->disk_free,
        [NODE_DESCRIPTORS] = stats->fd_used,
        [NODE_SOCKETS] = snapshot->tables[REGISTRY_SESSION].count,
        [NODE_THREADS] = stats->threads,
        [NODE_CONTEXT_SWITCHES] = stats->context_switches,
        [NODE_READS] = counters->keeper.reads,
        [NODE_READ_BYTES] = counters->keeper.bytes_read,
        [NODE_READ_NS] = counters->keeper.read_ns,
        [NODE_WRITES] = counters->log.writes,
        [NODE_WRITE_BYTES] = counters->log.bytes,
        [NODE_WRITE_NS] = counters->log.write_ns,
        [NODE_SYNCS] = counters->log.syncs,
        [NODE_SYNC_NS] = counters->log.sync_ns,
        [NODE_MESSAGES_READ] = counters->keeper.messages_read,
        [NODE_MESSAGES_WRITTEN] = counters->messages,
    };
    series_set(snapshot->node, values, collector_wall_ms());
}
