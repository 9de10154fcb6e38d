/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at the messages that wait in an exchange (x-delay), and having them not delivered.
 */
#include <inttypes.h>

#include "exchange/delay.h"
#include "exchange/event.h"
#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/message_json.h"
#include "mgmt/api/operate.h"
#include "server/base/mem.h"

#define COUNT_DEFAULT 20
#define COUNT_MAX     1000
#define BYTES_MAX     (16u << 20) /* of bodies, which are brought to memory and not shown */

/* So often messages are waited for: what comes may be delivered meanwhile. */
#define WAITS_MAX 256

/* The exchange that the path names, when the request's user may read from it; else NULL, and that
 * is the outcome. To be ended with operate_end unless it is NULL. */
static struct exchange *begin(struct api_request *request, struct engine *engine,
                              struct outcome *outcome, struct operation *operation)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    struct slice name = api_argument(request, "name");
    if (vhost == NULL || vhost_exchange(vhost, name) == NULL) {
        (void)outcome_not_found(outcome);
        return NULL;
    }
    if (!operation_begin(operation, engine, request->user->name, vhost)) {
        (void)operate_refuse(outcome, 401, "not_authorised", "Login failed");
        return NULL;
    }
    struct exchange *exchange = operation_exchange(operation, ACCESS_READ, name);
    if (exchange == NULL)
        operate_end(outcome, operation);
    return exchange;
}

/* --- looking --------------------------------------------------------------------------------- */

struct looking {
    uint64_t count;
    unsigned waits;
    struct delayed *messages;
    uint64_t message_count;
};

static void free_looking(void *result)
{
    struct looking *looking = result;
    for (uint64_t i = 0; i < looking->message_count; i++)
        message_unref(looking->messages[i].message);
    mem_free(looking->messages);
    mem_free(looking);
}

static void write_messages(struct outcome *outcome)
{
    const struct looking *looking = outcome->result;
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint64_t i = 0; i < looking->message_count; i++) {
        const struct delayed *each = &looking->messages[i];
        json_write_object(&writer);
        json_put_uint(&writer, "id", each->id);
        json_put_uint(&writer, "due", each->due_ms);
        json_put_string(&writer, "exchange", message_exchange(each->message));
        json_put_string(&writer, "routing_key", message_routing_key(each->message));
        json_put_uint(&writer, "payload_bytes", each->message->body_bytes);
        message_json_put_properties(&writer, message_properties(each->message));
        json_write_object_end(&writer);
    }
    json_write_array_end(&writer);
}

static uint64_t look_here(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct looking *looking = outcome->result;
    struct operation operation;
    struct exchange *exchange = begin(request, engine, outcome, &operation);
    if (exchange == NULL)
        return 0;
    if (looking->waits++ >= WAITS_MAX ||
        !api_await_delayed(request, exchange, looking->count, BYTES_MAX)) {
        looking->messages = mem_alloc((looking->count + 1) * sizeof *looking->messages);
        looking->message_count = delay_look(exchange, looking->count, BYTES_MAX, looking->messages);
        outcome->status = 200;
    }
    operate_end(outcome, &operation);
    return 0;
}

/* TEXT as a number up to MOST; false: it is none. */
static bool read_number(struct slice text, uint64_t most, uint64_t *number)
{
    bool is_number = text.size > 0 && text.size <= 19;
    *number = 0;
    for (size_t i = 0; is_number && i < text.size; i++) {
        is_number = text.data[i] >= '0' && text.data[i] <= '9';
        *number = *number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return is_number && *number <= most;
}

void api_get_delayed(struct api_request *request)
{
    uint64_t count = COUNT_DEFAULT;
    struct slice text;
    if (http_request_parameter(request->http, "count", &text) &&
        !read_number(text, COUNT_MAX, &count)) {
        api_refuse_bad_request(request, "count is no number from 0 to %d", COUNT_MAX);
        return;
    }
    struct looking *looking = mem_zalloc(sizeof *looking);
    looking->count = count;
    struct outcome *outcome = outcome_new(request);
    outcome->result = looking;
    outcome->write = write_messages;
    outcome->free_result = free_looking;
    outcome_ask(request, outcome, look_here);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static uint64_t say_cancelled(struct outcome *outcome, const struct exchange *exchange,
                              const struct delay_cancel *cancel)
{
    if (cancel->state == DELAY_CANCEL_FAILED) {
        (void)operate_refuse(outcome, 500, "internal_server_error",
                             "message %" PRIu64 " cannot be read", cancel->id);
        return 0;
    }
    if (cancel->state != DELAY_CANCELLED)
        return outcome_not_found(outcome);
    event_exchange(exchange, "delayed.cancelled", 1);
    outcome->status = 204;
    return cancel->lsn;
}

static uint64_t cancel_here(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct delay_cancel *cancel = outcome->result;
    struct operation operation;
    struct exchange *exchange = begin(request, engine, outcome, &operation);
    if (exchange == NULL)
        return 0;
    uint64_t lsn = 0;
    if (!api_await_cancel(request, exchange, cancel))
        lsn = say_cancelled(outcome, exchange, cancel);
    operate_end(outcome, &operation);
    return lsn;
}

void api_delete_delayed(struct api_request *request)
{
    uint64_t id;
    if (!read_number(api_argument(request, "id"), UINT64_MAX, &id)) {
        api_refuse_not_found(request);
        return;
    }
    struct delay_cancel *cancel = mem_zalloc(sizeof *cancel);
    cancel->id = id;
    struct outcome *outcome = outcome_new(request);
    outcome->result = cancel;
    outcome->free_result = mem_free;
    outcome_ask(request, outcome, cancel_here);
}

static uint64_t purge_here(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct operation operation;
    uint64_t lsn = 0;
    struct exchange *exchange = begin(request, engine, outcome, &operation);
    if (exchange == NULL)
        return 0;
    uint64_t count = delay_purge(exchange, &lsn);
    if (count > 0)
        event_exchange(exchange, "delayed.purged", count);
    outcome->status = 204;
    operate_end(outcome, &operation);
    return lsn;
}

void api_purge_delayed(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), purge_here);
}
