/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/delivery_limit.h"

#include "amqp/table.h"
#include "exchange/message.h"

#define DELIVERY_COUNT "x-delivery-count"

/* HEADERS with COUNT in place of what the publisher may have put there. */
static void put_headers(struct buf *out, struct slice headers, uint32_t count)
{
    struct cursor cursor = cursor_of(headers);
    struct slice key;
    for (struct table_value value; table_next(&cursor, &key, &value);)
        if (!slice_equal(key, SLICE_LITERAL(DELIVERY_COUNT)))
            table_put(out, key, &value);
    table_put_int(out, DELIVERY_COUNT, count);
}

struct message *delivery_limit_counted(const struct returned_entry *entry)
{
    struct message *message = message_for_receiver(entry->message), *counted = NULL;
    struct properties properties;
    if (properties_decode(message_properties(message), &properties) == METHOD_OK) {
        struct buf headers = {0};
        put_headers(&headers, properties.headers, entry->delivery_count);
        properties.headers = buf_slice(&headers);
        properties.flags |= PROPERTY_HEADERS;
        counted = message_with_properties(message, &properties);
        buf_fini(&headers);
    }
    if (counted == NULL)
        return message;
    message_unref(message);
    return counted;
}
