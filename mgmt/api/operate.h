/* SPDX-License-Identifier: Apache-2.0
 *
 * operate: requests that are AMQP methods (operation.h), and what their refusals are in HTTP.
 */
#ifndef STOATMQ_MGMT_API_OPERATE_H
#define STOATMQ_MGMT_API_OPERATE_H

#include "mgmt/api/outcome.h"
#include "mgmt/operation.h"

/* Reads the body as JSON into the outcome's document; then as outcome_ask. */
void operate_ask(struct api_request *request,
                 uint64_t (*work)(struct api_request *request, struct engine *engine,
                                  struct outcome *outcome));

/* Says no; always false. */
bool operate_refuse(struct outcome *outcome, unsigned status, const char *error, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* What the operation was refused with, as RabbitMQ's API says it. */
void operate_refused(struct outcome *outcome, const struct operation *operation);

/* Applies METHOD, which is about topology, as the request's user: STATUS when it was not refused.
 * Returns the LSN to wait for. */
uint64_t operate(struct api_request *request, struct engine *engine, struct outcome *outcome,
                 struct vhost *vhost, const struct method *method, unsigned status);

#endif
