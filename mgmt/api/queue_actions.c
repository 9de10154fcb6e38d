/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators do to queues that AMQP has no method for.
 */
#include <inttypes.h>

#include "exchange/event.h"
#include "exchange/move.h"
#include "exchange/pause.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/operate.h"
#include "server/base/mem.h"

/* --- pausing --------------------------------------------------------------------------------- */

static uint64_t change(struct api_request *request, struct engine *engine, struct outcome *outcome,
                       uint64_t (*apply)(struct queue *queue))
{
    struct operation operation;
    uint64_t lsn = 0;
    if (!operate_begin_on_queue(request, engine, outcome, &operation))
        return 0;
    struct queue *queue = operation_queue(&operation, ACCESS_CONFIGURE,
                                          api_argument(request, "name"));
    if (queue != NULL)
        lsn = apply(queue);
    outcome->status = 204;
    operate_end(outcome, &operation);
    return lsn;
}

static uint64_t pause_here(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    return change(request, engine, outcome, queue_pause);
}

static uint64_t resume_here(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    return change(request, engine, outcome, queue_resume);
}

void api_pause_queue(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), pause_here);
}

void api_resume_queue(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), resume_here);
}

/* --- moving ---------------------------------------------------------------------------------- */

/* A move under way, piece by piece. */
struct moving {
    bool has_begun;
    uint64_t left, moved;
};

static void write_moved(struct outcome *outcome)
{
    const struct moving *moving = outcome->result;
    struct json_writer writer;
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    json_put_uint(&writer, "moved", moving->moved);
    json_write_object_end(&writer);
}

/* What the body asks for. False: that is no good, which is the outcome. */
static bool read_move(struct outcome *outcome, struct slice source, uint64_t depth,
                      struct moving *moving)
{
    const json_t *count = json_object_get(outcome->document, "count");
    struct slice destination = operate_text(outcome, "destination");
    moving->left = depth;
    moving->has_begun = true;
    if (json_object_get(outcome->document, "destination") == NULL)
        return operate_refuse(outcome, 400, "bad_request", "[{key_missing,destination}]");
    if (destination.size == 0 || destination.size > 255)
        return operate_refuse(outcome, 400, "bad_request", "not_string: destination");
    if (slice_equal(destination, source))
        return operate_refuse(outcome, 400, "bad_request", "destination is the queue itself");
    bool has_count = count != NULL && !json_is_null(count) &&
                     !(json_is_string(count) && json_string_length(count) == 0);
    uint64_t wanted = depth;
    if (has_count && !operate_count(outcome, "count", &wanted))
        return operate_refuse(outcome, 400, "bad_request", "not_integer: count");
    moving->left = wanted < depth ? wanted : depth;
    return true;
}

/* One piece from SOURCE to DESTINATION. */
static uint64_t move_piece(struct api_request *request, struct outcome *outcome,
                           struct queue *source, struct queue *destination)
{
    struct moving *moving = outcome->result;
    uint64_t lsn = 0, moved = queue_move(source, destination, moving->left, &lsn);
    moving->moved += moved;
    moving->left -= moved;
    outcome->status = 200;
    if (moved > 0 && moving->left == 0)
        event_queue(source, "queue.moved", moving->moved);
    if (moved > 0)
        outcome->is_unfinished = moving->left > 0;
    else if (moving->left > 0 && queue_depth(source) > 0 && !api_await_messages(request, source))
        (void)operate_refuse(outcome, 500, "internal_server_error",
                             "messages cannot be read now; %" PRIu64 " were moved", moving->moved);
    return lsn;
}

/* Each piece asks anew whether the queues are there and the user may do this. */
static uint64_t move_here(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct operation operation;
    uint64_t lsn = 0;
    struct moving *moving = outcome->result;
    if (!operate_begin_on_queue(request, engine, outcome, &operation))
        return 0;
    struct queue *destination = NULL,
                 *source = operation_queue(&operation, ACCESS_READ, api_argument(request, "name"));
    if (source != NULL &&
        (moving->has_begun || read_move(outcome, source->name, queue_depth(source), moving)))
        destination = operation_queue(&operation, ACCESS_WRITE,
                                      operate_text(outcome, "destination"));
    if (destination != NULL)
        lsn = move_piece(request, outcome, source, destination);
    operate_end(outcome, &operation);
    return lsn;
}

void api_move_messages(struct api_request *request)
{
    json_t *document = api_read_json(request);
    if (document == NULL)
        return;
    struct outcome *outcome = outcome_new(request);
    outcome->document = document;
    outcome->result = mem_zalloc(sizeof(struct moving));
    outcome->write = write_moved;
    outcome->free_result = mem_free;
    outcome_ask(request, outcome, move_here);
}
