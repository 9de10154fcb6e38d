// SPDX-License-Identifier: Apache-2.0
// Checks of connections, exchanges and bindings.

#include "scene.h"

#include <stdlib.h>
#include <string.h>

static amqp_table_entry_t entry_text(const char *key, const char *value)
{
    return (amqp_table_entry_t){bytes(key),
                                {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes(value)}};
}

static amqp_table_entry_t entry_int(const char *key, int32_t value)
{
    return (amqp_table_entry_t){bytes(key), {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
}

static amqp_field_value_t find(struct scene *s, const amqp_table_t *table, const char *key)
{
    for (int i = 0; i < table->num_entries; i++)
        if (strcmp(text_of(s, table->entries[i].key), key) == 0)
            return table->entries[i].value;
    fail(s, "no field '%s'", key);
}

static void tune_and_server_properties(struct scene *s)
{
    amqp_connection_state_t connection = scene_connect(
        s, (struct settings){100, 8192, 7, "/", "guest"});
    same_number(s, 100, (uint64_t)amqp_get_channel_max(connection));
    same_number(s, 8192, (uint64_t)amqp_get_frame_max(connection));
    same_number(s, 7, (uint64_t)amqp_get_heartbeat(connection));
    const amqp_table_t *properties = amqp_get_server_properties(connection);
    const char *against = getenv("AMQP_AGAINST");
    bool oracle = against != NULL && strcmp(against, "rabbitmq") == 0;
    same(s, oracle ? "RabbitMQ" : "StoatMQ",
         text_of(s, find(s, properties, "product").value.bytes));
    amqp_table_t capabilities = find(s, properties, "capabilities").value.table;
    const char *expected[] = {
        "publisher_confirms",     "exchange_exchange_bindings",   "basic.nack",
        "consumer_cancel_notify", "connection.blocked",           "consumer_priorities",
        "per_consumer_qos",       "authentication_failure_close", "direct_reply_to",
    };
    size_t count = sizeof expected / sizeof expected[0];
    same_number(s, count, (uint64_t)capabilities.num_entries);
    for (size_t i = 0; i < count; i++)
        same_number(s, 1, (uint64_t)find(s, &capabilities, expected[i]).value.boolean);
}

static void heartbeats(struct scene *s)
{
    struct settings settings = DEFAULT_SETTINGS;
    settings.heartbeat = 1;
    amqp_connection_state_t connection = scene_connect(s, settings);
    struct timeval idle = {.tv_sec = 4}; // longer than either side waits for the other
    amqp_envelope_t envelope;
    amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &idle, 0);
    same(s, amqp_error_string2(AMQP_STATUS_TIMEOUT), amqp_error_string2(reply.library_error));
    amqp_channel_open(connection, MAIN + 1);
    ok(s, connection);
}

static void wrong_password(struct scene *s)
{
    struct settings settings = DEFAULT_SETTINGS;
    settings.password = "wrong";
    amqp_rpc_reply_t reply;
    scene_dial(s, settings, &reply);
    same(s,
         "403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
         "For details see the broker logfile.",
         close_text(s, reply.reply));
}

static void missing_vhost(struct scene *s)
{
    struct settings settings = DEFAULT_SETTINGS;
    settings.vhost = "nowhere";
    amqp_rpc_reply_t reply;
    scene_dial(s, settings, &reply);
    same(s, "530 NOT_ALLOWED - vhost nowhere not found", close_text(s, reply.reply));
}

static void send_keys(struct scene *s, const char *exchange, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        scene_send(s, exchange, *keys, bytes(*keys), NULL);
}

static void direct_exchange(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    const char *exchange = scene_exchange(s, "x", "direct", amqp_empty_table);
    scene_bind(s, queue, exchange, "red");
    send_keys(s, exchange, (const char *[]){"red", "re", "red.", "Red", "blue", NULL});
    same(s, "red", scene_drain(s, queue));
}

static void fanout_exchange(struct scene *s)
{
    const char *exchange = scene_exchange(s, "x", "fanout", amqp_empty_table);
    const char *queues[] = {scene_queue(s, "a"), scene_queue(s, "b"), scene_queue(s, "c")};
    for (int i = 0; i < 3; i++)
        scene_bind(s, queues[i], exchange, "ignored");
    scene_send(s, exchange, "any", bytes("copy"), NULL);
    for (int i = 0; i < 3; i++)
        same(s, "copy", scene_drain(s, queues[i]));
}

static void topic_exchange(struct scene *s)
{
    const char *exchange = scene_exchange(s, "x", "topic", amqp_empty_table);
    const char *queue = scene_queue(s, "q"), *all = scene_queue(s, "all");
    scene_bind(s, queue, exchange, "*.orange.*");
    scene_bind(s, queue, exchange, "lazy.#");
    scene_bind(s, queue, exchange, "#.rabbit");
    scene_bind(s, all, exchange, "#");
    send_keys(s, exchange,
              (const char *[]){"quick.orange.rabbit", "lazy", "lazy.a.b.c", "rabbit",
                               "quick.orange", "a.b", "lazy.orange.rabbit", NULL});
    same(s, "quick.orange.rabbit lazy lazy.a.b.c rabbit lazy.orange.rabbit", scene_drain(s, queue));
    same(s, "quick.orange.rabbit lazy lazy.a.b.c rabbit quick.orange a.b lazy.orange.rabbit",
         scene_drain(s, all));
}

static void bind_headers(struct scene *s, const char *queue, const char *exchange,
                         amqp_table_t arguments)
{
    amqp_queue_bind(s->connection, MAIN, bytes(queue), bytes(exchange), amqp_empty_bytes,
                    arguments);
    ok(s, s->connection);
}

static void send_headers(struct scene *s, const char *exchange, const char *body,
                         amqp_table_t headers)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = headers};
    scene_send(s, exchange, "", bytes(body), &properties);
}

