/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/amqp_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

/* --- plain values --------------------------------------------------------------------------- */

json_t *amqp_json_base64(struct slice bytes)
{
    char *text = mem_alloc(CRYPTO_BASE64_CHARS(bytes.size) + 1);
    struct slice encoded = crypto_base64((uint8_t *)text, bytes);
    json_t *object = json_object();
    json_object_set_new(object, "base64", json_stringn((const char *)encoded.data, encoded.size));
    mem_free(text);
    return object;
}

json_t *amqp_json_string(struct slice bytes)
{
    json_t *string = json_stringn(bytes.size > 0 ? (const char *)bytes.data : "", bytes.size);
    return string != NULL ? string : amqp_json_base64(bytes);
}

json_t *amqp_json_number(uint64_t number)
{
    char digits[24];
    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    return json_string(digits);
}

/* --- tables --------------------------------------------------------------------------------- */

static json_t *table_to_json(struct slice table);

/* An unscaled number with SCALE digits behind the point. */
static json_t *decimal_to_json(uint8_t scale, uint32_t unscaled)
{
    char text[300];
    int digits = scale < 255 ? scale : 255;
    (void)snprintf(text, sizeof text, "%0*" PRIu32, digits + 1, unscaled);
    size_t size = strlen(text), whole = size - (size_t)digits;
    if (digits > 0) {
        memmove(text + whole + 1, text + whole, (size_t)digits + 1);
        text[whole] = '.';
    }
    return json_string(text);
}

static json_t *array_to_json(struct slice array);

/* NULL when it holds something that JSON has no form for. */
static json_t *value_to_json(const struct table_value *value)
{
    switch (value->type) {
    case TABLE_BOOL:
        return json_boolean(value->boolean);
    case TABLE_INT8:
    case TABLE_UINT8:
    case TABLE_INT16:
    case TABLE_UINT16:
    case TABLE_INT32:
    case TABLE_UINT32:
    case TABLE_INT64:
    case TABLE_INT64_L:
        return json_integer(value->integer);
    case TABLE_FLOAT:
    case TABLE_DOUBLE:
        return json_real(value->real);
    case TABLE_DECIMAL:
        return decimal_to_json(value->decimal.scale, value->decimal.unscaled);
    case TABLE_TIMESTAMP:
        return amqp_json_number(value->timestamp);
    case TABLE_LONGSTR:
        return amqp_json_string(value->bytes);
    case TABLE_BYTES:
        return amqp_json_base64(value->bytes);
    case TABLE_ARRAY:
        return array_to_json(value->bytes);
    case TABLE_TABLE:
        return table_to_json(value->bytes);
    case TABLE_VOID:
        return json_null();
    }
    return NULL;
}

