/* SPDX-License-Identifier: Apache-2.0 */
/* A message arrives as it was sent: bodies of every size, all properties, headers of every type. */
#include "expect.h"

#include <stdlib.h>

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

/* A body whose every byte depends on its place. The caller frees it. */
static amqp_bytes_t pattern(size_t size)
{
    unsigned char *bytes = malloc(size + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    return (amqp_bytes_t){size, bytes};
}

static void expect_sizes_come_back(struct channel *ch, const size_t *sizes, size_t count)
{
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .no_ack = 1);
    for (size_t i = 0; i < count; i++) {
        amqp_bytes_t body = pattern(sizes[i]);
        publish_with(ch, "", queue, NULL, body);
        struct delivery message = next_delivery(ch);
        assert_int_equal(message.body.len, body.len);
        assert_memory_equal(message.body.bytes, body.bytes, body.len);
        assert_int_equal(message.properties->_flags, 0);
        free(body.bytes);
    }
}

static void bodies_of_every_size_come_back(void **state)
{
    struct channel *ch = *state;
    /* Around the frame size: 131072 less 8 of framing. */
    static const size_t sizes[] = {0,      1,      2,      4087,   4088,   4089,    131063,
                                   131064, 131065, 131072, 262127, 262128, 1048576, 5000000};

    expect_sizes_come_back(ch, sizes, sizeof sizes / sizeof *sizes);
}

static void bodies_are_cut_to_a_small_frame_max(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4087, 4088, 4089, 8176, 8177, 100000};
    struct client *client = client_connect();
    amqp_rpc_reply_t reply = amqp_login(client->state, "/", 0, 4096, 0, AMQP_SASL_METHOD_PLAIN,
                                        "guest", "guest");

    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    assert_int_equal(amqp_get_frame_max(client->state), 4096);
    /* The library fails on a frame that is larger than agreed. */
    expect_sizes_come_back(channel_open(client), sizes, sizeof sizes / sizeof *sizes);
}

static void get_brings_large_bodies(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    amqp_bytes_t body = pattern(300000);
    struct delivery message;

    publish_with(ch, "", queue, NULL, body);
    assert_true(get(ch, queue, true, &message));
    assert_int_equal(message.body.len, body.len);
    assert_memory_equal(message.body.bytes, body.bytes, body.len);
    free(body.bytes);
}

static void content_of_two_channels_may_be_interleaved(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);
    amqp_basic_properties_t none = {0};
    struct channel *const channels[] = {ch, other};
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEADER};

    for (size_t i = 0; i < 2; i++)
        send_method(channels[i], BASIC_PUBLISH, basic_publish, .routing_key = str(queue));
    frame.payload.properties.class_id = AMQP_BASIC_CLASS;
    frame.payload.properties.body_size = 4;
    frame.payload.properties.decoded = &none;
    for (size_t i = 0; i < 2; i++) {
        frame.channel = channels[i]->id;
        assert_int_equal(amqp_send_frame(ch->client->state, &frame), AMQP_STATUS_OK);
    }
    static const char *const parts[2][2] = {{"ab", "cd"}, {"x", "yz!"}};
    frame = (amqp_frame_t){.frame_type = AMQP_FRAME_BODY};
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < 2; i++) {
            frame.channel = channels[i]->id;
            frame.payload.body_fragment = str(parts[i][part]);
            assert_int_equal(amqp_send_frame(ch->client->state, &frame), AMQP_STATUS_OK);
        }
    }
    consume(ch, .queue = str(queue));
    struct delivery first = next_delivery(ch), second = next_delivery(ch);
    bool in_order = memcmp(first.body.bytes, "a", 1) == 0;
    assert_bytes(in_order ? first.body : second.body, "abcd");
    assert_bytes(in_order ? second.body : first.body, "xyz!");
}

