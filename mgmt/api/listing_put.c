/* SPDX-License-Identifier: Apache-2.0
 *
 * What the writers of rows have in common.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "mgmt/api/listing.h"
#include "mgmt/management.h"
#include "server/base/check.h"

static struct slice node_name(void)
{
    static char name[80]; /* one thread's */
    if (name[0] == '\0') {
        char host[64] = "localhost";
        (void)gethostname(host, sizeof host - 1);
        (void)snprintf(name, sizeof name, "stoatmq@%s", host);
    }
    return slice_from_string(name);
}

bool api_is_node(const struct api_request *request, struct slice name)
{
    (void)request;
    return slice_equal(name, node_name());
}

struct slice listing_node(const struct listing *listing)
{
    (void)listing;
    return node_name();
}

/* The newest sample of RANGE is the last multiple of its increment before now. */
static void put_samples(struct listing *listing, struct json_writer *writer,
                        const struct series *series, uint32_t column,
                        const struct sample_range *range)
{
    uint64_t incr_ms = (uint64_t)range->incr_s * 1000;
    uint64_t newest_ms = listing->now_ms - listing->now_ms % incr_ms;
    uint64_t count = range->age_s / range->incr_s + 1, sum = 0, first = 0, last = 0;
    (void)json_put_array(writer, "samples");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at_ms = newest_ms - i * incr_ms;
        uint64_t value = series_at(series, column, at_ms);
        json_write_object(writer);
        json_put_uint(writer, "sample", value);
        json_put_uint(writer, "timestamp", at_ms);
        json_write_object_end(writer);
        sum += value;
        last = i == 0 ? value : last;
        first = value;
    }
    json_write_array_end(writer);
    json_put_real(writer, "avg_rate",
                  count > 1 ? ((double)last - (double)first) / (double)((count - 1) * range->incr_s)
                            : 0);
    json_put_real(writer, "avg", (double)sum / (double)count);
}

void listing_put_details(struct listing *listing, struct json_writer *writer, const char *name,
                         const struct series *series, uint32_t column,
                         const struct sample_range *range)
{
    static const char suffix[] = "_details";
    char details[64];
    if (json_writer_is_skipping(writer))
        return;
    size_t size = strlen(name);
    CHECK_ID(size + sizeof suffix <= sizeof details, size);
    memcpy(stpcpy(details, name), suffix, sizeof suffix);
    bool is_wanted = json_put_object(writer, details);
    if (is_wanted) {
        json_put_real(writer, "rate", snapshot_rate(listing->snapshot, series, column));
        if (range->age_s > 0)
            put_samples(listing, writer, series, column, range);
    }
    json_write_object_end(writer);
}

void listing_put_column(struct listing *listing, struct json_writer *writer, const char *name,
                        const struct series *series, uint32_t column,
                        const struct sample_range *range)
{
    json_put_uint(writer, name, series->values[column]);
    listing_put_details(listing, writer, name, series, column, range);
}

void listing_put_traffic_as(struct listing *listing, struct json_writer *writer, const char *name,
                            const struct series *series, uint32_t wanted)
{
    if (json_put_object(writer, name))
        for (uint32_t i = 0; i < CHANNEL_COLUMNS; i++)
            if (wanted >> i & 1)
                listing_put_column(listing, writer, traffic_names[i], series, i,
                                   &listing->message_rates);
    json_write_object_end(writer);
}

void listing_put_traffic(struct listing *listing, struct json_writer *writer,
                         const struct series *series, uint32_t wanted)
{
    bool is_any = false;
    if (json_writer_is_skipping(writer))
        return;
    for (uint32_t i = 0; i < CHANNEL_COLUMNS; i++)
        is_any = is_any || series->values[i] > 0;
    if (is_any)
        listing_put_traffic_as(listing, writer, "message_stats", series, wanted);
}

void listing_put_time(struct json_writer *writer, const char *name, uint64_t wall_ms)
{
    char text[48];
    struct tm tm;
    if (!json_put_key(writer, name))
        return;
    time_t seconds = (time_t)(wall_ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + size, sizeof text - size, ".%03u+00:00", (unsigned)(wall_ms % 1000));
    json_write_string(writer, slice_from_string(text));
}

void listing_put_text_or_null(struct json_writer *writer, const char *name, struct slice text)
{
    if (text.size > 0)
        json_put_string(writer, name, text);
    else
        json_put_null(writer, name);
}

/* Cuts "host:port" at its last colon. */
static void cut_end(struct slice end, struct slice *host, uint64_t *port)
{
    *host = end;
    for (size_t at = end.size; at > 0; at--)
        if (end.data[at - 1] == ':') {
            *host = slice_of(end.data, at - 1);
            *port = 0;
            for (size_t i = at; i < end.size && end.data[i] >= '0' && end.data[i] <= '9'; i++)
                *port = *port * 10 + (uint64_t)(end.data[i] - '0');
            break;
        }
    if (host->size > 2 && host->data[0] == '[')
        *host = slice_of(host->data + 1, host->size - 2);
}

struct listing_ends listing_ends_of(struct slice name)
{
    struct listing_ends ends = {0};
    const uint8_t *arrow = memmem(name.data, name.size, " -> ", 4);
    if (arrow == NULL)
        return ends;
    cut_end(slice_of(name.data, (size_t)(arrow - name.data)), &ends.peer_host, &ends.peer_port);
    cut_end(slice_of(arrow + 4, (size_t)(name.data + name.size - arrow) - 4), &ends.host,
            &ends.port);
    return ends;
}
