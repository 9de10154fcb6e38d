/* SPDX-License-Identifier: Apache-2.0
 *
 * node: the running broker: loops, listeners, engine and store, wired together, from start to stop.
 * The main thread's.
 */
#ifndef STOATMQ_SERVER_NODE_H
#define STOATMQ_SERVER_NODE_H

#include <stdbool.h>

#include "server/settings.h"

struct node;

/* Starts everything; NULL, with a text for people in ERROR, when something cannot be had. SETTINGS
 * stay borrowed. */
struct node *node_new(const struct settings *settings, char *error, size_t error_size);

/* Serves until SIGINT or SIGTERM, or until the log cannot be written (false); then closes all
 * connections in an orderly way. */
bool node_run(struct node *node);

/* Frees a node that has run, or never did. */
void node_free(struct node *node);

#endif
