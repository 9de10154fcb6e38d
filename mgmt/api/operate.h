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

/* The document's member NAME when it is a string, else nothing. */
struct slice operate_text(const struct outcome *outcome, const char *name);

/* The document's member NAME when it is a number from 0 on, which may come as a string:
 * rabbitmqadmin sends them so. */
bool operate_count(const struct outcome *outcome, const char *name, uint64_t *number);

/* Says no; always false. */
bool operate_refuse(struct outcome *outcome, unsigned status, const char *error, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* Says 400 with [PROBLEM, VALUE] as the reason, as Erlang's {problem, Value}; always false. */
bool operate_refuse_value(struct outcome *outcome, const char *problem, const json_t *value);

/* What the operation was refused with, as RabbitMQ's API says it. */
void operate_refused(struct outcome *outcome, const struct operation *operation);

/* The same, but that a refusal of access says which, as where RabbitMQ uses a channel. */
void operate_refused_with_text(struct outcome *outcome, const struct operation *operation);

/* Begins an operation of the request's user on the path's {vhost} and queue {name}. False: there is
 * no such virtual host, queue or user any more, and that is the outcome. */
bool operate_begin_on_queue(struct api_request *request, struct engine *engine,
                            struct outcome *outcome, struct operation *operation)
    __attribute__((warn_unused_result));

/* Ends it; a refusal is the outcome. */
void operate_end(struct outcome *outcome, struct operation *operation);

/* Applies METHOD, which is about topology, as the request's user: STATUS when it was not refused.
 * Returns the LSN to wait for. */
uint64_t operate(struct api_request *request, struct engine *engine, struct outcome *outcome,
                 struct vhost *vhost, const struct method *method, unsigned status);

#endif
