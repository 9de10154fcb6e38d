/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/exchange/harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/definition.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* --- randomness ------------------------------------------------------------------------------ */

uint64_t harness_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t harness_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(harness_random(state) % limit);
}

uint64_t harness_seed(void)
{
    const char *given = getenv("STOATMQ_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("STOATMQ_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static void fill_random(void *context, void *to, size_t size)
{
    struct harness *harness = context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)harness_random(&harness->random);
}

static uint64_t now_ms(void *context)
{
    return ((struct harness *)context)->now_ms;
}

static uint64_t wall_ms(void *context)
{
    return HARNESS_WALL_MS + now_ms(context);
}

/* --- the store ------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct slice from)
{
    CHECK_ID(from.size < size, from.size);
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    to[from.size] = '\0';
}

static void copy_binding(struct fact *fact, const struct binding *binding)
{
    fact->to_queue = binding->queue != NULL;
    copy_text(fact->name, sizeof fact->name, binding->source->name);
    copy_text(fact->destination, sizeof fact->destination,
              fact->to_queue ? binding->queue->name : binding->exchange->name);
    copy_text(fact->key, sizeof fact->key, binding->routing_key);
    fact->arguments_bytes = binding->arguments.size;
    CHECK(fact->arguments_bytes <= sizeof fact->arguments);
    if (fact->arguments_bytes > 0)
        memcpy(fact->arguments, binding->arguments.data, fact->arguments_bytes);
}

static void copy_targets(struct fact *fact, const struct store_record *record)
{
    CHECK(record->target_count <= HARNESS_TARGETS_MAX);
    fact->target_count = record->target_count;
    for (uint32_t i = 0; i < record->target_count; i++) {
        copy_text(fact->targets[i].queue, sizeof fact->targets[i].queue,
                  record->targets[i].queue->name);
        fact->targets[i].position = record->targets[i].position;
    }
}

static uint64_t append(struct store *store, const struct store_record *record)
{
    struct harness_store *own = (struct harness_store *)store;
    if (own->count == own->capacity) {
        own->capacity = own->capacity == 0 ? 64 : own->capacity * 2;
        own->facts = mem_realloc(own->facts, own->capacity * sizeof *own->facts);
    }
    const struct harness *harness =
        (const struct harness *)(void *)((char *)own - offsetof(struct harness, store));
    struct fact *fact = &own->facts[own->count++];
    *fact = (struct fact){.kind = record->kind,
                          .lsn = ++own->last_lsn,
                          .order = harness->effects,
                          .position = record->position,
                          .span = record->span,
                          .bytes = record->bytes,
                          .delivery_count = record->delivery_count};
    switch (record->kind) {
    case STORE_MESSAGE:
    case STORE_MOVED:
    case STORE_PAGE:
        copy_targets(fact, record);
        break;
    case STORE_SETTLE:
    case STORE_REQUEUE:
    case STORE_STOP:
    case STORE_QUEUE_DECLARE:
    case STORE_QUEUE_DELETE:
        copy_text(fact->name, sizeof fact->name, record->queue->name);
        break;
    case STORE_EXCHANGE_DECLARE:
    case STORE_EXCHANGE_DELETE:
        copy_text(fact->name, sizeof fact->name, record->exchange->name);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        copy_binding(fact, record->binding);
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        copy_text(fact->name, sizeof fact->name, record->definition->key);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        break;
    }
    if (own->shelf != NULL)
        fact->settled = shelf_record(own->shelf, record, fact->lsn, &fact->settled_pages);
    return own->last_lsn;
}

static bool is_full(struct store *store)
{
    (void)store;
    return false;
}

static uint64_t flush(struct store *store, bool at_leisure)
{
    (void)at_leisure;
    struct harness_store *own = (struct harness_store *)store;
    own->flushes++;
    if (!own->patient)
        own->durable_lsn = own->last_lsn;
    return own->durable_lsn;
}

void harness_forget_facts(struct harness *harness)
{
    harness->store.count = 0;
}

unsigned harness_facts(const struct harness *harness, enum store_record_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < harness->store.count; i++)
        count += harness->store.facts[i].kind == kind;
    return count;
}

/* --- what clients see ------------------------------------------------------------------------ */

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct client *client = connection;
    (void)sink;
    CHECK(client->session != NULL);
    if (client->count == client->capacity) {
        client->capacity = client->capacity == 0 ? 64 : client->capacity * 2;
        client->seen = mem_realloc(client->seen, client->capacity * sizeof *client->seen);
    }
    struct seen *seen = &client->seen[client->count++];
    *seen = (struct seen){.order = client->harness->effects++,
                          .kind = effect->kind,
                          .channel = effect->channel,
                          .redelivered = effect->redelivered,
                          .accepted = effect->accepted,
                          .message = effect->message,
                          .delivery_tag = effect->delivery_tag};
    copy_text(seen->consumer_tag, sizeof seen->consumer_tag, effect->consumer_tag);
    if (effect->message != NULL)
        message_ref(effect->message);
    if (effect->method != NULL) {
        method_encode(effect->method, &seen->bytes);
        CHECK(method_decode(buf_slice(&seen->bytes), &seen->method) == METHOD_OK);
    }
    client->unwritten += effect_cost(effect);
    if (effect->kind == EFFECT_GONE)
        client->session = NULL;
}