static void all_properties_come_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    const amqp_basic_properties_t sent = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                  AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                  AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_EXPIRATION_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG |
                  AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_CLUSTER_ID_FLAG,
        .content_type = str("application/json"),
        .content_encoding = str("gzip"),
        .headers = TABLE(table_string("a", "b")),
        .delivery_mode = 2,
        .priority = 9,
        .correlation_id = str("correlation"),
        .reply_to = str("answers"),
        .expiration = str("3600000"),
        .message_id = str("message"),
        .timestamp = 1700000000,
        .type = str("type"),
        .user_id = str("guest"),
        .app_id = str("app"),
        .cluster_id = str("cluster"),
    };

    publish_with(ch, "", queue, &sent, str("x"));
    const amqp_basic_properties_t *got = expect_get(ch, queue, "x").properties;
    assert_int_equal(got->_flags, sent._flags);
    assert_bytes(got->content_type, "application/json");
    assert_bytes(got->content_encoding, "gzip");
    assert_int_equal(got->headers.num_entries, 1);
    assert_int_equal(got->delivery_mode, 2);
    assert_int_equal(got->priority, 9);
    assert_bytes(got->correlation_id, "correlation");
    assert_bytes(got->reply_to, "answers");
    assert_bytes(got->expiration, "3600000");
    assert_bytes(got->message_id, "message");
    assert_int_equal(got->timestamp, 1700000000);
    assert_bytes(got->type, "type");
    assert_bytes(got->user_id, "guest");
    assert_bytes(got->app_id, "app");
    assert_bytes(got->cluster_id, "cluster");
}

static void each_property_alone_comes_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    amqp_basic_properties_t sent = {
        .content_type = str("a"),
        .content_encoding = str("b"),
        .delivery_mode = 1,
        .priority = 255,
        .correlation_id = str("c"),
        .reply_to = str("d"),
        .expiration = str("99999"),
        .message_id = str("e"),
        .timestamp = UINT64_MAX / 2,
        .type = str("f"),
        .user_id = str("guest"),
        .app_id = str("g"),
        .cluster_id = str("h"),
    };

    for (amqp_flags_t flag = AMQP_BASIC_CONTENT_TYPE_FLAG; flag >= AMQP_BASIC_CLUSTER_ID_FLAG;
         flag >>= 1) {
        sent._flags = flag;
        publish_with(ch, "", queue, &sent, str("x"));
        struct delivery message = expect_get(ch, queue, "x");
        assert_int_equal(message.properties->_flags, flag);
        amqp_bytes_t raw[2];
        for (size_t i = 0; i < 2; i++) {
            amqp_basic_properties_t copy = i == 0 ? sent : *message.properties;
            raw[i] = pattern(64);
            int length = amqp_encode_properties(AMQP_BASIC_CLASS, &copy, raw[i]);
            assert_true(length > 0);
            raw[i].len = (size_t)length;
        }
        assert_int_equal(raw[0].len, raw[1].len);
        assert_memory_equal(raw[0].bytes, raw[1].bytes, raw[0].len);
        free(raw[0].bytes);
        free(raw[1].bytes);
    }
}

#define FIELD(KIND, member, ...) \
    ((amqp_field_value_t){.kind = AMQP_FIELD_KIND_##KIND, .value.member = __VA_ARGS__})

/* As bytes on the wire, so that types count as well as values. */
static void assert_same_table(amqp_table_t sent, amqp_table_t got)
{
    enum { SIZE = 4096 };
    unsigned char bytes[2][SIZE];
    size_t lengths[2] = {0, 0};

    assert_int_equal(amqp_encode_table((amqp_bytes_t){SIZE, bytes[0]}, &sent, &lengths[0]), 0);
    assert_int_equal(amqp_encode_table((amqp_bytes_t){SIZE, bytes[1]}, &got, &lengths[1]), 0);
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(bytes[0], bytes[1], lengths[0]);
}

static void headers_of_every_type_come_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    amqp_field_value_t list[] = {FIELD(I32, i32, 1), FIELD(UTF8, bytes, str("two")),
                                 FIELD(TABLE, table, TABLE(table_void("three"))),
                                 FIELD(ARRAY, array, {0, NULL})};
    amqp_table_entry_t entries[] = {
        {str("boolean"), FIELD(BOOLEAN, boolean, 1)},
        {str("int8"), FIELD(I8, i8, -8)},
        {str("uint8"), FIELD(U8, u8, 200)},
        {str("int16"), FIELD(I16, i16, -1600)},
        {str("uint16"), FIELD(U16, u16, 60000)},
        {str("int32"), FIELD(I32, i32, INT32_MIN)},
        {str("uint32"), FIELD(U32, u32, UINT32_MAX)},
        {str("int64"), FIELD(I64, i64, INT64_MIN)},
        {str("uint64"), FIELD(U64, u64, UINT64_MAX)},
        {str("float"), FIELD(F32, f32, 1.5f)},
        {str("double"), FIELD(F64, f64, -2.25)},
        {str("decimal"), FIELD(DECIMAL, decimal, {2, 31415})},
        {str("longstr"), FIELD(UTF8, bytes, str("gr\xc3\xbc\xc3\x9f"))},
        {str("empty"), FIELD(UTF8, bytes, {0, NULL})},
        {str("bytes"), FIELD(BYTES, bytes, {4, "\0\xff\x80\x01"})},
        {str("array"), FIELD(ARRAY, array, {4, list})},
        {str("timestamp"), FIELD(TIMESTAMP, u64, 1700000000)},
        {str("table"), FIELD(TABLE, table, TABLE(table_int("deep", 1), table_bool("deeper", 0)))},
        {str("empty table"), FIELD(TABLE, table, {0, NULL})},
        {str("void"), {.kind = AMQP_FIELD_KIND_VOID}},
        {str("boolean"), FIELD(BOOLEAN, boolean, 0)}, /* a key twice */
    };
    amqp_table_t headers = {sizeof entries / sizeof *entries, entries};
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                                .headers = headers};

    publish_with(ch, "", queue, &properties, str("x"));
    assert_same_table(headers, expect_get(ch, queue, "x").properties->headers);
}

