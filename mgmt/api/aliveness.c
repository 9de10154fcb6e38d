/* SPDX-License-Identifier: Apache-2.0
 *
 * aliveness: declares a queue, publishes to it and takes the message back, as the user who asks.
 */
#include "exchange/message.h"
#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/operate.h"

static const struct slice queue_name = {(const uint8_t *)"aliveness-test", 14};
static const struct slice payload = {(const uint8_t *)"test_message", 12};

/* NULL when memory is exhausted. */
static struct message *new_message(void)
{
    static const uint8_t no_properties[2] = {0, 0};
    struct message *message = message_new(SLICE_EMPTY, queue_name,
                                          slice_of(no_properties, sizeof no_properties),
                                          (uint32_t)payload.size, (uint32_t)payload.size);
    if (message == NULL)
        return NULL;
    memcpy(message_body(message), payload.data, payload.size);
    message_seal(message);
    return message;
}

/* Is it all done, and the message back? False: OPERATION or OUTCOME says why not. */
static bool is_alive(struct operation *operation)
{
    struct method declare = {.id = METHOD_QUEUE_DECLARE};
    struct method get = {.id = METHOD_BASIC_GET};
    declare.queue_declare.queue = queue_name;
    get.basic_get.queue = queue_name;
    get.basic_get.no_ack = true;
    if (!operation_apply(operation, &declare))
        return false;
    struct message *message = new_message();
    return message != NULL && operation_publish(operation, message) &&
           operation_apply(operation, &get) && operation->message_count == 1;
}

static uint64_t work(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    struct operation operation;
    struct json_writer writer;
    if (vhost == NULL)
        return outcome_not_found(outcome);
    if (!operation_begin(&operation, engine, request->user->name, vhost)) {
        (void)operate_refuse(outcome, 401, "not_authorised", "Login failed");
        return 0;
    }
    bool alive = is_alive(&operation);
    if (operation.failed) {
        operate_refused_with_text(outcome, &operation);
    } else {
        outcome_write(outcome, &writer);
        json_write_object(&writer);
        json_put_text(&writer, "status", alive ? "ok" : "failed");
        if (!alive) {
            outcome->status = 503;
            json_put_text(&writer, "reason", "aliveness-test queue is empty");
        }
        json_write_object_end(&writer);
    }
    operation_end(&operation);
    operation_fini(&operation);
    return engine->topology_lsn;
}

void api_check_aliveness(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), work);
}
