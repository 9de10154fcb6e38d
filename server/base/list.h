/* SPDX-License-Identifier: Apache-2.0
 *
 * list: an intrusive doubly linked list. The node lives in the element; an unlinked node points
 * nowhere, and linking twice or unlinking an unlinked node is a failed check. No allocation.
 */
#ifndef STOATMQ_BASE_LIST_H
#define STOATMQ_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/check.h"

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#define list_for_each(it, list) \
    for (struct list_node *it = (list)->head.next; it != &(list)->head; it = it->next)

/* Survives the unlinking of the element it stands on. */
#define list_for_each_safe(it, list)                                                           \
    for (struct list_node *it = (list)->head.next, *it##_next = it->next; it != &(list)->head; \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_node_is_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

/* Links NODE before BEFORE, which is in a list or is a list's head. */
static inline void list_insert_before(struct list_node *before, struct list_node *node)
{
    CHECK(!list_node_is_linked(node));
    node->next = before;
    node->prev = before->prev;
    before->prev->next = node;
    before->prev = node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

static inline void list_remove(struct list_node *node)
{
    CHECK(list_node_is_linked(node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

/* Unlinks and returns the first node, or NULL. */
static inline struct list_node *list_pop(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL)
        list_remove(node);
    return node;
}

#endif
