/* SPDX-License-Identifier: Apache-2.0
 *
 * overview: what /api/overview and /api/nodes have in common. Management's thread only.
 */
#ifndef STOATMQ_MGMT_API_OVERVIEW_H
#define STOATMQ_MGMT_API_OVERVIEW_H

#include "mgmt/api/listing.h"
#include "server/settings.h"

const struct settings *overview_settings(const struct listing *listing);

/* Members of that name. */
void overview_put_exchange_types(struct json_writer *writer);
void overview_put_contexts(struct listing *listing, struct json_writer *writer);

/* What came and went: a member and its rate each. */
void overview_put_churn(struct listing *listing, struct json_writer *writer);

/* Answers the request with the one value that PUT writes. */
void overview_reply_with(struct listing *listing,
                         void (*put)(struct listing *listing, struct json_writer *writer));

#endif
