/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Nobody counts messages by pairs: that would be work for each of them. But most
 * channels publish to one exchange, or take from one queue, all their life; what such a channel
 * counts is what the pair counts. Of others nothing is said, nor of the ways between exchanges and
 * queues.
 */
#include "exchange/channel.h"
#include "mgmt/api/rows.h"

static void put_empty(struct json_writer *writer, const char *name)
{
    (void)json_put_array(writer, name);
    json_write_array_end(writer);
}

/* The stats of CHANNEL, and PARTNER as NAME, or channel_details when there is none. */
static void write_pair(struct listing *listing, struct json_writer *writer,
                       const struct row *channel, uint32_t traffic, const char *name,
                       const struct row *partner)
{
    json_write_object(writer);
    listing_put_traffic_as(listing, writer, "stats", channel->series, traffic);
    if (partner == NULL) {
        rows_put_channel_details(listing, writer, channel);
    } else {
        (void)json_put_object(writer, name);
        json_put_string(writer, "name", partner->text[TEXT_NAME]);
        json_put_string(writer, "vhost", partner->vhost->text[TEXT_NAME]);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

#define TAKERS_TRAFFIC (~PUBLISHERS_TRAFFIC)

void partners_put_of_channel(struct listing *listing, struct json_writer *writer,
                             const struct row *channel)
{
    const struct row *queue = snapshot_row(listing->snapshot, REGISTRY_QUEUE,
                                           channel->channel.took_from);
    const struct row *exchange = snapshot_row(listing->snapshot, REGISTRY_EXCHANGE,
                                              channel->channel.published_to);
    if (json_put_array(writer, "deliveries") && queue != NULL)
        write_pair(listing, writer, channel, TAKERS_TRAFFIC, "queue", queue);
    json_write_array_end(writer);
    if (json_put_array(writer, "publishes") && exchange != NULL)
        write_pair(listing, writer, channel, PUBLISHERS_TRAFFIC, "exchange", exchange);
    json_write_array_end(writer);
}

void partners_put_of_exchange(struct listing *listing, struct json_writer *writer,
                              const struct row *exchange)
{
    const struct table *channels = &listing->snapshot->tables[REGISTRY_CHANNEL];
    if (json_put_array(writer, "incoming"))
        for (uint32_t i = 0; i < channels->count; i++)
            if (channels->rows[i]->channel.published_to == exchange->is.id)
                write_pair(listing, writer, channels->rows[i], PUBLISHERS_TRAFFIC, NULL, NULL);
    json_write_array_end(writer);
    put_empty(writer, "outgoing");
}

void partners_put_of_queue(struct listing *listing, struct json_writer *writer,
                           const struct row *queue)
{
    const struct table *channels = &listing->snapshot->tables[REGISTRY_CHANNEL];
    if (json_put_array(writer, "deliveries"))
        for (uint32_t i = 0; i < channels->count; i++)
            if (channels->rows[i]->channel.took_from == queue->is.id)
                write_pair(listing, writer, channels->rows[i], TAKERS_TRAFFIC, NULL, NULL);
    json_write_array_end(writer);
    put_empty(writer, "incoming");
}
