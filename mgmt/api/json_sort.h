/* SPDX-License-Identifier: Apache-2.0
 *
 * json_sort: the query's `sort` on answers that are JSON text already: short lists, of users or
 * policies. Long ones are sorted before they are written (listing.h). Pure; any thread.
 */
#ifndef STOATMQ_MGMT_API_JSON_SORT_H
#define STOATMQ_MGMT_API_JSON_SORT_H

#include "server/base/buf.h"

/* Sorts TEXT, if it is a list of objects, by COLUMN ("a.b": within objects); stable. Rows without
 * it come first, then numbers, then strings. */
void json_sort(struct buf *text, struct slice column, bool is_down);

#endif
