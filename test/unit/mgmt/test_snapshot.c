/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine, watched: what the snapshot knows of it.
 */
#include "mgmt/snapshot/snapshot.h"

#include <stdio.h>

#include "mgmt/snapshot/watcher.h"
#include "test/unit/exchange/asking.h"

struct watched {
    struct fixture *f;
    struct watcher watcher;
    struct snapshot snapshot;
    uint64_t now_ms;
};

static int begin(void **state)
{
    struct watched *w = calloc(1, sizeof *w);
    void *fixture;
    if (set_up(&fixture) != 0)
        return -1;
    w->f = fixture;
    w->f->harness.store.patient = false;
    w->now_ms = 1000000000000;
    snapshot_init(&w->snapshot, w->now_ms);
    watcher_start(&w->watcher, w->f->harness.engine);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct watched *w = *state;
    void *fixture = w->f;
    w->f->harness.engine->observer = NULL;
    (void)tear_down(&fixture);
    watcher_stop(&w->watcher);
    snapshot_fini(&w->snapshot);
    free(w);
    return 0;
}

/* A sweep, two seconds later. */
static void sweep(struct watched *w)
{
    struct watcher_position position = {0};
    struct buf facts = {0};
    bool is_over = false;
    w->now_ms += 2000;
    for (uint64_t began = w->now_ms; !is_over;) {
        watcher_journal(&w->watcher, &facts);
        is_over = watcher_sweep(&w->watcher, &position, &facts);
        snapshot_take(&w->snapshot, buf_slice(&facts), w->now_ms);
        facts.size = 0;
        if (is_over)
            snapshot_end_sweep(&w->snapshot, began, w->now_ms);
    }
    buf_fini(&facts);
}

static struct row *queue_row(struct watched *w, const char *name)
{
    return snapshot_queue(&w->snapshot, w->f->client->session->vhost->name, S(name));
}

static uint64_t count_of(const struct row *row, uint32_t column)
{
    return row->series->values[column];
}

static void what_was_there_before_is_there(void **state)
{
    struct watched *w = *state;
    sweep(w);
    assert_int_equal(w->snapshot.tables[REGISTRY_VHOST].count, 1);
    assert_int_equal(w->snapshot.tables[REGISTRY_EXCHANGE].count, 8);
    assert_int_equal(w->snapshot.tables[REGISTRY_SESSION].count, 2);
    assert_int_equal(w->snapshot.tables[REGISTRY_CHANNEL].count, 4);
}

static void things_come_and_go_without_a_sweep(void **state)
{
    struct watched *w = *state;
    struct buf facts = {0};
    client_queue(w->f->client, 1, "q", 0);
    client_exchange(w->f->client, 1, "x", "topic", 0);
    client_bind(w->f->client, 1, "q", "x", "k");
    client_consume(w->f->client, 1, "q", "tag", true);
    watcher_journal(&w->watcher, &facts);
    snapshot_take(&w->snapshot, buf_slice(&facts), w->now_ms);
    facts.size = 0;
    const struct row *queue = queue_row(w, "q");
    assert_non_null(queue);
    assert_int_equal(w->snapshot.tables[REGISTRY_BINDING].count, 1);
    assert_ptr_equal(w->snapshot.tables[REGISTRY_BINDING].rows[0]->to, queue);
    assert_ptr_equal(w->snapshot.tables[REGISTRY_CONSUMER].rows[0]->to, queue);
    client_delete_queue(w->f->client, 1, "q");
    watcher_journal(&w->watcher, &facts);
    snapshot_take(&w->snapshot, buf_slice(&facts), w->now_ms);
    assert_null(queue_row(w, "q"));
    assert_int_equal(w->snapshot.tables[REGISTRY_BINDING].count, 0);
    assert_int_equal(w->snapshot.tables[REGISTRY_CONSUMER].count, 0);
    buf_fini(&facts);
}

