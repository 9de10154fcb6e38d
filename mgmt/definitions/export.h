/* SPDX-License-Identifier: Apache-2.0
 *
 * export: what there is as a definitions document, which import, and RabbitMQ's, take back. Queues
 * of one connection, the broker's own exchanges and messages are not in it. What takes the engine
 * is its thread's; the rest is any thread's.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_EXPORT_H
#define STOATMQ_MGMT_DEFINITIONS_EXPORT_H

#include "mgmt/json_writer.h"

struct engine;
struct vhost;

/* Who exports, as texts. */
struct definitions_origin {
    const char *rabbitmq_version; /* that this broker is compatible with */
    const char *product_version;
    struct slice cluster_name;
};

/* Appends the document with everything; or, with ONLY, a virtual host's, without its name in it. */
void definitions_export(const struct engine *engine, const struct vhost *only,
                        const struct definitions_origin *origin, struct buf *out);

/* The document up to its topology, without the end: the object stays open for "queues",
 * "exchanges" and "bindings", lists of what is written with the following. */
void definitions_export_front(const struct engine *engine, const struct vhost *only,
                              const struct definitions_origin *origin, struct json_writer *json);

struct exported_queue {
    struct slice name, arguments;
    bool durable, auto_delete;
};

struct exported_exchange {
    struct slice name, type, arguments;
    bool durable, auto_delete, internal;
};

struct exported_binding {
    struct slice source, destination, routing_key, arguments;
    bool to_queue;
};

/* VHOST: its name; NULL in the document of one virtual host. */
void export_queue(struct json_writer *json, const struct slice *vhost,
                  const struct exported_queue *queue);
void export_exchange(struct json_writer *json, const struct slice *vhost,
                     const struct exported_exchange *exchange);
void export_binding(struct json_writer *json, const struct slice *vhost,
                    const struct exported_binding *binding);

/* Is an exchange of that NAME in the document? */
bool export_wants_exchange(struct slice name);

#endif
