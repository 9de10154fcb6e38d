/* SPDX-License-Identifier: Apache-2.0
 *
 * row_order: puts the rows of a list in the order that its query asks for (sort, sort_reverse), or
 * in that of tables. Management's thread only.
 */
#ifndef STOATMQ_MGMT_API_ROW_ORDER_H
#define STOATMQ_MGMT_API_ROW_ORDER_H

#include "mgmt/api/listing.h"

/* Puts what comes at [FIRST, END) of the order of ROWS, COUNT of them, into its places; what the
 * other places have then means nothing. WRITE tells what a row says of the column that is sorted
 * by. */
void row_order(struct listing *listing, const struct row **rows, size_t count, size_t first,
               size_t end, listing_writer write);

#endif
