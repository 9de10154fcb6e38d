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

/* "127.0.0.1:4000 -> 127.0.0.1:5672 (1)" */
void rows_put_channel_name(struct json_writer *writer, const char *key, const struct row *channel);

/* Answers with the rows of KIND in the path's {vhost}, 404 when there is no such; or, when the path
 * has none, with all. */
void rows_reply_of_vhost(struct listing *listing, enum registry_kind kind, listing_writer write);

#endif
