/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/snapshot/series.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START 1000000000000ull /* a multiple of SAMPLE_MS */

static void rates_are_changes_per_second_of_the_last_step(void **state)
{
    (void)state;
    struct series *series = series_new(2, false, START);
    series_set(series, (const uint64_t[]){10, 5}, START + 2000);
    assert_true(series_rate(series, 0, 0) == 5 && series_rate(series, 1, 0) == 2.5);
    series_set(series, (const uint64_t[]){10, 1}, START + 4000);
    assert_true(series_rate(series, 0, 0) == 0 && series_rate(series, 1, 0) == -2);
    assert_true(series_rate(series, 1, START + 4001) == 0);
    series_free(series);
}

static void samples_of_the_last_minute_are_found_by_their_time(void **state)
{
    (void)state;
    struct series *series = series_new(1, false, START);
    for (uint64_t i = 1; i <= 20; i++) {
        series_set(series, &i, START + i * SAMPLE_MS);
        series_sample(series, START + i * SAMPLE_MS + 100);
    }
    assert_int_equal(series_at(series, 0, START + 20 * SAMPLE_MS), 20);
    assert_int_equal(series_at(series, 0, START + 19 * SAMPLE_MS), 19);
    assert_int_equal(series_at(series, 0, START + 19 * SAMPLE_MS - 1), 18);
    assert_int_equal(series_at(series, 0, START + 8 * SAMPLE_MS), 8);
    assert_int_equal(series_at(series, 0, START - 1), 0);
    series_free(series);
}

static void what_does_not_change_keeps_no_samples_but_its_value(void **state)
{
    (void)state;
    struct series *series = series_new(1, false, START);
    series_set(series, (const uint64_t[]){7}, START + 1);
    for (uint64_t i = 1; i <= 30; i++)
        series_sample(series, START + i * SAMPLE_MS);
    assert_null(series->level[0].rows);
    assert_int_equal(series_at(series, 0, START + 25 * SAMPLE_MS), 7);
    series_free(series);
}

static void long_series_reach_back_a_day(void **state)
{
    (void)state;
    struct series *series = series_new(1, true, START);
    uint64_t samples = 24ull * 3600 * 1000 / SAMPLE_MS;
    for (uint64_t i = 1; i <= samples; i++) {
        series_set(series, &i, START + i * SAMPLE_MS);
        series_sample(series, START + i * SAMPLE_MS);
    }
    uint64_t now = START + samples * SAMPLE_MS;
    uint64_t hour = series_at(series, 0, now - 3600 * 1000);
    uint64_t half_day = series_at(series, 0, now - 12 * 3600 * 1000);
    assert_in_range(samples - hour, 720, 720 + 12);
    assert_in_range(samples - half_day, 8640, 8640 + 360);
    series_free(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_changes_per_second_of_the_last_step),
        cmocka_unit_test(samples_of_the_last_minute_are_found_by_their_time),
        cmocka_unit_test(what_does_not_change_keeps_no_samples_but_its_value),
        cmocka_unit_test(long_series_reach_back_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
