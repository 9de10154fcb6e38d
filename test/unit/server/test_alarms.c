/* SPDX-License-Identifier: Apache-2.0 */
#include "server/alarms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* Judges memory alone, of which 1000 bytes are allowed. */
static unsigned judge_memory(struct alarms *alarms, uint64_t used)
{
    return alarms_judge(alarms, &(struct alarm_readings){.memory_bytes = used,
                                                         .memory_limit = 1000,
                                                         .disk_free = UINT64_MAX});
}

static unsigned judge_disk(struct alarms *alarms, uint64_t available, uint64_t limit)
{
    return alarms_judge(alarms, &(struct alarm_readings){.memory_limit = UINT64_MAX,
                                                         .disk_free = available,
                                                         .disk_limit = limit});
}

static void memory_alarm_is_on_above_the_limit_and_off_below_95_percent(void **state)
{
    (void)state;
    static const struct {
        uint64_t used;
        unsigned on;
    } steps[] = {{0, 0},
                 {900, 0},
                 {901, MEMORY_TIGHT},
                 {1000, MEMORY_TIGHT},
                 {1001, MEMORY_TIGHT | ALARM_MEMORY},
                 {5000, MEMORY_TIGHT | ALARM_MEMORY},
                 {1000, MEMORY_TIGHT | ALARM_MEMORY},
                 {950, MEMORY_TIGHT | ALARM_MEMORY},
                 {949, MEMORY_TIGHT},
                 {1000, MEMORY_TIGHT},
                 {1001, MEMORY_TIGHT | ALARM_MEMORY},
                 {1, 0}};
    struct alarms alarms = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(judge_memory(&alarms, steps[i].used), steps[i].on);
        assert_int_equal(alarms.on, steps[i].on);
    }
}

static void memory_limit_of_0_is_always_exceeded(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    struct alarm_readings readings = {.memory_bytes = 1, .disk_free = UINT64_MAX};
    for (int i = 0; i < 2; i++)
        assert_int_equal(alarms_judge(&alarms, &readings), ALARM_MEMORY | MEMORY_TIGHT);
}

static void disk_alarm_goes_off_a_tenth_above_its_limit(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    uint64_t limit = 1000 * MIB;
    assert_int_equal(judge_disk(&alarms, limit, limit), 0);
    assert_int_equal(judge_disk(&alarms, limit - 1, limit), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, limit, limit), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 1100 * MIB, limit), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 1100 * MIB + 1, limit), 0);
    assert_int_equal(judge_disk(&alarms, limit, limit), 0);
}

static void disk_margin_is_16_mib_at_least_and_1_gib_at_most(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    assert_int_equal(judge_disk(&alarms, 0, MIB), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 17 * MIB, MIB), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 17 * MIB + 1, MIB), 0);
    assert_int_equal(judge_disk(&alarms, 0, 100 * GIB), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 101 * GIB, 100 * GIB), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 101 * GIB + 1, 100 * GIB), 0);
}

static void disk_limit_of_0_never_alarms(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    assert_int_equal(judge_disk(&alarms, 0, 0), 0);
}

static void enormous_limits_do_not_wrap_around(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    assert_int_equal(judge_disk(&alarms, 5, UINT64_MAX - 5), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, UINT64_MAX - 5, UINT64_MAX - 5), ALARM_DISK);
    assert_in_range(alarms_wait_ms(&alarms, 2500), 1, 2500);
}

static void alarms_are_independent_and_told_together(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    struct alarm_readings readings = {
        .memory_bytes = 2000, .memory_limit = 1000, .disk_free = 1, .disk_limit = 100 * MIB};
    assert_int_equal(alarms_judge(&alarms, &readings), ALARM_ANY | MEMORY_TIGHT);
    assert_string_equal(alarms_reason(alarms.on), "low on disk & memory");
    readings.memory_bytes = 100;
    assert_string_equal(alarms_reason(alarms_judge(&alarms, &readings)), "low on disk");
    readings.disk_free = GIB;
    assert_string_equal(alarms_reason(alarms_judge(&alarms, &readings)), "");
    readings.memory_bytes = 1001;
    assert_string_equal(alarms_reason(alarms_judge(&alarms, &readings)), "low on memory");
    assert_string_equal(alarms_reason(MEMORY_TIGHT), "");
}