static void headers_exchange(struct scene *s)
{
    const char *exchange = scene_exchange(s, "x", "headers", amqp_empty_table);
    const char *all = scene_queue(s, "all"), *any = scene_queue(s, "any");
    const char *fallback = scene_queue(s, "default"), *present = scene_queue(s, "present");
    amqp_table_entry_t a = entry_int("a", 1), b = entry_text("b", "two"), c = entry_int("c", 1);
    amqp_table_entry_t match_all[] = {entry_text("x-match", "all"), a, b};
    amqp_table_entry_t match_any[] = {entry_text("x-match", "any"), a, b};
    amqp_table_entry_t void_b[] = {match_all[0], {bytes("b"), {.kind = AMQP_FIELD_KIND_VOID}}};
    bind_headers(s, all, exchange, (amqp_table_t){3, match_all});
    bind_headers(s, any, exchange, (amqp_table_t){3, match_any});
    bind_headers(s, fallback, exchange, (amqp_table_t){1, &a});
    bind_headers(s, present, exchange, (amqp_table_t){2, void_b});
    send_headers(s, exchange, "both", (amqp_table_t){2, (amqp_table_entry_t[]){a, b}});
    send_headers(s, exchange, "a", (amqp_table_t){1, &a});
    send_headers(s, exchange, "b", (amqp_table_t){2, (amqp_table_entry_t[]){b, c}});
    amqp_table_entry_t others[] = {entry_int("a", 2), entry_text("c", "two")};
    send_headers(s, exchange, "none", (amqp_table_t){2, others});
    same(s, "both", scene_drain(s, all));
    same(s, "both a b", scene_drain(s, any));
    same(s, "both a", scene_drain(s, fallback));
    same(s, "both b", scene_drain(s, present));
}

