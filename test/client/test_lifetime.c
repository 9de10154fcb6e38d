/* SPDX-License-Identifier: Apache-2.0 */
/* How queues and exchanges are named and how they end: auto-delete, exclusive, server-named. */
#include "expect.h"

#include <stdio.h>

static void expect_no_queue(struct channel *ch, const char *queue)
{
    send_queue_declare(ch, .queue = str(queue), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

static void expect_no_exchange(struct channel *ch, const char *exchange)
{
    send_exchange_declare(ch, .exchange = str(exchange), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", exchange);
}

static void expect_locked(struct channel *ch, const char *queue)
{
    expect_channel_close(
        ch, AMQP_RESOURCE_LOCKED,
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '%s' in vhost "
        "'/'. It could be originally declared on another connection or the exclusive "
        "property value does not match that of the original declaration.",
        queue);
}

static const char *auto_delete_exchange(struct channel *ch)
{
    const char *exchange = exchange_name();
    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"), .auto_delete = 1);
    return exchange;
}

/* ---- auto-delete
 * --------------------------------------------------------------------------------- */

static void auto_delete_queue_goes_with_its_last_consumer(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .auto_delete = 1);
    consume(ch, .queue = str(queue), .consumer_tag = str("one"));
    consume(ch, .queue = str(queue), .consumer_tag = str("two"));
    cancel(ch, .consumer_tag = str("one"));
    assert_int_equal(consumer_count(ch, queue), 1);
    cancel(ch, .consumer_tag = str("two"));
    expect_no_queue(ch, queue);
}

static void auto_delete_queue_without_a_consumer_stays(void **state)
{
    struct channel *ch = *state;
    struct channel *maker = channel_open(client_open());
    const char *queue = queue_name();

    queue_declare(maker, .queue = str(queue), .auto_delete = 1);
    publish_confirmed(maker, "", queue, "x");
    expect_got(maker, queue, "x"); /* a get is no consumer */
    client_close(maker->client);
    assert_int_equal(consumer_count(ch, queue), 0);
}

static void auto_delete_queue_goes_when_the_consumers_channel_closes(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .auto_delete = 1);
    consume(other, .queue = str(queue));
    channel_close(other);
    expect_no_queue(ch, queue);
}

static void auto_delete_exchange_goes_with_its_last_binding(void **state)
{
    struct channel *ch = *state;
    const char *exchange = auto_delete_exchange(ch), *one = queue_name(), *two = queue_name();

    queue_declare(ch, .queue = str(one));
    queue_declare(ch, .queue = str(two));
    queue_bind(ch, .queue = str(one), .exchange = str(exchange));
    queue_bind(ch, .queue = str(two), .exchange = str(exchange));
    queue_unbind(ch, .queue = str(one), .exchange = str(exchange));
    exchange_declare(ch, .exchange = str(exchange), .passive = 1);
    queue_unbind(ch, .queue = str(two), .exchange = str(exchange));
    expect_no_exchange(ch, exchange);
}

static void auto_delete_exchange_goes_with_its_last_queue(void **state)
{
    struct channel *ch = *state;
    const char *exchange = auto_delete_exchange(ch), *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange));
    queue_delete(ch, .queue = str(queue));
    expect_no_exchange(ch, exchange);
}

static void auto_delete_exchange_stays_until_it_was_bound(void **state)
{
    struct channel *ch = *state;
    struct channel *maker = channel_open(client_open());
    const char *exchange = auto_delete_exchange(maker);

    /* As a destination does not count. */
    exchange_bind(maker, .destination = str(exchange), .source = str("amq.fanout"));
    exchange_unbind(maker, .destination = str(exchange), .source = str("amq.fanout"));
    client_close(maker->client);
    exchange_declare(ch, .exchange = str(exchange), .passive = 1);
}

static void auto_delete_goes_along_a_chain_of_exchanges(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *first = auto_delete_exchange(ch), *second = auto_delete_exchange(ch),
               *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .exclusive = 1);
    exchange_bind(ch, .destination = str(second), .source = str(first));
    queue_bind(ch, .queue = str(queue), .exchange = str(second));
    queue_delete(ch, .queue = str(queue));
    expect_no_exchange(ch, second);
    expect_no_exchange(other, first);
}

/* ---- exclusive
 * ------------------------------------------------------------------------------------- */

static void exclusive_queue_serves_all_channels_of_its_connection(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .exclusive = 1);
    queue_declare(other, .queue = str(queue), .exclusive = 1);
    publish_confirmed(other, "", queue, "x");
    expect_got(other, queue, "x");
    queue_delete(other, .queue = str(queue));
}

