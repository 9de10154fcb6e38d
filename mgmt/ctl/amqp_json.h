/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_json: field tables and properties as JSON, for people and programs to look at. What JSON has
 * no form for is {"base64": "..."}: octets that are no UTF-8, tables that are malformed or have a
 * key twice. What is returned is the caller's.
 */
#ifndef STOATMQ_MGMT_CTL_AMQP_JSON_H
#define STOATMQ_MGMT_CTL_AMQP_JSON_H

#include <jansson.h>

#include "server/base/slice.h"

/* A table's encoded pairs. */
json_t *amqp_json_table(struct slice table);

/* A message's properties, as they stand in it. */
json_t *amqp_json_properties(struct slice encoded);

/* The names of those that there are, without their values. */
json_t *amqp_json_property_names(struct slice encoded);

#endif
