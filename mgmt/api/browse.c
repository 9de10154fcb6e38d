/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a queue's messages without taking them.
 */
#include "exchange/browse.h"

#include <inttypes.h>

#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/message_json.h"
#include "mgmt/api/operate.h"
#include "server/base/mem.h"

#define COUNT_DEFAULT 20
#define OFFSET_MAX    100000

/* So often messages are waited for; a queue that is drained all the while has none at hand for
 * long. */
#define WAITS_MAX 256

/* What is asked for, and what came of it. */
struct browsing {
    uint64_t count, offset;
    struct message_look look;
    unsigned waits;
    struct browsed *messages;
    uint64_t message_count;
};

static void free_browsing(void *result)
{
    struct browsing *browsing = result;
    for (uint64_t i = 0; i < browsing->message_count; i++)
        message_unref(browsing->messages[i].message);
    mem_free(browsing->messages);
    mem_free(browsing);
}

static void write_messages(struct outcome *outcome)
{
    const struct browsing *browsing = outcome->result;
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint64_t i = 0; i < browsing->message_count; i++) {
        const struct browsed *each = &browsing->messages[i];
        message_json_write(&writer, &browsing->look, each->message, each->left, each->redelivered);
    }
    json_write_array_end(&writer);
}

/* --- on the engine's thread ------------------------------------------------------------------ */

/* Is the work to be called again, when more of what is asked for is in memory? */
static bool waits(struct api_request *request, struct browsing *browsing, struct queue *queue)
{
    uint64_t bytes, at_hand = queue_browsable(queue, &bytes);
    return at_hand < browsing->offset + browsing->count && bytes < MESSAGES_BYTES_MAX &&
           browsing->waits++ < WAITS_MAX && api_await_messages(request, queue);
}

static void browse(struct outcome *outcome, struct browsing *browsing, const struct queue *queue)
{
    uint64_t bytes, at_hand = queue_browsable(queue, &bytes), depth = queue_depth(queue);
    if (browsing->count > 0 && browsing->offset >= at_hand && browsing->offset < depth) {
        bool is_unreadable = queue->paging.state == PAGING_UNREADABLE;
        (void)operate_refuse(outcome, is_unreadable ? 500 : 400,
                             is_unreadable ? "internal_server_error" : "bad_request",
                             "offset: of %" PRIu64 " messages the first %" PRIu64
                             " can be looked at now",
                             depth, at_hand);
        return;
    }
    browsing->messages = mem_alloc((browsing->count + 1) * sizeof *browsing->messages);
    browsing->message_count = queue_browse(queue, browsing->offset, browsing->count,
                                           MESSAGES_BYTES_MAX, browsing->messages);
    outcome->status = 200;
}

static uint64_t browse_here(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct operation operation;
    struct queue *queue;
    if (!operate_begin_on_queue(request, engine, outcome, &operation))
        return 0;
    queue = operation_queue(&operation, ACCESS_READ, api_argument(request, "name"));
    if (queue != NULL && !waits(request, outcome->result, queue))
        browse(outcome, outcome->result, queue);
    operate_end(outcome, &operation);
    return 0;
}

/* --- the question ---------------------------------------------------------------------------- */

/* Reads the query's parameter NAME, a number up to MOST; without it NUMBER stays as it is. False:
 * the request is refused and gone. */
static bool read_number(struct api_request *request, const char *name, uint64_t most,
                        uint64_t *number)
{
    struct slice text;
    uint64_t value = 0;
    if (!http_request_parameter(request->http, name, &text))
        return true;
    bool is_number = text.size > 0 && text.size <= 19;
    for (size_t i = 0; is_number && i < text.size; i++) {
        is_number = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (is_number && value <= most) {
        *number = value;
        return true;
    }
    api_refuse_bad_request(request, "%s is no number from 0 to %" PRIu64, name, most);
    return false;
}

void api_browse_messages(struct api_request *request)
{
    uint64_t count = COUNT_DEFAULT, offset = 0;
    struct message_look look = {.truncate = UINT64_MAX};
    struct slice encoding = SLICE_LITERAL("auto");
    if (!read_number(request, "count", MESSAGES_COUNT_MAX, &count) ||
        !read_number(request, "offset", OFFSET_MAX, &offset) ||
        !read_number(request, "truncate", INT64_MAX, &look.truncate))
        return;
    (void)http_request_parameter(request->http, "encoding", &encoding);
    if (!message_json_encoding(encoding, &look)) {
        api_refuse_bad_request(request, MESSAGE_JSON_NO_ENCODING);
        return;
    }
    struct browsing *browsing = mem_zalloc(sizeof *browsing);
    *browsing = (struct browsing){.count = count, .offset = offset, .look = look};
    struct outcome *outcome = outcome_new(request);
    outcome->result = browsing;
    outcome->write = write_messages;
    outcome->free_result = free_browsing;
    outcome_ask(request, outcome, browse_here);
}
