/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/parameter.h"

#include "exchange/definition.h"
#include "test/unit/exchange/expect.h"
#include "test/unit/exchange/policy_json.h"

static void put(struct harness *harness, const char *name, const char *json)
{
    struct buf value = policy_json(json);
    assert_int_not_equal(parameter_put(harness->engine, S(name), buf_slice(&value)), 0);
    buf_fini(&value);
}

static void expect(struct harness *harness, const char *name, const char *json)
{
    struct buf value = policy_json(json);
    const struct parameter *parameter = parameter_find(harness->engine, S(name));
    assert_non_null(parameter);
    assert_true(slice_equal(parameter->value, buf_slice(&value)));
    buf_fini(&value);
}

static void parameters_are_set_replaced_and_deleted(void **state)
{
    (void)state;
    struct harness harness;
    harness_init(&harness, 1);
    harness_forget_facts(&harness);
    assert_null(parameter_find(harness.engine, S("cluster_name")));
    put(&harness, "cluster_name", "{'value':'alice'}");
    put(&harness, "b", "{'value':[1,{'c':null}]}");
    put(&harness, "cluster_name", "{'value':'bob'}");
    expect(&harness, "cluster_name", "{'value':'bob'}");
    expect(&harness, "b", "{'value':[1,{'c':null}]}");
    assert_int_equal(harness_facts(&harness, STORE_DEFINE), 3);
    assert_int_not_equal(parameter_delete(harness.engine, parameter_find(harness.engine, S("b"))),
                         0);
    assert_null(parameter_find(harness.engine, S("b")));
    assert_int_equal(harness_facts(&harness, STORE_UNDEFINE), 1);
    harness_fini(&harness);
}

static void they_stand_in_order(void **state)
{
    (void)state;
    struct harness harness;
    harness_init(&harness, 1);
    put(&harness, "b", "{'value':1}");
    put(&harness, "c", "{'value':1}");
    put(&harness, "a", "{'value':1}");
    put(&harness, "b", "{'value':2}");
    char names[8] = "";
    list_for_each (node, &harness.engine->global_parameters)
        strncat(names, (const char *)LIST_ENTRY(node, struct parameter, by_name)->name.data, 1);
    assert_string_equal(names, "abc");
    harness_fini(&harness);
}

static void what_the_store_has_comes_back_without_being_told_to_it_again(void **state)
{
    (void)state;
    struct harness harness;
    struct buf value = policy_json("{'value':{'a':1}}"), empty = {0};
    harness_init(&harness, 1);
    harness_forget_facts(&harness);
    engine_restore_definition(harness.engine, DEFINITION_GLOBAL_PARAMETER, S("p"),
                              buf_slice(&value));
    expect(&harness, "p", "{'value':{'a':1}}");
    assert_int_equal(harness_facts(&harness, STORE_DEFINE), 0);
    assert_false(parameter_restore(harness.engine, S("q"), buf_slice(&empty)));
    buf_fini(&value);
    harness_fini(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_set_replaced_and_deleted),
        cmocka_unit_test(they_stand_in_order),
        cmocka_unit_test(what_the_store_has_comes_back_without_being_told_to_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
