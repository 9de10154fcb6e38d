/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of queues and consumers.
 */
#include "amqp/table.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/rows.h"

/* --- consumers ------------------------------------------------------------------------------- */

void rows_put_channel_details(struct listing *listing, struct json_writer *writer,
                              const struct row *channel)
{
    struct slice name = channel->of->text[TEXT_NAME];
    struct listing_ends ends = listing_ends_of(name);
    (void)json_put_object(writer, "channel_details");
    json_put_string(writer, "connection_name", name);
    rows_put_channel_name(writer, "name", channel);
    json_put_string(writer, "node", listing_node(listing));
    json_put_uint(writer, "number", channel->is.number);
    json_put_string(writer, "peer_host", ends.peer_host);
    json_put_uint(writer, "peer_port", ends.peer_port);
    json_put_string(writer, "user", channel->of->text[TEXT_USER]);
    json_write_object_end(writer);
}

void rows_write_consumer(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_write_object(writer);
    json_put_table(writer, "arguments", row->text[TEXT_ARGUMENTS]);
    json_put_bool(writer, "ack_required", (row->is.flags & CAME_NO_ACK) == 0);
    json_put_bool(writer, "active", (row->is.flags & CAME_WAITING) == 0);
    json_put_text(writer, "activity_status",
                  (row->is.flags & CAME_WAITING) != 0         ? "waiting"
                  : (row->is.flags & CAME_SINGLE_ACTIVE) != 0 ? "single_active"
                                                              : "up");
    rows_put_channel_details(listing, writer, row->of);
    json_put_string(writer, "consumer_tag", row->text[TEXT_NAME]);
    json_put_bool(writer, "exclusive", (row->is.flags & CAME_EXCLUSIVE) != 0);
    json_put_uint(writer, "prefetch_count", row->is.prefetch);
    (void)json_put_object(writer, "queue");
    json_put_string(writer, "name", row->to->text[TEXT_NAME]);
    json_put_string(writer, "vhost", row->vhost->text[TEXT_NAME]);
    json_write_object_end(writer);
    json_write_object_end(writer);
}

void rows_put_consumers(struct listing *listing, struct json_writer *writer,
                        const struct row *owner)
{
    const struct table *table = &listing->snapshot->tables[REGISTRY_CONSUMER];
    if (json_put_array(writer, "consumer_details"))
        for (uint32_t i = 0; i < table->count; i++)
            if (table->rows[i]->of == owner || table->rows[i]->to == owner)
                rows_write_consumer(listing, writer, table->rows[i]);
    json_write_array_end(writer);
}

static void reply_consumers(struct listing *listing)
{
    rows_reply_of_clients(listing, REGISTRY_CONSUMER, rows_write_consumer);
}

void api_get_consumers(struct api_request *request)
{
    listing_ask(request, reply_consumers);
}

/* --- queues ---------------------------------------------------------------------------------- */

static struct slice type_of(const struct row *row)
{
    struct table_value value;
    return table_find(row->text[TEXT_ARGUMENTS], SLICE_LITERAL("x-queue-type"), &value) &&
                   value.type == TABLE_LONGSTR
               ? value.bytes
               : SLICE_LITERAL("classic");
}

static void put_identity(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_put_table(writer, "arguments", row->text[TEXT_ARGUMENTS]);
    json_put_bool(writer, "auto_delete", (row->is.flags & CAME_AUTO_DELETE) != 0);
    json_put_bool(writer, "durable", (row->is.flags & CAME_DURABLE) != 0);
    json_put_bool(writer, "exclusive", (row->is.flags & CAME_EXCLUSIVE) != 0);
    json_put_string(writer, "name", row->text[TEXT_NAME]);
    json_put_string(writer, "node", listing_node(listing));
    json_put_text(writer, "state", (row->is.flags & CAME_PAUSED) != 0 ? "paused" : "running");
    json_put_string(writer, "type", type_of(row));
    json_put_string(writer, "vhost", row->vhost->text[TEXT_NAME]);
}

