/* SPDX-License-Identifier: Apache-2.0
 *
 * listing: tables of rows as the API gives them, in the format that was asked for.
 */
#ifndef STOATMQ_MGMT_CTL_LISTING_H
#define STOATMQ_MGMT_CTL_LISTING_H

#include <jansson.h>

#include "mgmt/ctl/command.h"

enum { LISTING_COLUMNS_MAX = OPERANDS_MAX };

/* A table that is being printed. */
struct rows {
    const struct common *common;
    const struct column *columns[LISTING_COLUMNS_MAX];
    unsigned column_count;
    size_t rows;
};

/* A table of all of COLUMNS, or of the first COUNT of them. */
void listing_begin(struct rows *table, const struct common *common, const struct column *columns,
                   unsigned count);

/* Prints the columns of ITEM, an object. */
void listing_row(struct rows *table, const json_t *item);

/* Prints what ends a table. Returns STATUS, or what output_end makes of it. */
int listing_end(struct rows *table, int status);

/* For struct listing.is_wanted. */
bool listing_is_down(const void *item, const struct arguments *arguments);
bool listing_is_of_vhost(const void *item, const struct arguments *arguments);

#endif
