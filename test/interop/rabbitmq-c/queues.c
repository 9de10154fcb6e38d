// SPDX-License-Identifier: Apache-2.0
// Checks of queues, consumers and acknowledgements.

#include "scene.h"

#include <string.h>
#include <time.h>

// Uses the queue in one of the ways that are refused alike when it is missing or another
// connection's.
enum { QUEUE_USES = 4 };

static void use_queue(struct scene *s, int use, amqp_channel_t channel, const char *queue)
{
    switch (use) {
    case 0:
        amqp_queue_declare(s->connection, channel, bytes(queue), 1, 0, 0, 0, amqp_empty_table);
        break;
    case 1:
        amqp_queue_purge(s->connection, channel, bytes(queue));
        break;
    case 2:
        amqp_basic_consume(s->connection, channel, bytes(queue), amqp_empty_bytes, 0, 1, 0,
                           amqp_empty_table);
        break;
    default:
        amqp_queue_delete(s->connection, channel, bytes(queue), 0, 0);
        break;
    }
}

static const char *locked(struct scene *s, const char *queue)
{
    return text(
        s,
        "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '%s' in vhost "
        "'/'. It could be originally declared on another connection or the exclusive "
        "property value does not match that of the original declaration.",
        queue);
}

static void server_named_queue(struct scene *s)
{
    amqp_queue_declare_ok_t *declared = amqp_queue_declare(s->connection, MAIN, amqp_empty_bytes, 0,
                                                           0, 1, 0, amqp_empty_table);
    ok(s, s->connection);
    const char *queue = text_of(s, declared->queue);
    same(s, "amq.gen- 30", text(s, "%.8s %zu", queue, strlen(queue)));
    scene_bind(s, "", "amq.direct", queue); // no name: the last declared
    scene_send(s, "amq.direct", queue, bytes("found"), NULL);
    same(s, "found", scene_drain(s, queue));
    amqp_channel_t channel = scene_channel(s);
    amqp_queue_purge(s->connection, channel, amqp_empty_bytes);
    closed_by_answer(s, s->connection, channel, "404 NOT_FOUND - no previously declared queue");
}

static void exclusive_queue(struct scene *s)
{
    amqp_connection_state_t owner = scene_connect(s, DEFAULT_SETTINGS);
    const char *queue = scene_name(s, "exclusive");
    amqp_queue_declare(owner, MAIN, bytes(queue), 0, 0, 1, 0, amqp_empty_table);
    ok(s, owner);
    for (int use = 0; use < QUEUE_USES; use++) {
        amqp_channel_t channel = scene_channel(s);
        use_queue(s, use, channel, queue);
        closed_by_answer(s, s->connection, channel, locked(s, queue));
    }
    amqp_connection_close(owner, AMQP_REPLY_SUCCESS);
    const char *gone = text(s, "404 NOT_FOUND - no queue '%s' in vhost '/'", queue);
    for (time_t deadline = time(NULL) + WAIT_S; time(NULL) < deadline;) {
        // The broker may take it away a moment after close-ok.
        amqp_channel_t channel = scene_channel(s);
        use_queue(s, 0, channel, queue);
        amqp_rpc_reply_t reply = amqp_get_rpc_reply(s->connection);
        if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
            strcmp(gone, close_text(s, reply.reply)) == 0)
            return;
        closed_by_answer(s, s->connection, channel, locked(s, queue));
    }
    fail(s, "the queue outlived its connection");
}

static void missing_queue(struct scene *s)
{
    const char *expected = "404 NOT_FOUND - no queue 'interop-missing' in vhost '/'";
    for (int use = 0; use < QUEUE_USES - 1; use++) {
        amqp_channel_t channel = scene_channel(s);
        use_queue(s, use, channel, "interop-missing");
        closed_by_answer(s, s->connection, channel, expected);
    }
    amqp_channel_t channel = scene_channel(s);
    amqp_queue_bind(s->connection, channel, bytes("interop-missing"), bytes("amq.direct"),
                    bytes("key"), amqp_empty_table);
    closed_by_answer(s, s->connection, channel, expected);
    channel = scene_channel(s);
    amqp_rpc_reply_t reply = amqp_basic_get(s->connection, channel, bytes("interop-missing"), 1);
    same(s, expected, close_text(s, reply.reply));
    // Deleting it is fine, on a channel that works.
    amqp_queue_delete_ok_t *deleted = amqp_queue_delete(s->connection, MAIN,
                                                        bytes("interop-missing"), 0, 0);
    ok(s, s->connection);
    same_number(s, 0, deleted->message_count);
}