struct seen *client_peek(const struct client *client)
{
    return client->head == client->count ? NULL : &client->seen[client->head];
}

struct seen *client_next(struct client *client)
{
    return client->head == client->count ? NULL : &client->seen[client->head++];
}

void client_forget(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        buf_fini(&client->seen[i].bytes);
        if (client->seen[i].message != NULL)
            message_unref(client->seen[i].message);
    }
    client->head = client->count = 0;
}

/* --- life ------------------------------------------------------------------------------------ */

void harness_init(struct harness *harness, uint64_t seed)
{
    *harness = (struct harness){
        .env = {harness, now_ms, wall_ms, fill_random},
        .random = seed,
        .store = {.store = {append, flush, is_full, NULL, NULL}},
        .sink = {emit},
    };
    log_set_level(LOG_ERROR); /* what tests provoke is no news */
    harness->engine = engine_new(&(struct engine_config){.env = &harness->env,
                                                         .store = &harness->store.store,
                                                         .default_vhost = SLICE_LITERAL("/"),
                                                         .default_user = SLICE_LITERAL("guest"),
                                                         .default_pass = SLICE_LITERAL("secret"),
                                                         .route_cache_entries = 256});
    harness_tick(harness);
    harness_forget_facts(harness);
}

void harness_end(struct harness *harness)
{
    for (unsigned i = 0; i < harness->client_count; i++) {
        struct client *client = &harness->clients[i];
        if (client->session != NULL)
            client_close(client);
        client_forget(client);
        mem_free(client->seen);
    }
    harness->client_count = 0;
    engine_free(harness->engine);
    harness->engine = NULL;
}

void harness_fini(struct harness *harness)
{
    if (harness->engine != NULL)
        harness_end(harness);
    mem_free(harness->store.facts);
}

void harness_tick(struct harness *harness)
{
    harness->ticks++;
    engine_end_tick(harness->engine);
}

void harness_durable(struct harness *harness, uint64_t lsn)
{
    harness->store.durable_lsn = lsn;
    engine_apply(harness->engine, &(struct command){.kind = COMMAND_DURABLE, .durable_lsn = lsn});
}

struct queue *harness_queue(const struct harness *harness, const char *name)
{
    return vhost_queue(map_get(&harness->engine->vhosts, SLICE_LITERAL("/")), S(name));
}

struct exchange *harness_exchange(const struct harness *harness, const char *name)
{
    return vhost_exchange(map_get(&harness->engine->vhosts, SLICE_LITERAL("/")), S(name));
}

/* A free place among the clients: a new one, or that of one that is gone and whose effects were
 * looked at. */
