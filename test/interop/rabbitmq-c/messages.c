// SPDX-License-Identifier: Apache-2.0
// Checks of messages, publishers, transactions and RPC.

#include "scene.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_TO "amq.rabbitmq.reply-to"

static bool same_field(const amqp_field_value_t *a, const amqp_field_value_t *b);

static bool same_bytes(amqp_bytes_t a, amqp_bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

static bool same_table(const amqp_table_t *a, const amqp_table_t *b)
{
    if (a->num_entries != b->num_entries)
        return false;
    for (int i = 0; i < a->num_entries; i++)
        if (!same_bytes(a->entries[i].key, b->entries[i].key) ||
            !same_field(&a->entries[i].value, &b->entries[i].value))
            return false;
    return true;
}

static bool same_array(const amqp_array_t *a, const amqp_array_t *b)
{
    if (a->num_entries != b->num_entries)
        return false;
    for (int i = 0; i < a->num_entries; i++)
        if (!same_field(&a->entries[i], &b->entries[i]))
            return false;
    return true;
}

static bool same_field(const amqp_field_value_t *a, const amqp_field_value_t *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
        return !a->value.boolean == !b->value.boolean;
    case AMQP_FIELD_KIND_I8:
    case AMQP_FIELD_KIND_U8:
        return a->value.u8 == b->value.u8;
    case AMQP_FIELD_KIND_I16:
    case AMQP_FIELD_KIND_U16:
        return a->value.u16 == b->value.u16;
    case AMQP_FIELD_KIND_I32:
    case AMQP_FIELD_KIND_U32:
    case AMQP_FIELD_KIND_F32:
        return a->value.u32 == b->value.u32;
    case AMQP_FIELD_KIND_I64:
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_F64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        return a->value.u64 == b->value.u64;
    case AMQP_FIELD_KIND_DECIMAL:
        return a->value.decimal.decimals == b->value.decimal.decimals &&
               a->value.decimal.value == b->value.decimal.value;
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
        return same_bytes(a->value.bytes, b->value.bytes);
    case AMQP_FIELD_KIND_ARRAY:
        return same_array(&a->value.array, &b->value.array);
    case AMQP_FIELD_KIND_TABLE:
        return same_table(&a->value.table, &b->value.table);
    case AMQP_FIELD_KIND_VOID:
        return true;
    default:
        return false;
    }
}

#define FIELD(field_kind, member, ...)                                    \
    {                                                                     \
        .kind = AMQP_FIELD_KIND_##field_kind, .value.member = __VA_ARGS__ \
    }

static void field_tables(struct scene *s)
{
    // All that rabbitmq-c can send: every type there is.
    const char *queue = scene_queue(s, "q");
    amqp_field_value_t flat[] = {
        FIELD(BOOLEAN, boolean, 1),
        FIELD(BOOLEAN, boolean, 0),
        FIELD(I8, i8, -128),
        FIELD(U8, u8, 255),
        FIELD(I16, i16, -32768),
        FIELD(U16, u16, 65535),
        FIELD(I32, i32, INT32_MIN),
        FIELD(U32, u32, UINT32_MAX),
        FIELD(I64, i64, INT64_MIN),
        FIELD(U64, u64, INT64_MAX),
        FIELD(F32, f32, 0.5F),
        FIELD(F64, f64, -1.5e300),
        FIELD(DECIMAL, decimal, {.decimals = 2, .value = 314}),
        FIELD(UTF8, bytes, bytes("gr\xc3\xbcn")),
        FIELD(UTF8, bytes, amqp_empty_bytes),
        FIELD(BYTES, bytes, {.len = 3, .bytes = "\0\xff\x80"}),
        FIELD(TIMESTAMP, u64, 1700000000),
        {.kind = AMQP_FIELD_KIND_VOID},
        {.kind = AMQP_FIELD_KIND_ARRAY}, // empty
        {.kind = AMQP_FIELD_KIND_TABLE}, // empty
    };
    int count = (int)(sizeof flat / sizeof flat[0]);
    amqp_field_value_t array = FIELD(ARRAY, array, {count, flat});
    amqp_field_value_t nested[] = {array, array};
    amqp_table_entry_t inner[] = {{bytes("nested"), FIELD(ARRAY, array, {2, nested})},
                                  {bytes("number"), flat[6]}};
    amqp_field_value_t table = FIELD(TABLE, table, {2, inner});
    amqp_table_entry_t entries[24];
    for (int i = 0; i < count; i++)
        entries[i] = (amqp_table_entry_t){bytes(text(s, "field-%d", i)), flat[i]};
    entries[count] = (amqp_table_entry_t){bytes("array"), array};
    entries[count + 1] = (amqp_table_entry_t){bytes("table"), table};
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                          .headers = {count + 2, entries}};
    scene_send(s, "", queue, amqp_empty_bytes, &properties);
    amqp_message_t message;
    scene_get_message(s, s->connection, queue, &message);
    amqp_table_t got = message.properties.headers;
    same_number(s, (uint64_t)count + 2, (uint64_t)got.num_entries);
    for (int i = 0; i < got.num_entries; i++)
        if (!same_bytes(entries[i].key, got.entries[i].key) ||
            !same_field(&entries[i].value, &got.entries[i].value))
            fail(s, "field '%s' came back changed", text_of(s, got.entries[i].key));
    amqp_destroy_message(&message);
}

