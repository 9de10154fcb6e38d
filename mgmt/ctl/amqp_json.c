/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/amqp_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "mgmt/ctl/output.h"

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
        return output_number(value->timestamp);
    case TABLE_LONGSTR:
        return output_string(value->bytes);
    case TABLE_BYTES:
        return output_base64(value->bytes);
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

json_t *amqp_json_table(struct slice table)
{
    json_t *object = table_validate(table) == TABLE_OK ? table_to_json(table) : NULL;
    return object != NULL ? object : output_base64(table);
}

/* --- properties ----------------------------------------------------------------------------- */

static json_t *octet_to_json(uint8_t octet)
{
    return json_integer(octet);
}

#define OCTET_TO_JSON      octet_to_json
#define SHORTBYTES_TO_JSON output_string
#define LONGLONG_TO_JSON   output_number
#define TABLE_TO_JSON      amqp_json_table

json_t *amqp_json_properties(struct slice encoded)
{
    struct properties properties;
    if (properties_decode(encoded, &properties) != METHOD_OK)
        return output_base64(encoded);
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