static void
full_disk_that_the_log_found_is_an_alarm_at_once_and_until_it_says_otherwise(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    assert_int_equal(judge_disk(&alarms, 100 * GIB, GIB), 0);
    assert_int_equal(alarms_set_disk_full(&alarms, true), ALARM_DISK);
    assert_int_equal(judge_disk(&alarms, 100 * GIB, GIB), ALARM_DISK);
    assert_int_equal(alarms_set_disk_full(&alarms, false), 0);
    assert_int_equal(judge_disk(&alarms, GIB / 2, GIB), ALARM_DISK);
    assert_int_equal(alarms_set_disk_full(&alarms, true), ALARM_DISK);
    assert_int_equal(alarms_set_disk_full(&alarms, false), ALARM_DISK);
}

static void limits_that_are_near_are_looked_at_more_often(void **state)
{
    (void)state;
    struct alarms alarms = {0};
    struct alarm_readings readings = {.memory_limit = 100 * GIB, .disk_free = 100 * GIB};
    alarms_judge(&alarms, &readings);
    assert_int_equal(alarms_wait_ms(&alarms, 2500), 2500);
    readings.memory_bytes = 98 * GIB; /* 2 GiB are left, at 2 GB a second */
    alarms_judge(&alarms, &readings);
    assert_in_range(alarms_wait_ms(&alarms, 2500), 1000, 1100);
    readings.memory_bytes = 1;
    readings.disk_free = GIB;
    alarms_judge(&alarms, &readings);
    assert_in_range(alarms_wait_ms(&alarms, 2500), 500, 550);
    readings.disk_limit = GIB;
    alarms_judge(&alarms, &readings);
    assert_int_equal(alarms_wait_ms(&alarms, 2500), 100);
    readings.disk_free = 0;
    alarms_judge(&alarms, &readings);
    assert_int_equal(alarms_wait_ms(&alarms, 2500), 100);
}

static void real_readings_are_plausible(void **state)
{
    (void)state;
    static struct settings settings;
    struct alarms alarms = {0};
    settings_init(&settings);
    settings.disk_free_limit_absolute = 0;
    assert_int_equal(alarms_look(&alarms, &settings) & ALARM_ANY, 0);
    assert_true(alarms.last.memory_bytes > 100000);
    assert_true(alarms.last.memory_limit > alarms.last.memory_bytes);
    assert_true(alarms.last.disk_free < UINT64_MAX);
    assert_int_equal(alarms.last.disk_limit, 0);
    settings.disk_free_limit_relative = SETTINGS_RATIO_ONE / 2;
    settings.memory_watermark_absolute = 1;
    (void)alarms_look(&alarms, &settings);
    assert_int_equal(alarms.last.memory_limit, 1);
    assert_true(alarms.last.disk_limit > 1000000);
    assert_int_equal(alarms.on & ALARM_MEMORY, ALARM_MEMORY);
}

static void free_space_is_that_of_the_nearest_folder_that_exists(void **state)
{
    (void)state;
    static const char *const folders[] = {"/tmp",
                                          "/tmp/there/is/no/such/folder",
                                          "/nowhere",
                                          "/",
                                          "no/such/relative/folder",
                                          "none",
                                          "./none",
                                          "."};
    static struct settings settings;
    settings_init(&settings);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct alarms alarms = {0};
        (void)snprintf(settings.data_dir, sizeof settings.data_dir, "%s", folders[i]);
        (void)alarms_look(&alarms, &settings);
        assert_false(alarms.disk_unread);
        assert_true(alarms.last.disk_free < UINT64_MAX);
    }
}

static void space_that_cannot_be_told_is_no_alarm(void **state)
{
    (void)state;
    static struct settings settings;
    struct alarms alarms = {0};
    settings_init(&settings);
    (void)snprintf(settings.data_dir, sizeof settings.data_dir, "/dev/null/data");
    assert_int_equal(alarms_look(&alarms, &settings) & ALARM_DISK, 0);
    assert_true(alarms.disk_unread);
    assert_true(alarms.last.disk_free == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_alarm_is_on_above_the_limit_and_off_below_95_percent),
        cmocka_unit_test(memory_limit_of_0_is_always_exceeded),
        cmocka_unit_test(disk_alarm_goes_off_a_tenth_above_its_limit),
        cmocka_unit_test(disk_margin_is_16_mib_at_least_and_1_gib_at_most),
        cmocka_unit_test(disk_limit_of_0_never_alarms),
        cmocka_unit_test(enormous_limits_do_not_wrap_around),
        cmocka_unit_test(alarms_are_independent_and_told_together),
        cmocka_unit_test(
            full_disk_that_the_log_found_is_an_alarm_at_once_and_until_it_says_otherwise),
        cmocka_unit_test(limits_that_are_near_are_looked_at_more_often),
        cmocka_unit_test(real_readings_are_plausible),
        cmocka_unit_test(free_space_is_that_of_the_nearest_folder_that_exists),
        cmocka_unit_test(space_that_cannot_be_told_is_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