static void all_properties(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG |
                  AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG |
                  AMQP_BASIC_EXPIRATION_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_USER_ID_FLAG |
                  AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_CLUSTER_ID_FLAG,
        .content_type = bytes("application/json"),
        .content_encoding = bytes("gzip"),
        .delivery_mode = 2,
        .priority = 9,
        .correlation_id = bytes("c-1"),
        .reply_to = bytes("answers"),
        .expiration = bytes("60000"),
        .message_id = bytes("m-1"),
        .timestamp = 1700000000,
        .type = bytes("kind"),
        .user_id = bytes("guest"),
        .app_id = bytes("app"),
        .cluster_id = bytes("cluster"),
    };
    scene_send(s, "", queue, bytes("{}"), &p);
    scene_send(s, "", queue, bytes("bare"), NULL);
    amqp_message_t message;
    scene_get_message(s, s->connection, queue, &message);
    const amqp_basic_properties_t *got = &message.properties;
    same_number(s, p._flags, got->_flags);
    same(s, "application/json gzip c-1 answers 60000 m-1 kind guest app cluster",
         text(s, "%s %s %s %s %s %s %s %s %s %s", text_of(s, got->content_type),
              text_of(s, got->content_encoding), text_of(s, got->correlation_id),
              text_of(s, got->reply_to), text_of(s, got->expiration), text_of(s, got->message_id),
              text_of(s, got->type), text_of(s, got->user_id), text_of(s, got->app_id),
              text_of(s, got->cluster_id)));
    same(s, "2 9 1700000000",
         text(s, "%u %u %llu", got->delivery_mode, got->priority,
              (unsigned long long)got->timestamp));
    amqp_destroy_message(&message);
    scene_get_message(s, s->connection, queue, &message);
    same_number(s, 0, message.properties._flags);
    amqp_destroy_message(&message);
}

static void body_sizes(struct scene *s)
{
    static char large[3 << 20];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 31 >> 3);
    const char *queue = scene_queue(s, "q");
    const size_t sizes[] = {0, 1, 131072 - 8, 131072 - 7, sizeof large};
    struct settings settings = DEFAULT_SETTINGS;
    settings.frame_max = 4096;
    amqp_connection_state_t small = scene_connect(s, settings);
    const char *other = scene_name(s, "small");
    amqp_queue_declare(small, MAIN, bytes(other), 0, 0, 1, 0, amqp_empty_table);
    ok(s, small);
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof sizes[0]); i++) {
        amqp_bytes_t body = {.len = sizes[i / 2], .bytes = large};
        amqp_message_t message;
        if (i % 2 == 0) {
            scene_send(s, "", queue, body, NULL);
            scene_get_message(s, s->connection, queue, &message);
        } else {
            sent(s,
                 amqp_basic_publish(small, MAIN, amqp_empty_bytes, bytes(other), 0, 0, NULL, body));
            scene_get_message(s, small, other, &message);
        }
        if (!same_bytes(body, message.body))
            fail(s, "the body of %zu bytes came back changed", body.len);
        amqp_destroy_message(&message);
    }
}

// What the broker does when a new channel publishes this: a close with the expected text.
static void refused_publish(struct scene *s, const char *exchange, const char *key,
                            const amqp_basic_properties_t *properties, const char *expected)
{
    amqp_channel_t channel = scene_channel(s);
    sent(s, amqp_basic_publish(s->connection, channel, bytes(exchange), bytes(key), 0, 0,
                               properties, bytes("x")));
    closed_next(s, s->connection, channel, expected);
}

static void refused_publishes(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_USER_ID_FLAG,
                                          .user_id = bytes("other")};
    refused_publish(s, "", queue, &properties,
                    "406 PRECONDITION_FAILED - user_id property set to 'other' but authenticated "
                    "user was 'guest'");
    refused_publish(s, "interop-missing", "key", NULL,
                    "404 NOT_FOUND - no exchange 'interop-missing' in vhost '/'");
}

