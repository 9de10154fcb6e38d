/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Of a page, only its own rows are sorted (row_order.h), and only they are written.
 */
#include "mgmt/api/listing.h"

#include <stdlib.h>
#include <time.h>

#include "mgmt/api/row_order.h"
#include "mgmt/management.h"
#include "server/base/mem.h"
#include "server/base/pattern.h"

#define PAGE_SIZE     100
#define PAGE_SIZE_MAX 500
#define SAMPLES_MAX   2000 /* of a column in an answer */

/* --- asking ---------------------------------------------------------------------------------- */

static bool parameter(const struct listing *listing, const char *name, struct slice *value)
{
    return http_request_parameter(listing->request->http, name, value);
}

/* A decimal number; false when TEXT is none. */
static bool read_number(struct slice text, uint64_t *number)
{
    *number = 0;
    if (text.size == 0 || text.size > 15)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

/* False when the range is no good. */
static bool read_range(const struct listing *listing, const char *prefix,
                       struct sample_range *range)
{
    char name[32];
    struct slice text;
    uint64_t age, incr;
    (void)snprintf(name, sizeof name, "%s_age", prefix);
    if (!parameter(listing, name, &text))
        return true;
    if (!read_number(text, &age))
        return false;
    (void)snprintf(name, sizeof name, "%s_incr", prefix);
    if (!parameter(listing, name, &text) || !read_number(text, &incr) || incr == 0)
        return false;
    if (age / incr > SAMPLES_MAX || age > 7 * 24 * 3600)
        return false;
    *range = (struct sample_range){(uint32_t)age, (uint32_t)incr};
    return true;
}

static void on_ready(struct collector_wait *wait)
{
    struct listing *listing = LIST_ENTRY(wait, struct listing, wait);
    listing->now_ms = collector_wall_ms();
    listing->answer(listing);
}

void listing_ask(struct api_request *request, void (*answer)(struct listing *listing))
{
    struct listing *listing = mem_zalloc(sizeof *listing);
    struct slice columns = SLICE_EMPTY;
    request->state = listing;
    request->free_state = mem_free;
    listing->request = request;
    listing->snapshot = &request->management->collector.snapshot;
    listing->answer = answer;
    (void)parameter(listing, "columns", &columns);
    if (!json_columns_read(&listing->columns, columns)) {
        api_refuse_bad_request(request, "Too many columns");
        return;
    }
    if (!read_range(listing, "lengths", &listing->lengths) ||
        !read_range(listing, "msg_rates", &listing->message_rates) ||
        !read_range(listing, "data_rates", &listing->data_rates) ||
        !read_range(listing, "node_stats", &listing->node_stats)) {
        api_refuse_bad_request(request, "Invalid sample range");
        return;
    }
    listing->without_stats = api_flag(request, "disable_stats");
    listing->with_totals = api_flag(request, "enable_queue_totals");
    listing->wait.ready = on_ready;
    collector_ask(&request->management->collector, &listing->wait);
}

bool listing_sees(const struct listing *listing, const struct row *row)
{
    struct slice vhost = row->is.registry == REGISTRY_VHOST ? row->text[TEXT_NAME]
                         : row->vhost != NULL               ? row->vhost->text[TEXT_NAME]
                                                            : SLICE_EMPTY;
    return api_user_sees_vhost(listing->request->user, vhost);
}

/* --- pages ----------------------------------------------------------------------------------- */

struct page {
    bool is_wanted;
    uint64_t number, size;
};

/* Reads what page is wanted; false: the request is refused. */
static bool read_page(struct listing *listing, struct page *page)
{
    struct slice number, size;
    *page = (struct page){.size = PAGE_SIZE};
    bool has_size = parameter(listing, "page_size", &size);
    page->is_wanted = parameter(listing, "page", &number);
    if (!page->is_wanted)
        return true;
    if (!read_number(number, &page->number) || (has_size && !read_number(size, &page->size))) {
        api_refuse_bad_request(listing->request, "Pagination parameters are invalid");
        return false;
    }
    if (page->number > 0 && page->size > 0 && page->size <= PAGE_SIZE_MAX)
        return true;
    if (!has_size)
        size = SLICE_LITERAL("undefined");
    api_refuse(listing->request, 400, "invalid_pagination_parameters",
               "Invalid pagination parameters: page number %.*s, page size %.*s",
               SLICE_ARGS(number), SLICE_ARGS(size));
    return false;
}

/* --- what is listed -------------------------------------------------------------------------- */

struct rows {
    const struct row **rows;
    size_t count, total; /* total: before the filter by name */
};

static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + 32) : octet;
}

static bool contains(struct slice text, struct slice part)
{
    for (size_t at = 0; at + part.size <= text.size; at++) {
        size_t same = 0;
        while (same < part.size && lower(text.data[at + same]) == lower(part.data[same]))
            same++;
        if (same == part.size)
            return true;
    }
    return false;
}

/* What the list's `name` is about. Channels have none of their own. */
static struct slice name_of(const struct row *row, struct buf *room)
{
    if (row->is.registry != REGISTRY_CHANNEL || row->of == NULL)
        return row->text[TEXT_NAME];
    room->size = 0;
    buf_printf(room, "%.*s (%u)", SLICE_ARGS(row->of->text[TEXT_NAME]), row->is.number);
    return buf_slice(room);
}

