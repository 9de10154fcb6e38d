/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch: from a request's head to its handler: route, login, what the user may, the body. In the
 * order, and with the answers, of RabbitMQ: 404, 405, 401, then what the handler says. Management's
 * thread.
 */
#ifndef STOATMQ_MGMT_API_DISPATCH_H
#define STOATMQ_MGMT_API_DISPATCH_H

#include "mgmt/api/api.h"

/* struct http_listener's handle of the management's port; CONTEXT is the management. */
void dispatch_request(void *context, struct http_exchange *exchange);

/* The request has its answer: frees it, but for the exchange. api.c's. */
void dispatch_answered(struct api_request *request);

/* Has the session's cookie its name by the port (two brokers on one machine): writes it. */
#define DISPATCH_COOKIE_NAME_BYTES 32
void dispatch_cookie_name(const struct api_request *request, char name[DISPATCH_COOKIE_NAME_BYTES]);

/* The token in the request's cookie; false when there is none. */
bool dispatch_session_token(const struct api_request *request, struct slice *token);

/* Refuses what a page of another site may have sent: false, and the request is gone. A request that
 * changes something, and has a cookie or an Origin, must come from our own page, or have a header
 * that another site's page may not set. */
bool dispatch_is_ours(struct api_request *request, bool by_session);

#endif
