/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_json: policies in tests, written as JSON with ' for ".
 */
#ifndef STOATMQ_TEST_EXCHANGE_POLICY_JSON_H
#define STOATMQ_TEST_EXCHANGE_POLICY_JSON_H

#include <jansson.h>

#include "exchange/policy.h"
#include "mgmt/amqp_json.h"
#include "server/base/check.h"

/* The fields table of TEXT. Free it with buf_fini. */
static inline struct buf policy_json(const char *text)
{
    struct buf json = {0}, fields = {0};
    buf_bytes(&json, slice_from_string(text));
    for (size_t i = 0; i < json.size; i++)
        if (json.data[i] == '\'')
            json.data[i] = '"';
    json_t *object = json_loadb((const char *)json.data, json.size, 0, NULL);
    CHECK(json_is_object(object));
    CHECK(amqp_json_to_table(object, &fields));
    json_decref(object);
    buf_fini(&json);
    return fields;
}

#endif
