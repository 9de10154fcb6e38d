/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/loop.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server/base/mem.h"

/* Two loops on two threads, and what they have seen of calls and parcels. */
struct fixture {
    struct loop here, there;
    uv_thread_t thread;
    uv_thread_t ran_on[4];
    unsigned runs, parcels, ticks;
    int order[4];
};

static void on_tick(void *context)
{
    ((struct fixture *)context)->ticks++;
}

static void on_parcel(void *context, struct parcel *parcel)
{
    struct fixture *f = context;
    f->order[f->runs + f->parcels++] = parcel->kind;
}

static int setup(void **state)
{
    static const struct loop_hooks hooks = {.end_tick = on_tick, .on_parcel = on_parcel};
    static const struct loop_hooks none = {0};
    struct fixture *f = mem_zalloc(sizeof *f);
    *state = f;
    return loop_init(&f->here, 0, 1, &hooks, f) < 0 || loop_init(&f->there, 1, 1, &none, f) < 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_fini(&f->there);
    loop_fini(&f->here);
    mem_free(f);
    return 0;
}

static void run_there(void *context)
{
    loop_run(&((struct fixture *)context)->there);
}

/* A call that goes there and back. */
struct errand {
    struct call call; /* first */
    struct fixture *fixture;
    struct loop *next;
    int kind;
};

static struct errand *errand_new(struct fixture *f, void (*run)(struct call *call))
{
    struct errand *errand = mem_zalloc(sizeof *errand);
    errand->call.run = run;
    errand->fixture = f;
    return errand;
}

static void arrive(struct call *call)
{
    struct errand *errand = (struct errand *)call;
    struct fixture *f = errand->fixture;
    f->ran_on[f->runs++] = uv_thread_self();
    loop_stop(&f->there);
    loop_stop(&f->here);
    mem_free(errand);
}

static void go_back(struct call *call)
{
    struct errand *errand = (struct errand *)call;
    struct fixture *f = errand->fixture;
    f->ran_on[f->runs++] = uv_thread_self();
    errand->call.run = arrive;
    loop_call(&f->here, &errand->call);
}

static void call_runs_on_the_loops_thread_and_comes_back(void **state)
{
    struct fixture *f = *state;
    uv_thread_t here = uv_thread_self();
    assert_int_equal(uv_thread_create(&f->thread, run_there, f), 0);
    loop_call(&f->there, &errand_new(f, go_back)->call);
    loop_run(&f->here);
    assert_int_equal(uv_thread_join(&f->thread), 0);
    assert_int_equal(f->runs, 2);
    assert_true(uv_thread_equal(&f->ran_on[0], &f->thread));
    assert_true(uv_thread_equal(&f->ran_on[1], &here));
    assert_int_equal(f->parcels, 0);
}

static void note(struct call *call)
{
    struct errand *errand = (struct errand *)call;
    struct fixture *f = errand->fixture;
    f->order[f->runs + f->parcels] = errand->kind;
    f->runs++;
    mem_free(errand);
}

static void note_and_stop(struct call *call)
{
    loop_stop(&((struct errand *)call)->fixture->here);
    note(call);
}

static void calls_and_parcels_keep_their_order_and_end_in_a_tick(void **state)
{
    struct fixture *f = *state;
    struct parcel parcel = {.kind = 7};
    struct errand *first = errand_new(f, note), *last = errand_new(f, note_and_stop);
    first->kind = 1;
    last->kind = 2;
    loop_call(&f->here, &first->call);
    loop_post(&f->here, &parcel);
    loop_call(&f->here, &last->call);
    loop_run(&f->here);
    assert_int_equal(f->order[0], 1);
    assert_int_equal(f->order[1], 7);
    assert_int_equal(f->order[2], 2);
    assert_true(f->ticks >= 1);
}

static void ticks_and_what_waited_are_counted(void **state)
{
    struct fixture *f = *state;
    loop_call(&f->here, &errand_new(f, note)->call);
    loop_call(&f->here, &errand_new(f, note)->call);
    loop_call(&f->here, &errand_new(f, note_and_stop)->call);
    loop_run(&f->here);
    struct loop_counters counters = loop_count(&f->here);
    assert_true(counters.ticks >= 1); /* to be told to stop may be another */
    assert_true(counters.tick_ns > 0);
    assert_int_equal(counters.parcels, 3);
    assert_int_equal(counters.inbox_depth, 3);
    uint64_t in_buckets = 0;
    for (unsigned i = 0; i < LOOP_TICK_BUCKETS; i++)
        in_buckets += counters.tick_times[i];
    assert_int_equal(in_buckets, counters.ticks);
    counters = loop_count(&f->here);
    assert_int_equal(counters.parcels, 3);
    assert_int_equal(counters.inbox_depth, 0); /* since the last time */
}

static void again(struct call *call)
{
    struct errand *errand = (struct errand *)call;
    struct fixture *f = errand->fixture;
    f->order[f->runs++] = (int)f->ticks;
    if (f->runs == 3) {
        loop_stop(&f->here);
        mem_free(errand);
        return;
    }
    loop_call(&f->here, call);
}

/* So that work in slices lets the loop do other things in between. */
static void call_to_its_own_loop_runs_in_a_later_tick(void **state)
{
    struct fixture *f = *state;
    loop_call(&f->here, &errand_new(f, again)->call);
    loop_run(&f->here);
    assert_int_equal(f->runs, 3);
    assert_true(f->order[0] < f->order[1] && f->order[1] < f->order[2]);
}

static void call_that_came_too_late_is_run_when_the_loop_is_freed(void **state)
{
    struct fixture *f = *state;
    loop_stop(&f->here);
    loop_run(&f->here);
    loop_call(&f->here, &errand_new(f, note)->call);
    loop_fini(&f->here);
    assert_int_equal(f->runs, 1);
    static const struct loop_hooks none = {0};
    assert_int_equal(loop_init(&f->here, 0, 1, &none, f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(call_runs_on_the_loops_thread_and_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(calls_and_parcels_keep_their_order_and_end_in_a_tick, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(ticks_and_what_waited_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(call_to_its_own_loop_runs_in_a_later_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(call_that_came_too_late_is_run_when_the_loop_is_freed,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