static void exchange_to_exchange(struct scene *s)
{
    const char *source = scene_exchange(s, "source", "topic", amqp_empty_table);
    const char *destination = scene_exchange(s, "destination", "fanout", amqp_empty_table);
    const char *queue = scene_queue(s, "q");
    for (int i = 0; i < 2; i++) {
        amqp_exchange_bind(s->connection, MAIN, bytes(destination), bytes(source),
                           bytes(i ? "keep" : "log.#"), amqp_empty_table);
        ok(s, s->connection);
    }
    scene_bind(s, queue, destination, "");
    send_keys(s, source, (const char *[]){"log.error", "metric", NULL});
    same(s, "log.error", scene_drain(s, queue));
    amqp_exchange_unbind(s->connection, MAIN, bytes(destination), bytes(source), bytes("log.#"),
                         amqp_empty_table);
    ok(s, s->connection);
    send_keys(s, source, (const char *[]){"log.error", "keep", NULL});
    same(s, "keep", scene_drain(s, queue));
}

static void alternate_exchange(struct scene *s)
{
    const char *alternate = scene_exchange(s, "alternate", "fanout", amqp_empty_table);
    amqp_table_entry_t argument = entry_text("alternate-exchange", alternate);
    const char *exchange = scene_exchange(s, "main", "direct", (amqp_table_t){1, &argument});
    const char *routed = scene_queue(s, "routed"), *rest = scene_queue(s, "rest");
    scene_bind(s, routed, exchange, "known");
    scene_bind(s, rest, alternate, "");
    send_keys(s, exchange, (const char *[]){"known", "unknown", NULL});
    same(s, "known", scene_drain(s, routed));
    same(s, "unknown", scene_drain(s, rest));
}

static void carbon_copies(struct scene *s)
{
    const char *queues[] = {scene_queue(s, "to"), scene_queue(s, "cc"), scene_queue(s, "bcc")};
    amqp_field_value_t keys[2];
    amqp_table_entry_t copies[2];
    for (int i = 0; i < 2; i++) {
        keys[i] = entry_text("", queues[i + 1]).value;
        copies[i].key = bytes(i ? "BCC" : "CC");
        copies[i].value.kind = AMQP_FIELD_KIND_ARRAY;
        copies[i].value.value.array = (amqp_array_t){1, &keys[i]};
    }
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                          .headers = {2, copies}};
    scene_send(s, "", queues[0], bytes("post"), &properties);
    for (int i = 0; i < 3; i++) {
        amqp_message_t message;
        scene_get_message(s, s->connection, queues[i], &message);
        amqp_table_t headers = message.properties.headers;
        same_number(s, 1, (uint64_t)headers.num_entries); // no BCC
        amqp_array_t got = find(s, &headers, "CC").value.array;
        same(s, queues[1], text_of(s, got.entries[0].value.bytes));
        amqp_destroy_message(&message);
    }
}

static void declare_exchange(amqp_connection_state_t connection, amqp_channel_t channel,
                             const char *name, const char *type, bool passive, bool durable)
{
    amqp_exchange_declare(connection, channel, bytes(name), bytes(type), passive, durable, 1, 0,
                          amqp_empty_table);
}

