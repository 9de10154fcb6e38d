/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/timers.h"

#include "test/unit/exchange/expect.h"

enum { COUNT = 200, STEPS = 5000, ALL = 1 << 30 };

struct owned {
    struct timer timer; /* first */
    unsigned calls;
};

static uint64_t last_due;

static uint32_t note(struct timer *timer)
{
    assert_false(timer_is_armed(timer));
    assert_true(timer->due_ms >= last_due);
    last_due = timer->due_ms;
    ((struct owned *)timer)->calls++;
    return 9;
}

static void timers_are_due_in_their_order_however_they_were_armed(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct owned owned[COUNT] = {0};
    uint64_t random = harness_seed();
    for (unsigned i = 0; i < COUNT; i++)
        owned[i].timer.due = note;
    for (unsigned step = 0; step < STEPS; step++) {
        struct timer *timer = &owned[harness_below(&random, COUNT)].timer;
        if (harness_below(&random, 4) == 0)
            timer_disarm(&timers, timer);
        else
            timer_arm(&timers, timer, harness_below(&random, 1000));
    }
    unsigned armed = timers.count, called = 0;
    last_due = 0;
    assert_true(timers_run(&timers, 499, ALL));
    assert_true(last_due <= 499 && timers_next(&timers) > 499);
    assert_true(timers_run(&timers, 1000, ALL));
    assert_true(timers_next(&timers) == TIMER_NEVER);
    for (unsigned i = 0; i < COUNT; i++)
        called += owned[i].calls;
    assert_int_equal(called, armed);
    timers_fini(&timers);
}

static void no_more_is_done_at_a_time_than_allowed(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct owned owned[5] = {0};
    last_due = 0;
    for (unsigned i = 0; i < 5; i++) {
        owned[i].timer.due = note;
        timer_arm(&timers, &owned[i].timer, i);
    }
    assert_false(timers_run(&timers, 10, 20)); /* each counts for 10 */
    assert_int_equal(timers.count, 3);
    assert_true(timers_run(&timers, 10, 30));
    timers_fini(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_are_due_in_their_order_however_they_were_armed),
        cmocka_unit_test(no_more_is_done_at_a_time_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
