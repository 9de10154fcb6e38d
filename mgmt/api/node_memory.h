/* SPDX-License-Identifier: Apache-2.0
 *
 * node_memory: what takes the process's memory, as far as it is known, under RabbitMQ's names.
 * Management's thread only.
 */
#ifndef STOATMQ_MGMT_API_NODE_MEMORY_H
#define STOATMQ_MGMT_API_NODE_MEMORY_H

#include "mgmt/json_writer.h"

struct management;

/* Puts "memory": bytes, or with IS_RELATIVE percents of what is resident. */
void node_memory_put(const struct management *management, struct json_writer *writer,
                     bool is_relative);

#endif
