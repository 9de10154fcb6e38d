/* SPDX-License-Identifier: Apache-2.0
 *
 * rows: the writers of the model's rows, for those who list them among other things. Management's
 * thread only.
 */
#ifndef STOATMQ_MGMT_API_ROWS_H
#define STOATMQ_MGMT_API_ROWS_H

#include "mgmt/api/listing.h"

void rows_write_queue(struct listing *listing, struct json_writer *writer, const struct row *row);
void rows_write_consumer(struct listing *listing, struct json_writer *writer,
                         const struct row *row);
void rows_write_exchange(struct listing *listing, struct json_writer *writer,
                         const struct row *row);
void rows_write_session(struct listing *listing, struct json_writer *writer, const struct row *row);
void rows_write_channel(struct listing *listing, struct json_writer *writer, const struct row *row);

/* consumer_details: the consumers of a queue or channel. */
void rows_put_consumers(struct listing *listing, struct json_writer *writer,
                        const struct row *owner);

/* Columns that publishers' channels alone count. */
#define PUBLISHERS_TRAFFIC \
    (1u << TRAFFIC_PUBLISH | 1u << TRAFFIC_CONFIRM | 1u << TRAFFIC_RETURN | 1u << TRAFFIC_DROP)

/* Who publishes to whom, and who takes from whom (partners.c): `publishes` and `deliveries` of a
 * channel, `incoming` and `outgoing` of an exchange, `incoming` and `deliveries` of a queue. */
void partners_put_of_channel(struct listing *listing, struct json_writer *writer,
                             const struct row *channel);
void partners_put_of_exchange(struct listing *listing, struct json_writer *writer,
                              const struct row *exchange);
void partners_put_of_queue(struct listing *listing, struct json_writer *writer,
                           const struct row *queue);

/* channel_details */
void rows_put_channel_details(struct listing *listing, struct json_writer *writer,
                              const struct row *channel);

/* "127.0.0.1:4000 -> 127.0.0.1:5672 (1)" */
void rows_put_channel_name(struct json_writer *writer, const char *key, const struct row *channel);

/* May the user see this connection, channel or consumer? Without the tag monitoring it sees its
 * own, and those alone. */
bool rows_is_own(const struct listing *listing, const struct row *row);

/* Answers with those of KIND, which is one of these, that the path's {vhost}, {user} and
 * {connection} ask for and the user may see; 404 when there is no such vhost or connection. */
void rows_reply_of_clients(struct listing *listing, enum registry_kind kind, listing_writer write);

/* Answers with the rows of KIND in the path's {vhost}, 404 when there is no such; or, when the path
 * has none, with all. */
void rows_reply_of_vhost(struct listing *listing, enum registry_kind kind, listing_writer write);

#endif