static void exclusive_queue_dies_with_its_connection(void **state)
{
    struct channel *ch = *state, *owner = channel_open(client_open());
    const char *queue = queue_name();

    queue_declare(owner, .queue = str(queue), .exclusive = 1, .durable = 1);
    publish_confirmed(owner, "", queue, "x");
    channel_close(owner); /* the channel does not matter */
    owner = channel_open(owner->client);
    expect_got(owner, queue, "x");
    client_close(owner->client);
    expect_no_queue(ch, queue);
}

static void exclusive_queue_is_closed_to_other_connections_405(void **state)
{
    struct channel *ch = *state;
    struct client *stranger = client_open();
    const char *queue = queue_name();
    struct channel *other;

    queue_declare(ch, .queue = str(queue), .exclusive = 1);
    queue_bind(ch, .queue = str(queue), .exchange = str("amq.fanout"));
    send_queue_declare(other = channel_open(stranger), .queue = str(queue), .passive = 1);
    expect_locked(other, queue);
    send_queue_declare(other = channel_open(stranger), .queue = str(queue), .exclusive = 1);
    expect_locked(other, queue);
    send_queue_declare(other = channel_open(stranger), .queue = str(queue));
    expect_locked(other, queue);
    send_queue_bind(other = channel_open(stranger), .queue = str(queue),
                    .exchange = str("amq.fanout"));
    expect_locked(other, queue);
    send_queue_unbind(other = channel_open(stranger), .queue = str(queue),
                      .exchange = str("amq.fanout"));
    expect_locked(other, queue);
    send_queue_purge(other = channel_open(stranger), .queue = str(queue));
    expect_locked(other, queue);
    send_queue_delete(other = channel_open(stranger), .queue = str(queue));
    expect_locked(other, queue);
    send_consume(other = channel_open(stranger), .queue = str(queue));
    expect_locked(other, queue);
    send_get(other = channel_open(stranger), .queue = str(queue));
    expect_locked(other, queue);
}

static void anybody_may_publish_to_an_exclusive_queue(void **state)
{
    struct channel *ch = *state, *stranger = channel_open(client_open());
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .exclusive = 1);
    publish_confirmed(stranger, "", queue, "x");
    expect_got(ch, queue, "x");
}

static void exclusive_redeclare_of_a_shared_queue_is_refused_405(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    send_queue_declare(ch, .queue = str(queue), .exclusive = 1);
    expect_locked(ch, queue);
}

static void shared_redeclare_of_an_exclusive_queue_is_refused_405(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .exclusive = 1);
    send_queue_declare(ch, .queue = str(queue));
    expect_locked(ch, queue);
}

/* ---- names
 * ----------------------------------------------------------------------------------------- */

static void server_named_queue_is_the_channels_last(void **state)
{
    struct channel *ch = *state;
    amqp_bytes_t name = queue_declare(ch, .exclusive = 1)->queue;
    char queue[256];

    assert_memory_equal(name.bytes, "amq.gen-", 8);
    snprintf(queue, sizeof queue, "%.*s", (int)name.len, (char *)name.bytes);
    /* From here on an empty name means that queue; and so does an empty key beside it. */
    queue_bind(ch, .exchange = str("amq.direct"));
    publish_confirmed(ch, "amq.direct", queue, "x");
    publish_confirmed(ch, "", queue, "y");
    expect_got(ch, "", "x");
    expect_got(ch, "", "y");
    queue_unbind(ch, .exchange = str("amq.direct"), .routing_key = str(queue));
    publish_confirmed(ch, "", queue, "z");
    assert_int_equal(queue_purge(ch, .nowait = 0)->message_count, 1);
    consume(ch, .no_ack = 1);
    publish_confirmed(ch, "", queue, "consumed");
    expect_delivery(ch, "consumed");
    queue_delete(ch, .nowait = 0);
}