static void mandatory_return(struct scene *s)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
                                          .message_id = bytes("m")};
    sent(s, amqp_basic_publish(s->publisher, MAIN, amqp_empty_bytes, bytes("interop-missing"), 1, 0,
                               &properties, bytes("back")));
    amqp_channel_t channel;
    amqp_method_t method = scene_next_method(s, s->publisher, &channel);
    same(s, amqp_method_name(AMQP_BASIC_RETURN_METHOD), amqp_method_name(method.id));
    amqp_basic_return_t *back = method.decoded;
    same(s, "312 NO_ROUTE '' interop-missing",
         text(s, "%u %s '%s' %s", back->reply_code, text_of(s, back->reply_text),
              text_of(s, back->exchange), text_of(s, back->routing_key)));
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(s->publisher, channel, &message, 0);
    same_number(s, AMQP_RESPONSE_NORMAL, reply.reply_type);
    same(s, "m back",
         text(s, "%s %s", text_of(s, message.properties.message_id), text_of(s, message.body)));
    amqp_destroy_message(&message);
    method = scene_next_method(s, s->publisher, &channel); // only now the confirm
    same(s, amqp_method_name(AMQP_BASIC_ACK_METHOD), amqp_method_name(method.id));
    scene_send(s, "", "interop-missing", bytes("gone"), NULL); // not mandatory: confirmed, dropped
}

static void confirms(struct scene *s)
{
    enum { COUNT = 500 };
    bool confirmed[COUNT + 1] = {false};
    const char *queue = scene_queue(s, "q");
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                          .delivery_mode = 2};
    for (int i = 0; i < COUNT; i++)
        sent(s, amqp_basic_publish(s->publisher, MAIN, amqp_empty_bytes, bytes(queue), 0, 0,
                                   &properties, bytes("x")));
    for (int missing = COUNT; missing > 0;) {
        amqp_channel_t channel;
        amqp_method_t method = scene_next_method(s, s->publisher, &channel);
        same(s, amqp_method_name(AMQP_BASIC_ACK_METHOD), amqp_method_name(method.id));
        amqp_basic_ack_t *ack = method.decoded;
        if (ack->delivery_tag < 1 || ack->delivery_tag > COUNT || confirmed[ack->delivery_tag])
            fail(s, "unexpected confirm of %llu", (unsigned long long)ack->delivery_tag);
        for (uint64_t tag = ack->multiple ? 1 : ack->delivery_tag; tag <= ack->delivery_tag;
             tag++) {
            missing -= confirmed[tag] ? 0 : 1;
            confirmed[tag] = true;
        }
        amqp_maybe_release_buffers(s->publisher);
    }
    same_number(s, COUNT, scene_ready(s, queue));
}

static void transaction(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    amqp_channel_t tx = scene_channel(s);
    amqp_tx_select(s->connection, tx);
    ok(s, s->connection);
    for (int i = 1; i <= 2; i++)
        sent(s, amqp_basic_publish(s->connection, tx, amqp_empty_bytes, bytes(queue), 0, 0, NULL,
                                   bytes(text(s, "%d", i))));
    same_number(s, 0, scene_ready(s, queue));
    amqp_tx_commit(s->connection, tx);
    ok(s, s->connection);
    same_number(s, 2, scene_ready(s, queue));
    sent(s, amqp_basic_publish(s->connection, tx, amqp_empty_bytes, bytes(queue), 0, 0, NULL,
                               bytes("3")));
    amqp_tx_rollback(s->connection, tx);
    ok(s, s->connection);
    same(s, "1", scene_get(s, tx, queue, 1));
    sent(s, amqp_basic_ack(s->connection, tx, 1, 0));
    amqp_tx_rollback(s->connection, tx); // the ack is forgotten, the message still unacked
    ok(s, s->connection);
    sent(s, amqp_basic_ack(s->connection, tx, 1, 0));
    amqp_tx_commit(s->connection, tx);
    ok(s, s->connection);
    amqp_channel_close(s->connection, tx, AMQP_REPLY_SUCCESS);
    same(s, "2", scene_drain(s, queue));
}

static void tx_and_confirm(struct scene *s)
{
    amqp_channel_t channel = scene_channel(s);
    amqp_tx_select(s->connection, channel);
    amqp_confirm_select(s->connection, channel);
    closed_by_answer(s, s->connection, channel,
                     "406 PRECONDITION_FAILED - cannot switch from tx to confirm mode");
    channel = scene_channel(s);
    amqp_confirm_select(s->connection, channel);
    amqp_tx_select(s->connection, channel);
    closed_by_answer(s, s->connection, channel,
                     "406 PRECONDITION_FAILED - cannot switch from confirm to tx mode");
    channel = scene_channel(s);
    amqp_tx_commit(s->connection, channel);
    closed_by_answer(s, s->connection, channel,
                     "406 PRECONDITION_FAILED - channel is not transactional");
}

