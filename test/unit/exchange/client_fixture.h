/* SPDX-License-Identifier: Apache-2.0
 *
 * client_fixture: an engine with one client on channel 1, who in the end has got nothing that a
 * test did not expect.
 */
#ifndef STOATMQ_TEST_EXCHANGE_CLIENT_FIXTURE_H
#define STOATMQ_TEST_EXCHANGE_CLIENT_FIXTURE_H

#include "test/unit/exchange/arguments_json.h"

struct fixture {
    struct harness harness;
    struct client *client;
    struct vhost *vhost;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, UINT32_MAX);
    client_channel(f->client, 1);
    f->vhost = map_get(&f->harness.engine->vhosts, SLICE_LITERAL("/"));
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    expect_nothing(f->client);
    harness_fini(&f->harness);
    free(f);
    return 0;
}

#endif
