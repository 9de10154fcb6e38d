/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts: what the endpoints for users, vhosts, permissions and limits share. On the engine's
 * thread, but for what says otherwise.
 */
#ifndef STOATMQ_MGMT_API_ACCOUNTS_H
#define STOATMQ_MGMT_API_ACCOUNTS_H

#include "exchange/accounts.h"
#include "mgmt/api/outcome.h"

/* What RESULT means to whoever asked: 201, 204, 404 (RabbitMQ's, for what is not there), 400.
 * Returns its LSN. */
uint64_t accounts_end(struct outcome *outcome, const struct account_result *result);

/* The values of MAP (users, vhosts, permissions: whatever begins with a name's slice) in order of
 * these names; the caller's to free (mem_free), MAP->count of them. */
void **accounts_sorted(const struct map *map);

/* Writes a field array of longstrs as a list. */
void accounts_write_tags(struct json_writer *writer, const char *key, struct slice tags);

/* Any thread: refuses a request with {"error": "bad_request", "reason": REASON}; REASON's reference
 * is taken. */
void accounts_refuse(struct api_request *request, json_t *reason);

/* Any thread: refuses a body that lacks one of MEMBERS (NULL ends them), as "[{key_missing,tags}]",
 * or has another than a string under one; false then. */
bool accounts_need_strings(struct api_request *request, const json_t *body,
                           const char *const *members);

/* Any thread: BODY's string of that name, borrowed; empty when there is none. */
struct slice accounts_string(const json_t *body, const char *name);

/* Any thread: appends tags, "a, b" or ["a", "b"], to TAGS as a field array's items; false when they
 * are neither. */
bool accounts_read_tags(const json_t *json, struct buf *tags);

#endif
