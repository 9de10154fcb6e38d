/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/json_sort.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/mem.h"

struct item {
    json_t *row;
    const json_t *key; /* or NULL */
    size_t place;      /* so that what is equal stays in order */
};

static const json_t *find(const json_t *value, struct slice column)
{
    while (value != NULL && column.size > 0) {
        const uint8_t *dot = memchr(column.data, '.', column.size);
        size_t size = dot == NULL ? column.size : (size_t)(dot - column.data);
        value = json_object_getn(value, (const char *)column.data, size);
        size_t taken = dot == NULL ? size : size + 1;
        column = slice_of(column.data + taken, column.size - taken);
    }
    return value;
}

static int rank(const json_t *key)
{
    return json_is_string(key) ? 2 : json_is_number(key) ? 1 : 0;
}

static int compare(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = rank(a->key) - rank(b->key);
    if (order == 0 && rank(a->key) == 2) {
        order = strcmp(json_string_value(a->key), json_string_value(b->key));
    } else if (order == 0 && rank(a->key) == 1) {
        double x = json_number_value(a->key), y = json_number_value(b->key);
        order = (x > y) - (x < y);
    }
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static json_t *sorted(const json_t *rows, struct slice column, bool is_down)
{
    size_t count = json_array_size(rows);
    struct item *items = mem_zalloc((count + 1) * sizeof *items);
    json_t *result = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_array_get(rows, i);
        items[i] = (struct item){.row = row, .key = find(row, column), .place = i};
    }
    qsort(items, count, sizeof *items, compare);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append(result, items[is_down ? count - 1 - i : i].row);
    mem_free(items);
    return result;
}

void json_sort(struct buf *text, struct slice column, bool is_down)
{
    json_t *rows = json_loadb((const char *)text->data, text->size, JSON_ALLOW_NUL, NULL);
    if (json_is_array(rows)) {
        json_t *result = sorted(rows, column, is_down);
        char *dumped = json_dumps(result, JSON_COMPACT);
        text->size = 0;
        buf_bytes(text, slice_from_string(dumped));
        free(dumped);
        json_decref(result);
    }
    json_decref(rows);
}
