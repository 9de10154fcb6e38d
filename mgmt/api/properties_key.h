/* SPDX-License-Identifier: Apache-2.0
 *
 * properties_key: what the API calls a binding among those of the same source and destination: its
 * routing key, percent-encoded, and a short hash of its arguments when it has any; "~" for neither.
 * Pure.
 */
#ifndef STOATMQ_MGMT_API_PROPERTIES_KEY_H
#define STOATMQ_MGMT_API_PROPERTIES_KEY_H

#include "server/base/buf.h"

/* Appends it to OUT. ARGUMENTS is a valid table. The hash is ours: RabbitMQ's is of Erlang's own
 * format, and nobody can know it beforehand. */
void properties_key(struct buf *out, struct slice routing_key, struct slice arguments);

/* Is ASKED, as it came in a path (percent-decoded once), KEY? */
bool properties_key_equal(struct slice key, struct slice asked);

#endif
