/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: what Prometheus fetches, on a port of its own and without a login. Management's thread.
 */
#ifndef STOATMQ_MGMT_METRICS_H
#define STOATMQ_MGMT_METRICS_H

#include "mgmt/http/exchange.h"

/* struct http_listener's handle of the metrics' port; CONTEXT is the management. */
void metrics_request(void *context, struct http_exchange *exchange);

#endif
