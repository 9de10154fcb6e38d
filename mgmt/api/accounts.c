/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/accounts.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "server/base/mem.h"

uint64_t accounts_end(struct outcome *outcome, const struct account_result *result)
{
    switch (result->status) {
    case ACCOUNT_CREATED:
        outcome->status = 201;
        break;
    case ACCOUNT_REPLACED:
    case ACCOUNT_DELETED:
        outcome->status = 204;
        break;
    case ACCOUNT_NO_USER:
    case ACCOUNT_NO_VHOST:
    case ACCOUNT_NOTHING:
        outcome->status = 404;
        break;
    case ACCOUNT_REFUSED:
        outcome->status = 400;
        outcome->error = "bad_request";
        outcome->body.size = 0;
        buf_bytes(&outcome->body, slice_from_string(result->reason));
        break;
    }
    return result->lsn;
}

/* --- lists -------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    struct slice x = (*(const struct map_slot *const *)a)->key;
    struct slice y = (*(const struct map_slot *const *)b)->key;
    size_t common = x.size < y.size ? x.size : y.size;
    int order = common == 0 ? 0 : memcmp(x.data, y.data, common);
    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

void **accounts_sorted(const struct map *map)
{
    const void **sorted = mem_alloc((map->count + 1) * sizeof *sorted);
    uint32_t count = 0;
    for (uint32_t i = 0; i < map->capacity; i++)
        if (map->slots[i].value != NULL)
            sorted[count++] = &map->slots[i];
    qsort(sorted, count, sizeof *sorted, by_key);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = ((const struct map_slot *)sorted[i])->value;
    return (void **)sorted;
}

void accounts_write_tags(struct json_writer *writer, const char *key, struct slice tags)
{
    struct cursor cursor = cursor_of(tags);
    (void)json_put_array(writer, key);
    for (struct table_value tag; table_next_item(&cursor, &tag);)
        json_write_string(writer, tag.bytes);
    json_write_array_end(writer);
}

/* --- bodies ------------------------------------------------------------------------------- */

void accounts_refuse(struct api_request *request, json_t *reason)
{
    api_reply_value_as(request, 400,
                       json_pack("{s:s, s:o}", "error", "bad_request", "reason", reason));
}

bool accounts_need_strings(struct api_request *request, const json_t *body,
                           const char *const *members)
{
    struct buf missing = {0};
    const char *wrong = NULL;
    for (; *members != NULL; members++) {
        const json_t *member = json_object_get(body, *members);
        if (member == NULL)
            buf_printf(&missing, "%s{key_missing,%s}", missing.size > 0 ? "," : "", *members);
        else if (!json_is_string(member))
            wrong = *members;
    }
    bool good = missing.size == 0 && wrong == NULL;
    if (missing.size > 0)
        api_refuse_bad_request(request, "[%.*s]", SLICE_ARGS(buf_slice(&missing)));
    else if (wrong != NULL)
        api_refuse_bad_request(request, "%s should be a string", wrong);
    buf_fini(&missing);
    return good;
}

struct slice accounts_string(const json_t *body, const char *name)
{
    const json_t *member = json_object_get(body, name);
    return json_is_string(member) ? slice_of(json_string_value(member), json_string_length(member))
                                  : SLICE_EMPTY;
}

static void add_tag(struct buf *tags, struct slice tag)
{
    while (tag.size > 0 && tag.data[0] == ' ')
        tag = slice_of(tag.data + 1, tag.size - 1);
    while (tag.size > 0 && tag.data[tag.size - 1] == ' ')
        tag.size--;
    if (tag.size > 0)
        table_put_item(tags, &(struct table_value){.type = TABLE_LONGSTR, .bytes = tag});
}

static void add_tags(struct buf *tags, struct slice text)
{
    while (text.size > 0) {
        const uint8_t *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        add_tag(tags, slice_of(text.data, size));
        size += comma != NULL;
        text = slice_of(text.data + size, text.size - size);
    }
}

bool accounts_read_tags(const json_t *json, struct buf *tags)
{
    if (json_is_string(json)) {
        add_tags(tags, slice_of(json_string_value(json), json_string_length(json)));
        return true;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *tag = json_array_get(json, i);
        if (!json_is_string(tag))
            return false;
        add_tag(tags, slice_of(json_string_value(tag), json_string_length(tag)));
    }
    return json_is_array(json);
}