static struct client *find_place(struct harness *harness)
{
    for (unsigned i = 0; i < harness->client_count; i++) {
        struct client *client = &harness->clients[i];
        if (client->session == NULL && client->head == client->count) {
            client_forget(client);
            return client;
        }
    }
    CHECK(harness->client_count < HARNESS_CLIENTS_MAX);
    return &harness->clients[harness->client_count++];
}

static void log_in(struct client *client, const char *user, const char *password)
{
    struct buf properties = {0};
    size_t nested = table_put_table(&properties, "capabilities");
    table_put_bool(&properties, "consumer_cancel_notify", true);
    table_end(&properties, nested);
    if (client->harness->client_product != NULL)
        table_put_longstr(&properties, "product", S(client->harness->client_product));
    engine_apply(client->harness->engine,
                 &(struct command){.kind = COMMAND_LOGIN,
                                   .session = client->session,
                                   .login = {.mechanism = SLICE_LITERAL("PLAIN"),
                                             .user = S(user),
                                             .password = S(password),
                                             .client_properties = buf_slice(&properties)}});
    buf_fini(&properties);
    const struct seen *seen = client_next(client);
    CHECK(seen != NULL && seen->kind == EFFECT_LOGIN && seen->accepted);
}

struct client *client_open_as(struct harness *harness, uint32_t unwritten_max, const char *user,
                              const char *password, const char *vhost)
{
    struct client *client = find_place(harness);
    client->harness = harness;
    client->session = session_new();
    client->unwritten = 0;
    engine_apply(harness->engine, &(struct command){.kind = COMMAND_SESSION_OPEN,
                                                    .session = client->session,
                                                    .open = {.sink = &harness->sink,
                                                             .connection = client,
                                                             .name = SLICE_LITERAL("test"),
                                                             .from_loopback = true,
                                                             .unwritten_max = unwritten_max}});
    log_in(client, user, password);
    client_send(client, 0,
                &(struct method){.id = METHOD_CONNECTION_OPEN,
                                 .connection_open = {.virtual_host = S(vhost)}});
    return client;
}

struct client *client_open(struct harness *harness, uint32_t unwritten_max)
{
    struct client *client = client_open_as(harness, unwritten_max, "guest", "secret", "/");
    const struct seen *seen = client_next(client);
    CHECK(seen != NULL && seen->method.id == METHOD_CONNECTION_OPEN_OK);
    return client;
}

void client_close(struct client *client)
{
    engine_apply(client->harness->engine, &(struct command){.kind = COMMAND_SESSION_CLOSE,
                                                            .session = client->session,
                                                            .close_reason = "test"});
    CHECK(client->session == NULL);
}

void client_drain(struct client *client, uint64_t bytes)
{
    if (bytes > client->unwritten)
        bytes = client->unwritten;
    client->unwritten -= bytes;
    engine_apply(client->harness->engine, &(struct command){.kind = COMMAND_DRAINED,
                                                            .session = client->session,
                                                            .drained_bytes = bytes});
}

/* --- methods --------------------------------------------------------------------------------- */

void client_send(struct client *client, uint16_t channel, const struct method *method)
{
    engine_apply(client->harness->engine, &(struct command){.kind = COMMAND_METHOD,
                                                            .channel = channel,
                                                            .session = client->session,
                                                            .method = method});
}

void client_channel(struct client *client, uint16_t number)
{
    client_send(client, number, &(struct method){.id = METHOD_CHANNEL_OPEN});
    const struct seen *seen = client_next(client);
    CHECK(seen != NULL && seen->method.id == METHOD_CHANNEL_OPEN_OK && seen->channel == number);
}

void client_queue(struct client *client, uint16_t channel, const char *name, unsigned flags)
{
    client_send(
        client, channel,
        &(struct method){.id = METHOD_QUEUE_DECLARE,
                         .queue_declare = {.queue = S(name),
                                           .durable = (flags & DECLARE_DURABLE) != 0,
                                           .exclusive = (flags & DECLARE_EXCLUSIVE) != 0,
                                           .auto_delete = (flags & DECLARE_AUTO_DELETE) != 0,
                                           .nowait = true}});
}

