/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/message_json.h"

#include "mgmt/amqp_json.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

bool message_json_encoding(struct slice encoding, struct message_look *look)
{
    look->always_base64 = slice_equal(encoding, SLICE_LITERAL("base64"));
    return look->always_base64 || slice_equal(encoding, SLICE_LITERAL("auto"));
}

static void put_payload(struct json_writer *writer, const struct message_look *look,
                        struct slice body)
{
    if (body.size > look->truncate)
        body.size = (size_t)look->truncate;
    if (!look->always_base64 && slice_is_utf8(body)) {
        json_put_string(writer, "payload", body);
        json_put_text(writer, "payload_encoding", "string");
        return;
    }
    uint8_t *text = mem_alloc(CRYPTO_BASE64_CHARS(body.size) + 1);
    json_put_string(writer, "payload", crypto_base64(text, body));
    json_put_text(writer, "payload_encoding", "base64");
    mem_free(text);
}

void message_json_put_properties(struct json_writer *writer, struct slice encoded)
{
    json_t *properties = amqp_json_properties(encoded);
    char *text = json_dumps(properties, JSON_COMPACT);
    bool is_empty = json_object_size(properties) == 0; /* RabbitMQ: an empty array then */
    (void)json_write_key(writer, SLICE_LITERAL("properties"));
    json_write_raw(writer, is_empty ? SLICE_LITERAL("[]") : slice_from_string(text));
    free(text);
    json_decref(properties);
}

void message_json_write(struct json_writer *writer, const struct message_look *look,
                        struct message *message, uint64_t left, bool redelivered)
{
    json_write_object(writer);
    json_put_uint(writer, "payload_bytes", message->body_bytes);
    json_put_bool(writer, "redelivered", redelivered);
    json_put_string(writer, "exchange", message_exchange(message));
    json_put_string(writer, "routing_key", message_routing_key(message));
    json_put_uint(writer, "message_count", left);
    message_json_put_properties(writer, message_properties(message));
    put_payload(writer, look, slice_of(message_body(message), message->body_bytes));
    json_write_object_end(writer);
}
