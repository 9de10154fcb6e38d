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

static void forget_samples(struct series *series)
{
    for (unsigned i = 0; i < SERIES_LEVELS; i++) {
        mem_free(series->level[i].rows);
        series->level[i] = (struct samples){0};
    }
}

void series_free(struct series *series)
{
    if (series == NULL)
        return;
    forget_samples(series);
    mem_free(series);
}

void series_reset(struct series *series, uint64_t now_ms)
{
    forget_samples(series);
    series->born_ms = now_ms;
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

static void open_level(struct series *series, unsigned level)
{
    struct samples *samples = &series->level[level];
    samples->capacity = series->is_long ? levels[level].count : SHORT_COUNT;
    samples->rows = mem_alloc((size_t)samples->capacity * (series->columns + 1u) *
                              sizeof(uint64_t));
}

static void sample_level(struct series *series, unsigned level, uint64_t now_ms)
{
    struct samples *samples = &series->level[level];
    uint64_t at_ms = now_ms - now_ms % levels[level].every_ms;
    if (samples->rows == NULL)
        open_level(series, level);
    if (samples->count > 0 && row_at(series, samples, samples->count - 1)[0] >= at_ms)
        return;
    keep(series, samples, at_ms);
}

/* A short series without samples is about to change: what it was until now is the first one. */
static void keep_before_change(struct series *series, uint64_t now_ms)
{
    open_level(series, 0);
    keep(series, &series->level[0], now_ms - now_ms % SAMPLE_MS - SAMPLE_MS);
}

void series_set(struct series *series, const uint64_t *values, uint64_t now_ms)
{
    double seconds = now_ms > series->at_ms ? (double)(now_ms - series->at_ms) / 1000 : 0;
    bool changes = memcmp(values, series->values, series->columns * sizeof *values) != 0;
    if (changes && !series->is_long && series->level[0].rows == NULL)
        keep_before_change(series, now_ms);
    for (uint32_t i = 0; i < series->columns; i++) {
        double change = (double)values[i] - (double)series->values[i];
        if (seconds > 0)
            series->rates[i] = (float)(change / seconds);
        series->values[i] = values[i];
    }
    series->changed = series->changed || changes;
    series->at_ms = now_ms;
}

void series_sample(struct series *series, uint64_t now_ms)
{
    series->quiet = series->changed ? 0 : series->quiet + 1;
    series->changed = false;
    if (!series->is_long && series->level[0].rows == NULL)
        return; /* all that ever was is as the present */
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
    if (at_ms < series->born_ms)
        return 0;
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
    return found;
}

/* --- sums ------------------------------------------------------------------------------------ */

/* Adds PART's samples of LEVEL to those of SUM; what PART was between two of its own it was at the
 * first. Both are in order of time. */
static void add_level(struct series *sum, const struct series *part, unsigned level)
{
    struct samples *to = &sum->level[level];
    const struct samples *from = &part->level[level];
    uint32_t next = 0;
    const uint64_t *last = NULL;
    for (uint32_t i = 0; i < to->count; i++) {
        uint64_t *row = to->rows + (size_t)i * (sum->columns + 1u);
        while (next < from->count && row_at(part, from, next)[0] <= row[0])
            last = row_at(part, from, next++);
        if (last == NULL || row[0] + levels[level].every_ms <= part->born_ms)
            continue;
        for (uint32_t column = 0; column < sum->columns; column++)
            row[1 + column] += last[1 + column];
    }
}

/* Gives SUM rows of LEVEL, all 0, at the times of PART's, when it has fewer. */
static void take_times(struct series *sum, const struct series *part, unsigned level)
{
    struct samples *to = &sum->level[level];
    const struct samples *from = &part->level[level];
    size_t words = sum->columns + 1u;
    if (from->count <= to->count)
        return;
    mem_free(to->rows);
    *to = (struct samples){.capacity = from->count, .count = from->count};
    to->rows = mem_zalloc(from->count * words * sizeof(uint64_t));
    for (uint32_t i = 0; i < from->count; i++)
        to->rows[i * words] = row_at(part, from, i)[0];
}

struct series *series_sum(const struct series *const *parts, size_t count, uint32_t columns)
{
    struct series *sum = series_new(columns, true, count > 0 ? parts[0]->born_ms : 0);
    for (size_t i = 0; i < count; i++) {
        const struct series *part = parts[i];
        CHECK_ID(part->columns >= columns, part->columns);
        sum->born_ms = part->born_ms < sum->born_ms ? part->born_ms : sum->born_ms;
        sum->at_ms = part->at_ms > sum->at_ms ? part->at_ms : sum->at_ms;
        for (uint32_t column = 0; column < columns; column++) {
            sum->values[column] += part->values[column];
            sum->rates[column] += part->rates[column];
        }
        for (unsigned level = 0; level < SERIES_LEVELS; level++)
            take_times(sum, part, level);
    }
    for (size_t i = 0; i < count; i++)
        for (unsigned level = 0; level < SERIES_LEVELS; level++)
            add_level(sum, parts[i], level);
    return sum;
}
