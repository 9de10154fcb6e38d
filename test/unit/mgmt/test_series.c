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

static void a_change_after_a_long_rest_does_not_reach_back(void **state)
{
    (void)state;
    struct series *series = series_new(1, false, START);
    uint64_t i = 1;
    series_set(series, (const uint64_t[]){7}, START + 1);
    for (; i <= 30; i++)
        series_sample(series, START + i * SAMPLE_MS);
    series_set(series, (const uint64_t[]){90}, START + i * SAMPLE_MS - 1);
    for (; i <= 32; i++)
        series_sample(series, START + i * SAMPLE_MS);
    assert_int_equal(series_at(series, 0, START + 31 * SAMPLE_MS), 90);
    assert_int_equal(series_at(series, 0, START + 29 * SAMPLE_MS), 7);
    assert_int_equal(series_at(series, 0, START + 10 * SAMPLE_MS), 7);
    assert_int_equal(series_at(series, 0, START - 1), 0);
    series_free(series);
}

static void before_there_was_anything_there_was_nothing(void **state)
{
    (void)state;
    const uint64_t born = START + 123456;
    for (unsigned is_long = 0; is_long < 2; is_long++) {
        struct series *series = series_new(1, is_long, born);
        series_set(series, (const uint64_t[]){20}, born + 100);
        for (uint64_t i = 1; i <= 3; i++)
            series_sample(series, born + i * SAMPLE_MS);
        series_set(series, (const uint64_t[]){30}, born + 4 * SAMPLE_MS);
        assert_int_equal(series_at(series, 0, born + 3 * SAMPLE_MS), 20);
        for (uint64_t at = born - 3600000; at < born; at += 1000)
            assert_int_equal(series_at(series, 0, at), 0);
        series_free(series);
    }
}

static void what_never_changed_takes_no_memory_for_samples(void **state)
{
    (void)state;
    struct series *series = series_new(2, false, START);
    series_set(series, (const uint64_t[]){0, 0}, START + 1);
    series_sample(series, START + SAMPLE_MS);
    assert_null(series->level[0].rows);
    series_free(series);
}

static void a_sum_has_the_history_of_its_parts(void **state)
{
    (void)state;
    struct series *parts[2] = {series_new(2, true, START),
                               series_new(1, true, START + 30 * SAMPLE_MS)};
    for (uint64_t i = 1; i <= 2000; i++) {
        uint64_t now = START + i * SAMPLE_MS;
        for (unsigned part = 0; part < (i > 30 ? 2u : 1u); part++) {
            series_set(parts[part], (const uint64_t[]){i * (part + 1), 1}, now);
            series_sample(parts[part], now);
        }
    }
    struct series *sum = series_sum((const struct series *const *)parts, 2, 1);
    assert_int_equal(sum->values[0], 6000);
    assert_true(series_rate(sum, 0, 0) > 0.59 && series_rate(sum, 0, 0) < 0.61);
    for (uint64_t i = 31; i <= 2000; i++) {
        uint64_t at = START + i * SAMPLE_MS + 1;
        assert_int_equal(series_at(sum, 0, at),
                         series_at(parts[0], 0, at) + series_at(parts[1], 0, at));
    }
    series_free(sum);
    sum = series_sum(NULL, 0, 1);
    assert_int_equal(series_at(sum, 0, START), 0);
    series_free(sum);
    series_free(parts[0]);
    series_free(parts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_changes_per_second_of_the_last_step),
        cmocka_unit_test(samples_of_the_last_minute_are_found_by_their_time),
        cmocka_unit_test(what_does_not_change_keeps_no_samples_but_its_value),
        cmocka_unit_test(long_series_reach_back_a_day),
        cmocka_unit_test(a_change_after_a_long_rest_does_not_reach_back),
        cmocka_unit_test(before_there_was_anything_there_was_nothing),
        cmocka_unit_test(what_never_changed_takes_no_memory_for_samples),
        cmocka_unit_test(a_sum_has_the_history_of_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
