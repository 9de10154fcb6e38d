/* SPDX-License-Identifier: Apache-2.0
 *
 * types_fixture: an engine with one client, and declarations with arguments, for the tests of
 * exchange types.
 */
#ifndef STOATMQ_TEST_EXCHANGE_TYPES_FIXTURE_H
#define STOATMQ_TEST_EXCHANGE_TYPES_FIXTURE_H

#include <stdio.h>

#include "amqp/table.h"
#include "exchange/route.h"
#include "test/unit/exchange/expect.h"

struct types_fixture {
    struct harness harness;
    struct client *client;
    uint64_t seed;
};

static inline int types_set_up(void **state)
{
    struct types_fixture *f = calloc(1, sizeof *f);
    f->seed = harness_seed();
    harness_init(&f->harness, f->seed);
    f->client = client_open(&f->harness, 1u << 20);
    client_channel(f->client, 1);
    *state = f;
    return 0;
}

static inline int types_tear_down(void **state)
{
    struct types_fixture *f = *state;
    expect_nothing(f->client); /* all that was declared was legal */
    harness_fini(&f->harness);
    free(f);
    return 0;
}

/* Declares, with ARGUMENTS; what is answered is left to be seen. */
static inline void types_declare(struct types_fixture *f, const char *name, const char *type,
                                 const struct buf *arguments)
{
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {.exchange = S(name),
                                                      .type = S(type),
                                                      .nowait = true,
                                                      .arguments = buf_slice(arguments)}});
}

static inline void types_unbind(struct types_fixture *f, const char *queue, const char *exchange,
                                const char *key)
{
    client_send(
        f->client, 1,
        &(struct method){
            .id = METHOD_QUEUE_UNBIND,
            .queue_unbind = {.queue = S(queue), .exchange = S(exchange), .routing_key = S(key)}});
    expect_method(f->client, 1, METHOD_QUEUE_UNBIND_OK);
}

/* The channel was closed with 406 and TEXT; it is opened again. */
static inline void types_refused(struct types_fixture *f, const char *text)
{
    const struct method *method = expect_method(f->client, 1, METHOD_CHANNEL_CLOSE);
    assert_int_equal(method->channel_close.reply_code, REPLY_PRECONDITION_FAILED);
    assert_slice(method->channel_close.reply_text, text);
    client_channel(f->client, 1);
}

/* A message as publish would route it, with properties if PROPERTIES is not NULL. */
static inline struct message *types_message(const char *exchange, const char *key,
                                            const struct properties *properties)
{
    struct buf encoded = {0};
    properties_encode(properties != NULL ? properties : &(struct properties){0}, &encoded);
    struct message *message = message_new(S(exchange), S(key), buf_slice(&encoded), 0, 0);
    assert_non_null(message);
    message_seal(message);
    buf_fini(&encoded);
    return message;
}

/* The one queue that a message leads to, or NULL. */
static inline struct queue *types_route(struct types_fixture *f, const char *exchange,
                                        const char *key, const struct properties *properties)
{
    struct message *message = types_message(exchange, key, properties);
    f->harness.engine->counters.commands++; /* as each publish is a command of its own */
    struct route_view view = route_find(harness_exchange(&f->harness, exchange), message);
    assert_true(view.count <= 1);
    struct queue *queue = view.count == 0 ? NULL : view.queues[0];
    message_unref(message);
    return queue;
}

#endif
