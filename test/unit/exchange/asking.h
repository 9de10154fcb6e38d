/* SPDX-License-Identifier: Apache-2.0
 *
 * asking: two clients that want answers, and a store that is durable when the test says so.
 */
#ifndef STOATMQ_TEST_EXCHANGE_ASKING_H
#define STOATMQ_TEST_EXCHANGE_ASKING_H

#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client, *other; /* channels 1 and 2 of each */
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->harness.store.patient = true;
    f->client = client_open(&f->harness, 1000000);
    f->other = client_open(&f->harness, 1000000);
    for (uint16_t channel = 1; channel <= 2; channel++) {
        client_channel(f->client, channel);
        client_channel(f->other, channel);
    }
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    harness_fini(&f->harness);
    free(f);
    return 0;
}

/* All that was appended is durable, and a tick ends. */
static inline void sync(struct fixture *f)
{
    f->harness.store.durable_lsn = f->harness.store.last_lsn;
    harness_tick(&f->harness);
}

static inline void declare(struct client *client, uint16_t channel, const char *name,
                           unsigned flags)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = (flags & DECLARE_DURABLE) != 0,
                                                   .exclusive = (flags & DECLARE_EXCLUSIVE) != 0}});
}

static inline void declare_exchange(struct client *client, const char *name, bool durable)
{
    client_send(
        client, 1,
        &(struct method){
            .id = METHOD_EXCHANGE_DECLARE,
            .exchange_declare = {.exchange = S(name), .type = S("direct"), .durable = durable}});
}

static inline void bind(struct client *client, const char *queue, const char *exchange)
{
    client_send(client, 1,
                &(struct method){.id = METHOD_QUEUE_BIND,
                                 .queue_bind = {.queue = S(queue), .exchange = S(exchange)}});
}

static inline void unbind(struct client *client, const char *queue, const char *exchange)
{
    client_send(client, 1,
                &(struct method){.id = METHOD_QUEUE_UNBIND,
                                 .queue_unbind = {.queue = S(queue), .exchange = S(exchange)}});
}

static inline void delete_queue(struct client *client, const char *name)
{
    client_send(client, 1,
                &(struct method){.id = METHOD_QUEUE_DELETE, .queue_delete = {.queue = S(name)}});
}

static inline void delete_exchange(struct client *client, const char *name)
{
    client_send(
        client, 1,
        &(struct method){.id = METHOD_EXCHANGE_DELETE, .exchange_delete = {.exchange = S(name)}});
}

static inline void select_tx(struct client *client, uint16_t channel)
{
    client_send(client, channel, &(struct method){.id = METHOD_TX_SELECT});
    expect_method(client, channel, METHOD_TX_SELECT_OK);
}

static inline void commit(struct client *client, uint16_t channel)
{
    client_send(client, channel, &(struct method){.id = METHOD_TX_COMMIT});
}

#endif