static void put_depths(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    const struct fact_queue *now = &row->queue;
    if (json_writer_is_skipping(writer))
        return;
    for (uint32_t i = 0; i < 3; i++)
        listing_put_column(listing, writer, depth_names[i], row->series, COLUMN_READY + i,
                           &listing->lengths);
    json_put_uint(writer, "messages_ready_ram", now->in_memory);
    json_put_uint(writer, "messages_unacknowledged_ram", now->unacked);
    json_put_uint(writer, "messages_ram", now->in_memory + now->unacked);
    json_put_uint(writer, "messages_persistent", now->persistent);
    json_put_uint(writer, "messages_paged_out", now->ready - now->in_memory);
    json_put_uint(writer, "message_bytes", now->ready_bytes + now->unacked_bytes);
    json_put_uint(writer, "message_bytes_ready", now->ready_bytes);
    json_put_uint(writer, "message_bytes_unacknowledged", now->unacked_bytes);
    json_put_uint(writer, "message_bytes_ram",
                  now->ready_bytes + now->unacked_bytes - now->cold_bytes);
    json_put_uint(writer, "message_bytes_persistent", now->persistent_bytes);
    json_put_uint(writer, "message_bytes_paged_out", now->cold_bytes);
}

static void put_owner(struct json_writer *writer, const struct row *session)
{
    if (session == NULL)
        return;
    struct listing_ends ends = listing_ends_of(session->text[TEXT_NAME]);
    (void)json_put_object(writer, "owner_pid_details");
    json_put_string(writer, "name", session->text[TEXT_NAME]);
    json_put_string(writer, "peer_host", ends.peer_host);
    json_put_uint(writer, "peer_port", ends.peer_port);
    json_write_object_end(writer);
}

static void put_state(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    const struct fact_queue *now = &row->queue;
    if (json_writer_is_skipping(writer))
        return;
    double utilisation = now->consumers > 0 ? queue_utilisation(row, listing->now_ms) : 0;
    json_put_real(writer, "consumer_capacity", utilisation);
    json_put_real(writer, "consumer_utilisation", utilisation);
    json_put_uint(writer, "consumers", now->consumers);
    json_put_table(writer, "effective_policy_definition", row->text[TEXT_DEFINITION]);
    listing_put_text_or_null(
        writer, "exclusive_consumer_tag",
        row->exclusive_consumer != NULL ? row->exclusive_consumer->text[TEXT_NAME] : SLICE_EMPTY);
    if (now->head_timestamp != 0)
        json_put_uint(writer, "head_message_timestamp", now->head_timestamp);
    else
        json_put_null(writer, "head_message_timestamp");
    if (row->changed_wall_ms + 2 * COLLECTOR_IDLE_MS < listing->now_ms)
        listing_put_time(writer, "idle_since", row->changed_wall_ms);
    json_put_uint(writer, "memory", now->memory_bytes);
    json_put_uint(writer, "oldest_message_age_ms", queue_age_ms(row, listing->now_ms));
    listing_put_text_or_null(writer, "operator_policy", row->text[TEXT_OPERATOR_POLICY]);
    listing_put_text_or_null(writer, "policy", row->text[TEXT_POLICY]);
    json_put_null(writer, "recoverable_slaves");
    listing_put_text_or_null(writer, "single_active_consumer_tag",
                             row->single_active != NULL ? row->single_active->text[TEXT_NAME]
                                                        : SLICE_EMPTY);
    put_owner(writer, row->of);
}

/* All but what only publishers' channels count. */
#define QUEUE_TRAFFIC (~(1u << TRAFFIC_CONFIRM | 1u << TRAFFIC_RETURN | 1u << TRAFFIC_DROP))

void rows_write_queue(struct listing *listing, struct json_writer *writer, const struct row *row)
{
    json_write_object(writer);
    put_identity(listing, writer, row);
    if (!listing->without_stats || listing->is_detail) {
        put_depths(listing, writer, row);
        put_state(listing, writer, row);
        listing_put_traffic(listing, writer, row->series, QUEUE_TRAFFIC);
    } else if (listing->with_totals) {
        for (uint32_t i = 0; i < 3; i++)
            json_put_uint(writer, depth_names[i], row->series->values[COLUMN_READY + i]);
    }
    if (listing->is_detail) {
        rows_put_consumers(listing, writer, row);
        partners_put_of_queue(listing, writer, row);
    }
    json_write_object_end(writer);
}

static void reply_queues(struct listing *listing)
{
    rows_reply_of_vhost(listing, REGISTRY_QUEUE, rows_write_queue);
}

void api_get_queues(struct api_request *request)
{
    listing_ask(request, reply_queues);
}

static void reply_queue(struct listing *listing)
{
    listing_reply_row(listing,
                      snapshot_queue(listing->snapshot, api_argument(listing->request, "vhost"),
                                     api_argument(listing->request, "name")),
                      rows_write_queue);
}

void api_get_queue(struct api_request *request)
{
    listing_ask(request, reply_queue);
}
