/* SPDX-License-Identifier: Apache-2.0
 *
 * sites: what other sites' pages in a browser may do with the API (CORS), what ours may do with
 * others (security headers), and below which path we are. As the settings say. Management's thread
 * only.
 */
#ifndef STOATMQ_MGMT_API_SITES_H
#define STOATMQ_MGMT_API_SITES_H

#include "mgmt/api/api.h"
#include "server/settings.h"

/* Appends the headers of every answer. */
void sites_put_headers(const struct settings *settings, struct buf *headers);

/* Writes the path's prefix as "/mq", or nothing. */
void sites_put_prefix(const struct settings *settings, struct buf *prefix);

/* May pages of the request's Origin use the API? False when it has none. */
bool sites_is_allowed(const struct api_request *request);

/* Tells the browser that they may, if so; METHODS, for the answer to OPTIONS: those that the path
 * has, with commas between them, else nothing. */
void sites_put_allowed(struct api_request *request, struct slice methods);

#endif
