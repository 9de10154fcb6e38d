/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "amqp/table.h"
#include "test/sim/model_parts.h"

const char *const model_reasons[4] = {"rejected", "expired", "maxlen", "delivery_limit"};

void content_put_header(struct buf *table, const struct m_header *header)
{
    if (header->value == 0)
        table_put(table, S(header->name), &(struct table_value){.type = TABLE_VOID});
    else
        table_put_int(table, header->name, header->value);
}

static void put_text_item(struct buf *items, const char *text)
{
    table_put_item(items, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S(text)});
}

static void put_array(struct buf *table, const char *name, struct buf *items)
{
    table_put(table, S(name),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(items)});
    buf_fini(items);
}

static void put_death(struct buf *items, const struct m_death *death)
{
    struct buf table = {0}, keys = {0};
    char text[16];
    table_put_int(&table, "count", death->count);
    table_put_longstr(&table, "exchange", S(exchange_name(death->exchange)));
    if (death->expiration != NONE) {
        (void)snprintf(text, sizeof text, "%d", death->expiration);
        table_put_longstr(&table, "original-expiration", S(text));
    }
    table_put_longstr(&table, "queue", S(queue_name(death->queue)));
    table_put_longstr(&table, "reason", S(model_reasons[death->reason]));
    put_text_item(&keys, model_keys[death->key]);
    if (death->has_cc)
        put_text_item(&keys, "q1");
    put_array(&table, "routing-keys", &keys);
    table_put(&table, S("time"),
              &(struct table_value){.type = TABLE_TIMESTAMP, .timestamp = death->time_s});
    table_put_item(items, &(struct table_value){.type = TABLE_TABLE, .bytes = buf_slice(&table)});
    buf_fini(&table);
}

static void put_summary(struct buf *table, const char *which, const struct m_death *death)
{
    char name[32];
    (void)snprintf(name, sizeof name, "x-%s-death-exchange", which);
    table_put_longstr(table, name, S(exchange_name(death->exchange)));
    (void)snprintf(name, sizeof name, "x-%s-death-queue", which);
    table_put_longstr(table, name, S(queue_name(death->queue)));
    (void)snprintf(name, sizeof name, "x-%s-death-reason", which);
    table_put_longstr(table, name, S(model_reasons[death->reason]));
}

static void put_deaths(struct buf *table, const struct m_message *message)
{
    struct buf items = {0};
    for (uint8_t i = 0; i < message->death_count; i++)
        put_death(&items, &message->deaths[i]);
    put_array(table, "x-death", &items);
    put_summary(table, "first", &message->first);
    put_summary(table, "last", &message->last);
}

static void put_headers(struct buf *table, const struct m_message *message)
{
    for (const struct m_header *h = model_headers[message->headers];
         h < model_headers[message->headers] + 3; h++)
        if (h->name != NULL)
            content_put_header(table, h);
    if (message->delay != 0)
        table_put_int(table, "x-delay", message->delay);
    if (message->headers == HEADERS_WITH_CC) {
        struct buf keys = {0};
        put_text_item(&keys, "q1");
        put_array(table, "CC", &keys);
    }
    if (message->death_count > 0)
        put_deaths(table, message);
}

void content_properties(const struct m_message *message, uint32_t count,
                        struct properties *properties, struct buf *table, char text[16])
{
    *properties = (struct properties){.flags = PROPERTY_DELIVERY_MODE,
                                      .delivery_mode = message->persistent ? 2 : 1};
    if (message->priority != NONE) {
        properties->flags |= PROPERTY_PRIORITY;
        properties->priority = (uint8_t)message->priority;
    }
    if (message->expiration != NONE) {
        (void)snprintf(text, 16, "%d", message->expiration);
        properties->flags |= PROPERTY_EXPIRATION;
        properties->expiration = S(text);
    }
    put_headers(table, message);
    if (count > 0)
        table_put_int(table, "x-delivery-count", count);
    if (table->size > 0 || message->headers != 0) {
        properties->flags |= PROPERTY_HEADERS;
        properties->headers = buf_slice(table);
    }
}
