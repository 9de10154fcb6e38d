/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_json: field tables and properties as JSON, and JSON as field tables. What JSON has no form
 * for is {"base64": "..."}: octets that are no UTF-8, tables that are malformed or have a key
 * twice. What is returned is the caller's. Pure; any thread.
 */
#ifndef STOATMQ_MGMT_AMQP_JSON_H
#define STOATMQ_MGMT_AMQP_JSON_H

#include <jansson.h>

#include "amqp/table.h"

/* BYTES as a string; where they are no UTF-8, as amqp_json_base64. */
json_t *amqp_json_string(struct slice bytes);

/* {"base64": "..."} */
json_t *amqp_json_base64(struct slice bytes);

/* An integer; beyond what JSON's integers hold here (2^63), its digits as a string. */
json_t *amqp_json_number(uint64_t number);

/* A table's encoded pairs. */
json_t *amqp_json_table(struct slice table);

/* A valid value; NULL when it holds a table with a key twice. */
json_t *amqp_json_value(const struct table_value *value);

/* Appends the members of OBJECT as a table's pairs, in their order; false, with nothing appended,
 * when a key is too long or the whole too deep. */
bool amqp_json_to_table(const json_t *object, struct buf *table);

/* Appends KEY with any JSON value as one pair; false when that is too deep or a key too long. */
bool amqp_json_to_pair(struct slice key, const json_t *json, struct buf *table);

/* A message's properties, as they stand in it. */
json_t *amqp_json_properties(struct slice encoded);

/* The names of those that there are, without their values. */
json_t *amqp_json_property_names(struct slice encoded);

#endif
