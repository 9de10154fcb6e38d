/* SPDX-License-Identifier: Apache-2.0
 *
 * delay_fixture: the paging fixture with a clock, and exchanges that delay messages: x, a durable
 * fanout to d, and v, the same to t that does not last. A message's body says which it is.
 */
#ifndef STOATMQ_TEST_EXCHANGE_DELAY_FIXTURE_H
#define STOATMQ_TEST_EXCHANGE_DELAY_FIXTURE_H

#include "amqp/table.h"
#include "exchange/delay.h"
#include "test/unit/exchange/arguments_json.h"
#include "test/unit/exchange/paging_fixture.h"

enum { START_MS = 1000000 };

/* Declares; what is answered is left to be seen. */
static inline void declare_exchange(struct fixture *f, const char *name, const char *type,
                                    bool durable, const char *arguments)
{
    struct buf table = policy_json(arguments);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {.exchange = S(name),
                                                      .type = S(type),
                                                      .durable = durable,
                                                      .nowait = true,
                                                      .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

static inline int set_up_delays(void **state)
{
    (void)set_up(state);
    struct fixture *f = *state;
    f->harness.now_ms = START_MS;
    declare_exchange(f, "x", "x-delayed-message", true, "{'x-delayed-type':'fanout'}");
    declare_exchange(f, "v", "x-delayed-message", false, "{'x-delayed-type':'fanout'}");
    client_bind(f->client, 1, "d", "x", "");
    client_bind(f->client, 1, "t", "v", "");
    harness_tick(&f->harness);
    harness_forget_facts(&f->harness);
    return 0;
}

static inline void publish_headers(struct fixture *f, const char *exchange, const char *key,
                                   const char *body, const struct buf *headers, unsigned flags)
{
    bool persistent = flags & PUBLISH_PERSISTENT;
    client_publish_with(f->client, 1, exchange, key, body, flags,
                        &(struct properties){.flags = PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE,
                                             .delivery_mode = persistent ? 2 : 1,
                                             .headers = buf_slice(headers)});
}

static inline void publish_delayed(struct fixture *f, const char *exchange, const char *body,
                                   int64_t delay_ms, unsigned flags)
{
    struct buf headers = {0};
    table_put_int(&headers, "x-delay", delay_ms);
    publish_headers(f, exchange, "", body, &headers, flags);
    buf_fini(&headers);
}

/* A tick so many milliseconds after the start. */
static inline void tick_at(struct fixture *f, uint64_t ms)
{
    f->harness.now_ms = START_MS + ms;
    harness_tick(&f->harness);
}

/* Ticks until nothing is to be done, with the clock standing at MS after the start. */
static inline void rest_at(struct fixture *f, uint64_t ms)
{
    f->harness.now_ms = START_MS + ms;
    for (unsigned i = 0; i < 4; i++)
        rest(f);
}

/* The next message of QUEUE, which is taken; it may have to be read first. */
static inline const struct seen *take_next(struct fixture *f, const char *queue)
{
    get(f->other, queue);
    for (unsigned i = 0; client_peek(f->other) == NULL && i < 100; i++)
        rest(f);
    const struct seen *seen = client_peek(f->other);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    return seen;
}

static inline void expect_next(struct fixture *f, const char *queue, const char *body)
{
    assert_body(take_next(f, queue), body);
}

static inline void expect_empty(struct fixture *f, const char *queue)
{
    get(f->other, queue);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

static inline uint64_t delayed_in(const struct fixture *f, const char *exchange)
{
    return delay_count(harness_exchange(&f->harness, exchange));
}

#endif
