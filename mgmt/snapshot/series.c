/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/snapshot/series.h"

#include "exchange/traffic.h"
#include "server/base/check.h"
#include "server/base/mem.h"

_Static_assert((int)COLUMN_DELIVER_GET == (int)TRAFFIC_KIND_COUNT,
               "columns begin with enum traffic_kind");
_Static_assert(OVERVIEW_COLUMNS <= SERIES_COLUMNS_MAX, "room for the widest");

const char *const traffic_names[CHANNEL_COLUMNS] = {
    [TRAFFIC_PUBLISH] = "publish",
    [TRAFFIC_CONFIRM] = "confirm",
    [TRAFFIC_RETURN] = "return_unroutable",
    [TRAFFIC_DROP] = "drop_unroutable",
    [TRAFFIC_DELIVER] = "deliver",
    [TRAFFIC_DELIVER_NO_ACK] = "deliver_no_ack",
    [TRAFFIC_GET] = "get",
    [TRAFFIC_GET_NO_ACK] = "get_no_ack",
    [TRAFFIC_GET_EMPTY] = "get_empty",
    [TRAFFIC_REDELIVER] = "redeliver",
    [TRAFFIC_ACK] = "ack",
    [COLUMN_DELIVER_GET] = "deliver_get",
};
const char *const depth_names[3] = {"messages_ready", "messages_unacknowledged", "messages"};
const char *const octets_names[SESSION_COLUMNS] = {"recv_oct", "send_oct"};
const char *const exchange_names[EXCHANGE_COLUMNS] = {"publish_in", "publish_out"};
const char *const churn_names[CHURN_COLUMNS] = {
    "connection_created", "connection_closed", "channel_created", "channel_closed",
    "queue_declared",     "queue_created",     "queue_deleted",
};

/* How long what is kept, as RabbitMQ's sample_retention_policies: a minute, an hour, 8 hours, a
 * day. */
static const struct {
    uint32_t every_ms, count;
} levels[SERIES_LEVELS] = {{SAMPLE_MS, 122}, {60000, 62}, {600000, 50}, {1800000, 50}};

#define SHORT_COUNT 14 /* of a short series: a minute, both ends, and one to spare */

struct series *series_new(uint32_t columns, bool is_long, uint64_t now_ms)
{
    CHECK_ID(columns <= SERIES_COLUMNS_MAX, columns);
    struct series *series = mem_zalloc(sizeof *series +
                                       columns * (sizeof(uint64_t) + sizeof(float)));
    series->columns = columns;
    series->is_long = is_long;
    series->at_ms = series->born_ms = now_ms;
    series->rates = (float *)(series->values + columns);
    return series;
}

void series_free(struct series *series)
{
    if (series == NULL)
        return;
    for (unsigned i = 0; i < SERIES_LEVELS; i++)
        mem_free(series->level[i].rows);
    mem_free(series);
}

void series_set(struct series *series, const uint64_t *values, uint64_t now_ms)
{
    double seconds = now_ms > series->at_ms ? (double)(now_ms - series->at_ms) / 1000 : 0;
    for (uint32_t i = 0; i < series->columns; i++) {
        double change = (double)values[i] - (double)series->values[i];
        if (values[i] != series->values[i])
            series->changed = true;
        if (seconds > 0)
            series->rates[i] = (float)(change / seconds);
        series->values[i] = values[i];
    }
    series->at_ms = now_ms;
}

double series_rate(const struct series *series, uint32_t column, uint64_t since_ms)
{
    return series == NULL || series->at_ms < since_ms ? 0 : (double)series->rates[column];
}

/* --- samples --------------------------------------------------------------------------------- */

static const uint64_t *row_at(const struct series *series, const struct samples *samples,
                              uint32_t index)
{
    uint32_t at = (samples->head + index) % samples->capacity;
    return samples->rows + (size_t)at * (series->columns + 1);
}

static void keep(struct series *series, struct samples *samples, uint64_t at_ms)
{
    size_t row_words = series->columns + 1u;
    CHECK(samples->capacity > 0);
    if (samples->count == samples->capacity) {
        samples->head = (samples->head + 1) % samples->capacity;
        samples->count--;
    }
    uint32_t at = (samples->head + samples->count++) % samples->capacity;
    samples->rows[at * row_words] = at_ms;
    memcpy(samples->rows + at * row_words + 1, series->values, series->columns * sizeof(uint64_t));
}

static void sample_level(struct series *series, unsigned level, uint64_t now_ms)
{
    struct samples *samples = &series->level[level];
    uint64_t at_ms = now_ms - now_ms % levels[level].every_ms;
    if (samples->rows == NULL) {
        samples->capacity = series->is_long ? levels[level].count : SHORT_COUNT;
        samples->rows = mem_alloc((size_t)samples->capacity * (series->columns + 1u) *
                                  sizeof(uint64_t));
    }
    if (samples->count > 0 && row_at(series, samples, samples->count - 1)[0] >= at_ms)
        return;
    keep(series, samples, at_ms);
}

void series_sample(struct series *series, uint64_t now_ms)
{
    series->quiet = series->changed ? 0 : series->quiet + 1;
    series->changed = false;
    if (!series->is_long && series->quiet >= SHORT_COUNT) {
        mem_free(series->level[0].rows); /* all of them are as the present */
        series->level[0] = (struct samples){0};
        return;
    }
    for (unsigned level = 0; level < (series->is_long ? SERIES_LEVELS : 1u); level++)
        sample_level(series, level, now_ms);
}

uint64_t series_at(const struct series *series, uint32_t column, uint64_t at_ms)
{
    uint64_t found = series->values[column];
    if (at_ms >= series->at_ms)
        return found;
    for (unsigned level = 0; level < SERIES_LEVELS; level++) {
        const struct samples *samples = &series->level[level];
        for (uint32_t i = samples->count; i > 0; i--) {
            const uint64_t *row = row_at(series, samples, i - 1);
            if (row[0] <= at_ms)
                return row[1 + column];
            found = row[1 + column];
        }
    }
    return at_ms < series->born_ms ? 0 : found;
}
