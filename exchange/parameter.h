/* SPDX-License-Identifier: Apache-2.0
 *
 * parameter: named values of any form that are kept for whoever wants them: the cluster's name, for
 * one. A value is a field table with one pair, "value". Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PARAMETER_H
#define STOATMQ_EXCHANGE_PARAMETER_H

#include "amqp/table.h"
#include "server/base/list.h"

struct engine;

#define PARAMETER_NAME_MAX  255
#define PARAMETER_BYTES_MAX (512u * 1024) /* of a value; well below DEFINITION_BYTES_MAX */
#define PARAMETER_VALUE     "value"

#define PARAMETER_CLUSTER_NAME SLICE_LITERAL("cluster_name") /* a string, as clients see it */

struct parameter {
    struct list_node by_name; /* in engine.global_parameters, which is in order */
    struct slice name, value; /* owned */
};

/* NULL when there is none. */
struct parameter *parameter_find(const struct engine *engine, struct slice name);

/* The value of the one of that name when it is a string, until it changes; else nothing. */
struct slice parameter_text(const struct engine *engine, struct slice name);

/* Sets it, in place of what was there. VALUE is a valid table that has PARAMETER_VALUE; both are
 * within their limits, and copied. Returns the LSN to wait for. */
uint64_t parameter_put(struct engine *engine, struct slice name, struct slice value);

/* Returns the LSN to wait for. */
uint64_t parameter_delete(struct engine *engine, struct parameter *parameter);

/* What an earlier run left in the store; false when it makes no sense. definition.c's. */
bool parameter_restore(struct engine *engine, struct slice key, struct slice value);

/* Frees them all. */
void parameters_fini(struct engine *engine);

#endif
