/* SPDX-License-Identifier: Apache-2.0
 *
 * alarms: is memory or disk so short that publishers must wait? Looked at every so often from a
 * timer of the main loop; what follows from it is up to the node, which tells the workers. Main
 * loop's thread only. Never allocates.
 */
#ifndef STOATMQ_SERVER_ALARMS_H
#define STOATMQ_SERVER_ALARMS_H

#include "server/settings.h"

/* Bits. */
enum alarm {
    ALARM_MEMORY = 1,
    ALARM_DISK = 2,
    ALARM_ANY = ALARM_MEMORY | ALARM_DISK,
    /* Not an alarm: so little is left to the limit that what is freed must go back to the system at
     * once, as it is the system's figure that is judged. */
    MEMORY_TIGHT = 4,
};

/* Reasons as connection.blocked says them, by the bits of ALARM_ANY; "" without an alarm. */
const char *alarms_reason(unsigned alarms);

struct alarm_readings {
    uint64_t memory_bytes, memory_limit; /* the process, and its watermark */
    uint64_t disk_free, disk_limit;      /* what is free for us, and below what it is too little */
};

struct alarms {
    unsigned on;      /* enum alarm */
    bool disk_full;   /* the log could not be written for want of space (alarms_set_disk_full) */
    bool disk_unread; /* the free space cannot be told, and we said so */
    struct alarm_readings last;
};

/* What READINGS mean after ALARMS: the bits that are on. Memory's alarm goes on above the limit,
 * and off below 95 % of it; the disk's on below the limit, and off a tenth (at least 16 MiB, at
 * most 1 GiB) above it. Memory is tight above 90 % of its limit. Pure. */
unsigned alarms_judge(struct alarms *alarms, const struct alarm_readings *readings);

/* In how many milliseconds to look again, INTERVAL_MS at most: the less, the sooner a limit could
 * be reached. Pure. */
uint64_t alarms_wait_ms(const struct alarms *alarms, uint64_t interval_ms);

/* Looks at memory and disk, writes changes to the log, and returns the bits that are on. */
unsigned alarms_look(struct alarms *alarms, const struct settings *settings);

/* The log found the disk full, or found room again: raises or lowers the disk's alarm at once,
 * whatever the free space. Returns the bits that are on. */
unsigned alarms_set_disk_full(struct alarms *alarms, bool is_full);

/* Writes the readings and what is on to the log. */
void alarms_describe(const struct alarms *alarms);

#endif
