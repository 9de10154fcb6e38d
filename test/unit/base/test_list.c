/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/list.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/base/death.h"

struct item {
    int number;
    struct list_node node;
};

static int number_of(const struct list_node *node)
{
    return LIST_ENTRY(node, struct item, node)->number;
}

/* The numbers in LIST, as digits. */
static const char *digits_of(const struct list *list)
{
    static char text[16];
    size_t size = 0;
    list_for_each (it, list)
        text[size++] = (char)('0' + number_of(it));
    text[size] = '\0';
    return text;
}

static void elements_keep_the_order_of_linking(void **state)
{
    (void)state;
    struct item items[5] = {
        {.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list list;
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_pop(&list));

    list_append(&list, &items[1].node);
    list_append(&list, &items[3].node);
    list_prepend(&list, &items[0].node);
    list_insert_before(&items[3].node, &items[2].node);
    list_insert_before(&list.head, &items[4].node);
    assert_string_equal(digits_of(&list), "01234");
    assert_ptr_equal(list_first(&list), &items[0].node);

    list_remove(&items[2].node);
    assert_false(list_node_is_linked(&items[2].node));
    assert_string_equal(digits_of(&list), "0134");
    assert_int_equal(number_of(list_pop(&list)), 0);
    list_append(&list, &items[0].node); /* a removed node may come again */
    assert_string_equal(digits_of(&list), "1340");
}

static void safe_walk_survives_unlinking(void **state)
{
    (void)state;
    struct item items[6] = {{.number = 0}, {.number = 1}, {.number = 2},
                            {.number = 3}, {.number = 4}, {.number = 5}};
    struct list list;
    list_init(&list);
    for (size_t i = 0; i < 6; i++)
        list_append(&list, &items[i].node);
    list_for_each_safe (it, &list) {
        if (number_of(it) % 2 == 0)
            list_remove(it);
    }
    assert_string_equal(digits_of(&list), "135");
    list_for_each_safe (it, &list)
        list_remove(it);
    assert_true(list_is_empty(&list));
}

static void link_twice(void)
{
    struct item item = {0};
    struct list list;
    list_init(&list);
    list_append(&list, &item.node);
    list_append(&list, &item.node);
}

static void remove_unlinked(void)
{
    struct item item = {0};
    list_remove(&item.node);
}

static void wrong_linking_fails_a_check(void **state)
{
    (void)state;
    char log[512];
    int status = death_of(link_twice, log, sizeof log);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(log, " error check_failed "));
    status = death_of(remove_unlinked, log, sizeof log);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(log, "list_node_is_linked(node)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_keep_the_order_of_linking),
        cmocka_unit_test(safe_walk_survives_unlinking),
        cmocka_unit_test(wrong_linking_fails_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