static void refused_declarations(struct scene *s)
{
    const char *x = scene_exchange(s, "x", "direct", amqp_empty_table);
    const struct {
        const char *name, *type;
        bool passive, durable;
        const char *expected;
    } cases[] = {
        {x, "fanout", false, false,
         text(s,
              "406 PRECONDITION_FAILED - inequivalent arg 'type' for exchange '%s' in vhost '/': "
              "received 'fanout' but current is 'direct'",
              x)},
        {x, "direct", false, true,
         text(
             s,
             "406 PRECONDITION_FAILED - inequivalent arg 'durable' for exchange '%s' in vhost '/': "
             "received 'true' but current is 'false'",
             x)},
        {"interop-missing", "direct", true, false,
         "404 NOT_FOUND - no exchange 'interop-missing' in vhost '/'"},
        {"amq.interop", "direct", false, false,
         "403 ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        amqp_channel_t channel = scene_channel(s);
        declare_exchange(s->connection, channel, cases[i].name, cases[i].type, cases[i].passive,
                         cases[i].durable);
        closed_by_answer(s, s->connection, channel, cases[i].expected);
    }
    amqp_connection_state_t connection = scene_connect(s, DEFAULT_SETTINGS);
    declare_exchange(connection, MAIN, "interop-x", "nonsense", false, false);
    closed_by_answer(s, connection, MAIN, "503 COMMAND_INVALID - unknown exchange type 'nonsense'");
    amqp_exchange_delete(s->connection, MAIN, bytes(x), 0);
    ok(s, s->connection);
}

static void default_and_internal_exchanges(struct scene *s)
{
    const char *queue = scene_queue(s, "q"), *internal = scene_name(s, "internal");
    amqp_channel_t channel = scene_channel(s);
    amqp_queue_bind(s->connection, channel, bytes(queue), amqp_empty_bytes, bytes("key"),
                    amqp_empty_table);
    closed_by_answer(s, s->connection, channel,
                     "403 ACCESS_REFUSED - operation not permitted on the default exchange");
    amqp_exchange_declare(s->connection, MAIN, bytes(internal), bytes("fanout"), 0, 0, 1, 1,
                          amqp_empty_table);
    ok(s, s->connection);
    channel = scene_channel(s);
    sent(s, amqp_basic_publish(s->connection, channel, bytes(internal), amqp_empty_bytes, 0, 0,
                               NULL, bytes("x")));
    closed_next(s, s->connection, channel,
                text(s,
                     "403 ACCESS_REFUSED - cannot publish to internal exchange '%s' in vhost '/'",
                     internal));
    amqp_exchange_delete(s->connection, MAIN, bytes(internal), 0);
    ok(s, s->connection);
}

static void delete_if_unused(struct scene *s)
{
    const char *queue = scene_queue(s, "q");
    const char *exchange = scene_exchange(s, "x", "fanout", amqp_empty_table);
    scene_bind(s, queue, exchange, "");
    amqp_channel_t channel = scene_channel(s);
    amqp_exchange_delete(s->connection, channel, bytes(exchange), 1);
    closed_by_answer(
        s, s->connection, channel,
        text(s, "406 PRECONDITION_FAILED - exchange '%s' in vhost '/' in use", exchange));
    // The last binding: auto-delete takes the exchange.
    amqp_queue_unbind(s->connection, MAIN, bytes(queue), bytes(exchange), amqp_empty_bytes,
                      amqp_empty_table);
    ok(s, s->connection);
    channel = scene_channel(s);
    declare_exchange(s->connection, channel, exchange, "fanout", true, false);
    closed_by_answer(s, s->connection, channel,
                     text(s, "404 NOT_FOUND - no exchange '%s' in vhost '/'", exchange));
    amqp_exchange_delete(s->connection, MAIN, bytes(exchange), 0); // a missing one: fine
    ok(s, s->connection);
}

const struct check connection_and_exchange_checks[] = {
    {"connection_is_tuned_and_shows_the_server_properties", tune_and_server_properties},
    {"heartbeats_keep_an_idle_connection_open", heartbeats},
    {"wrong_password_is_refused_403", wrong_password},
    {"missing_vhost_is_refused_530", missing_vhost},
    {"direct_exchange_routes_by_the_exact_key", direct_exchange},
    {"fanout_exchange_copies_to_every_queue", fanout_exchange},
    {"topic_exchange_matches_words_and_delivers_one_copy", topic_exchange},
    {"headers_exchange_matches_all_any_and_presence", headers_exchange},
    {"exchange_to_exchange_binding_routes_until_unbound", exchange_to_exchange},
    {"alternate_exchange_gets_what_was_not_routed", alternate_exchange},
    {"cc_and_bcc_headers_route_and_bcc_is_removed", carbon_copies},
    {"exchange_declarations_are_refused_as_rabbitmq_does", refused_declarations},
    {"default_and_internal_exchanges_refuse_403", default_and_internal_exchanges},
    {"exchange_delete_if_unused_refuses_while_bound_406", delete_if_unused},
    {0},
};