static void direct_reply_to(struct scene *s)
{
    const char *queue = scene_queue(s, "rpc");
    amqp_connection_state_t client = scene_connect(s, DEFAULT_SETTINGS);
    amqp_basic_consume(client, MAIN, bytes(REPLY_TO), amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    ok(s, client);
    amqp_basic_properties_t ask = {._flags = AMQP_BASIC_REPLY_TO_FLAG |
                                             AMQP_BASIC_CORRELATION_ID_FLAG,
                                   .reply_to = bytes(REPLY_TO),
                                   .correlation_id = bytes("rpc-1")};
    sent(s, amqp_basic_publish(client, MAIN, amqp_empty_bytes, bytes(queue), 0, 0, &ask,
                               bytes("6*7")));
    scene_consume(s, MAIN, queue, "server", true);
    struct timeval wait = {.tv_sec = WAIT_S};
    amqp_envelope_t request, answer;
    amqp_rpc_reply_t reply = amqp_consume_message(s->connection, &request, &wait, 0);
    same_number(s, AMQP_RESPONSE_NORMAL, reply.reply_type);
    const char *address = text_of(s, request.message.properties.reply_to);
    const char *correlation = text_of(s, request.message.properties.correlation_id);
    amqp_destroy_envelope(&request);
    same(s, REPLY_TO ".", text(s, "%.*s", (int)sizeof REPLY_TO, address));
    amqp_basic_properties_t tell = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                    .correlation_id = bytes(correlation)};
    scene_send(s, "", address, bytes("42"), &tell);
    reply = amqp_consume_message(client, &answer, &wait, 0);
    same_number(s, AMQP_RESPONSE_NORMAL, reply.reply_type);
    same(s, "rpc-1 42",
         text(s, "%s %s", text_of(s, answer.message.properties.correlation_id),
              text_of(s, answer.message.body)));
    amqp_destroy_envelope(&answer);
    refused_publish(s, "", queue, &ask,
                    "406 PRECONDITION_FAILED - fast reply consumer does not exist");
    amqp_channel_t channel = scene_channel(s);
    amqp_basic_consume(s->connection, channel, bytes(REPLY_TO), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    closed_by_answer(s, s->connection, channel,
                     "406 PRECONDITION_FAILED - reply consumer cannot acknowledge");
}

static void unsupported_bits(struct scene *s)
{
    amqp_connection_state_t connection = scene_connect(s, DEFAULT_SETTINGS);
    sent(s, amqp_basic_publish(connection, MAIN, amqp_empty_bytes, bytes("interop-missing"), 0, 1,
                               NULL, bytes("x")));
    closed_next(s, connection, MAIN, "540 NOT_IMPLEMENTED - immediate=true");
    connection = scene_connect(s, DEFAULT_SETTINGS);
    amqp_basic_qos(connection, MAIN, 10, 1, 0);
    closed_by_answer(s, connection, MAIN, "540 NOT_IMPLEMENTED - prefetch_size!=0 (10)");
    connection = scene_connect(s, DEFAULT_SETTINGS);
    amqp_channel_flow(connection, MAIN, 0);
    closed_by_answer(s, connection, MAIN, "540 NOT_IMPLEMENTED - active=false");
    connection = scene_connect(s, DEFAULT_SETTINGS);
    amqp_basic_recover(connection, MAIN, 0);
    closed_by_answer(s, connection, MAIN, "540 NOT_IMPLEMENTED - requeue=false");
    amqp_channel_flow(s->connection, MAIN, 1);
    ok(s, s->connection);
}

const struct check message_and_publisher_checks[] = {
    {"all_properties_round_trip", all_properties},
    {"all_field_table_types_round_trip", field_tables},
    {"empty_and_large_bodies_round_trip", body_sizes},
    {"publish_of_another_user_or_to_a_missing_exchange_closes_the_channel", refused_publishes},
    {"unroutable_mandatory_message_returns_before_its_confirm", mandatory_return},
    {"every_publish_is_confirmed", confirms},
    {"transaction_publishes_and_acks_at_commit_and_forgets_at_rollback", transaction},
    {"tx_and_confirm_exclude_each_other_406", tx_and_confirm},
    {"direct_reply_to_answers_an_rpc", direct_reply_to},
    {"unsupported_bits_close_the_connection_540", unsupported_bits},
    {0},
};
