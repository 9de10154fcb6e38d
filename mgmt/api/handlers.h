/* SPDX-License-Identifier: Apache-2.0
 *
 * handlers: all handlers that routes.def names, declared from there.
 */
#ifndef STOATMQ_MGMT_API_HANDLERS_H
#define STOATMQ_MGMT_API_HANDLERS_H

struct api_request;

/* A handler may stand in several rows: declaring it again says nothing new. */
#define ROUTE(method, path, access, body, handler, group, summary) \
    void handler(struct api_request *request);
#include "mgmt/api/routes.def"

#endif
