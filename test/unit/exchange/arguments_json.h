/* SPDX-License-Identifier: Apache-2.0
 *
 * arguments_json: queues declared in tests with arguments written as JSON with ' for ".
 */
#ifndef STOATMQ_TEST_EXCHANGE_ARGUMENTS_JSON_H
#define STOATMQ_TEST_EXCHANGE_ARGUMENTS_JSON_H

#include "test/unit/exchange/expect.h"
#include "test/unit/exchange/policy_json.h"

/* Declares NAME on channel 1 of CLIENT. */
static inline struct queue *declare_with(struct client *client, const char *name, unsigned flags,
                                         const char *arguments)
{
    struct buf table = policy_json(arguments);
    client_send(client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = flags & DECLARE_DURABLE,
                                                   .arguments = buf_slice(&table)}});
    buf_fini(&table);
    harness_tick(client->harness);
    (void)expect_method(client, 1, METHOD_QUEUE_DECLARE_OK);
    return harness_queue(client->harness, name);
}

/* Sets a policy for all queues, or for what PATTERN says. */
static inline void set_policy(struct harness *harness, const char *pattern, const char *definition)
{
    struct vhost *vhost = map_get(&harness->engine->vhosts, SLICE_LITERAL("/"));
    struct buf text = {0};
    buf_printf(&text, "{'pattern':'%s','priority':0,'definition':%s}%c", pattern, definition, '\0');
    struct buf fields = policy_json((const char *)text.data);
    (void)policy_put(vhost, POLICY_USERS, S("p"), buf_slice(&fields));
    buf_fini(&text);
    buf_fini(&fields);
}

#endif