static void inequivalent_queue(struct scene *s)
{
    const char *queue = scene_name(s, "plain");
    amqp_table_entry_t current[] = {
        {bytes("x-max-length"), {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 10}},
        {bytes("x-expires"), {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 60000}}};
    amqp_table_entry_t longer[] = {current[0], current[1]};
    longer[0].value.value.i32 = 11;
    amqp_table_t arguments = {2, current};
    amqp_queue_declare(s->connection, MAIN, bytes(queue), 0, 0, 0, 0, arguments);
    ok(s, s->connection);
    const struct {
        bool durable, auto_delete;
        amqp_table_t arguments;
        const char *difference;
    } cases[] = {
        {true, false, arguments,
         "'durable' for queue '%s' in vhost '/': received 'true' but current is 'false'"},
        {false, true, arguments,
         "'auto_delete' for queue '%s' in vhost '/': received 'true' but current is 'false'"},
        {false,
         false,
         {2, longer},
         "'x-max-length' for queue '%s' in vhost '/': received '11' but current is '10'"},
        {false,
         false,
         {1, current},
         "'x-expires' for queue '%s' in vhost '/': received none but current is the value '60000' "
         "of type 'signedint'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        amqp_channel_t channel = scene_channel(s);
        amqp_queue_declare(s->connection, channel, bytes(queue), 0, cases[i].durable, 0,
                           cases[i].auto_delete, cases[i].arguments);
        const char *place = strstr(cases[i].difference, "%s");
        closed_by_answer(s, s->connection, channel,
                         text(s, "406 PRECONDITION_FAILED - inequivalent arg %.*s%s%s",
                              (int)(place - cases[i].difference), cases[i].difference, queue,
                              place + 2));
    }
    amqp_channel_t channel = scene_channel(s);
    amqp_queue_declare(s->connection, channel, bytes(queue), 0, 0, 1, 0, arguments);
    closed_by_answer(s, s->connection, channel, locked(s, queue));
    amqp_queue_delete(s->connection, MAIN, bytes(queue), 0, 0);
    ok(s, s->connection);
}

static void purge_and_delete(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_publish(s, queue, 1, 3);
    same_number(s, 3, amqp_queue_purge(s->connection, MAIN, bytes(queue))->message_count);
    scene_publish(s, queue, 4, 5);
    same_number(s, 2, scene_ready(s, queue));
    same_number(s, 2, amqp_queue_delete(s->connection, MAIN, bytes(queue), 0, 0)->message_count);
}

static void guarded_delete(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_publish(s, queue, 1, 1);
    amqp_channel_t channel = scene_channel(s);
    amqp_queue_delete(s->connection, channel, bytes(queue), 0, 1);
    closed_by_answer(s, s->connection, channel,
                     text(s, "406 PRECONDITION_FAILED - queue '%s' in vhost '/' not empty", queue));
    scene_consume(s, MAIN, queue, "tag", false);
    channel = scene_channel(s);
    amqp_queue_delete(s->connection, channel, bytes(queue), 1, 0);
    closed_by_answer(s, s->connection, channel,
                     text(s, "406 PRECONDITION_FAILED - queue '%s' in vhost '/' in use", queue));
}

static void auto_delete_queue(struct scene *s)
{
    const char *queue = scene_name(s, "auto");
    amqp_queue_declare(s->connection, MAIN, bytes(queue), 0, 0, 1, 1, amqp_empty_table);
    ok(s, s->connection);
    scene_consume(s, MAIN, queue, "a", false);
    scene_consume(s, MAIN, queue, "b", false);
    amqp_basic_cancel(s->connection, MAIN, bytes("a"));
    ok(s, s->connection);
    scene_ready(s, queue);
    amqp_basic_cancel(s->connection, MAIN, bytes("b"));
    ok(s, s->connection);
    amqp_channel_t channel = scene_channel(s);
    use_queue(s, 0, channel, queue);
    closed_by_answer(s, s->connection, channel,
                     text(s, "404 NOT_FOUND - no queue '%s' in vhost '/'", queue));
}

static void get_counts(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_publish(s, queue, 1, 3);
    for (uint32_t i = 1; i <= 3; i++) {
        amqp_rpc_reply_t reply = amqp_basic_get(s->connection, MAIN, bytes(queue), 0);
        same_number(s, AMQP_BASIC_GET_OK_METHOD, reply.reply.id);
        amqp_basic_get_ok_t *got = reply.reply.decoded;
        same_number(s, i, got->delivery_tag);
        same_number(s, 3 - i, got->message_count);
        amqp_message_t message;
        amqp_read_message(s->connection, MAIN, &message, 0);
        same(s, text(s, "%u", i), text_of(s, message.body));
        amqp_destroy_message(&message);
    }
    same_number(s, AMQP_BASIC_GET_EMPTY_METHOD,
                amqp_basic_get(s->connection, MAIN, bytes(queue), 0).reply.id);
}

static void consumer_tags(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_basic_consume_ok_t *consuming = amqp_basic_consume(
        s->connection, MAIN, bytes(queue), amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    ok(s, s->connection);
    const char *tag = text_of(s, consuming->consumer_tag);
    same(s, "amq.ctag- 31", text(s, "%.9s %zu", tag, strlen(tag)));
    scene_publish(s, queue, 1, 1);
    same(s, text(s, "%s=1", tag), scene_take(s, 1));
    amqp_connection_state_t connection = scene_connect(s, DEFAULT_SETTINGS);
    const char *other = scene_name(s, "other");
    amqp_queue_declare(connection, MAIN, bytes(other), 0, 0, 1, 0, amqp_empty_table);
    for (int i = 0; i < 2; i++)
        amqp_basic_consume(connection, MAIN, bytes(other), bytes("tag"), 0, 1, 0, amqp_empty_table);
    closed_by_answer(s, connection, MAIN, "530 NOT_ALLOWED - attempt to reuse consumer tag 'tag'");
}

static void exclusive_consumer(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    const char *expected = text(s, "403 ACCESS_REFUSED - queue '%s' in vhost '/' in exclusive use",
                                queue);
    for (amqp_boolean_t exclusive = 1; exclusive >= 0; exclusive--) {
        amqp_basic_consume(s->connection, MAIN, bytes(queue), bytes("tag"), 0, 1, exclusive,
                           amqp_empty_table);
        ok(s, s->connection);
        amqp_channel_t channel = scene_channel(s);
        amqp_basic_consume(s->connection, channel, bytes(queue), bytes("tag"), 0, 1, !exclusive,
                           amqp_empty_table);
        closed_by_answer(s, s->connection, channel, expected);
        amqp_basic_cancel(s->connection, MAIN, bytes("tag"));
        ok(s, s->connection);
    }
}

static void no_ack_consumer(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t channel = scene_channel(s);
    scene_publish(s, queue, 1, 2);
    scene_consume(s, channel, queue, "tag", true);
    same(s, "tag=1 tag=2", scene_take(s, 2));
    sent(s, amqp_basic_ack(s->connection, channel, 1, 0));
    closed_next(s, s->connection, channel, "406 PRECONDITION_FAILED - unknown delivery tag 1");
    same(s, "", scene_drain(s, queue));
}

static void cancelled_consumer(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_consume(s, MAIN, queue, "tag", true);
    scene_publish(s, queue, 1, 1);
    same(s, "tag=1", scene_take(s, 1));
    amqp_basic_cancel(s->connection, MAIN, bytes("tag"));
    ok(s, s->connection);
    scene_publish(s, queue, 2, 2);
    same(s, "2", scene_drain(s, queue));
}

static void round_robin(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_consume(s, MAIN, queue, "a", true);
    scene_consume(s, MAIN, queue, "b", true);
    scene_publish(s, queue, 0, 5);
    same(s, "a=0 b=1 a=2 b=3 a=4 b=5", scene_take(s, 6));
}

static void qos(struct scene *s, uint16_t count, bool global)
{
    amqp_basic_qos(s->connection, MAIN, 0, count, global);
    ok(s, s->connection);
}

static void priorities(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    qos(s, 2, false);
    scene_consume(s, MAIN, queue, "low", false);
    amqp_table_entry_t priority = {bytes("x-priority"),
                                   {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 5}};
    amqp_basic_consume(s->connection, MAIN, bytes(queue), bytes("high"), 0, 0, 0,
                       (amqp_table_t){1, &priority});
    ok(s, s->connection);
    scene_publish(s, queue, 1, 5);
    same(s, "high=1 high=2 low=3 low=4", scene_take(s, 4));
    sent(s, amqp_basic_ack(s->connection, MAIN, 1, 0));
    same(s, "high=5", scene_take(s, 1));
}

static void consumer_qos(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    qos(s, 2, false);
    scene_consume(s, MAIN, queue, "a", false);
    qos(s, 3, false); // for consumers made from here on
    scene_consume(s, MAIN, queue, "b", false);
    scene_publish(s, queue, 0, 8);
    same(s, "a=0 b=1 a=2 b=3 b=4", scene_take(s, 5));
    same_number(s, 4, scene_ready(s, queue));
    sent(s, amqp_basic_ack(s->connection, MAIN, 3, 1)); // a's two and one of b's
    same_number(s, 3 * strlen(" a=5") - 1, strlen(scene_take(s, 3)));
    same_number(s, 1, scene_ready(s, queue));
}

static void channel_qos(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    qos(s, 3, true);
    scene_consume(s, MAIN, queue, "a", false);
    scene_consume(s, MAIN, queue, "b", false);
    scene_publish(s, queue, 0, 4);
    same(s, "a=0 b=1 a=2", scene_take(s, 3));
    same_number(s, 2, scene_ready(s, queue));
    sent(s, amqp_basic_ack(s->connection, MAIN, 0, 1)); // all that was delivered
    scene_take(s, 2);
    same_number(s, 0, scene_ready(s, queue));
}

static void settle_one_or_many(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t channel = scene_channel(s);
    scene_publish(s, queue, 0, 7);
    same(s, "0 1 2 3 4 5 6 7", scene_get(s, channel, queue, 8));
    sent(s, amqp_basic_ack(s->connection, channel, 2, 1));          // 0, 1 gone
    sent(s, amqp_basic_nack(s->connection, channel, 4, 1, 1));      // 2, 3 back
    sent(s, amqp_basic_reject(s->connection, channel, 5, 0));       // 4 gone
    sent(s, amqp_basic_reject(s->connection, channel, 6, 1));       // 5 back
    sent(s, amqp_basic_nack(s->connection, channel, 7, 0, 0));      // 6 gone, 7 stays unacked
    amqp_channel_close(s->connection, channel, AMQP_REPLY_SUCCESS); // 7 back
    same(s, "2 3 5 7", scene_drain(s, queue));
}

static void unknown_tags(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t channel = scene_channel(s);
    scene_publish(s, queue, 1, 1);
    scene_get(s, channel, queue, 1);
    sent(s, amqp_basic_ack(s->connection, channel, 1, 0));
    sent(s, amqp_basic_ack(s->connection, channel, 1, 0));
    closed_next(s, s->connection, channel, "406 PRECONDITION_FAILED - unknown delivery tag 1");
    const char *never = "406 PRECONDITION_FAILED - unknown delivery tag 99";
    channel = scene_channel(s);
    sent(s, amqp_basic_ack(s->connection, channel, 99, 0));
    closed_next(s, s->connection, channel, never);
    channel = scene_channel(s);
    sent(s, amqp_basic_nack(s->connection, channel, 99, 0, 1));
    closed_next(s, s->connection, channel, never);
    channel = scene_channel(s);
    sent(s, amqp_basic_reject(s->connection, channel, 99, 1));
    closed_next(s, s->connection, channel, never);
}

static void requeue_position(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_publish(s, queue, 1, 4);
    same(s, "1 2 3", scene_get(s, MAIN, queue, 3));
    sent(s, amqp_basic_nack(s->connection, MAIN, 2, 0, 1));
    sent(s, amqp_basic_reject(s->connection, MAIN, 1, 1));
    same(s, "1* 2* 4", scene_get(s, MAIN, queue, 3));
}

static void closed_channel(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t channel = scene_channel(s);
    scene_publish(s, queue, 1, 5);
    amqp_basic_qos(s->connection, channel, 0, 3, 0);
    scene_consume(s, channel, queue, "tag", false);
    same(s, "tag=1 tag=2 tag=3", scene_take(s, 3));
    sent(s, amqp_basic_ack(s->connection, channel, 2, 0));
    same(s, "tag=4", scene_take(s, 1));
    amqp_channel_close(s->connection, channel, AMQP_REPLY_SUCCESS);
    same(s, "1* 3* 4* 5", scene_get(s, MAIN, queue, 4));
}

static void recover(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    scene_publish(s, queue, 1, 2);
    scene_consume(s, MAIN, queue, "tag", false);
    same(s, "tag=1 tag=2", scene_take(s, 2));
    sent(s, amqp_basic_ack(s->connection, MAIN, 1, 0));
    amqp_basic_recover(s->connection, MAIN, 1);
    ok(s, s->connection);
    same(s, "tag=2*", scene_take(s, 1));
    sent(s, amqp_basic_ack(s->connection, MAIN, 3, 0)); // its new tag
    same_number(s, 0, scene_ready(s, queue));
}

static void cancel_notification(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t channel = scene_channel(s), on;
    scene_consume(s, channel, queue, "tag", false);
    amqp_queue_delete(s->connection, MAIN, bytes(queue), 0, 0);
    ok(s, s->connection);
    amqp_method_t method = scene_next_method(s, s->connection, &on);
    same(s, amqp_method_name(AMQP_BASIC_CANCEL_METHOD), amqp_method_name(method.id));
    same_number(s, channel, on);
    same(s, "tag", text_of(s, ((amqp_basic_cancel_t *)method.decoded)->consumer_tag));
    scene_consume(s, channel, scene_queue(s, "other"), "tag", false); // the channel lives on
}

const struct check queue_and_consumer_checks[] = {
    {"server_named_queue_becomes_the_channels_last_queue", server_named_queue},
    {"exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it", exclusive_queue},
    {"missing_queue_is_refused_404", missing_queue},
    {"inequivalent_queue_declaration_is_refused_406", inequivalent_queue},
    {"purge_and_delete_tell_the_count", purge_and_delete},
    {"queue_delete_if_unused_and_if_empty_refuse_406", guarded_delete},
    {"auto_delete_queue_goes_with_its_last_consumer", auto_delete_queue},
    {"get_tells_the_count_and_empty", get_counts},
    {"consumer_gets_a_server_named_tag_and_a_used_tag_closes_the_connection_530", consumer_tags},
    {"exclusive_consumer_keeps_others_out_403", exclusive_consumer},
    {"no_ack_consumer_leaves_nothing_behind", no_ack_consumer},
    {"cancelled_consumer_gets_no_more", cancelled_consumer},
    {"consumers_take_turns", round_robin},
    {"consumer_of_higher_priority_is_served_while_it_has_credit", priorities},
    {"qos_limits_each_consumer", consumer_qos},
    {"global_qos_limits_the_channel", channel_qos},
    {"ack_nack_and_reject_settle_one_or_many", settle_one_or_many},
    {"unknown_or_settled_delivery_tag_is_refused_406", unknown_tags},
    {"requeued_messages_go_back_to_their_place_redelivered", requeue_position},
    {"unacked_messages_of_a_closed_channel_return_in_order", closed_channel},
    {"recover_redelivers_what_is_unacked", recover},
    {"consumer_is_told_when_its_queue_is_deleted", cancel_notification},
    {0},
};