static void deeply_nested_headers_come_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    enum { DEPTH = 20 };
    amqp_table_entry_t levels[DEPTH];

    for (int i = 0; i < DEPTH; i++) {
        levels[i].key = str("k");
        levels[i].value = i == 0 ? FIELD(I32, i32, 1) : FIELD(TABLE, table, {1, &levels[i - 1]});
    }
    amqp_table_t headers = {1, &levels[DEPTH - 1]};
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                                .headers = headers};
    publish_with(ch, "", queue, &properties, str("x"));
    assert_same_table(headers, expect_get(ch, queue, "x").properties->headers);
}

static void keys_of_255_bytes_come_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    char key[256];

    memset(key, 'k', 255);
    key[255] = '\0';
    queue_bind(ch, .queue = str(queue), .exchange = str("amq.topic"), .routing_key = str(key));
    publish(ch, "amq.topic", key, "x");
    assert_bytes(expect_get(ch, queue, "x").routing_key, key);
}

static void body_above_the_size_limit_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    enum { LIMIT = 128 << 20 };
    amqp_bytes_t body = {LIMIT + 1, calloc(1, LIMIT + 1)};

    assert_non_null(body.bytes);
    publish_with(ch, "", queue, NULL, body);
    free(body.bytes);
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - message size 134217729 is larger than configured max "
        "size 134217728");
}

static void delivery_mode_other_than_1_and_2_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                .delivery_mode = 7};

    publish_with(ch, "", queue, &properties, str("x"));
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,7}");
}

/* Methods are checked for it, basic.publish and properties are not. */
static void published_keys_and_properties_need_not_be_utf8(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    static const char bytes[] = "\xff\xfe";
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
                                                          AMQP_BASIC_HEADERS_FLAG,
                                                .content_type = str(bytes),
                                                .headers = TABLE(table_string("k", bytes))};

    queue_bind(ch, .queue = str(queue), .exchange = str("amq.fanout"));
    publish_with(ch, "amq.fanout", bytes, &properties, str("x"));
    struct delivery message = expect_get(ch, queue, "x");
    assert_bytes(message.routing_key, bytes);
    assert_bytes(message.properties->content_type, bytes);
    assert_bytes(message.properties->headers.entries[0].value.value.bytes, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(bodies_of_every_size_come_back),
        behaviour(bodies_are_cut_to_a_small_frame_max),
        behaviour(get_brings_large_bodies),
        behaviour(content_of_two_channels_may_be_interleaved),
        behaviour(all_properties_come_back),
        behaviour(each_property_alone_comes_back),
        behaviour(headers_of_every_type_come_back),
        behaviour(deeply_nested_headers_come_back),
        behaviour(keys_of_255_bytes_come_back),
        behaviour(body_above_the_size_limit_closes_channel_406),
        behaviour(delivery_mode_other_than_1_and_2_closes_channel_406),
        behaviour(published_keys_and_properties_need_not_be_utf8),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
