// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int read_times(pid_t pid, struct usage *u)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    size_t got = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[got] = '\0';
    // The name may hold anything, so fields are counted from its closing parenthesis: state is the
    // 3rd of the file, utime the 14th, stime the 15th.
    unsigned long user, system;
    const char *after = strrchr(line, ')');
    if (!after || sscanf(after + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
                         &system) != 2)
        return -1;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    u->user_s = (double)user / ticks;
    u->system_s = (double)system / ticks;
    return 0;
}

static int read_memory(pid_t pid, struct usage *u)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    int found = 0;
    unsigned long kib;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmRSS: %lu kB", &kib) == 1) {
            u->rss_kib = kib;
            found++;
        } else if (sscanf(line, "VmHWM: %lu kB", &kib) == 1) {
            u->peak_kib = kib;
            found++;
        }
    }
    fclose(f);
    return found == 2 ? 0 : -1;
}

int usage_of(pid_t pid, struct usage *u)
{
    *u = (struct usage){0};
    if (pid == 0)
        return 0;
    return read_times(pid, u) || read_memory(pid, u) ? -1 : 0;
}

// Fields of the file: 5 writes, 7 sectors written, 16 flushes; a sector is 512 bytes for every
// device.
int usage_of_disk(const char *stat_file, struct disk_usage *u)
{
    unsigned long writes, sectors, flushes = 0;
    *u = (struct disk_usage){0};
    if (!stat_file)
        return 0;
    FILE *f = fopen(stat_file, "r");
    if (!f)
        return -1;
    int got = fscanf(f,
                     "%*u %*u %*u %*u %lu %*u %lu %*u %*u %*u %*u "
                     "%*u %*u %*u %*u %lu",
                     &writes, &sectors, &flushes);
    fclose(f);
    if (got < 2)
        return -1;
    *u = (struct disk_usage){(uint64_t)sectors * 512, writes, flushes};
    return 0;
}

double usage_own_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
