/* SPDX-License-Identifier: Apache-2.0
 *
 * paging_fixture: an engine that lets messages leave memory, with a store that keeps what it is
 * given (shelf.h) and answers when the test says so. Message number N of a queue has N as its body.
 */
#ifndef STOATMQ_TEST_EXCHANGE_PAGING_FIXTURE_H
#define STOATMQ_TEST_EXCHANGE_PAGING_FIXTURE_H

#include <stdio.h>

#include "test/unit/exchange/expect.h"

enum {
    BLOCK = DEQUE_BLOCK_MESSAGES,
    MANY = 20 * BLOCK,
    WATERMARK = 6 * BLOCK * 180, /* a message takes less */
};

struct fixture {
    struct harness harness;
    struct shelf shelf;
    struct client *client, *other; /* channel 1 of each; queue d is durable, t is not */
    struct queue *d, *t;
};

static inline void connect(struct fixture *f)
{
    f->client = client_open(&f->harness, UINT32_MAX);
    f->other = client_open(&f->harness, UINT32_MAX);
    client_channel(f->client, 1);
    client_channel(f->other, 1);
    client_queue(f->client, 1, "d", DECLARE_DURABLE);
    client_queue(f->client, 1, "t", 0);
    client_bind(f->client, 1, "d", "amq.fanout", "");
    client_bind(f->client, 1, "t", "amq.fanout", "");
    f->d = harness_queue(&f->harness, "d");
    f->t = harness_queue(&f->harness, "t");
    harness_tick(&f->harness);
    harness_forget_facts(&f->harness);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    shelf_init(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    harness_fini(&f->harness);
    shelf_fini(&f->shelf);
    free(f);
    return 0;
}

static inline const char *body_of(uint32_t number)
{
    static char text[16];
    snprintf(text, sizeof text, "%08u", number);
    return text;
}

static inline void publish(struct fixture *f, const char *exchange, const char *key, uint32_t first,
                           uint32_t last, unsigned flags)
{
    for (uint32_t i = first; i <= last; i++)
        client_publish(f->client, 1, exchange, key, body_of(i), flags);
}

/* Every third message is persistent. */
static inline void publish_mixed(struct fixture *f, const char *key, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last; i++)
        publish(f, "", key, i, i, i % 3 == 0 ? PUBLISH_PERSISTENT : 0);
}

/* Ticks until the engine has nothing more to do, and two more. */
static inline void rest(struct fixture *f)
{
    unsigned ticks = 0;
    do {
        harness_tick(&f->harness);
        assert_true(++ticks < 1000);
    } while (f->harness.engine->wants_tick);
    harness_tick(&f->harness);
    harness_tick(&f->harness);
}

/* MANY persistent messages in d, the middle of them out of memory. */
static inline void fill(struct fixture *f)
{
    publish(f, "", "d", 1, MANY, PUBLISH_PERSISTENT);
    rest(f);
    assert_true(f->d->ready.cold.count > 0);
    harness_forget_facts(&f->harness);
}

static inline void expect_run(struct client *client, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last; i++)
        (void)expect_delivery(client, 1, "c", body_of(i), false);
    client_forget(client);
}

/* A consumer takes all of QUEUE: MANY messages in their order. */
static inline void expect_all(struct fixture *f, const char *queue)
{
    client_consume(f->other, 1, queue, "c", true);
    for (unsigned ticks = 0; queue_depth(harness_queue(&f->harness, queue)) > 0; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 10000);
    }
    expect_run(f->other, 1, MANY);
    expect_nothing(f->other);
}

/* What is in the cold range is what is on the shelf there. */
static inline void expect_cold_on_shelf(struct fixture *f, const struct queue *queue)
{
    const struct deque_cold *cold = &queue->ready.cold;
    uint64_t bytes;
    assert_int_equal(shelf_count(&f->shelf, queue->id, cold->first, cold->end, &bytes, NULL),
                     cold->count);
    assert_int_equal(bytes, cold->bytes);
}

static inline void get(struct client *client, const char *queue)
{
    client_get(client, 1, queue, true);
}

/* Takes what is in front of the cold range of d. */
static inline uint32_t get_front(struct fixture *f)
{
    uint32_t taken = 0;
    for (; f->d->ready.front.head != NULL; taken++) {
        get(f->client, "d");
        expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
    }
    client_forget(f->client);
    return taken;
}

#endif
