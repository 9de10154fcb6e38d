/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. To sort by any column, each row is written with that column alone to nowhere, and
 * what the writer picks of it is the key: so writers are the only description of a row. For a page
 * near the beginning of a long list, the rows go by one after another and a heap keeps those that
 * belong before the page's end; otherwise all keys are found first, and only the page's rows are
 * sorted.
 */
#include "mgmt/api/row_order.h"

#include <stdlib.h>

#include "server/base/mem.h"

/* From so many times the page's end on, a list is long. */
#define LONG_LIST 8

/* A row with what it is compared by, so that the row itself is seldom looked at. */
struct sort_item {
    const struct row *row, *vhost;
    struct slice name;
    double number;
    size_t begin, end;       /* of what is no number, in `texts` */
    const struct buf *texts; /* NULL: a number, or nothing */
    bool is_alone;           /* it belongs to nothing but its virtual host */
};

typedef int (*item_compare)(const void *left, const void *right);

/* Where keys come from. */
struct keys {
    struct listing *listing;
    listing_writer write;
    struct json_columns column;
    struct json_pick pick;
    struct buf texts, json;
    bool is_wanted;
};

/* --- which comes first ----------------------------------------------------------------------- */

static int compare_slices(struct slice a, struct slice b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* As tables are: by virtual host, then by name; for the rest by what they belong to. */
static int compare_rows(const struct row *a, const struct row *b)
{
    int order = 0;
    if (a->vhost != NULL && b->vhost != NULL && a->vhost != b->vhost)
        order = compare_slices(a->vhost->text[TEXT_NAME], b->vhost->text[TEXT_NAME]);
    if (order == 0 && a->of != NULL && b->of != NULL && a->of != b->of)
        order = compare_rows(a->of, b->of);
    if (order == 0 && a->to != NULL && b->to != NULL && a->to != b->to)
        order = compare_slices(a->to->text[TEXT_NAME], b->to->text[TEXT_NAME]);
    if (order == 0)
        order = compare_slices(a->text[TEXT_NAME], b->text[TEXT_NAME]);
    if (order == 0)
        order = (a->is.number > b->is.number) - (a->is.number < b->is.number);
    return order != 0 ? order : (a->is.id > b->is.id) - (a->is.id < b->is.id);
}

/* The same, mostly by what the items have. */
static int compare_places(const struct sort_item *a, const struct sort_item *b)
{
    int order = 0;
    if (a->is_alone && b->is_alone && a->vhost == b->vhost)
        order = compare_slices(a->name, b->name);
    return order != 0 ? order : compare_rows(a->row, b->row);
}

static struct slice text_of(const struct sort_item *item)
{
    return item->texts == NULL ? SLICE_EMPTY
                               : slice_of(item->texts->data + item->begin, item->end - item->begin);
}

/* Numbers before texts, nothing before all. */
static int compare_items(const void *left, const void *right)
{
    const struct sort_item *a = left, *b = right;
    int order = (a->texts != NULL) - (b->texts != NULL);
    if (order == 0)
        order = (a->number > b->number) - (a->number < b->number);
    if (order == 0 && a->texts != NULL)
        order = compare_slices(text_of(a), text_of(b));
    return order != 0 ? order : compare_places(a, b);
}

static int compare_items_down(const void *left, const void *right)
{
    return compare_items(right, left);
}

/* --- keys ------------------------------------------------------------------------------------ */

static void keys_init(struct keys *keys, struct listing *listing, listing_writer write)
{
    struct slice column;
    *keys = (struct keys){.listing = listing, .write = write};
    keys->pick.texts = &keys->texts;
    keys->is_wanted = http_request_parameter(listing->request->http, "sort", &column) &&
                      column.size > 0 && json_columns_read(&keys->column, column) &&
                      keys->column.count == 1;
}

static void keys_fini(struct keys *keys)
{
    buf_fini(&keys->texts);
    buf_fini(&keys->json);
}

/* The item of ROW; a key that is a text goes to the end of `texts`. */
static struct sort_item make_item(struct keys *keys, const struct row *row)
{
    struct sort_item item = {.row = row,
                             .vhost = row->vhost,
                             .name = row->text[TEXT_NAME],
                             .is_alone = row->of == NULL && row->to == NULL};
    struct json_writer writer;
    if (!keys->is_wanted)
        return item;
    keys->json.size = 0;
    json_writer_init(&writer, &keys->json);
    json_writer_pick(&writer, &keys->column, &keys->pick);
    keys->write(keys->listing, &writer, row);
    item.number = keys->pick.kind == JSON_PICK_NUMBER ? keys->pick.number : -1;
    item.texts = keys->pick.kind == JSON_PICK_TEXT ? &keys->texts : NULL;
    item.begin = keys->pick.begin;
    item.end = keys->pick.end;
    return item;
}

/* --- which belong to a page ------------------------------------------------------------------ */

static void swap_items(struct sort_item *a, struct sort_item *b)
{
    struct sort_item c = *a;
    *a = *b;
    *b = c;
}

/* Has the first MIDDLE of the items be those that come first, in no order: quickselect, with the
 * middle one of three as the pivot. No two items are equal. */
static void select_items(struct sort_item *items, size_t count, size_t middle, item_compare compare)
{
    size_t low = 0, high = count; /* the border is in here */
    while (middle > low && middle < high) {
        struct sort_item *first = &items[low], *half = &items[low + (high - low) / 2],
                         *last = &items[high - 1];
        if (compare(half, first) < 0)
            swap_items(half, first);
        if (compare(last, half) < 0)
            swap_items(last, half);
        if (compare(half, first) < 0)
            swap_items(half, first);
        if (high - low <= 3)
            return;
        struct sort_item pivot = *half;
        size_t below = low, above = high - 1;
        for (;;) {
            while (compare(&items[below], &pivot) < 0)
                below++;
            while (compare(&pivot, &items[above]) < 0)
                above--;
            if (below >= above)
                break;
            swap_items(&items[below++], &items[above--]);
        }
        if (middle <= below)
            high = below;
        else
            low = below;
    }
}

/* Brings the item AT to its place in the heap, whose first item comes last of all. */
static void sink(struct sort_item *heap, size_t count, size_t at, item_compare compare)
{
    for (;;) {
        size_t later = 2 * at + 1;
        if (later >= count)
            return;
        if (later + 1 < count && compare(&heap[later], &heap[later + 1]) < 0)
            later++;
        if (compare(&heap[later], &heap[at]) < 0)
            return;
        swap_items(&heap[at], &heap[later]);
        at = later;
    }
}

/* Fills ITEMS, KEPT of them, with those of ROWS that come first, in no order. */
static void keep_first(struct keys *keys, const struct row *const *rows, size_t count,
                       struct sort_item *items, size_t kept, item_compare compare)
{
    for (size_t i = 0; i < kept; i++)
        items[i] = make_item(keys, rows[i]);
    for (size_t i = kept / 2; i > 0; i--)
        sink(items, kept, i - 1, compare);
    for (size_t i = kept; i < count; i++) {
        size_t texts = keys->texts.size;
        struct sort_item item = make_item(keys, rows[i]);
        if (compare(&item, &items[0]) < 0) {
            items[0] = item;
            sink(items, kept, 0, compare);
        } else {
            keys->texts.size = texts;
        }
    }
}

/* --- all together ---------------------------------------------------------------------------- */

void row_order(struct listing *listing, const struct row **rows, size_t count, size_t first,
               size_t end, listing_writer write)
{
    struct keys keys;
    item_compare compare = api_flag(listing->request, "sort_reverse") ? compare_items_down
                                                                      : compare_items;
    bool is_long = end > 0 && count / end >= LONG_LIST;
    struct sort_item *items = mem_alloc(((is_long ? end : count) + 1) * sizeof *items);
    keys_init(&keys, listing, write);
    if (is_long) {
        keep_first(&keys, rows, count, items, end, compare);
    } else {
        for (size_t i = 0; i < count; i++)
            items[i] = make_item(&keys, rows[i]);
        select_items(items, count, end, compare);
    }
    select_items(items, end, first, compare);
    qsort(items + first, end - first, sizeof *items, compare);
    for (size_t i = first; i < end; i++)
        rows[i] = items[i].row;
    keys_fini(&keys);
    mem_free(items);
}
