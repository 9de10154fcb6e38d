/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing to exchanges and getting from queues.
 */
#include "amqp/properties.h"
#include "exchange/browse.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/message_json.h"
#include "mgmt/api/operate.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

/* Which members are missing, as RabbitMQ says it. False: some are, and that is the outcome. */
static bool has_members(struct outcome *outcome, const char *const *names)
{
    char text[256] = "[";
    for (; *names != NULL; names++)
        if (json_object_get(outcome->document, *names) == NULL) {
            size_t size = strlen(text);
            (void)snprintf(text + size, sizeof text - size, "%s{key_missing,%s}",
                           size > 1 ? "," : "", *names);
        }
    return text[1] == '\0' || operate_refuse(outcome, 400, "bad_request", "%s]", text);
}

/* --- publishing ------------------------------------------------------------------------------ */

static bool set_octet(const json_t *value, uint8_t *octet, struct buf *room)
{
    (void)room;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 255)
        return false;
    *octet = (uint8_t)json_integer_value(value);
    return true;
}

static bool set_longlong(const json_t *value, uint64_t *number, struct buf *room)
{
    (void)room;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static bool set_shortbytes(const json_t *value, struct slice *text, struct buf *room)
{
    (void)room;
    if (!json_is_string(value) || json_string_length(value) > 255)
        return false;
    *text = slice_of(json_string_value(value), json_string_length(value));
    return true;
}

static bool set_table(const json_t *value, struct slice *table, struct buf *room)
{
    if (!json_is_object(value) || !amqp_json_to_table(value, room))
        return false;
    *table = buf_slice(room);
    return true;
}

#define SET_OCTET      set_octet
#define SET_LONGLONG   set_longlong
#define SET_SHORTBYTES set_shortbytes
#define SET_TABLE      set_table

/* Reads "properties"; what is unknown is passed over, as by RabbitMQ. */
static bool read_properties(struct outcome *outcome, struct properties *properties)
{
    const json_t *members = json_object_get(outcome->document, "properties"), *value;
    *properties = (struct properties){0};
    if (json_is_array(members) && json_array_size(members) == 0)
        return true;
    if (!json_is_object(members))
        return operate_refuse(outcome, 400, "bad_request", "properties is not a map");
#define PROPERTY(NAME, name, type, bit)                                                        \
    value = json_object_get(members, #name);                                                   \
    if (value != NULL && !json_is_null(value)) {                                               \
        if (!SET_##type(value, &properties->name, &outcome->input))                            \
            return operate_refuse(outcome, 400, "bad_request", "invalid property: %s", #name); \
        properties->flags |= PROPERTY_##NAME;                                                  \
    }
#include "amqp/properties.def"
    return true;
}

/* The payload, owned by the caller. */
static bool read_payload(struct outcome *outcome, struct buf *payload)
{
    struct slice text = operate_text(outcome, "payload");
    struct slice encoding = operate_text(outcome, "payload_encoding");
    if (slice_equal(encoding, SLICE_LITERAL("string"))) {
        buf_bytes(payload, text);
        return true;
    }
    if (!slice_equal(encoding, SLICE_LITERAL("base64")))
        return operate_refuse_value(outcome, "unsupported_encoding",
                                    json_object_get(outcome->document, "payload_encoding"));
    uint8_t *room = buf_reserve(payload, CRYPTO_BASE64_BYTES(text.size) + 1);
    struct slice bytes = crypto_base64_decode(room, text);
    if (bytes.data == NULL && text.size > 0)
        return operate_refuse_value(outcome, "not_base64",
                                    json_object_get(outcome->document, "payload"));
    payload->size = bytes.size;
    return true;
}

static struct message *make_message(struct api_request *request, struct outcome *outcome,
                                    const struct properties *properties, struct slice payload)
{
    struct slice exchange = api_argument(request, "name");
    struct slice key = operate_text(outcome, "routing_key");
    struct buf encoded = {0};
    if (slice_equal(exchange, SLICE_LITERAL("amq.default")))
        exchange = SLICE_EMPTY;
    if (exchange.size > 255 || key.size > 255 || payload.size > UINT32_MAX)
        return NULL;
    properties_encode(properties, &encoded);
    uint32_t bytes = (uint32_t)payload.size;
    struct message *message = message_new(exchange, key, buf_slice(&encoded), bytes, bytes);
    buf_fini(&encoded);
    if (message == NULL)
        return NULL;
    if (bytes > 0)
        memcpy(message_body(message), payload.data, bytes);
    message->flags = MESSAGE_INSPECT; /* few come this way: all are looked at */
    if (properties->delivery_mode == 2)
        message->flags |= MESSAGE_PERSISTENT;
    message_seal(message);
    return message;
}

static void write_routed(struct outcome *outcome, bool routed)
{
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    json_put_bool(&writer, "routed", routed);
    json_write_object_end(&writer);
}

/* Says why not, with the code, as RabbitMQ does of what is about messages. */
static void refused(struct outcome *outcome, const struct operation *operation)
{
    (void)operate_refuse(outcome, 400, "bad_request", "%u %.*s", operation->error.code,
                         (int)operation->error.text_size, operation->error.text);
}

static uint64_t publish_message(struct api_request *request, struct engine *engine,
                                struct outcome *outcome, struct vhost *vhost,
                                struct message *message)
{
    struct operation operation;
    uint64_t lsn = 0;
    if (!operation_begin(&operation, engine, request->user->name, vhost)) {
        message_unref(message);
        (void)operate_refuse(outcome, 401, "not_authorised", "Login failed");
        return 0;
    }
    message_ref(message);
    if (operation_publish(&operation, message)) {
        lsn = message->lsn;
        write_routed(outcome, !operation.returned);
    } else {
        refused(outcome, &operation);
    }
    message_unref(message);
    operation_end(&operation);
    operation_fini(&operation);
    return lsn;
}

static uint64_t publish_here(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    static const char *const members[] = {"properties", "routing_key", "payload",
                                          "payload_encoding", NULL};
    struct vhost *vhost = outcome_vhost(request, engine);
    struct properties properties;
    struct buf payload = {0};
    struct message *message = NULL;
    uint64_t lsn = 0;
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    if (!has_members(outcome, members) || !read_properties(outcome, &properties))
        return 0;
    if (read_payload(outcome, &payload)) {
        message = make_message(request, outcome, &properties, buf_slice(&payload));
        if (message == NULL)
            (void)operate_refuse(outcome, 400, "bad_request", "name or payload is too long");
        else
            lsn = publish_message(request, engine, outcome, vhost, message);
    }
    buf_fini(&payload);
    return lsn;
}

void api_publish(struct api_request *request)
{
    operate_ask(request, publish_here);
}

/* --- getting --------------------------------------------------------------------------------- */

struct get_wishes {
    uint64_t count;
    struct message_look look;
    bool acks, requeues;
};

/* How many; less than none is all, as RabbitMQ takes it. */
static bool read_count(const struct outcome *outcome, uint64_t *count)
{
    const json_t *wanted = json_object_get(outcome->document, "count");
    *count = UINT64_MAX;
    return (json_is_integer(wanted) && json_integer_value(wanted) < 0) ||
           operate_count(outcome, "count", count);
}

static bool read_wishes(struct outcome *outcome, struct get_wishes *wishes)
{
    static const char *const members[] = {"ackmode", "count", "encoding", NULL};
    static const struct {
        const char *name;
        bool acks, requeues;
    } modes[] = {{"ack_requeue_true", false, true},
                 {"ack_requeue_false", true, false},
                 {"reject_requeue_true", false, true},
                 {"reject_requeue_false", false, false}};
    struct slice mode = operate_text(outcome, "ackmode"),
                 encoding = operate_text(outcome, "encoding");
    size_t i = 0, count = sizeof modes / sizeof modes[0];
    if (!has_members(outcome, members))
        return false;
    while (i < count && !slice_equal(slice_from_string(modes[i].name), mode))
        i++;
    if (i == count)
        return operate_refuse(outcome, 400, "bad_request", "ackmode is unknown");
    *wishes = (struct get_wishes){
        .look = {.truncate = UINT64_MAX}, .acks = modes[i].acks, .requeues = modes[i].requeues};
    if (!message_json_encoding(encoding, &wishes->look))
        return operate_refuse(outcome, 400, "bad_request", MESSAGE_JSON_NO_ENCODING);
    if (!read_count(outcome, &wishes->count))
        return operate_refuse_value(outcome, "not_integer",
                                    json_object_get(outcome->document, "count"));
    if (json_object_get(outcome->document, "truncate") != NULL &&
        !operate_count(outcome, "truncate", &wishes->look.truncate))
        return operate_refuse_value(outcome, "not_integer",
                                    json_object_get(outcome->document, "truncate"));
    if (wishes->count > MESSAGES_COUNT_MAX)
        wishes->count = MESSAGES_COUNT_MAX;
    return true;
}

/* What was got, and how it is to be shown. */
struct got {
    struct operation operation; /* ended */
    struct get_wishes wishes;
};

static void free_got(void *result)
{
    struct got *got = result;
    operation_fini(&got->operation);
    mem_free(got);
}

static void write_messages(struct outcome *outcome)
{
    const struct got *got = outcome->result;
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (size_t i = 0; i < got->operation.message_count; i++) {
        const struct operation_message *each = &got->operation.messages[i];
        message_json_write(&writer, &got->wishes.look, each->message, each->left,
                           each->redelivered);
    }
    json_write_array_end(&writer);
}

/* Settles all that was got. */
static void settle(struct operation *operation, const struct get_wishes *wishes)
{
    struct method method = {.id = METHOD_BASIC_NACK,
                            .basic_nack = {.multiple = true, .requeue = wishes->requeues}};
    if (wishes->acks)
        method = (struct method){.id = METHOD_BASIC_ACK, .basic_ack = {.multiple = true}};
    if (operation->message_count > 0)
        (void)operation_apply(operation, &method);
}

static void get_and_settle(struct outcome *outcome, struct got *got, struct slice name)
{
    const struct method get = {.id = METHOD_BASIC_GET, .basic_get = {.queue = name}};
    struct operation *operation = &got->operation;
    bool is_applied = true;
    for (uint64_t i = 0;
         i < got->wishes.count && is_applied && operation->bytes < MESSAGES_BYTES_MAX; i++) {
        is_applied = operation_apply(operation, &get);
        if (operation->message_count == i)
            break; /* empty, or the next is not in memory: what is there is the answer */
    }
    if (is_applied)
        settle(operation, &got->wishes);
    if (!operation->failed)
        outcome->status = 200;
    else if (operation->error.code == REPLY_ACCESS_REFUSED)
        operate_refused_with_text(outcome, operation);
    else
        refused(outcome, operation);
}

/* Is the work to be called again, when more of what is asked for is in memory? */
static bool waits(struct api_request *request, struct queue *queue, uint64_t count)
{
    uint64_t bytes, at_hand = queue_browsable(queue, &bytes);
    return at_hand < count && bytes < MESSAGES_BYTES_MAX && api_await_messages(request, queue);
}

static uint64_t get_here(struct api_request *request, struct engine *engine,
                         struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    struct slice name = api_argument(request, "name");
    struct queue *queue = vhost == NULL ? NULL : vhost_queue(vhost, name);
    struct get_wishes wishes;
    if (vhost == NULL)
        return outcome_not_found(outcome);
    if (queue == NULL) {
        (void)operate_refuse(outcome, 404, "not_found",
                             "NOT_FOUND - no queue '%.*s' in vhost '%.*s'", SLICE_ARGS(name),
                             SLICE_ARGS(vhost->name));
        return 0;
    }
    if (!read_wishes(outcome, &wishes) || waits(request, queue, wishes.count))
        return 0;
    struct got *got = mem_zalloc(sizeof *got);
    got->wishes = wishes;
    if (!operation_begin(&got->operation, engine, request->user->name, vhost)) {
        mem_free(got);
        (void)operate_refuse(outcome, 401, "not_authorised", "Login failed");
        return 0;
    }
    outcome->result = got;
    outcome->write = write_messages;
    outcome->free_result = free_got;
    get_and_settle(outcome, got, name);
    operation_end(&got->operation);
    return 0;
}

void api_get_messages(struct api_request *request)
{
    operate_ask(request, get_here);
}
