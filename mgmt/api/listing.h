/* SPDX-License-Identifier: Apache-2.0
 *
 * listing: the API's lists and objects, written from the snapshot: what the user sees of a table,
 * filtered, sorted, by pages, with columns and rates over time. A kind's writer is all that there
 * is to say about it: what it writes can be sorted by and chosen. Management's thread only.
 */
#ifndef STOATMQ_MGMT_API_LISTING_H
#define STOATMQ_MGMT_API_LISTING_H

#include "mgmt/api/api.h"
#include "mgmt/json_writer.h"
#include "mgmt/snapshot/collector.h"

/* A range of time that samples are wanted of (`msg_rates_age=60&msg_rates_incr=5`); age 0: none. */
struct sample_range {
    uint32_t age_s, incr_s;
};

/* A request for something of the snapshot: what its query says, for writers. */
struct listing {
    struct api_request *request;
    const struct snapshot *snapshot;
    uint64_t now_ms; /* since 1970 */
    struct sample_range lengths, message_rates, data_rates, node_stats;
    bool is_detail;     /* one object, in full; not one of a list */
    bool without_stats; /* disable_stats=true */
    bool with_totals;   /* and enable_queue_totals=true */

    struct collector_wait wait;
    void (*answer)(struct listing *listing);
    struct json_columns columns;
};

typedef void (*listing_writer)(struct listing *listing, struct json_writer *writer,
                               const struct row *row);

/* Calls ANSWER when the snapshot has all that is there now; it answers the request. LISTING is the
 * request's. */
void listing_ask(struct api_request *request, void (*answer)(struct listing *listing));

/* Is ROW among those to be listed? NULL as a filter: all are. */
typedef bool (*listing_filter)(const struct listing *listing, const struct row *row,
                               const void *context);

/* Answers with the rows of KIND that the user sees and FILTER takes. */
void listing_reply_table(struct listing *listing, enum registry_kind kind, listing_filter filter,
                         const void *context, listing_writer write);

/* The same with the rows of several kinds, for which WRITE has a form each. */
void listing_reply_tables(struct listing *listing, const enum registry_kind *kinds, size_t count,
                          listing_filter filter, const void *context, listing_writer write);

/* Answers with ROW alone; NULL: 404. */
void listing_reply_row(struct listing *listing, const struct row *row, listing_writer write);

/* May the user see it? */
bool listing_sees(const struct listing *listing, const struct row *row);

/* --- for writers ----------------------------------------------------------------------------- */

/* The name of this node, as the API has it. */
struct slice listing_node(const struct listing *listing);

/* Puts COLUMN of SERIES as NAME, and NAME_details with its rate, and samples when RANGE is one. */
void listing_put_column(struct listing *listing, struct json_writer *writer, const char *name,
                        const struct series *series, uint32_t column,
                        const struct sample_range *range);

/* NAME_details alone, without NAME. */
void listing_put_details(struct listing *listing, struct json_writer *writer, const char *name,
                         const struct series *series, uint32_t column,
                         const struct sample_range *range);

/* message_stats, when there was any traffic: columns [0, CHANNEL_COLUMNS) of SERIES that are in the
 * bits of WANTED. */
void listing_put_traffic(struct listing *listing, struct json_writer *writer,
                         const struct series *series, uint32_t wanted);

/* The same as NAME, and when there was none, too. */
void listing_put_traffic_as(struct listing *listing, struct json_writer *writer, const char *name,
                            const struct series *series, uint32_t wanted);

/* "2026-11-21T14:43:26.503+00:00" */
void listing_put_time(struct json_writer *writer, const char *name, uint64_t wall_ms);

/* TEXT, or null when it is empty. */
void listing_put_text_or_null(struct json_writer *writer, const char *name, struct slice text);

/* A connection's name cut into who is where: "127.0.0.1:4000 -> 127.0.0.1:5672". */
struct listing_ends {
    struct slice peer_host, host;
    uint64_t peer_port, port;
};
struct listing_ends listing_ends_of(struct slice name);

#endif
