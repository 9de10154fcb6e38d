/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. alarms_judge is the logic, on plain numbers; the rest reads the system and writes
 * to the log. Both alarms have hysteresis, so that a broker at its limit does not block and unblock
 * its publishers twice a second.
 */
#include "server/alarms.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/memory_limit.h"

#define DISK_MARGIN_MIN (16ull << 20)
#define DISK_MARGIN_MAX (1ull << 30)

/* How fast memory or disk may fill: more than a network and its clients bring as a rule. */
#define BYTES_PER_MS 2000000
#define WAIT_MIN_MS  100

/* --- logic ----------------------------------------------------------------------------------- */

/* The order in which RabbitMQ says them. */
const char *alarms_reason(unsigned alarms)
{
    static const char *const reasons[] = {
        [0] = "",
        [ALARM_MEMORY] = "low on memory",
        [ALARM_DISK] = "low on disk",
        [ALARM_ANY] = "low on disk & memory",
    };
    return reasons[alarms & ALARM_ANY];
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint64_t disk_margin(uint64_t limit)
{
    uint64_t margin = limit / 10;
    return margin < DISK_MARGIN_MIN   ? DISK_MARGIN_MIN
           : margin > DISK_MARGIN_MAX ? DISK_MARGIN_MAX
                                      : margin;
}

static bool is_memory_on(unsigned before, const struct alarm_readings *readings)
{
    uint64_t limit = readings->memory_limit;
    return (before & ALARM_MEMORY) != 0 ? readings->memory_bytes >= limit - limit / 20
                                        : readings->memory_bytes > limit;
}

static bool is_disk_on(unsigned before, const struct alarm_readings *readings)
{
    uint64_t limit = readings->disk_limit;
    return (before & ALARM_DISK) != 0 ? readings->disk_free <= sum(limit, disk_margin(limit))
                                      : readings->disk_free < limit;
}

unsigned alarms_judge(struct alarms *alarms, const struct alarm_readings *readings)
{
    unsigned on = is_memory_on(alarms->on, readings) ? ALARM_MEMORY : 0;
    if (is_disk_on(alarms->on, readings) || alarms->disk_full)
        on |= ALARM_DISK;
    if (readings->memory_bytes > readings->memory_limit - readings->memory_limit / 10)
        on |= MEMORY_TIGHT;
    alarms->on = on;
    alarms->last = *readings;
    return on;
}

uint64_t alarms_wait_ms(const struct alarms *alarms, uint64_t interval_ms)
{
    const struct alarm_readings *last = &alarms->last;
    uint64_t memory_left = last->memory_limit - lesser(last->memory_bytes, last->memory_limit);
    uint64_t disk_left = last->disk_free - lesser(last->disk_limit, last->disk_free);
    uint64_t wait_ms = lesser(memory_left, disk_left) / BYTES_PER_MS;
    if ((alarms->on & ALARM_ANY) != 0 || wait_ms < WAIT_MIN_MS)
        wait_ms = WAIT_MIN_MS;
    return lesser(wait_ms, interval_ms);
}

/* --- readings -------------------------------------------------------------------------------- */

/* Bytes that we may still write to the file system of PATH, or of the nearest folder above it that
 * exists. 0 or a negative errno. */
static int read_disk_free(const char *path, uint64_t *bytes)
{
    char folder[SETTINGS_TEXT_BYTES];
    struct statvfs file_system;
    size_t size = strlen(path);
    CHECK_ID(size < sizeof folder, size);
    memcpy(folder, path, size + 1);
    while (statvfs(folder, &file_system) != 0) {
        char *slash = strrchr(folder, '/');
        if (errno != ENOENT)
            return -errno;
        if (slash != NULL && slash != folder)
            *slash = '\0';
        else
            memcpy(folder, slash != NULL ? "/" : ".", 2);
    }
    *bytes = (uint64_t)file_system.f_bavail * file_system.f_frsize;
    return 0;
}

static void read_disk(struct alarms *alarms, const struct settings *settings,
                      struct alarm_readings *readings)
{
    int status = read_disk_free(settings->data_dir, &readings->disk_free);
    if (status < 0) {
        readings->disk_free = UINT64_MAX;
        if (!alarms->disk_unread)
            log_warning("disk_unread", LOG_STR("folder", settings->data_dir),
                        LOG_STR("reason", strerror(-status)),
                        LOG_STR("consequence", "no alarm when free space runs low"));
    }
    alarms->disk_unread = status < 0;
}

static struct alarm_readings read_all(struct alarms *alarms, const struct settings *settings)
{
    struct alarm_readings readings;
    uint64_t total = memory_total_bytes("");
    readings.memory_bytes = memory_resident_bytes("");
    readings.memory_limit = memory_limit_of(settings, total);
    readings.disk_limit = settings->disk_free_limit_relative > 0
                              ? memory_share(total, settings->disk_free_limit_relative)
                              : settings->disk_free_limit_absolute;
    read_disk(alarms, settings, &readings);
    return readings;
}

/* --- for the operator ------------------------------------------------------------------------ */

static void say_memory(const struct alarms *alarms)
{
    const struct alarm_readings *last = &alarms->last;
    if ((alarms->on & ALARM_MEMORY) != 0)
        log_warning("alarm_set", LOG_STR("kind", "memory"),
                    LOG_NUM("used_bytes", last->memory_bytes),
                    LOG_NUM("limit_bytes", last->memory_limit),
                    LOG_STR("consequence", "publishers are blocked until memory is freed"),
                    LOG_STR("remedy", "consume or purge what waits in queues, or raise "
                                      "vm_memory_high_watermark"));
    else
        log_info("alarm_cleared", LOG_STR("kind", "memory"),
                 LOG_NUM("used_bytes", last->memory_bytes),
                 LOG_NUM("limit_bytes", last->memory_limit));
}

static void say_disk(const struct alarms *alarms)
{
    const struct alarm_readings *last = &alarms->last;
    if ((alarms->on & ALARM_DISK) != 0)
        log_warning("alarm_set", LOG_STR("kind", "disk"), LOG_NUM("free_bytes", last->disk_free),
                    LOG_NUM("limit_bytes", last->disk_limit),
                    LOG_STR("reason", alarms->disk_full ? "the log found the disk full"
                                                        : "less is free than disk_free_limit"),
                    LOG_STR("consequence", "publishers are blocked until space is freed"),
                    LOG_STR("remedy", alarms->disk_full
                                          ? "free space on the file system of data_dir"
                                          : "free space on the file system of data_dir, or lower "
                                            "disk_free_limit"));
    else
        log_info("alarm_cleared", LOG_STR("kind", "disk"), LOG_NUM("free_bytes", last->disk_free),
                 LOG_NUM("limit_bytes", last->disk_limit));
}

/* Judges READINGS and says what has changed. */
static unsigned update(struct alarms *alarms, const struct alarm_readings *readings)
{
    unsigned before = alarms->on;
    unsigned on = alarms_judge(alarms, readings);
    if (((before ^ on) & ALARM_MEMORY) != 0)
        say_memory(alarms);
    if (((before ^ on) & ALARM_DISK) != 0)
        say_disk(alarms);
    return on;
}

unsigned alarms_look(struct alarms *alarms, const struct settings *settings)
{
    struct alarm_readings readings = read_all(alarms, settings);
    return update(alarms, &readings);
}

unsigned alarms_set_disk_full(struct alarms *alarms, bool is_full)
{
    struct alarm_readings readings = alarms->last;
    alarms->disk_full = is_full;
    return update(alarms, &readings);
}

void alarms_describe(const struct alarms *alarms)
{
    const struct alarm_readings *last = &alarms->last;
    log_info("state", LOG_STR("alarms", alarms_reason(alarms->on)),
             LOG_NUM("memory_bytes", last->memory_bytes),
             LOG_NUM("memory_limit_bytes", last->memory_limit),
             LOG_NUM("disk_free_bytes", last->disk_free),
             LOG_NUM("disk_limit_bytes", last->disk_limit));
}