static void passive_declare_of_the_empty_name_closes_channel_404(void **state)
{
    struct channel *ch = *state;

    queue_declare(ch, .exclusive = 1);
    send_queue_declare(ch, .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '' in vhost '/'");
}

static void server_names_differ(void **state)
{
    struct channel *ch = *state;
    amqp_bytes_t one = queue_declare(ch, .exclusive = 1)->queue;
    amqp_bytes_t two = queue_declare(ch, .exclusive = 1)->queue;

    assert_false(one.len == two.len && memcmp(one.bytes, two.bytes, one.len) == 0);
}

static void last_declared_queue_follows_each_declare(void **state)
{
    struct channel *ch = *state;
    const char *one = queue_name(), *two = queue_name();

    queue_declare(ch, .queue = str(one));
    queue_declare(ch, .queue = str(two));
    queue_declare(ch, .queue = str(one), .passive = 1);
    publish_confirmed(ch, "", one, "x");
    expect_got(ch, "", "x");
}

static void bind_with_empty_queue_and_given_key_uses_the_key(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    queue_bind(ch, .exchange = str("amq.direct"), .routing_key = str("only this"));
    publish_mandatory(ch, "amq.direct", queue, "no");
    expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
    publish(ch, "amq.direct", "only this", "yes");
    expect_got(ch, queue, "yes");
}

static void empty_name_without_a_declare_closes_channel_404(void **state)
{
    struct channel *ch = *state, *second = channel_open(ch->client),
                   *third = channel_open(ch->client);

    queue_declare(third, .queue = str(queue_name())); /* another channel's does not count */
    send_get(ch, .no_ack = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no previously declared queue");
    send_queue_bind(second, .exchange = str("amq.fanout"));
    expect_channel_close(second, AMQP_NOT_FOUND, "NOT_FOUND - no previously declared queue");
}

static void deleted_last_queue_is_forgotten_404(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    queue_delete(ch, .queue = str(queue));
    send_get(ch, .no_ack = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

/* A name of exactly so many bytes; some of them no ASCII. */
static void fill_name(char *name, size_t size, const char *unique)
{
    snprintf(name, size + 1, "%s.gr\xc3\xbc\xc3\x9f \"'\xe2\x82\xac ", unique);
    for (size_t length = strlen(name); length < size; length++)
        name[length] = 'n';
    name[size] = '\0';
}

static void names_of_255_bytes_work(void **state)
{
    struct channel *ch = *state;
    char queue[256], exchange[256], tag[256];

    fill_name(queue, 255, unique_name("q"));
    fill_name(exchange, 255, unique_name("x"));
    fill_name(tag, 255, unique_name("t"));
    assert_bytes(queue_declare(ch, .queue = str(queue), .exclusive = 1)->queue, queue);
    exchange_declare(ch, .exchange = str(exchange), .type = str("topic"), .auto_delete = 1);
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str(queue));
    assert_bytes(consume(ch, .queue = str(queue), .consumer_tag = str(tag))->consumer_tag, tag);
    publish(ch, exchange, queue, "x");
    struct delivery message = expect_delivery(ch, "x");
    assert_bytes(message.consumer_tag, tag);
    assert_bytes(message.exchange, exchange);
    assert_bytes(message.routing_key, queue);
}

static void long_names_are_cut_in_error_texts(void **state)
{
    struct channel *ch = *state;
    char queue[256];

    fill_name(queue, 255, unique_name("missing"));
    send_queue_declare(ch, .queue = str(queue), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

static void name_that_is_no_utf8_closes_connection_501(void **state)
{
    struct channel *ch = *state;

    send_queue_declare(ch, .queue = str("a\xff\xfe"));
    ch->last_sent = 0; /* the frame could not be read, so no method is named */
    expect_connection_close(ch, AMQP_FRAME_ERROR, "FRAME_ERROR - Malformed UTF-8 in shortstr");
}

static void line_ends_are_taken_out_of_declared_names(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();
    char broken[256];

    snprintf(broken, sizeof broken, "\r\n%s\n", queue);
    assert_bytes(queue_declare(ch, .queue = str(broken))->queue, queue);
    publish(ch, "", queue, "x");
    expect_got(ch, queue, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(auto_delete_queue_goes_with_its_last_consumer),
        behaviour(auto_delete_queue_without_a_consumer_stays),
        behaviour(auto_delete_queue_goes_when_the_consumers_channel_closes),
        behaviour(auto_delete_exchange_goes_with_its_last_binding),
        behaviour(auto_delete_exchange_goes_with_its_last_queue),
        behaviour(auto_delete_exchange_stays_until_it_was_bound),
        behaviour(auto_delete_goes_along_a_chain_of_exchanges),
        behaviour(exclusive_queue_serves_all_channels_of_its_connection),
        behaviour(exclusive_queue_dies_with_its_connection),
        behaviour(exclusive_queue_is_closed_to_other_connections_405),
        behaviour(anybody_may_publish_to_an_exclusive_queue),
        behaviour(exclusive_redeclare_of_a_shared_queue_is_refused_405),
        behaviour(shared_redeclare_of_an_exclusive_queue_is_refused_405),
        behaviour(server_named_queue_is_the_channels_last),
        behaviour(passive_declare_of_the_empty_name_closes_channel_404),
        behaviour(server_names_differ),
        behaviour(last_declared_queue_follows_each_declare),
        behaviour(bind_with_empty_queue_and_given_key_uses_the_key),
        behaviour(empty_name_without_a_declare_closes_channel_404),
        behaviour(deleted_last_queue_is_forgotten_404),
        behaviour(names_of_255_bytes_work),
        behaviour(long_names_are_cut_in_error_texts),
        behaviour(name_that_is_no_utf8_closes_connection_501),
        behaviour(line_ends_are_taken_out_of_declared_names),
    };
    return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