/* Drops the rows that `name` does not take; false: the request is refused. */
static bool filter_by_name(struct listing *listing, struct rows *rows)
{
    struct slice name;
    struct pattern *pattern = NULL;
    struct pattern_error error;
    struct buf room = {0};
    if (!parameter(listing, "name", &name) || name.size == 0)
        return true;
    if (api_flag(listing->request, "use_regex")) {
        struct buf caseless = {0};
        buf_printf(&caseless, "(?i)%.*s", SLICE_ARGS(name));
        pattern = pattern_new(buf_slice(&caseless), &error);
        buf_fini(&caseless);
        if (pattern == NULL) {
            api_refuse_bad_request(listing->request, "Pagination parameters are invalid");
            return false;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct slice text = name_of(rows->rows[i], &room);
        if (pattern != NULL ? pattern_matches(pattern, text) : contains(text, name))
            rows->rows[kept++] = rows->rows[i];
    }
    rows->count = kept;
    pattern_free(pattern);
    buf_fini(&room);
    return true;
}

/* --- answers --------------------------------------------------------------------------------- */

static void write_rows(struct listing *listing, struct json_writer *writer, const struct rows *rows,
                       size_t first, size_t end, listing_writer write)
{
    json_write_array(writer);
    for (size_t i = first; i < end; i++) {
        json_writer_columns(writer, &listing->columns);
        write(listing, writer, rows->rows[i]);
    }
    json_writer_columns(writer, NULL);
    json_write_array_end(writer);
}

/* Which rows are on PAGE; false: the request is refused. */
static bool find_page(struct listing *listing, const struct rows *rows, const struct page *page,
                      size_t *first, size_t *end)
{
    *first = (size_t)((page->number - 1) * page->size);
    if (*first > rows->count) { /* one page behind a full last one is empty, as in RabbitMQ */
        api_refuse(listing->request, 400, "page_out_of_range",
                   "Page out of range, page: %llu page size: %llu, len: %zu",
                   (unsigned long long)page->number, (unsigned long long)page->size, rows->count);
        return false;
    }
    *end = rows->count - *first < page->size ? rows->count : *first + (size_t)page->size;
    return true;
}

static void reply_page(struct listing *listing, struct rows *rows, const struct page *page,
                       listing_writer write)
{
    struct buf body = {0};
    struct json_writer writer;
    uint64_t pages = (rows->count + page->size - 1) / page->size;
    size_t first, end;
    if (!find_page(listing, rows, page, &first, &end))
        return;
    row_order(listing, rows->rows, rows->count, first, end, write);
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    json_put_uint(&writer, "filtered_count", rows->count);
    json_put_uint(&writer, "item_count", end - first);
    (void)json_write_key(&writer, SLICE_LITERAL("items"));
    write_rows(listing, &writer, rows, first, end, write);
    json_put_uint(&writer, "page", page->number);
    json_put_uint(&writer, "page_count", pages == 0 ? 1 : pages);
    json_put_uint(&writer, "page_size", page->size);
    json_put_uint(&writer, "total_count", rows->total);
    json_write_object_end(&writer);
    api_reply_json(listing->request, &body);
}

static void collect(struct listing *listing, enum registry_kind kind, listing_filter filter,
                    const void *context, struct rows *rows)
{
    const struct table *table = &listing->snapshot->tables[kind];
    rows->rows = mem_realloc(rows->rows, (rows->count + table->count + 1) * sizeof *rows->rows);
    for (uint32_t i = 0; i < table->count; i++)
        if ((filter == NULL || filter(listing, table->rows[i], context)) &&
            listing_sees(listing, table->rows[i]))
            rows->rows[rows->count++] = table->rows[i];
}

static void reply_rows(struct listing *listing, struct rows *rows, const struct page *page,
                       listing_writer write)
{
    if (page->is_wanted) {
        reply_page(listing, rows, page, write);
        return;
    }
    struct buf body = {0};
    struct json_writer writer;
    row_order(listing, rows->rows, rows->count, 0, rows->count, write);
    json_writer_init(&writer, &body);
    write_rows(listing, &writer, rows, 0, rows->count, write);
    api_reply_json(listing->request, &body);
}

void listing_reply_tables(struct listing *listing, const enum registry_kind *kinds, size_t count,
                          listing_filter filter, const void *context, listing_writer write)
{
    struct page page;
    struct rows rows = {0};
    if (!read_page(listing, &page))
        return;
    for (size_t i = 0; i < count; i++)
        collect(listing, kinds[i], filter, context, &rows);
    rows.total = rows.count;
    if (filter_by_name(listing, &rows))
        reply_rows(listing, &rows, &page, write);
    mem_free(rows.rows);
}

void listing_reply_table(struct listing *listing, enum registry_kind kind, listing_filter filter,
                         const void *context, listing_writer write)
{
    listing_reply_tables(listing, &kind, 1, filter, context, write);
}

void listing_reply_row(struct listing *listing, const struct row *row, listing_writer write)
{
    struct buf body = {0};
    struct json_writer writer;
    if (row == NULL) {
        api_refuse_not_found(listing->request);
        return;
    }
    listing->is_detail = true;
    json_writer_init(&writer, &body);
    json_writer_columns(&writer, &listing->columns);
    write(listing, &writer, row);
    api_reply_json(listing->request, &body);
}