static void messages_are_counted_by_queue_channel_and_vhost(void **state)
{
    struct watched *w = *state;
    client_queue(w->f->client, 1, "q", DECLARE_DURABLE);
    sweep(w);
    client_publish(w->f->client, 1, "", "q", "12345", PUBLISH_PERSISTENT);
    client_publish(w->f->client, 1, "", "q", "123", 0);
    client_publish(w->f->client, 1, "", "nowhere", "1", 0);
    client_get(w->f->client, 2, "q", false);
    sweep(w);
    const struct row *queue = queue_row(w, "q");
    const struct row *vhost = w->snapshot.tables[REGISTRY_VHOST].rows[0];
    assert_int_equal(count_of(queue, TRAFFIC_PUBLISH), 2);
    assert_int_equal(count_of(queue, TRAFFIC_GET), 1);
    assert_int_equal(count_of(queue, COLUMN_READY), 1);
    assert_int_equal(count_of(queue, COLUMN_UNACKED), 1);
    assert_int_equal(count_of(queue, COLUMN_MESSAGES), 2);
    assert_int_equal(queue->queue.unacked_bytes, 5);
    assert_int_equal(queue->queue.ready_bytes, 3);
    assert_int_equal(queue->queue.persistent, 1);
    assert_int_equal(queue->queue.persistent_bytes, 5);
    assert_true(snapshot_rate(&w->snapshot, queue->series, TRAFFIC_PUBLISH) == 1);
    assert_int_equal(count_of(vhost, TRAFFIC_PUBLISH), 3);
    assert_int_equal(count_of(vhost, TRAFFIC_DROP), 1);
    client_ack(w->f->client, 2, 1, false);
    client_send(w->f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    sweep(w);
    assert_int_equal(count_of(queue, TRAFFIC_ACK), 1);
    assert_int_equal(queue->queue.persistent, 0);
    assert_int_equal(count_of(vhost, TRAFFIC_PUBLISH), 3); /* though that channel is closed */
    assert_true(snapshot_rate(&w->snapshot, queue->series, TRAFFIC_PUBLISH) == 0);
}

static void rates_of_what_rests_are_zero(void **state)
{
    struct watched *w = *state;
    client_queue(w->f->client, 1, "q", 0);
    sweep(w);
    client_publish(w->f->client, 1, "", "q", "m", 0);
    sweep(w);
    const struct row *queue = queue_row(w, "q");
    assert_true(snapshot_rate(&w->snapshot, queue->series, TRAFFIC_PUBLISH) > 0);
    sweep(w);
    assert_true(snapshot_rate(&w->snapshot, queue->series, TRAFFIC_PUBLISH) == 0);
    assert_int_equal(count_of(queue, TRAFFIC_PUBLISH), 1);
}

static void age_is_that_of_the_first_message(void **state)
{
    struct watched *w = *state;
    client_queue(w->f->client, 1, "q", 0);
    client_publish(w->f->client, 1, "", "q", "1", 0);
    sweep(w);
    for (unsigned i = 0; i < 40; i++) {
        client_publish(w->f->client, 1, "", "q", "later", 0);
        sweep(w);
    }
    assert_int_equal(queue_age_ms(queue_row(w, "q"), w->now_ms), 80000);
    client_get(w->f->client, 1, "q", true);
    sweep(w);
    assert_in_range(queue_age_ms(queue_row(w, "q"), w->now_ms), 68000, 82000);
    for (unsigned i = 0; i < 40; i++)
        client_get(w->f->client, 1, "q", true);
    sweep(w);
    assert_int_equal(queue_age_ms(queue_row(w, "q"), w->now_ms), 0);
}

/* What a worker tells of the connection of ROW. */
static void tell_socket(struct watched *w, const struct row *row, bool is_tls, const char *protocol)
{
    struct buf facts = {0};
    struct fact_socket socket = {.connection = row->is.connection, .is_tls = is_tls};
    fact_put(&facts, FACT_SOCKET, &socket, sizeof socket);
    if (protocol != NULL) {
        struct fact_tls tls = {.connection = row->is.connection};
        (void)snprintf(tls.tls.protocol, sizeof tls.tls.protocol, "%s", protocol);
        fact_put(&facts, FACT_TLS, &tls, sizeof tls);
    }
    snapshot_take(&w->snapshot, buf_slice(&facts), w->now_ms);
    buf_fini(&facts);
}

static size_t missing_tls(struct watched *w)
{
    struct buf connections = {0};
    snapshot_missing_tls(&w->snapshot, &connections);
    size_t count = connections.size / sizeof(uintptr_t);
    buf_fini(&connections);
    return count;
}

static void tls_is_missing_until_a_worker_has_told_of_it(void **state)
{
    struct watched *w = *state;
    sweep(w);
    const struct table *sessions = &w->snapshot.tables[REGISTRY_SESSION];
    assert_int_equal(sessions->count, 2);
    assert_int_equal(w->snapshot.strangers, 2);
    assert_int_equal(missing_tls(w), 2); /* who knows */
    tell_socket(w, sessions->rows[0], false, NULL);
    assert_int_equal(missing_tls(w), 1);
    tell_socket(w, sessions->rows[1], true, NULL);
    assert_int_equal(w->snapshot.strangers, 0);
    assert_int_equal(missing_tls(w), 1);
    tell_socket(w, sessions->rows[1], true, "tlsv1.3");
    assert_int_equal(missing_tls(w), 0);
    assert_string_equal(sessions->rows[1]->tls->protocol, "tlsv1.3");
    assert_null(sessions->rows[0]->tls);
}

int main(void)
{
#define WATCHED(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        WATCHED(what_was_there_before_is_there),
        WATCHED(things_come_and_go_without_a_sweep),
        WATCHED(messages_are_counted_by_queue_channel_and_vhost),
        WATCHED(rates_of_what_rests_are_zero),
        WATCHED(tls_is_missing_until_a_worker_has_told_of_it),
        WATCHED(age_is_that_of_the_first_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
