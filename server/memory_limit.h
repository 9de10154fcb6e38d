/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_limit: how much memory there is, and how much of it the broker may take. Reads the
 * system's files anew at each call, as limits of a container change while it runs; some
 * microseconds, so not for every message. Any thread.
 */
#ifndef STOATMQ_SERVER_MEMORY_LIMIT_H
#define STOATMQ_SERVER_MEMORY_LIMIT_H

#include "server/settings.h"

/* Bytes of memory that this process can have: the machine's, or the least limit of its control
 * group and those above that (versions 1 and 2), whichever is less. ROOT stands in front of /proc
 * and /sys: "" but in tests. */
uint64_t memory_total_bytes(const char *root);

/* Bytes of this process that are in memory now; 0 when that cannot be told. */
uint64_t memory_resident_bytes(const char *root);

/* The watermark in bytes: vm_memory_high_watermark's. Above it publishers are blocked. */
uint64_t memory_limit_bytes(const struct settings *settings);

/* The watermark with TOTAL bytes of memory. */
uint64_t memory_limit_of(const struct settings *settings, uint64_t total);

/* RATIO, a setting, of BYTES. */
uint64_t memory_share(uint64_t bytes, uint32_t ratio);

#endif