void client_exchange(struct client *client, uint16_t channel, const char *name, const char *type,
                     unsigned flags)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {
                                     .exchange = S(name),
                                     .type = S(type),
                                     .durable = (flags & DECLARE_DURABLE) != 0,
                                     .auto_delete = (flags & DECLARE_AUTO_DELETE) != 0,
                                     .internal = (flags & DECLARE_INTERNAL) != 0,
                                     .nowait = true,
                                 }});
}

void client_bind(struct client *client, uint16_t channel, const char *queue, const char *exchange,
                 const char *key)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_QUEUE_BIND,
                                 .queue_bind = {.queue = S(queue),
                                                .exchange = S(exchange),
                                                .routing_key = S(key),
                                                .nowait = true}});
}

void client_bind_exchange(struct client *client, uint16_t channel, const char *destination,
                          const char *source, const char *key)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_EXCHANGE_BIND,
                                 .exchange_bind = {.destination = S(destination),
                                                   .source = S(source),
                                                   .routing_key = S(key),
                                                   .nowait = true}});
}

void client_consume(struct client *client, uint16_t channel, const char *queue, const char *tag,
                    bool no_ack)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S(queue),
                                                   .consumer_tag = S(tag),
                                                   .no_ack = no_ack,
                                                   .nowait = true}});
}

void client_cancel(struct client *client, uint16_t channel, const char *tag)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_CANCEL,
                                 .basic_cancel = {.consumer_tag = S(tag), .nowait = true}});
}

void client_delete_queue(struct client *client, uint16_t channel, const char *name)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_QUEUE_DELETE,
                                 .queue_delete = {.queue = S(name), .nowait = true}});
}

void client_qos(struct client *client, uint16_t channel, uint16_t count, bool global)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_QOS,
                                 .basic_qos = {.prefetch_count = count, .global = global}});
    const struct seen *seen = client_next(client);
    CHECK(seen != NULL && seen->method.id == METHOD_BASIC_QOS_OK);
}

void client_ack(struct client *client, uint16_t channel, uint64_t tag, bool multiple)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_ACK,
                                 .basic_ack = {.delivery_tag = tag, .multiple = multiple}});
}

void client_nack(struct client *client, uint16_t channel, uint64_t tag, bool multiple, bool requeue)
{
    client_send(client, channel,
                &(struct method){
                    .id = METHOD_BASIC_NACK,
                    .basic_nack = {.delivery_tag = tag, .multiple = multiple, .requeue = requeue}});
}

void client_get(struct client *client, uint16_t channel, const char *queue, bool no_ack)
{
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_GET,
                                 .basic_get = {.queue = S(queue), .no_ack = no_ack}});
}

void client_publish_with(struct client *client, uint16_t channel, const char *exchange,
                         const char *key, const char *body, unsigned flags,
                         const struct properties *properties)
{
    struct buf encoded = {0};
    size_t size = strlen(body);
    properties_encode(properties, &encoded);
    struct message *message = message_new(S(exchange), S(key), buf_slice(&encoded), (uint32_t)size,
                                          (uint32_t)size);
    buf_fini(&encoded);
    CHECK(message != NULL);
    memcpy(message_body(message), body, size);
    message_seal(message);
    message->flags = (uint8_t)((flags & PUBLISH_PERSISTENT ? MESSAGE_PERSISTENT : 0) |
                               (message_wants_inspection(properties) ? MESSAGE_INSPECT : 0));
    engine_apply(client->harness->engine,
                 &(struct command){.kind = COMMAND_PUBLISH,
                                   .channel = channel,
                                   .session = client->session,
                                   .publish = {.message = message,
                                               .mandatory = (flags & PUBLISH_MANDATORY) != 0,
                                               .immediate = (flags & PUBLISH_IMMEDIATE) != 0}});
}

void client_publish(struct client *client, uint16_t channel, const char *exchange, const char *key,
                    const char *body, unsigned flags)
{
    struct properties none = {0};
    client_publish_with(client, channel, exchange, key, body, flags, &none);
}
