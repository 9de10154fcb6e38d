// SPDX-License-Identifier: Apache-2.0
#include "disk.h"

#include "histogram.h"
#include "usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_SIZE = 64 << 20, PIECE = 1 << 20 };

static int write_at(int fd, const uint8_t *data, size_t size, uint64_t at)
{
    return pwrite(fd, data, size, (off_t)at) == (ssize_t)size ? 0 : -1;
}

// As a log's segment is made: allocated, written, and on the device.
static int prepare(int fd)
{
    uint8_t *zeros = calloc(1, PIECE);
    if (!zeros)
        abort();
    int result = 0;
    for (uint64_t at = 0; at < FILE_SIZE && result == 0; at += PIECE)
        result = write_at(fd, zeros, PIECE, at);
    free(zeros);
    return result || fsync(fd) ? -1 : 0;
}

// Writes and syncs for the given time; returns how often, or -1.
static int64_t write_and_sync(int fd, const struct options *o, struct histogram *latency)
{
    uint8_t *data = malloc(o->size);
    if (!data)
        abort();
    memset(data, 0x5A, o->size);
    uint64_t end = now_ns() + (uint64_t)(o->seconds * 1e9), at = 0, start;
    int64_t done = 0;
    for (; done >= 0 && (start = now_ns()) < end; at += o->size) {
        if (at + o->size > FILE_SIZE)
            at = 0;
        if (write_at(fd, data, o->size, at) || fdatasync(fd)) {
            done = -1;
        } else {
            histogram_add(latency, now_ns() - start);
            done++;
        }
    }
    free(data);
    return done;
}

int disk_run(const struct options *o)
{
    static struct histogram latency;
    if (o->size > FILE_SIZE) {
        fprintf(stderr, "loadgen: disk takes a --size up to %d\n", FILE_SIZE);
        return 2;
    }
    int fd = open(o->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror("loadgen: --file");
        return 2;
    }
    uint64_t begin = now_ns();
    int64_t done = prepare(fd) ? -1 : 0;
    double prepare_s = (double)(now_ns() - begin) / 1e9;
    if (done == 0)
        done = write_and_sync(fd, o, &latency);
    if (done < 0)
        perror("loadgen: disk");
    close(fd);
    unlink(o->file);
    if (done < 0)
        return 1;
    printf("{\"load\": \"disk\", \"size\": %lu, \"rate\": %.1f, \"prepare_s\": %.3f, "
           "\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, "
           "\"count\": %lu}}\n",
           (unsigned long)o->size, (double)done / o->seconds, prepare_s,
           (double)histogram_percentile(&latency, 0.5) / 1e3,
           (double)histogram_percentile(&latency, 0.99) / 1e3,
           (double)histogram_percentile(&latency, 0.999) / 1e3, (double)latency.max / 1e3,
           (unsigned long)latency.count);
    return 0;
}
