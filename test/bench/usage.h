// SPDX-License-Identifier: Apache-2.0
// usage: what a process has used so far, from /proc, and the clock that everything is timed by.
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct usage {
    double user_s, system_s; // of all threads, ended ones too
    uint64_t rss_kib, peak_kib;
};

struct disk_usage {
    uint64_t bytes, writes, flushes;
};

// What a device has done so far, from its stat file (NULL: all zero). Returns -1 when that cannot
// be read.
int usage_of_disk(const char *stat_file, struct disk_usage *u);

// Fills *u for `pid` (0: all zero, no process is watched). Returns -1 when there is no such
// process.
int usage_of(pid_t pid, struct usage *u);

// CPU seconds of this process.
double usage_own_cpu_s(void);

uint64_t now_ns(void); // monotonic