static json_t *array_to_json(struct slice array)
{
    json_t *list = json_array();
    struct cursor cursor = cursor_of(array);
    for (struct table_value value; table_next_item(&cursor, &value);)
        if (json_array_append_new(list, value_to_json(&value)) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *table_to_json(struct slice table)
{
    json_t *object = json_object();
    struct cursor cursor = cursor_of(table);
    struct slice key;
    for (struct table_value value; table_next(&cursor, &key, &value);) {
        const char *name = key.size > 0 ? (const char *)key.data : "";
        if (json_object_getn(object, name, key.size) != NULL ||
            json_object_setn_new(object, name, key.size, value_to_json(&value)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *amqp_json_value(const struct table_value *value)
{
    return value_to_json(value);
}

json_t *amqp_json_table(struct slice table)
{
    json_t *object = table_validate(table) == TABLE_OK ? table_to_json(table) : NULL;
    return object != NULL ? object : amqp_json_base64(table);
}

/* --- from JSON ------------------------------------------------------------------------------- */

static bool items_from_json(const json_t *array, unsigned depth, struct buf *out);
static bool pairs_from_json(const json_t *object, unsigned depth, struct buf *out);

/* Sets VALUE, for which ROOM keeps what is nested. False when a field table has no form for it. */
static bool value_from_json(const json_t *json, unsigned depth, struct buf *room,
                            struct table_value *value)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        value->type = TABLE_TABLE;
        if (!pairs_from_json(json, depth + 1, room))
            return false;
        value->bytes = buf_slice(room);
        return true;
    case JSON_ARRAY:
        value->type = TABLE_ARRAY;
        if (!items_from_json(json, depth + 1, room))
            return false;
        value->bytes = buf_slice(room);
        return true;
    case JSON_STRING:
        value->type = TABLE_LONGSTR;
        value->bytes = slice_of(json_string_value(json), json_string_length(json));
        return true;
    case JSON_INTEGER:
        value->type = TABLE_INT64;
        value->integer = json_integer_value(json);
        return true;
    case JSON_REAL:
        value->type = TABLE_DOUBLE;
        value->real = json_real_value(json);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        value->type = TABLE_BOOL;
        value->boolean = json_is_true(json);
        return true;
    case JSON_NULL:
        value->type = TABLE_VOID;
        value->bytes = SLICE_EMPTY;
        return true;
    }
    return false;
}

static bool items_from_json(const json_t *array, unsigned depth, struct buf *out)
{
    bool fits = depth <= TABLE_DEPTH_MAX;
    for (size_t i = 0; fits && i < json_array_size(array); i++) {
        struct buf room = {0};
        struct table_value value;
        fits = value_from_json(json_array_get(array, i), depth, &room, &value);
        if (fits)
            table_put_item(out, &value);
        buf_fini(&room);
    }
    return fits;
}

static bool pairs_from_json(const json_t *object, unsigned depth, struct buf *out)
{
    const char *key;
    size_t size;
    json_t *member;
    bool fits = depth <= TABLE_DEPTH_MAX;
    json_object_keylen_foreach((json_t *)object, key, size, member)
    {
        struct buf room = {0};
        struct table_value value;
        fits = fits && size <= UINT8_MAX && value_from_json(member, depth, &room, &value);
        if (fits)
            table_put(out, slice_of(key, size), &value);
        buf_fini(&room);
    }
    return fits;
}

bool amqp_json_to_table(const json_t *object, struct buf *table)
{
    size_t before = table->size;
    if (pairs_from_json(object, 1, table))
        return true;
    table->size = before;
    return false;
}

bool amqp_json_to_pair(struct slice key, const json_t *json, struct buf *table)
{
    struct buf room = {0};
    struct table_value value;
    bool fits = value_from_json(json, 1, &room, &value);
    if (fits)
        table_put(table, key, &value);
    buf_fini(&room);
    return fits;
}

/* --- properties ----------------------------------------------------------------------------- */

static json_t *octet_to_json(uint8_t octet)
{
    return json_integer(octet);
}

#define OCTET_TO_JSON      octet_to_json
#define SHORTBYTES_TO_JSON amqp_json_string
#define LONGLONG_TO_JSON   amqp_json_number
#define TABLE_TO_JSON      amqp_json_table

json_t *amqp_json_properties(struct slice encoded)
{
    struct properties properties;
    if (properties_decode(encoded, &properties) != METHOD_OK)
        return amqp_json_base64(encoded);
    json_t *object = json_object();
#define PROPERTY(NAME, name, type, bit)     \
    if (properties.flags & PROPERTY_##NAME) \
        json_object_set_new(object, #name, type##_TO_JSON(properties.name));
#include "amqp/properties.def"
    return object;
}

json_t *amqp_json_property_names(struct slice encoded)
{
    struct properties properties;
    if (properties_decode(encoded, &properties) != METHOD_OK)
        return json_null();
    json_t *names = json_array();
#define PROPERTY(NAME, name, type, bit)     \
    if (properties.flags & PROPERTY_##NAME) \
        json_array_append_new(names, json_string(#name));
#include "amqp/properties.def"
    return names;
}
